package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.AttentionKernel.Rotary;
import dev.geomean.engine.memory.Buffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Rotary position embedding (Su et al., arXiv:2104.09864, eq. 34) in the half-split convention; the gradient is rotated
 * back.
 *
 * @param in {@code [batch, time, heads, headDim]}
 * @param table {@code [positions, headDim]}
 * @param starts int32 {@code [batch]}, or null
 * @param out same shape, contiguous
 */
public record RotaryOp(Tensor in, Tensor table, @Nullable Tensor starts, Tensor out) implements Operation {

    /**
     * Angles for all positions: frequency {@code i} turns by {@code position · theta^(-2i/headDim)}.
     *
     * @param scope where the table lives, usually beside the parameters
     * @param positions number of positions, at least 1
     * @param headDim even size of a head
     * @param theta base of the frequencies, greater than 0; 10,000 in the paper
     * @return {@code [positions, headDim]}: in each row the cosines, then the sines
     * @throws IllegalArgumentException if a number is out of range
     */
    public static Tensor table(Scope scope, int positions, int headDim, double theta) {
        Checks.that(positions >= 1, "rotary", "positions must be at least 1", positions);
        Checks.that(headDim >= 2 && headDim % 2 == 0, "rotary", "head size must be even", headDim);
        Checks.that(theta > 0, "rotary", "theta must be positive", theta);
        return table(scope, positions, frequencies(headDim, theta));
    }

    /**
     * The frequencies of the paper: {@code theta^(-2i/headDim)}.
     *
     * @param headDim even size of a head
     * @param theta base, greater than 0
     * @return {@code headDim/2} frequencies in radians per position
     */
    public static double[] frequencies(int headDim, double theta) {
        double[] frequencies = new double[headDim / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = Math.pow(theta, -2.0 * i / headDim);
        }
        return frequencies;
    }

    /**
     * Angles for all positions: frequency {@code i} turns by {@code position · frequencies[i]}.
     *
     * @param scope where the table lives, usually beside the parameters
     * @param positions number of positions, at least 1
     * @param frequencies one for each two elements of a head, in radians per position
     * @return {@code [positions, headDim]}: in each row the cosines, then the sines
     * @throws IllegalArgumentException if there are no positions or frequencies
     */
    public static Tensor table(Scope scope, int positions, double[] frequencies) {
        Checks.that(positions >= 1, "rotary", "positions must be at least 1", positions);
        Checks.that(frequencies.length >= 1, "rotary", "there must be at least one frequency", frequencies.length);
        int half = frequencies.length;
        int headDim = 2 * half;
        Tensor table = scope.zeros(positions, headDim);
        float[] row = new float[headDim];
        for (int position = 0; position < positions; position++) {
            for (int i = 0; i < half; i++) {
                double angle = position * frequencies[i];
                row[i] = (float) Math.cos(angle);
                row[half + i] = (float) Math.sin(angle);
            }
            MemorySegment.copy(
                    row, 0, table.buffer().segment(), ValueLayout.JAVA_FLOAT, 4L * position * headDim, headDim);
        }
        return table;
    }

    /**
     * Rotates.
     *
     * @param input {@code [batch, time, heads, headDim]}, float32
     * @param table from {@link #table}
     * @param starts int32 {@code [batch]}: position of each sequence's first token; null for 0
     * @return same shape, contiguous
     * @throws IllegalArgumentException if the shapes do not fit, or there are more tokens than positions
     */
    public static Tensor apply(Tensor input, Tensor table, @Nullable Tensor starts) {
        Checks.floats("rotary", input);
        Checks.floats("rotary", table);
        Shape shape = input.shape();
        Checks.that(
                shape.rank() == 4
                        && table.shape().rank() == 2
                        && table.shape().dim(1) == shape.dim(3)
                        && table.isContiguous(),
                "rotary",
                "expected [batch, time, heads, headDim] and a table [positions, headDim]",
                shape,
                table.shape());
        Checks.that(
                shape.dim(1) <= table.shape().dim(0),
                "rotary",
                "more tokens than positions in the table",
                shape,
                table.shape());
        if (starts != null) {
            Checks.ints("rotary", starts);
            Checks.that(
                    starts.shape().equals(Shape.of(shape.dim(0))), "rotary", "starts must be [batch]", starts.shape());
        }
        Scope scope = Checks.common("rotary", input, table, starts);
        Tensor in = input.rowStride(2) >= 0 ? input : Checks.contiguousIn(scope, input);
        Tensor from = Checks.optionalIn(scope, starts);
        Tensor out = scope.allocate("rotary", shape);
        var op = new RotaryOp(in, table, from, out);
        scope.run(op.kernel(
                in.buffer(), in.rowStride(2), out.buffer(), shape.dim(2) * shape.dim(3), false, false));
        scope.record(op, out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        int row = in.shape().dim(2) * in.shape().dim(3);
        var gradOut = gradients.buffer(out);
        var target = gradients.rows(in, row);
        gradients.scope()
                .run(kernel(gradOut, row, target.buffer(), target.rowStride(), true, target.accumulate()));
    }

    private Rotary kernel(
            Buffer from, int fromStride, Buffer to, int toStride, boolean inverse, boolean accumulate) {
        Tensor first = starts;
        Shape shape = in.shape();
        return new Rotary(
                from,
                table.buffer(),
                first == null ? null : first.buffer(),
                to,
                shape.dim(0),
                shape.dim(1),
                shape.dim(2),
                shape.dim(3),
                table.shape().dim(0),
                fromStride,
                toStride,
                inverse,
                accumulate);
    }
}
