package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.kernel.OptimizerKernel;
import dev.geomean.engine.kernel.OptimizerKernel.AdamW;
import dev.geomean.engine.kernel.OptimizerKernel.PrepareUpdate;
import dev.geomean.engine.kernel.OptimizerKernel.ReduceGradients;
import dev.geomean.engine.kernel.OptimizerKernel.Sgd;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.tornado.kernels.Reductions;
import dev.geomean.tornado.kernels.Updates;

/** Launches of {@link OptimizerKernel}s. */
final class OptimizerLowering {
    /** Groups that share a sum over a whole buffer. */
    private static final int GROUPS = 512;

    private OptimizerLowering() {}

    static void lower(OptimizerKernel kernel, Calls calls) {
        switch (kernel) {
            case ReduceGradients k -> reduce(k, calls);
            case PrepareUpdate k -> calls.call(Updates.class, "prepare")
                    .ints((int) k.sumsOfSquares().length(), at(k.sumsOfSquares()), at(k.control()))
                    .floats(k.maxNorm())
                    .on(k.sumsOfSquares(), k.control())
                    .threads(1);
            case AdamW k -> calls.call(Updates.class, "adamW")
                    .ints((int) k.parameters().length(), at(k.parameters()), at(k.gradients()), at(k.firstMoment()),
                            at(k.secondMoment()), at(k.control()))
                    .floats(k.beta1(), (float) (1 - (double) k.beta1()), (float) Math.log(k.beta1()), k.beta2(),
                            (float) (1 - (double) k.beta2()), (float) Math.log(k.beta2()), k.epsilon(),
                            k.weightDecay(), k.learningRateScale())
                    .on(k.parameters(), k.gradients(), k.firstMoment(), k.secondMoment(), k.control())
                    .threads(k.parameters().length());
            case Sgd k -> calls.call(Updates.class, "sgd")
                    .ints((int) k.parameters().length(), at(k.parameters()), at(k.gradients()), at(k.velocity()),
                            at(k.control()))
                    .floats(k.momentum(), k.weightDecay(), k.learningRateScale())
                    .on(k.parameters(), k.gradients(), k.velocity(), k.control())
                    .threads(k.parameters().length());
        }
    }

    private static void reduce(ReduceGradients k, Calls calls) {
        Buffer out = k.out();
        int length = (int) out.length();
        for (int part = 0; part < k.parts().size(); part++) {
            Buffer in = k.parts().get(part);
            if (part == 0 && in.equals(out)) {
                continue;
            }
            calls.call(Updates.class, "add")
                    .ints(length, at(in), at(out), flag(part > 0))
                    .on(in, out)
                    .threads(length);
        }
        int groups = Math.clamp((length + Reductions.GROUP - 1) / Reductions.GROUP, 1, GROUPS);
        var partials = new Operand.Scratch(Operand.Type.FLOATS, groups);
        calls.call(Reductions.class, "squares")
                .ints(length, at(out), groups)
                .on(out)
                .on(partials)
                .groups(groups, Reductions.GROUP);
        calls.call(Updates.class, "total")
                .ints(groups, at(k.sumOfSquares()))
                .on(partials)
                .on(k.sumOfSquares())
                .groups(1, Updates.GROUP);
    }
}
