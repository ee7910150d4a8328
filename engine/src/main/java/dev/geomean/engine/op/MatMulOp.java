package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import java.util.Arrays;
import java.util.List;

/**
 * Matrix product {@code C = A·B} over the last two axes; {@code dA = dC·Bᵀ}, {@code dB = Aᵀ·dC}.
 *
 * @param left A, {@code [..., m, k]}
 * @param right B, {@code [..., k, n]}
 * @param out C, {@code [..., m, n]}
 */
public record MatMulOp(Tensor left, Tensor right, Tensor out) implements Operation {

    /** How one operand's matrices are stored; {@code rows} and {@code cols} are those of the matrix as multiplied. */
    private record Stored(Buffer buffer, int rows, int cols, boolean transposed, long batchStride) {

        static Stored of(Tensor tensor) {
            return of(tensor, tensor.buffer(), !tensor.isContiguous());
        }

        static Stored of(Tensor tensor, Buffer buffer, boolean transposed) {
            int rows = tensor.shape().dim(-2);
            int cols = tensor.shape().dim(-1);
            return new Stored(buffer, rows, cols, transposed, tensor.shape().rank() == 2 ? 0 : (long) rows * cols);
        }

        Stored flip() {
            return new Stored(buffer, cols, rows, !transposed, batchStride);
        }

        int rowStride() {
            return transposed ? rows : cols;
        }
    }

    /**
     * Multiplies matrices.
     *
     * @param a {@code [..., m, k]}, float32
     * @param b {@code [..., k, n]}, float32; the leading axes equal those of {@code a}, or one operand has none
     * @return {@code [..., m, n]}
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public static Tensor apply(Tensor a, Tensor b) {
        Checks.floats("matmul", a);
        Checks.floats("matmul", b);
        Shape as = a.shape();
        Shape bs = b.shape();
        Checks.that(as.rank() >= 2 && bs.rank() >= 2, "matmul", "operands must be matrices", as, bs);
        if (as.dim(-1) != bs.dim(-2)) {
            throw new IllegalArgumentException("matmul: inner dimensions differ: " + as + " x " + bs);
        }
        Shape batch = leading(as).rank() == 0 ? leading(bs) : leading(as);
        Checks.that(
                leading(as).rank() == 0 || leading(bs).rank() == 0 || leading(as).equals(leading(bs)),
                "matmul",
                "leading axes differ",
                as,
                bs);
        Scope scope = Checks.common("matmul", a, b);
        if (as.rank() > 2 && bs.rank() == 2) {
            int[] dims = as.toArray();
            dims[dims.length - 1] = bs.dim(1);
            return apply(Checks.contiguousIn(scope, a).reshape(as.size(0, as.rank() - 1), as.dim(-1)), b)
                    .reshape(dims);
        }
        Tensor left = plainOrTransposed(scope, a);
        Tensor right = plainOrTransposed(scope, b);
        Tensor out = scope.allocate("matmul", matrices(batch, as.dim(-2), bs.dim(-1)));
        multiply(scope, Stored.of(left), Stored.of(right), batch.size(), out.buffer(), false);
        scope.record(new MatMulOp(left, right, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(left, right);
    }

    @Override
    public void backward(Gradients gradients) {
        Stored gradOut = Stored.of(out, gradients.buffer(out), false);
        send(gradients, left, gradOut, Stored.of(right).flip());
        send(gradients, right, Stored.of(left).flip(), gradOut);
    }

    private void send(Gradients gradients, Tensor input, Stored a, Stored b) {
        if (!gradients.wants(input)) {
            return;
        }
        Scope scope = gradients.scope();
        Shape batch = leading(out.shape());
        if (input.shape().rank() == out.shape().rank()) {
            var target = gradients.target(input);
            multiply(scope, a, b, batch.size(), target.buffer(), target.accumulate());
            return;
        }
        // A matrix shared by the whole batch gets the sum of the gradients of its uses.
        Tensor each = scope.allocate("matmul backward", matrices(batch, a.rows(), b.cols()));
        multiply(scope, a, b, batch.size(), each.buffer(), false);
        Broadcasting.reduceInto(gradients, each.buffer(), each.shape(), input);
    }

    private static Tensor plainOrTransposed(Scope scope, Tensor tensor) {
        int[] dims = tensor.shape().toArray();
        int[] strides = new int[dims.length];
        Arrays.setAll(strides, tensor.layout()::stride);
        swapLast(dims);
        swapLast(strides);
        boolean transposed = Layout.of(dims, strides).isContiguous();
        return transposed ? tensor : Checks.contiguousIn(scope, tensor);
    }

    private static void swapLast(int[] values) {
        int last = values.length - 1;
        int kept = values[last];
        values[last] = values[last - 1];
        values[last - 1] = kept;
    }

    private static Shape leading(Shape shape) {
        return Shape.of(Arrays.copyOf(shape.toArray(), shape.rank() - 2));
    }

    private static Shape matrices(Shape batch, int rows, int cols) {
        int[] dims = Arrays.copyOf(batch.toArray(), batch.rank() + 2);
        dims[batch.rank()] = rows;
        dims[batch.rank() + 1] = cols;
        return Shape.of(dims);
    }

    private static void multiply(Scope scope, Stored a, Stored b, int batch, Buffer out, boolean accumulate) {
        scope.run(new MatMul(
                a.buffer(),
                b.buffer(),
                null,
                out,
                batch,
                a.rows(),
                b.cols(),
                a.cols(),
                a.transposed(),
                b.transposed(),
                a.rowStride(),
                b.rowStride(),
                b.cols(),
                a.batchStride(),
                b.batchStride(),
                (long) a.rows() * b.cols(),
                accumulate));
    }
}
