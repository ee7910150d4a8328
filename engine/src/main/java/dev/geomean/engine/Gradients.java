package dev.geomean.engine;

import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.memory.Buffer;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Result of a backward pass, and during it the place where operations read the gradients of their outputs and write
 * those of their inputs.
 *
 * <p>The first contribution to a tensor's gradient overwrites, later ones accumulate; {@link Target} says which. The
 * gradient of a column range made by {@link Tensor#split} is, where the writing operation can do it, written straight
 * into the columns of the whole tensor's gradient.
 */
public final class Gradients {
    private final Scope scope;
    private final @Nullable ParameterGradients parameters;
    private final IdentityHashMap<Object, Entry> entries = new IdentityHashMap<>();
    private final IdentityHashMap<Split, boolean[]> writtenPieces = new IdentityHashMap<>();

    private static final class Entry {
        private final Buffer buffer;
        private boolean written;
        private boolean givenAway;
        private @Nullable Split open;

        private Entry(Buffer buffer, boolean written) {
            this.buffer = buffer;
            this.written = written;
        }
    }

    /** Column ranges that together make up a tensor's last axis. Compared by identity: a tensor may be split twice. */
    static final class Split {
        private final Tensor base;
        private final int[] offsets;
        private final int[] sizes;

        Split(Tensor base, int[] offsets, int[] sizes) {
            this.base = base;
            this.offsets = offsets;
            this.sizes = sizes;
        }

        Tensor base() {
            return base;
        }
    }

    /**
     * Membership in a split.
     *
     * @param split the split
     * @param index number of the piece
     */
    record Piece(Split split, int index) {}

    /**
     * Where to write a gradient.
     *
     * @param buffer starts at the gradient's first element
     * @param rowStride distance in elements between rows, the row length if contiguous
     * @param accumulate whether to add to what is there
     */
    public record Target(Buffer buffer, int rowStride, boolean accumulate) {}

    Gradients(Scope scope, @Nullable ParameterGradients parameters) {
        this.scope = scope;
        this.parameters = parameters;
    }

    static Gradients backward(Tensor loss, @Nullable ParameterGradients parameters) {
        if (loss.shape().size() != 1) {
            throw new IllegalArgumentException("backward: loss must have one element, not shape " + loss.shape());
        }
        if (!loss.requiresGrad()) {
            throw new IllegalArgumentException(
                    "backward: '" + loss.name() + "' does not depend on any tensor that requires a gradient");
        }
        loss.buffer().storage().checkAlive();
        Scope scope = loss.scope();
        var gradients = new Gradients(scope, parameters);
        Target start = gradients.target(loss);
        if (start.accumulate()) {
            scope.run(new Affine(scope.scalar(1).buffer(), start.buffer(), 1, 0, true));
        } else {
            scope.run(new Fill(start.buffer(), 1));
        }
        gradients.walk(scope.tape());
        return gradients;
    }

    /** Runs the backward passes of a stretch of the tape, from its end. */
    void walk(List<Scope.Recorded> tape) {
        for (Scope.Recorded recorded : tape.reversed()) {
            if (recorded.outputs().stream().anyMatch(this::has)) {
                recorded.operation().backward(this);
            }
        }
    }

    /** Makes the gradient of one tensor that of another, which is the same computed again. */
    void hand(Tensor from, Tensor to) {
        Entry entry = entries.get(from.gradientKey());
        if (entry == null) {
            throw new IllegalStateException("no gradient for '" + from.name() + "'");
        }
        closeSplit(entry);
        entries.put(to.gradientKey(), entry);
    }

    /**
     * The scope in which backward kernels run.
     *
     * @return the loss's scope
     */
    public Scope scope() {
        return scope;
    }

    /**
     * Whether a gradient must be computed for an input.
     *
     * @param input an input of an operation, or null for an absent one
     * @return true if its gradient is needed
     */
    public boolean wants(@Nullable Tensor input) {
        return input != null && input.requiresGrad();
    }

    /**
     * Whether anything has been written to a tensor's gradient.
     *
     * @param tensor any tensor of the graph
     * @return true if its gradient is not known to be zero
     */
    public boolean has(Tensor tensor) {
        Entry entry = entries.get(tensor.gradientKey());
        return (entry != null && (entry.written || entry.open != null)) || isWrittenPiece(tensor);
    }

    /** Whether something was written to a piece's columns of the gradient of the whole. */
    private boolean isWrittenPiece(Tensor tensor) {
        Piece piece = tensor.piece();
        boolean[] written = piece == null ? null : writtenPieces.get(piece.split());
        return piece != null && written != null && written[piece.index()];
    }

    /**
     * The gradient of an output, for its operation's backward pass.
     *
     * @param output an output for which {@link #has} holds
     * @return as many elements as the output, row-major
     * @throws IllegalStateException if nothing was written to it
     */
    public Buffer buffer(Tensor output) {
        Entry entry = entries.get(output.gradientKey());
        if (entry == null || !(entry.written || entry.open != null)) {
            throw new IllegalStateException("no gradient for '" + output.name() + "'");
        }
        closeSplit(entry);
        return entry.buffer;
    }

    /**
     * The gradient of a tensor after the backward pass.
     *
     * @param tensor a tensor that requires a gradient: a leaf, or a parameter
     * @return a tensor of the same shape; zeros if the loss does not depend on it
     * @throws IllegalArgumentException if the tensor requires no gradient
     * @throws IllegalStateException for an intermediate result whose gradient's memory was passed on, or that is a piece
     *     of a split whose gradient went to the whole
     */
    public Tensor of(Tensor tensor) {
        if (!tensor.requiresGrad()) {
            throw new IllegalArgumentException("'" + tensor.name() + "' does not require a gradient");
        }
        Entry entry = entries.get(tensor.gradientKey());
        if ((entry != null && entry.givenAway) || isWrittenPiece(tensor)) {
            throw new IllegalStateException("the gradient of the intermediate result '" + tensor.name()
                    + "' was not kept: ask for those of leaves");
        }
        Target target = target(tensor);
        if (!target.accumulate()) {
            scope.run(new Fill(target.buffer(), 0));
        }
        return new Tensor(
                scope, target.buffer(), tensor.shape(), Layout.contiguous(tensor.shape().toArray()), new Object());
    }

    /**
     * Where to write an input's gradient, contiguous in the input's shape. The caller must write all of it.
     *
     * @param input an input for which {@link #wants} holds
     * @return the target
     */
    public Target target(Tensor input) {
        Entry entry = entry(input);
        closeSplit(entry);
        boolean accumulate = entry.written;
        entry.written = true;
        int rank = input.shape().rank();
        return new Target(entry.buffer, rank == 0 ? 1 : input.shape().dim(rank - 1), accumulate);
    }

    /**
     * Where to write an input's gradient as rows, possibly in the columns of a wider gradient. The caller must write all
     * of it.
     *
     * @param input an input for which {@link #wants} holds
     * @param rowLength elements in a row, a whole number of rows in the input
     * @return the target, with its row stride
     */
    public Target rows(Tensor input, int rowLength) {
        Piece piece = input.piece();
        if (piece == null || piece.split().sizes[piece.index()] != rowLength) {
            Target target = target(input);
            return new Target(target.buffer(), rowLength, target.accumulate());
        }
        Split split = piece.split();
        Entry base = entry(split.base());
        if (base.open != null && base.open != split) {
            closeSplit(base);
        }
        boolean[] written = writtenPieces.computeIfAbsent(split, s -> new boolean[s.sizes.length]);
        boolean accumulate = base.written || written[piece.index()];
        written[piece.index()] = true;
        if (!base.written) {
            base.open = split;
        }
        int width = split.base().shape().dim(-1);
        int offset = split.offsets[piece.index()];
        return new Target(base.buffer.slice(offset, base.buffer.length() - offset), width, accumulate);
    }

    /**
     * Passes the memory of an output's gradient on to an input whose gradient equals it, if the input's is not written
     * yet. To be called last in a backward pass: the output's gradient is gone afterwards.
     *
     * @param output an output for which {@link #has} holds
     * @param input an input of the same number of elements
     * @return false if the caller must copy instead
     */
    public boolean giveAway(Tensor output, Tensor input) {
        Entry from = entries.get(output.gradientKey());
        boolean free = !entries.containsKey(input.gradientKey())
                && input.piece() == null
                && (parameters == null || parameters.find(input) == null);
        if (from == null || !free || from.givenAway) {
            return false;
        }
        closeSplit(from);
        from.givenAway = true;
        entries.put(input.gradientKey(), new Entry(from.buffer, true));
        return true;
    }

    /** Completes the gradient of a split tensor: adds pieces that were written apart, fills the rest with zeros. */
    void finish(Split split, Tensor[] pieces) {
        Entry base = entry(split.base());
        if (base.open != null) {
            closeSplit(base);
        }
        for (int i = 0; i < pieces.length; i++) {
            Entry apart = entries.get(pieces[i].gradientKey());
            if (apart != null && apart.written) {
                if (!base.written) {
                    scope.run(new Fill(base.buffer, 0));
                    base.written = true;
                }
                copyColumns(apart.buffer, false, base, split, i, true);
            }
        }
    }

    private void closeSplit(Entry entry) {
        Split split = entry.open;
        if (split == null) {
            return;
        }
        entry.open = null;
        boolean[] written = writtenPieces.computeIfAbsent(split, s -> new boolean[s.sizes.length]);
        Tensor zero = null;
        for (int i = 0; i < written.length; i++) {
            if (!written[i]) {
                if (zero == null) {
                    zero = scope.scalar(0);
                }
                copyColumns(zero.buffer(), true, entry, split, i, false);
                written[i] = true;
            }
        }
        entry.written = true;
    }

    private void copyColumns(Buffer from, boolean scalar, Entry base, Split split, int piece, boolean accumulate) {
        int width = split.base().shape().dim(-1);
        int size = split.sizes[piece];
        int rows = split.base().shape().size() / Math.max(width, 1);
        int offset = split.offsets[piece];
        int[] dims = {rows, size};
        if (rows == 0 || size == 0) {
            return;
        }
        scope.run(new Copy(
                from,
                Layout.of(dims, scalar ? new int[] {0, 0} : new int[] {size, 1}),
                base.buffer.slice(offset, base.buffer.length() - offset),
                Layout.of(dims, new int[] {width, 1}),
                accumulate));
    }

    private Entry entry(Tensor tensor) {
        Entry entry = entries.get(tensor.gradientKey());
        if (entry == null) {
            Buffer persistent = parameters == null ? null : parameters.find(tensor);
            entry = persistent != null
                    ? new Entry(persistent, true)
                    : new Entry(scope.allocate("grad of " + tensor.name(), tensor.shape()).buffer(), false);
            entries.put(tensor.gradientKey(), entry);
        }
        return entry;
    }
}
