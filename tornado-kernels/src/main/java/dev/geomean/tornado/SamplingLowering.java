package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.kernel.SamplingKernel;
import dev.geomean.engine.kernel.SamplingKernel.SampleTokens;
import dev.geomean.tornado.kernels.Sampling;

/** Launches of {@link SamplingKernel}s. */
final class SamplingLowering {
    private SamplingLowering() {}

    static void lower(SamplingKernel kernel, Calls calls) {
        switch (kernel) {
            case SampleTokens k -> sample(k, calls);
        }
    }

    private static void sample(SampleTokens k, Calls calls) {
        var best = new Operand.Scratch(Operand.Type.FLOATS, 3L * k.rows());
        var winners = new Operand.Scratch(Operand.Type.INTS, k.rows());
        calls.call(Sampling.class, "best")
                .ints(k.vocab(), at(k.logits()))
                .on(k.logits())
                .on(best)
                .on(winners)
                .groups(k.rows(), Sampling.GROUP);
        if (k.temperature() == 0) {
            calls.call(Sampling.class, "greedy")
                    .ints(k.rows(), at(k.tokens()), at(k.logProbs()))
                    .on(best)
                    .on(winners)
                    .on(k.tokens(), k.logProbs())
                    .threads(k.rows());
            return;
        }
        // A subnormal temperature has no inverse.
        float inverse = Math.min(1 / k.temperature(), Float.MAX_VALUE);
        boolean ranked = k.topK() > 0 && k.topK() < k.vocab();
        boolean massed = k.topP() < 1;
        var rankCut = new Operand.Scratch(Operand.Type.FLOATS, 2L * k.rows());
        var massCut = new Operand.Scratch(Operand.Type.FLOATS, 2L * k.rows());
        if (ranked) {
            calls.call(Sampling.class, "cutAtRank")
                    .ints(k.vocab(), at(k.logits()), k.topK())
                    .on(k.logits())
                    .on(best)
                    .on(rankCut)
                    .groups(k.rows(), Sampling.GROUP);
        }
        if (massed) {
            Calls.Building cut = calls.call(Sampling.class, "cutAtMass")
                    .ints(k.vocab(), at(k.logits()), flag(ranked))
                    .floats(inverse, k.topP())
                    .on(k.logits())
                    .on(best);
            (ranked ? cut.on(rankCut) : cut.maybe(null)).on(massCut).groups(k.rows(), Sampling.GROUP);
        }
        Calls.Building draw = calls.call(Sampling.class, "draw")
                .ints(k.vocab(), at(k.logits()), at(k.seed()), at(k.streams()), at(k.positions()), at(k.tokens()),
                        at(k.logProbs()), flag(ranked || massed))
                .floats(inverse, k.minP())
                .on(k.logits(), k.seed(), k.streams(), k.positions())
                .on(best)
                .on(winners);
        draw = massed ? draw.on(massCut) : ranked ? draw.on(rankCut) : draw.maybe(null);
        draw.on(k.tokens(), k.logProbs()).groups(k.rows(), Sampling.GROUP);
    }
}
