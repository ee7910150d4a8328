package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;

/**
 * Kernels that address by index. Indices are int32 and must be inside the indexed axis; the host back ends throw
 * {@link IndexOutOfBoundsException} naming the index, and no kernel reads or writes outside its buffers.
 */
public sealed interface IndexKernel extends Kernel {

    /**
     * {@code out[i, :] = table[indices[i], :]}.
     *
     * @param table {@code [tableRows, cols]} with row stride {@code tableRowStride}, float32, or bfloat16 to be widened
     * @param indices int32 {@code [count]}
     * @param out {@code [count, cols]}, contiguous
     * @param count number of indices
     * @param tableRows rows of the table
     * @param cols columns
     * @param tableRowStride row stride of the table
     */
    record GatherRows(
            Buffer table, Buffer indices, Buffer out, int count, int tableRows, int cols, int tableRowStride)
            implements
                IndexKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(table, indices);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code out[indices[i], :] += in[i, :]}, in order of {@code i}.
     *
     * @param in {@code [count, cols]}, contiguous
     * @param indices int32 {@code [count]}
     * @param out {@code [outRows, cols]} with row stride {@code outRowStride}; always accumulated
     * @param count number of indices
     * @param outRows rows of the output
     * @param cols columns
     * @param outRowStride row stride of the output
     */
    record ScatterAddRows(Buffer in, Buffer indices, Buffer out, int count, int outRows, int cols, int outRowStride)
            implements
                IndexKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(in, indices, out);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code out[o, j, i] = in[o, indices[o, j, i], i]}.
     *
     * @param in {@code [outer, axisSize, inner]}, contiguous
     * @param indices int32 {@code [outer, indexCount, inner]}
     * @param out {@code [outer, indexCount, inner]}
     * @param outer size before the axis
     * @param axisSize size of the indexed axis
     * @param indexCount number of indices along the axis
     * @param inner size after the axis
     */
    record Gather(Buffer in, Buffer indices, Buffer out, int outer, int axisSize, int indexCount, int inner)
            implements
                IndexKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(in, indices);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code out[o, indices[o, j, i], i] += in[o, j, i]}, in order of {@code j}.
     *
     * @param in {@code [outer, indexCount, inner]}, contiguous
     * @param indices int32 {@code [outer, indexCount, inner]}
     * @param out {@code [outer, axisSize, inner]}; always accumulated
     * @param outer size before the axis
     * @param axisSize size of the indexed axis
     * @param indexCount number of indices along the axis
     * @param inner size after the axis
     */
    record ScatterAdd(Buffer in, Buffer indices, Buffer out, int outer, int axisSize, int indexCount, int inner)
            implements
                IndexKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(in, indices, out);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code values[i] += amount} on int32, in place: moves positions forward inside a program.
     *
     * @param values int32, updated
     * @param amount the summand
     */
    record Increment(Buffer values, int amount) implements IndexKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(values);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(values);
        }
    }
}
