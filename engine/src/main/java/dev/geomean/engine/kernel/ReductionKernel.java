package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;

/** Kernels that combine elements along an axis. */
public sealed interface ReductionKernel extends Kernel {

    /** How elements are combined. */
    enum ReduceFunction {
        /** Sum; 0 without elements. */
        SUM,
        /** Arithmetic mean; NaN without elements. */
        MEAN,
        /** Largest element, NaN if any is NaN; negative infinity without elements. */
        MAX
    }

    /**
     * {@code out[o, i] (+)= reduce over c of in[o, c, i]}.
     *
     * @param function how elements are combined
     * @param in {@code [outer, count, inner]}, contiguous
     * @param out {@code [outer, inner]}, contiguous
     * @param outer size before the reduced axes
     * @param count size of the reduced axes
     * @param inner size after the reduced axes
     * @param accumulate whether to add to {@code out}
     */
    record Reduce(
            ReduceFunction function, Buffer in, Buffer out, int outer, int count, int inner, boolean accumulate)
            implements
                ReductionKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, accumulate ? out : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * Gradient of a maximum: {@code gradIn[o, c, i] (+)= gradOut[o, i] / ties} where {@code in[o, c, i] == out[o, i]},
     * 0 elsewhere; {@code ties} is the number of such elements.
     *
     * @param in input of the forward kernel, {@code [outer, count, inner]}
     * @param out its output, {@code [outer, inner]}
     * @param gradOut gradient with respect to {@code out}
     * @param gradIn gradient with respect to {@code in}
     * @param outer size before the reduced axes
     * @param count size of the reduced axes
     * @param inner size after the reduced axes
     * @param accumulate whether to add to {@code gradIn}
     */
    record MaxBackward(
            Buffer in, Buffer out, Buffer gradOut, Buffer gradIn, int outer, int count, int inner, boolean accumulate)
            implements
                ReductionKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, out, gradOut, accumulate ? gradIn : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(gradIn);
        }
    }

    /**
     * Softmax of each row, shifted by the row's maximum, or its logarithm.
     *
     * @param in {@code [rows, cols]}, contiguous
     * @param out {@code [rows, cols]}, contiguous
     * @param rows number of rows
     * @param cols number of columns
     * @param logarithm whether to return log-probabilities
     */
    record Softmax(Buffer in, Buffer out, int rows, int cols, boolean logarithm) implements ReductionKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(in);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * Backward pass of {@link Softmax}: {@code gradIn (+)= out · (gradOut - Σ gradOut · out)}, or
     * {@code gradIn (+)= gradOut - e^out · Σ gradOut} for the logarithm.
     *
     * @param out output of the forward kernel, {@code [rows, cols]}
     * @param gradOut gradient with respect to {@code out}
     * @param gradIn gradient with respect to the input
     * @param rows number of rows
     * @param cols number of columns
     * @param logarithm as in the forward kernel
     * @param accumulate whether to add to {@code gradIn}
     */
    record SoftmaxBackward(
            Buffer out, Buffer gradOut, Buffer gradIn, int rows, int cols, boolean logarithm, boolean accumulate)
            implements
                ReductionKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(out, gradOut, accumulate ? gradIn : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(gradIn);
        }
    }
}
