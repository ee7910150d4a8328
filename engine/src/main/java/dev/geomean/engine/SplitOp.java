package dev.geomean.engine;

import dev.geomean.engine.kernel.Layout;
import java.util.Arrays;
import java.util.List;

/**
 * Views of consecutive ranges of the last axis. Their gradients are the same ranges of the whole's gradient, and
 * operations that can write rows with gaps put them there directly, which is why this operation lives beside
 * {@link Gradients}.
 */
record SplitOp(Gradients.Split split, Tensor[] pieces) implements Operation {

    static List<Tensor> apply(Tensor base, int... sizes) {
        Shape shape = base.shape();
        if (shape.rank() == 0 || Arrays.stream(sizes).sum() != shape.dim(-1)
                || Arrays.stream(sizes).anyMatch(size -> size < 0)) {
            throw new IllegalArgumentException(
                    "split: sizes " + Arrays.toString(sizes) + " do not add up to the last axis of " + shape);
        }
        int[] offsets = new int[sizes.length];
        for (int i = 1; i < sizes.length; i++) {
            offsets[i] = offsets[i - 1] + sizes[i - 1];
        }
        var split = new Gradients.Split(base, offsets, sizes.clone());
        int[] strides = new int[shape.rank()];
        Arrays.setAll(strides, base.layout()::stride);
        Tensor[] pieces = new Tensor[sizes.length];
        for (int i = 0; i < sizes.length; i++) {
            Shape part = shape.with(-1, sizes[i]);
            long from = part.size() == 0 ? 0 : (long) offsets[i] * strides[strides.length - 1];
            pieces[i] = base.view(from, Layout.of(part.toArray(), strides));
        }
        base.scope().record(new SplitOp(split, pieces), pieces);
        for (int i = 0; i < pieces.length; i++) {
            if (pieces[i].requiresGrad()) {
                pieces[i].withPiece(new Gradients.Piece(split, i));
            }
        }
        return List.of(pieces);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(split.base());
    }

    @Override
    public void backward(Gradients gradients) {
        gradients.finish(split, pieces);
    }
}
