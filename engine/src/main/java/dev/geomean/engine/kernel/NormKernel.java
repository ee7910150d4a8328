package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Normalisation of rows. */
public sealed interface NormKernel extends Kernel {

    /**
     * Layer normalisation (Ba et al., arXiv:1607.06450):
     * {@code out = (in - mean) · inverseStd · weight + bias}, {@code inverseStd = 1/√(variance + epsilon)}, variance with
     * denominator {@code cols}.
     *
     * @param in {@code [rows, cols]}, contiguous
     * @param weight {@code [cols]}
     * @param bias {@code [cols]} or null
     * @param out {@code [rows, cols]}
     * @param statistics {@code [rows, 2]}: mean and inverseStd of each row, kept for the backward pass
     * @param rows number of rows
     * @param cols number of columns
     * @param epsilon added to the variance
     */
    record LayerNorm(
            Buffer in,
            Buffer weight,
            @Nullable Buffer bias,
            Buffer out,
            Buffer statistics,
            int rows,
            int cols,
            float epsilon)
            implements
                NormKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, weight, bias);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out, statistics);
        }
    }

    /**
     * Backward pass of {@link LayerNorm}.
     *
     * @param in input of the forward kernel
     * @param weight its weight
     * @param statistics its row statistics
     * @param gradOut gradient with respect to the output
     * @param gradIn gradient with respect to {@code in}, or null
     * @param gradWeight gradient with respect to {@code weight}, always accumulated, or null
     * @param gradBias gradient with respect to the bias, always accumulated, or null
     * @param rows number of rows
     * @param cols number of columns
     * @param accumulate whether to add to {@code gradIn}
     */
    record LayerNormBackward(
            Buffer in,
            Buffer weight,
            Buffer statistics,
            Buffer gradOut,
            @Nullable Buffer gradIn,
            @Nullable Buffer gradWeight,
            @Nullable Buffer gradBias,
            int rows,
            int cols,
            boolean accumulate)
            implements
                NormKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, weight, statistics, gradOut, accumulate ? gradIn : null, gradWeight, gradBias);
        }

        @Override
        public List<Buffer> writes() {
            return Buffers.of(gradIn, gradWeight, gradBias);
        }
    }

    /**
     * Root-mean-square normalisation (Zhang and Sennrich, arXiv:1910.07467): {@code out = in · inverseRms · weight},
     * {@code inverseRms = 1/√(mean(in²) + epsilon)}.
     *
     * @param in {@code [rows, cols]}, contiguous
     * @param weight {@code [cols]}
     * @param out {@code [rows, cols]}
     * @param inverseRms {@code [rows]}, kept for the backward pass
     * @param rows number of rows
     * @param cols number of columns
     * @param epsilon added to the mean square
     */
    record RmsNorm(Buffer in, Buffer weight, Buffer out, Buffer inverseRms, int rows, int cols, float epsilon)
            implements
                NormKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(in, weight);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out, inverseRms);
        }
    }

    /**
     * Backward pass of {@link RmsNorm}.
     *
     * @param in input of the forward kernel
     * @param weight its weight
     * @param inverseRms its row statistics
     * @param gradOut gradient with respect to the output
     * @param gradIn gradient with respect to {@code in}, or null
     * @param gradWeight gradient with respect to {@code weight}, always accumulated, or null
     * @param rows number of rows
     * @param cols number of columns
     * @param accumulate whether to add to {@code gradIn}
     */
    record RmsNormBackward(
            Buffer in,
            Buffer weight,
            Buffer inverseRms,
            Buffer gradOut,
            @Nullable Buffer gradIn,
            @Nullable Buffer gradWeight,
            int rows,
            int cols,
            boolean accumulate)
            implements
                NormKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, weight, inverseRms, gradOut, accumulate ? gradIn : null, gradWeight);
        }

        @Override
        public List<Buffer> writes() {
            return Buffers.of(gradIn, gradWeight);
        }
    }
}
