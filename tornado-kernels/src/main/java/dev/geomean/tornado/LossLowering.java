package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.kernel.LossKernel;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihood;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihoodBackward;
import dev.geomean.engine.kernel.LossKernel.TokenLogProb;
import dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.tornado.kernels.Losses;

/** Launches of {@link LossKernel}s. */
final class LossLowering {
    private LossLowering() {}

    static void lower(LossKernel kernel, Calls calls) {
        switch (kernel) {
            case TokenLogProb k -> calls.call(Losses.class, "tokenLogProb")
                    .ints(k.vocab(), at(k.logits()), at(k.targets()), at(k.logProbs()), at(k.entropy()),
                            at(k.logSumExp()), flag(k.entropy() != null))
                    .floats(k.inverseTemperature(), Float.NaN)
                    .on(k.logits(), k.targets(), k.logProbs())
                    .maybe(k.entropy())
                    .on(k.logSumExp())
                    .groups(k.rows(), Losses.GROUP);
            case TokenLogProbBackward k -> calls.call(Losses.class, "tokenLogProbBackward")
                    .ints(k.rows() * k.vocab(), k.vocab(), at(k.logits()), at(k.targets()), at(k.logSumExp()),
                            at(k.entropy()), at(k.gradLogProbs()), at(k.gradEntropy()), at(k.gradLogits()),
                            flag(k.gradLogProbs() != null), flag(k.gradEntropy() != null && k.entropy() != null),
                            flag(k.accumulate()))
                    .floats(k.inverseTemperature())
                    .on(k.logits(), k.targets(), k.logSumExp())
                    .maybe(k.entropy())
                    .maybe(k.gradLogProbs())
                    .maybe(k.gradEntropy())
                    .on(k.gradLogits())
                    .threads((long) k.rows() * k.vocab());
            case NegativeLogLikelihood k -> calls.call(Losses.class, "negativeLogLikelihood")
                    .ints(k.rows(), at(k.logProbs()), at(k.targets()), at(k.denominator()), at(k.loss()),
                            flag(k.denominator() != null))
                    .on(k.logProbs(), k.targets())
                    .maybe(k.denominator())
                    .on(k.loss())
                    .groups(1, Losses.GROUP);
            case NegativeLogLikelihoodBackward k -> backward(k, calls);
        }
    }

    private static void backward(NegativeLogLikelihoodBackward k, Calls calls) {
        Buffer denominator = k.denominator();
        var count = new Operand.Scratch(Operand.Type.FLOATS, 1);
        if (denominator == null) {
            calls.call(Losses.class, "countTargets")
                    .ints(k.rows(), at(k.targets()))
                    .on(k.targets())
                    .on(count)
                    .groups(k.rows() == 0 ? 0 : 1, Losses.GROUP);
        }
        Calls.Building call = calls.call(Losses.class, "negativeLogLikelihoodBackward")
                .ints(k.rows(), at(k.targets()), at(denominator), at(k.gradLoss()), at(k.gradLogProbs()),
                        flag(k.accumulate()))
                .on(k.targets());
        call = denominator == null ? call.on(count) : call.on(denominator);
        call.on(k.gradLoss(), k.gradLogProbs()).threads(k.rows());
    }
}
