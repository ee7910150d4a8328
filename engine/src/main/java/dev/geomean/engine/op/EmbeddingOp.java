package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.IndexKernel.ScatterAddRows;
import java.util.Arrays;
import java.util.List;

/**
 * Looks up rows of a table, {@code y[i] = table[indices[i]]}; {@code dtable[indices[i]] += dy[i]}.
 *
 * @param table {@code [rows, cols]}
 * @param indices int32 {@code [...]}
 * @param out {@code [..., cols]}
 */
public record EmbeddingOp(Tensor table, Tensor indices, Tensor out) implements Operation {

    /**
     * Looks up.
     *
     * @param table {@code [rows, cols]}, float32 or bfloat16, contiguous
     * @param indices int32, any shape; each in [0, rows), which is checked when the kernel runs
     * @return {@code [..., cols]}
     * @throws IllegalArgumentException if the table is not a contiguous matrix
     */
    public static Tensor apply(Tensor table, Tensor indices) {
        Checks.weights("embedding", table);
        Checks.ints("embedding", indices);
        Checks.that(
                table.shape().rank() == 2 && table.isContiguous(),
                "embedding",
                "table must be a contiguous matrix",
                table.shape());
        Scope scope = Checks.common("embedding", table, indices);
        Tensor at = Checks.contiguousIn(scope, indices);
        int cols = table.shape().dim(1);
        int[] dims = Arrays.copyOf(at.shape().toArray(), at.shape().rank() + 1);
        dims[dims.length - 1] = cols;
        Tensor out = scope.allocate("embedding", Shape.of(dims));
        scope.run(new GatherRows(
                table.buffer(), at.buffer(), out.buffer(), at.shape().size(), table.shape().dim(0), cols, cols));
        scope.record(new EmbeddingOp(table, at, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(table);
    }

    @Override
    public void backward(Gradients gradients) {
        int cols = table.shape().dim(1);
        var gradTable = Checks.accumulated(gradients, table);
        if (gradTable != null) {
            gradients.scope().run(new ScatterAddRows(
                    gradients.buffer(out),
                    indices.buffer(),
                    gradTable,
                    indices.shape().size(),
                    table.shape().dim(0),
                    cols,
                    cols));
        }
    }
}
