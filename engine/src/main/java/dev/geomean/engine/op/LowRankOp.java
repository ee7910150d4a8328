package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import java.util.List;

/**
 * Low-rank updates of a linear map (Hu et al., "LoRA", arXiv:2106.09685): for each piece {@code j} of the map's outputs
 * {@code Y_j += H_j·B_jᵀ}, where {@code H = scale·X·Aᵀ} and {@code H_j} are its {@code rank} columns of that piece.
 * {@code dB_j = dY_jᵀ·H_j}; with {@code dH_j = scale·dY_j·B_j}, {@code dA = dHᵀ·X} and {@code dX = dH·A}.
 *
 * @param in X, {@code [..., in]}
 * @param base Y before, {@code [..., out]}; its memory becomes that of {@code out}
 * @param down A, {@code [pieces·rank, in]}
 * @param up B, {@code [Σ width, rank]}, the rows of one piece after those of another
 * @param pieces which outputs are updated
 * @param scale factor of every update
 * @param hidden H, {@code [..., pieces·rank]}
 * @param out Y, {@code [..., out]}
 */
public record LowRankOp(
        Tensor in,
        Tensor base,
        Tensor down,
        Tensor up,
        List<Piece> pieces,
        float scale,
        Tensor hidden,
        Tensor out)
        implements
            Operation {

    /** Copies the list. */
    public LowRankOp {
        pieces = List.copyOf(pieces);
    }

    /**
     * Consecutive outputs that have an update of their own.
     *
     * @param firstColumn the first of them
     * @param width how many
     */
    public record Piece(int firstColumn, int width) {}

    /**
     * Adds updates to the result of a linear map. The result's memory is used again, so the operation that made it must not
     * need it for its own backward pass, and nothing else may read it; that of {@link LinearOp} will do.
     *
     * @param input X, {@code [..., in]}, float32, what the map was applied to
     * @param base Y, {@code [..., out]}, float32, contiguous
     * @param down A, {@code [pieces·rank, in]}, float32, contiguous
     * @param up B, {@code [Σ width, rank]}, float32, contiguous
     * @param pieces which outputs are updated, at least one
     * @param scale factor of every update
     * @return {@code [..., out]}
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public static Tensor apply(
            Tensor input, Tensor base, Tensor down, Tensor up, List<Piece> pieces, float scale) {
        for (Tensor tensor : List.of(input, base, down, up)) {
            Checks.floats("low_rank", tensor);
        }
        int widths = pieces.stream().mapToInt(Piece::width).sum();
        boolean fits = !pieces.isEmpty()
                && down.shape().rank() == 2
                && up.shape().rank() == 2
                && down.isContiguous()
                && up.isContiguous()
                && base.isContiguous()
                && input.shape().rank() >= 1
                && input.shape().dim(-1) == down.shape().dim(1)
                && base.shape().equals(input.shape().with(-1, base.shape().dim(-1)))
                && up.shape().dim(0) == widths
                && down.shape().dim(0) == pieces.size() * up.shape().dim(1);
        Checks.that(
                fits, "low_rank", "expected contiguous A [pieces·rank, in], B [widths, rank] and base",
                input.shape(), base.shape(), down.shape(), up.shape(), pieces);
        for (Piece piece : pieces) {
            Checks.that(
                    piece.firstColumn() >= 0 && piece.width() > 0
                            && piece.firstColumn() + piece.width() <= base.shape().dim(-1),
                    "low_rank", "piece is outside the outputs", piece, base.shape());
        }
        Scope scope = Checks.common("low_rank", input, base, down, up);
        Tensor in = Checks.contiguousIn(scope, input);
        Tensor hidden = scope.allocate("low_rank hidden", in.shape().with(-1, down.shape().dim(0)));
        var op = new LowRankOp(in, base, down, up, pieces, scale, hidden, base.detach());
        op.forward(scope);
        scope.record(op, op.out);
        return op.out;
    }

    private void forward(Scope scope) {
        int columns = hidden.shape().dim(-1);
        int inner = in.shape().dim(-1);
        scope.run(product(
                in.buffer(), inner, false, down.buffer(), inner, true, hidden.buffer(), columns, rows(), columns,
                inner, false));
        if (scale != 1) {
            scope.run(new Affine(hidden.buffer(), hidden.buffer(), scale, 0, false));
        }
        int width = out.shape().dim(-1);
        int firstRow = 0;
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            scope.run(product(
                    columns(hidden.buffer(), columns, i * rank()), columns, false, up(firstRow, piece), rank(), true,
                    columns(out.buffer(), width, piece.firstColumn()), width, rows(), piece.width(), rank(), true));
            firstRow += piece.width();
        }
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in, base, down, up);
    }

    @Override
    public void backward(Gradients gradients) {
        Scope scope = gradients.scope();
        Buffer gradOut = gradients.buffer(out);
        if (gradients.wants(up)) {
            backwardUp(gradients, gradOut);
        }
        if (gradients.wants(down) || gradients.wants(in)) {
            Buffer gradHidden = gradHidden(scope, gradOut);
            int columns = hidden.shape().dim(-1);
            int inner = in.shape().dim(-1);
            if (gradients.wants(down)) {
                var target = gradients.target(down);
                scope.run(product(
                        gradHidden, columns, true, in.buffer(), inner, false, target.buffer(), inner, columns, inner,
                        rows(), target.accumulate()));
            }
            if (gradients.wants(in)) {
                var target = gradients.target(in);
                scope.run(product(
                        gradHidden, columns, false, down.buffer(), inner, false, target.buffer(), inner, rows(), inner,
                        columns, target.accumulate()));
            }
        }
        if (gradients.wants(base) && !gradients.giveAway(out, base)) {
            var target = gradients.target(base);
            scope.run(new Affine(gradOut, target.buffer(), 1, 0, target.accumulate()));
        }
    }

    private void backwardUp(Gradients gradients, Buffer gradOut) {
        var target = gradients.target(up);
        int columns = hidden.shape().dim(-1);
        int width = out.shape().dim(-1);
        int firstRow = 0;
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            gradients.scope().run(product(
                    columns(gradOut, width, piece.firstColumn()), width, true,
                    columns(hidden.buffer(), columns, i * rank()), columns, false,
                    target.buffer().slice((long) firstRow * rank(), (long) piece.width() * rank()), rank(),
                    piece.width(), rank(), rows(), target.accumulate()));
            firstRow += piece.width();
        }
    }

    private Buffer gradHidden(Scope scope, Buffer gradOut) {
        Buffer gradHidden = scope.allocate("low_rank backward", DType.FLOAT32, hidden.shape()).buffer();
        int columns = hidden.shape().dim(-1);
        int width = out.shape().dim(-1);
        int firstRow = 0;
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            scope.run(product(
                    columns(gradOut, width, piece.firstColumn()), width, false, up(firstRow, piece), rank(), false,
                    columns(gradHidden, columns, i * rank()), columns, rows(), rank(), piece.width(), false));
            firstRow += piece.width();
        }
        if (scale != 1) {
            scope.run(new Affine(gradHidden, gradHidden, scale, 0, false));
        }
        return gradHidden;
    }

    private int rank() {
        return up.shape().dim(1);
    }

    private int rows() {
        return in.shape().size(0, in.shape().rank() - 1);
    }

    private Buffer up(int firstRow, Piece piece) {
        return up.buffer().slice((long) firstRow * rank(), (long) piece.width() * rank());
    }

    /** A matrix of so many columns, from one of them on. */
    private static Buffer columns(Buffer matrix, int columns, int first) {
        return columns == 0 ? matrix : matrix.slice(first, Math.max(matrix.length() - first, 0));
    }

    private static MatMul product(
            Buffer a, int lda, boolean transposeA, Buffer b, int ldb, boolean transposeB, Buffer out, int ldc, int m,
            int n, int k, boolean accumulate) {
        return new MatMul(
                a, b, null, out, 1, m, n, k, transposeA, transposeB, lda, ldb, ldc, 0, 0, 0, accumulate);
    }
}
