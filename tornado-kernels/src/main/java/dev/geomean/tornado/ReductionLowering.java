package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.kernel.ReductionKernel;
import dev.geomean.engine.kernel.ReductionKernel.MaxBackward;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;
import dev.geomean.tornado.kernels.Reductions;

/** Launches of {@link ReductionKernel}s. */
final class ReductionLowering {
    private ReductionLowering() {}

    static void lower(ReductionKernel kernel, Calls calls) {
        switch (kernel) {
            case Reduce k -> reduce(k, calls);
            case MaxBackward k -> calls.call(Reductions.class, "maxBackward")
                    .ints(k.outer() * k.inner(), k.count(), k.inner(), at(k.in()), at(k.out()), at(k.gradOut()),
                            at(k.gradIn()), flag(k.accumulate()))
                    .on(k.in(), k.out(), k.gradOut(), k.gradIn())
                    .threads((long) k.outer() * k.inner());
            case Softmax k -> calls.call(Reductions.class, "softmax")
                    .ints(k.cols(), at(k.in()), at(k.out()), flag(k.logarithm()))
                    .on(k.in(), k.out())
                    .groups(k.cols() == 0 ? 0 : k.rows(), Reductions.GROUP);
            case SoftmaxBackward k -> calls.call(Reductions.class, "softmaxBackward")
                    .ints(k.cols(), at(k.out()), at(k.gradOut()), at(k.gradIn()), flag(k.logarithm()),
                            flag(k.accumulate()))
                    .on(k.out(), k.gradOut(), k.gradIn())
                    .groups(k.cols() == 0 ? 0 : k.rows(), Reductions.GROUP);
        }
    }

    private static void reduce(Reduce k, Calls calls) {
        boolean maximum = k.function() == ReductionKernel.ReduceFunction.MAX;
        boolean mean = k.function() == ReductionKernel.ReduceFunction.MEAN;
        if (k.inner() == 1) {
            calls.call(Reductions.class, maximum ? "maxRows" : "sumRows")
                    .ints(k.count(), at(k.in()), at(k.out()), flag(mean), flag(k.accumulate()))
                    .on(k.in(), k.out())
                    .groups(k.outer(), Reductions.GROUP);
        } else {
            calls.call(Reductions.class, maximum ? "maxColumns" : "sumColumns")
                    .ints(k.outer() * k.inner(), k.count(), k.inner(), at(k.in()), at(k.out()), flag(mean),
                            flag(k.accumulate()))
                    .on(k.in(), k.out())
                    .threads((long) k.outer() * k.inner());
        }
    }
}
