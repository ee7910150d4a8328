package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.ReductionKernel;
import dev.geomean.engine.kernel.ReductionKernel.MaxBackward;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;

/** {@link ReductionKernel}s. */
final class ReferenceReduction {
    private ReferenceReduction() {}

    static void run(ReductionKernel kernel) {
        switch (kernel) {
            case Reduce k -> reduce(k);
            case MaxBackward k -> maxBackward(k);
            case Softmax k -> softmax(k);
            case SoftmaxBackward k -> softmaxBackward(k);
        }
    }

    private static void reduce(Reduce kernel) {
        Values in = Values.of(kernel.in());
        Values out = Values.of(kernel.out());
        long inner = kernel.inner();
        for (long o = 0; o < kernel.outer(); o++) {
            for (long i = 0; i < inner; i++) {
                double result = kernel.function() == ReduceFunction.MAX ? Double.NEGATIVE_INFINITY : 0;
                for (long c = 0; c < kernel.count(); c++) {
                    double x = in.get((o * kernel.count() + c) * inner + i);
                    result = switch (kernel.function()) {
                        case SUM, MEAN -> result + x;
                        case MAX -> Math.max(result, x);
                    };
                }
                if (kernel.function() == ReduceFunction.MEAN) {
                    result /= kernel.count();
                }
                out.put(o * inner + i, result, kernel.accumulate());
            }
        }
    }

    private static void maxBackward(MaxBackward kernel) {
        Values in = Values.of(kernel.in());
        Values out = Values.of(kernel.out());
        Values gradOut = Values.of(kernel.gradOut());
        Values gradIn = Values.of(kernel.gradIn());
        long inner = kernel.inner();
        for (long o = 0; o < kernel.outer(); o++) {
            for (long i = 0; i < inner; i++) {
                double max = out.get(o * inner + i);
                int ties = 0;
                for (long c = 0; c < kernel.count(); c++) {
                    ties += in.get((o * kernel.count() + c) * inner + i) == max ? 1 : 0;
                }
                for (long c = 0; c < kernel.count(); c++) {
                    long at = (o * kernel.count() + c) * inner + i;
                    double gradient = in.get(at) == max ? gradOut.get(o * inner + i) / ties : 0;
                    gradIn.put(at, gradient, kernel.accumulate());
                }
            }
        }
    }

    private static void softmax(Softmax kernel) {
        Values in = Values.of(kernel.in());
        Values out = Values.of(kernel.out());
        for (long row = 0; row < kernel.rows(); row++) {
            long start = row * kernel.cols();
            double max = Double.NEGATIVE_INFINITY;
            for (long c = 0; c < kernel.cols(); c++) {
                max = Math.max(max, in.get(start + c));
            }
            double sum = 0;
            for (long c = 0; c < kernel.cols(); c++) {
                sum += Math.exp(in.get(start + c) - max);
            }
            for (long c = 0; c < kernel.cols(); c++) {
                double shifted = in.get(start + c) - max;
                out.set(start + c, kernel.logarithm() ? shifted - Math.log(sum) : Math.exp(shifted) / sum);
            }
        }
    }

    private static void softmaxBackward(SoftmaxBackward kernel) {
        Values out = Values.of(kernel.out());
        Values gradOut = Values.of(kernel.gradOut());
        Values gradIn = Values.of(kernel.gradIn());
        for (long row = 0; row < kernel.rows(); row++) {
            long start = row * kernel.cols();
            double sum = 0;
            for (long c = 0; c < kernel.cols(); c++) {
                sum += gradOut.get(start + c) * (kernel.logarithm() ? 1 : out.get(start + c));
            }
            for (long c = 0; c < kernel.cols(); c++) {
                double y = out.get(start + c);
                double g = gradOut.get(start + c);
                double gradient = kernel.logarithm() ? g - Math.exp(y) * sum : y * (g - sum);
                gradIn.put(start + c, gradient, kernel.accumulate());
            }
        }
    }
}
