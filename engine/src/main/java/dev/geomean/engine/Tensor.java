package dev.geomean.engine;

import dev.geomean.engine.kernel.ElementwiseKernel.BinaryFunction;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryFunction;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.op.AffineOp;
import dev.geomean.engine.op.BinaryOp;
import dev.geomean.engine.op.CausalAttentionOp;
import dev.geomean.engine.op.ConcatOp;
import dev.geomean.engine.op.CopyOp;
import dev.geomean.engine.op.CrossEntropy;
import dev.geomean.engine.op.DropoutOp;
import dev.geomean.engine.op.EmbeddingOp;
import dev.geomean.engine.op.ExpandOp;
import dev.geomean.engine.op.GatherOp;
import dev.geomean.engine.op.LayerNormOp;
import dev.geomean.engine.op.LinearOp;
import dev.geomean.engine.op.MatMulOp;
import dev.geomean.engine.op.PermuteOp;
import dev.geomean.engine.op.ReduceOp;
import dev.geomean.engine.op.RmsNormOp;
import dev.geomean.engine.op.RotaryOp;
import dev.geomean.engine.op.ScatterAddOp;
import dev.geomean.engine.op.SelectOp;
import dev.geomean.engine.op.SliceOp;
import dev.geomean.engine.op.SoftmaxOp;
import dev.geomean.engine.op.SwiGluOp;
import dev.geomean.engine.op.TokenLogProbsOp;
import dev.geomean.engine.op.UnaryOp;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A multi-dimensional array of float32 (or int32, for indices) in native memory.
 *
 * <p>Operations return new tensors and record themselves for differentiation if an operand requires a gradient. Shapes
 * are written {@code [batch, time, dim]}; a negative axis counts from the last. Reshaping, transposing, slicing and
 * splitting make views that share memory. Tensors die with their {@link Scope}; a dead one throws
 * {@link IllegalStateException} when used. Every operation throws {@link IllegalArgumentException} naming the shapes if
 * they do not fit.
 */
public final class Tensor {
    private final Scope scope;
    private final Buffer buffer;
    private final Shape shape;
    private final Layout layout;
    private final Object gradientKey;
    private boolean requiresGrad;
    private Gradients.@Nullable Piece piece;

    Tensor(Scope scope, Buffer buffer, Shape shape, Layout layout, Object gradientKey) {
        this.scope = scope;
        this.buffer = buffer;
        this.shape = shape;
        this.layout = layout;
        this.gradientKey = gradientKey;
    }

    // ---- what it is ----------------------------------------------------------------------------------------------

    /**
     * The scope it lives in.
     *
     * @return the scope
     */
    public Scope scope() {
        return scope;
    }

    /**
     * Its dimensions.
     *
     * @return the shape
     */
    public Shape shape() {
        return shape;
    }

    /**
     * Where its elements lie in {@link #buffer()}.
     *
     * @return the layout, with the dimensions of {@link #shape()}
     */
    public Layout layout() {
        return layout;
    }

    /**
     * Element type.
     *
     * @return float32 or int32
     */
    public DType type() {
        return buffer.type();
    }

    /**
     * Its memory, starting at its first element.
     *
     * @return the buffer; as long as the shape's size if the tensor is contiguous
     */
    public Buffer buffer() {
        return buffer;
    }

    /**
     * Name for messages: the operation that made it and a number.
     *
     * @return for example {@code "matmul#12"}
     */
    public String name() {
        return buffer.storage().label();
    }

    /**
     * Whether backward passes compute a gradient for it.
     *
     * @return true for leaves marked by {@link #requireGrad}, parameters, and what was computed from them
     */
    public boolean requiresGrad() {
        return requiresGrad;
    }

    /**
     * Whether its elements lie in row-major order without gaps.
     *
     * @return true if {@link #buffer()} holds exactly its elements in order
     */
    public boolean isContiguous() {
        return layout.isContiguous();
    }

    Object gradientKey() {
        return gradientKey;
    }

    Gradients.@Nullable Piece piece() {
        return piece;
    }

    void markRequiresGrad() {
        requiresGrad = true;
    }

    Tensor withRequiresGrad(boolean required) {
        requiresGrad = required;
        return this;
    }

    Tensor withPiece(Gradients.@Nullable Piece piece) {
        this.piece = piece;
        return this;
    }

    Tensor viewOf(Buffer part, Shape partShape) {
        return new Tensor(scope, part, partShape, Layout.contiguous(partShape.toArray()), new Object());
    }

    // ---- values --------------------------------------------------------------------------------------------------

    /**
     * Copies the values out, row-major, those of bfloat16 widened.
     *
     * @return a new array
     * @throws IllegalArgumentException if the tensor is int32
     * @throws IllegalStateException if the memory is gone, or has no values yet because a program is being captured
     */
    public float[] toFloats() {
        if (type() == DType.INT32) {
            checkType("toFloats", DType.FLOAT32);
        }
        if (isContiguous()) {
            return buffer.slice(0, shape.size()).toFloats();
        }
        float[] all = buffer.slice(0, layout.span()).toFloats();
        float[] values = new float[shape.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = all[offset(i)];
        }
        return values;
    }

    /**
     * Copies the values out, row-major.
     *
     * @return a new array
     * @throws IllegalStateException as {@link #toFloats}
     */
    public int[] toInts() {
        checkType("toInts", DType.INT32);
        if (isContiguous()) {
            return buffer.slice(0, shape.size()).toInts();
        }
        int[] all = buffer.slice(0, layout.span()).toInts();
        int[] values = new int[shape.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = all[offset(i)];
        }
        return values;
    }

    /**
     * The value of a tensor with one element.
     *
     * @return the value
     * @throws IllegalArgumentException if there is not exactly one element
     */
    public float item() {
        if (shape.size() != 1) {
            throw new IllegalArgumentException("item: tensor '" + name() + "' has shape " + shape);
        }
        checkType("item", DType.FLOAT32);
        return buffer.getFloat(0);
    }

    /**
     * Overwrites the values of a contiguous tensor.
     *
     * @param values row-major, as many as there are elements
     * @throws IllegalArgumentException if the number differs or the tensor is not contiguous
     */
    public void set(float[] values) {
        checkType("set", DType.FLOAT32);
        checkSettable(values.length);
        buffer.set(values);
    }

    /**
     * Overwrites the values of a contiguous int32 tensor.
     *
     * @param values row-major, as many as there are elements
     * @throws IllegalArgumentException if the number differs or the tensor is not contiguous
     */
    public void set(int[] values) {
        checkType("set", DType.INT32);
        checkSettable(values.length);
        buffer.set(values);
    }

    /**
     * Sets every element of a contiguous tensor to one value.
     *
     * @param value the value
     * @throws IllegalArgumentException if the tensor is not contiguous
     */
    public void fill(float value) {
        float[] values = new float[shape.size()];
        Arrays.fill(values, value);
        set(values);
    }

    private void checkSettable(int count) {
        if (count != shape.size()) {
            throw new IllegalArgumentException("set: " + count + " values for shape " + shape);
        }
        if (!isContiguous()) {
            throw new IllegalArgumentException("set: tensor '" + name() + "' is a view with gaps");
        }
    }

    private void checkType(String operation, DType expected) {
        if (type() != expected) {
            throw new IllegalArgumentException(operation + ": tensor '" + name() + "' is " + type().label() + ", not "
                    + expected.label());
        }
    }

    private int offset(int index) {
        int offset = 0;
        int rest = index;
        for (int axis = shape.rank() - 1; axis >= 0; axis--) {
            int dim = shape.dim(axis);
            offset += rest % dim * layout.stride(axis);
            rest /= dim;
        }
        return offset;
    }

    // ---- gradients -----------------------------------------------------------------------------------------------

    /**
     * Marks a leaf: backward passes compute a gradient for it.
     *
     * @return this tensor
     * @throws IllegalArgumentException for int32
     */
    public Tensor requireGrad() {
        checkType("requireGrad", DType.FLOAT32);
        requiresGrad = true;
        return this;
    }

    /**
     * The same values without history.
     *
     * @return an alias that requires no gradient
     */
    public Tensor detach() {
        return new Tensor(scope, buffer, shape, layout, new Object());
    }

    /**
     * Computes the gradients of this scalar with respect to everything it depends on.
     *
     * @return the gradients
     * @throws IllegalArgumentException if there is more than one element or nothing requires a gradient
     */
    public Gradients backward() {
        return Gradients.backward(this, null);
    }

    /**
     * Computes gradients, adding those of parameters to a buffer.
     *
     * @param parameters receives the parameters' gradients
     * @return the gradients
     * @throws IllegalArgumentException if there is more than one element or nothing requires a gradient
     */
    public Gradients backward(ParameterGradients parameters) {
        return Gradients.backward(this, parameters);
    }

    // ---- arithmetic ----------------------------------------------------------------------------------------------

    /**
     * Elementwise sum with broadcasting.
     *
     * @param other right operand
     * @return {@code this + other}
     */
    public Tensor add(Tensor other) {
        return BinaryOp.apply(BinaryFunction.ADD, this, other);
    }

    /**
     * Elementwise difference with broadcasting.
     *
     * @param other right operand
     * @return {@code this - other}
     */
    public Tensor sub(Tensor other) {
        return BinaryOp.apply(BinaryFunction.SUBTRACT, this, other);
    }

    /**
     * Elementwise product with broadcasting.
     *
     * @param other right operand
     * @return {@code this · other}
     */
    public Tensor mul(Tensor other) {
        return BinaryOp.apply(BinaryFunction.MULTIPLY, this, other);
    }

    /**
     * Elementwise quotient with broadcasting.
     *
     * @param other right operand
     * @return {@code this / other}
     */
    public Tensor div(Tensor other) {
        return BinaryOp.apply(BinaryFunction.DIVIDE, this, other);
    }

    /**
     * Adds a number to every element.
     *
     * @param value summand
     * @return {@code this + value}
     */
    public Tensor add(float value) {
        return AffineOp.apply(this, 1, value);
    }

    /**
     * Multiplies every element by a number.
     *
     * @param value factor
     * @return {@code this · value}
     */
    public Tensor mul(float value) {
        return AffineOp.apply(this, value, 0);
    }

    /**
     * Changes every sign.
     *
     * @return {@code -this}
     */
    public Tensor neg() {
        return UnaryOp.apply(UnaryFunction.NEGATE, this);
    }

    /**
     * Exponential.
     *
     * @return {@code e^this}
     */
    public Tensor exp() {
        return UnaryOp.apply(UnaryFunction.EXP, this);
    }

    /**
     * Natural logarithm.
     *
     * @return {@code log(this)}
     */
    public Tensor log() {
        return UnaryOp.apply(UnaryFunction.LOG, this);
    }

    /**
     * Square root.
     *
     * @return {@code √this}
     */
    public Tensor sqrt() {
        return UnaryOp.apply(UnaryFunction.SQRT, this);
    }

    /**
     * Hyperbolic tangent.
     *
     * @return {@code tanh(this)}
     */
    public Tensor tanh() {
        return UnaryOp.apply(UnaryFunction.TANH, this);
    }

    /**
     * Logistic function.
     *
     * @return {@code 1 / (1 + e^-this)}
     */
    public Tensor sigmoid() {
        return UnaryOp.apply(UnaryFunction.SIGMOID, this);
    }

    /**
     * Rectifier.
     *
     * @return {@code max(this, 0)}
     */
    public Tensor relu() {
        return UnaryOp.apply(UnaryFunction.RELU, this);
    }

    /**
     * Gaussian error linear unit in its tanh approximation (Hendrycks and Gimpel, arXiv:1606.08415).
     *
     * @return GELU of every element
     */
    public Tensor gelu() {
        return UnaryOp.apply(UnaryFunction.GELU_TANH, this);
    }

    /**
     * Gaussian error linear unit in its exact form, with the error function.
     *
     * @return GELU of every element
     */
    public Tensor geluErf() {
        return UnaryOp.apply(UnaryFunction.GELU_ERF, this);
    }

    /**
     * Sigmoid linear unit.
     *
     * @return {@code this · sigmoid(this)}
     */
    public Tensor silu() {
        return UnaryOp.apply(UnaryFunction.SILU, this);
    }

    /**
     * Gated activation over the two halves of the last axis (Shazeer, arXiv:2002.05202).
     *
     * <p>This tensor is {@code [..., 2 · width]}: the gate's columns, then the others.
     *
     * @return {@code silu(gate) · up}, {@code [..., width]}
     */
    public Tensor swiGlu() {
        return SwiGluOp.apply(this);
    }

    /**
     * Matrix product of {@code [..., m, k]} and {@code [..., k, n]}; leading axes are equal, or one operand has none.
     *
     * @param other right operand
     * @return {@code [..., m, n]}
     */
    public Tensor matmul(Tensor other) {
        return MatMulOp.apply(this, other);
    }

    /**
     * Affine map of the last axis, {@code this · weightᵀ + bias}.
     *
     * @param weight {@code [out, in]}, float32 or bfloat16
     * @param bias {@code [out]}, or null
     * @return {@code [..., out]} for this tensor {@code [..., in]}
     */
    public Tensor linear(Tensor weight, @Nullable Tensor bias) {
        return LinearOp.apply(this, List.of(weight), bias);
    }

    /**
     * Affine map of the last axis whose outputs are those of several weights, one after the other.
     *
     * @param weights at least one, each {@code [out, in]} with outputs of its own and the same inputs, float32 or bfloat16
     * @param bias {@code [sum of out]}, or null
     * @return {@code [..., sum of out]} for this tensor {@code [..., in]}
     */
    public Tensor linear(List<Tensor> weights, @Nullable Tensor bias) {
        return LinearOp.apply(this, weights, bias);
    }

    // ---- reductions ----------------------------------------------------------------------------------------------

    /**
     * Sum over axes.
     *
     * @param axes axes to remove; none for all
     * @return the sums
     */
    public Tensor sum(int... axes) {
        return ReduceOp.apply(ReduceFunction.SUM, this, axes);
    }

    /**
     * Mean over axes.
     *
     * @param axes axes to remove; none for all
     * @return the means
     */
    public Tensor mean(int... axes) {
        return ReduceOp.apply(ReduceFunction.MEAN, this, axes);
    }

    /**
     * Largest element over axes. Its gradient is shared evenly among equal elements.
     *
     * @param axes axes to remove; none for all
     * @return the maxima
     */
    public Tensor max(int... axes) {
        return ReduceOp.apply(ReduceFunction.MAX, this, axes);
    }

    /**
     * Softmax over the last axis.
     *
     * @return probabilities, same shape
     */
    public Tensor softmax() {
        return SoftmaxOp.apply(this, false);
    }

    /**
     * Logarithm of the softmax over the last axis.
     *
     * @return log-probabilities, same shape
     */
    public Tensor logSoftmax() {
        return SoftmaxOp.apply(this, true);
    }

    // ---- layers --------------------------------------------------------------------------------------------------

    /**
     * Layer normalisation over the last axis (Ba et al., arXiv:1607.06450).
     *
     * @param weight {@code [dim]}
     * @param bias {@code [dim]}, or null
     * @param epsilon added to the variance, greater than 0
     * @return same shape
     */
    public Tensor layerNorm(Tensor weight, @Nullable Tensor bias, float epsilon) {
        return LayerNormOp.apply(this, weight, bias, epsilon);
    }

    /**
     * Root-mean-square normalisation over the last axis (Zhang and Sennrich, arXiv:1910.07467).
     *
     * @param weight {@code [dim]}
     * @param epsilon added to the mean square, greater than 0
     * @return same shape
     */
    public Tensor rmsNorm(Tensor weight, float epsilon) {
        return RmsNormOp.apply(this, weight, epsilon);
    }

    /**
     * Rotary position embedding of {@code [batch, time, heads, headDim]} (Su et al., arXiv:2104.09864).
     *
     * @param table {@code [positions, headDim]} from {@link RotaryOp#table}
     * @param starts int32 {@code [batch]}: position of each sequence's first token; null for 0
     * @return same shape
     */
    public Tensor rotary(Tensor table, @Nullable Tensor starts) {
        return RotaryOp.apply(this, table, starts);
    }

    /**
     * Looks up rows of this table {@code [rows, dim]}.
     *
     * @param indices int32, any shape, values in [0, rows)
     * @return {@code [..., dim]}
     */
    public Tensor embedding(Tensor indices) {
        return EmbeddingOp.apply(this, indices);
    }

    /**
     * Fused causal attention with this tensor as queries {@code [batch, time, heads, headDim]} (Vaswani et al.,
     * arXiv:1706.03762, eq. 1); grouped-query if there are fewer key/value heads (arXiv:2305.13245).
     *
     * @param key {@code [batch, time, kvHeads, headDim]}
     * @param value {@code [batch, time, kvHeads, headDim]}
     * @param lengths int32 {@code [batch]}: tokens from this index on are padding; null for none
     * @return {@code [batch, time, heads, headDim]}, 0 at padding
     */
    public Tensor causalAttention(Tensor key, Tensor value, @Nullable Tensor lengths) {
        return CausalAttentionOp.apply(this, key, value, lengths, null, 0);
    }

    /**
     * As {@link #causalAttention(Tensor, Tensor, Tensor)}, with a sliding window (Jiang et al., arXiv:2310.06825).
     *
     * @param key {@code [batch, time, kvHeads, headDim]}
     * @param value {@code [batch, time, kvHeads, headDim]}
     * @param lengths int32 {@code [batch]}: tokens from this index on are padding; null for none
     * @param window tokens that a token attends to, itself and those just before it; 0 for all
     * @return {@code [batch, time, heads, headDim]}, 0 at padding
     */
    public Tensor causalAttention(Tensor key, Tensor value, @Nullable Tensor lengths, int window) {
        return CausalAttentionOp.apply(this, key, value, lengths, null, window);
    }

    /**
     * Fused causal attention within sequences of different lengths that lie one after the other, as in
     * {@link #causalAttention}. A sequence may continue the tokens of an earlier one, so that a prompt with several responses
     * is there once (Liu et al., "Prefix Grouper", arXiv:2506.05433).
     *
     * @param key {@code [1, tokens, kvHeads, headDim]}
     * @param value {@code [1, tokens, kvHeads, headDim]}
     * @param segments int32 {@code [count, 4]}: for each sequence its first token and length, and the first token and length
     *     of what it continues (length 0 for nothing). In ascending order, without overlap, each after what it continues;
     *     sequences of length 0 are ignored
     * @return {@code [1, tokens, heads, headDim]}, 0 outside all sequences
     */
    public Tensor segmentedAttention(Tensor key, Tensor value, Tensor segments) {
        return CausalAttentionOp.apply(this, key, value, null, segments, 0);
    }

    /**
     * As {@link #segmentedAttention(Tensor, Tensor, Tensor)}, with a sliding window.
     *
     * @param key {@code [1, tokens, kvHeads, headDim]}
     * @param value {@code [1, tokens, kvHeads, headDim]}
     * @param segments int32 {@code [count, 4]}
     * @param window tokens that a token attends to, itself and those just before it; 0 for all
     * @return {@code [1, tokens, heads, headDim]}, 0 outside all sequences
     */
    public Tensor segmentedAttention(Tensor key, Tensor value, Tensor segments, int window) {
        return CausalAttentionOp.apply(this, key, value, null, segments, window);
    }

    /**
     * Sets each element to 0 with some probability and scales the others to keep the mean.
     *
     * @param probability chance to drop, in [0, 1)
     * @param counter int32 {@code [4]}: seed (low, high) and a counter (low, high) that changes from step to step
     * @param stream number that tells apart the dropouts of one step
     * @return same shape
     */
    public Tensor dropout(float probability, Tensor counter, int stream) {
        return DropoutOp.apply(this, probability, counter, stream);
    }

    /**
     * Log-probabilities of given tokens under the softmax of these logits {@code [..., vocab]}, with entropies, without
     * storing probabilities.
     *
     * @param targets int32 {@code [...]}; a negative target skips its row (all results 0)
     * @param temperature divides the logits, greater than 0
     * @return log-probabilities and entropies, each {@code [...]}
     */
    public TokenLogProbsOp.Result tokenLogProbs(Tensor targets, float temperature) {
        return TokenLogProbsOp.apply(this, targets, temperature);
    }

    /**
     * Mean negative log-likelihood of targets under these logits {@code [..., vocab]}.
     *
     * @param targets int32 {@code [...]}; negative ones are left out of the mean
     * @return a scalar; 0 if all targets are left out
     */
    public Tensor crossEntropy(Tensor targets) {
        return CrossEntropy.apply(this, targets);
    }

    // ---- choosing ------------------------------------------------------------------------------------------------

    /**
     * Takes elements along an axis: for axis 1, {@code out[i, j, k] = this[i, indices[i, j, k], k]}.
     *
     * @param axis the axis
     * @param indices int32 with this shape except along the axis
     * @return the shape of the indices
     */
    public Tensor gather(int axis, Tensor indices) {
        return GatherOp.apply(this, axis, indices);
    }

    /**
     * Adds elements along an axis: for axis 1, {@code out = this; out[i, indices[i, j, k], k] += values[i, j, k]}.
     *
     * @param axis the axis
     * @param indices int32, this shape except along the axis
     * @param values the shape of the indices
     * @return this shape
     */
    public Tensor scatterAdd(int axis, Tensor indices, Tensor values) {
        return ScatterAddOp.apply(this, axis, indices, values);
    }

    /**
     * Chooses between two tensors, with broadcasting. The one not chosen never influences value or gradient.
     *
     * @param condition int32, non-zero chooses {@code a}
     * @param a value where the condition holds
     * @param b value elsewhere
     * @return the broadcast shape of all three
     */
    public static Tensor where(Tensor condition, Tensor a, Tensor b) {
        return SelectOp.apply(condition, a, b);
    }

    /**
     * Replaces elements, with broadcasting of the mask.
     *
     * @param mask int32, non-zero replaces
     * @param value the replacement
     * @return the broadcast shape
     */
    public Tensor maskedFill(Tensor mask, float value) {
        return SelectOp.fill(mask, value, this);
    }

    // ---- views and copies ----------------------------------------------------------------------------------------

    /**
     * Another shape for the same elements in the same order.
     *
     * @param dims the new shape; one dimension may be -1, to be inferred
     * @return a view where possible, else a copy
     */
    public Tensor reshape(int... dims) {
        buffer.storage().checkAlive();
        Shape target = inferShape(dims);
        Layout reshaped = layout.reshape(target.toArray());
        if (reshaped == null) {
            return contiguous().reshape(target.toArray());
        }
        if (!requiresGrad || !scope.gradientsOn()) {
            return new Tensor(scope, buffer, target, reshaped, new Object());
        }
        return new Tensor(scope, buffer, target, reshaped, gradientKey)
                .withRequiresGrad(true)
                .withPiece(piece);
    }

    /**
     * Swaps two axes.
     *
     * @param first an axis
     * @param second another
     * @return a view
     */
    public Tensor transpose(int first, int second) {
        int[] order = new int[shape.rank()];
        Arrays.setAll(order, i -> i);
        order[shape.axis(first)] = shape.axis(second);
        order[shape.axis(second)] = shape.axis(first);
        return permute(order);
    }

    /**
     * Reorders the axes.
     *
     * @param order for each axis of the result, the axis of this tensor it comes from
     * @return a view
     */
    public Tensor permute(int... order) {
        return PermuteOp.apply(this, order);
    }

    /**
     * A range along an axis.
     *
     * @param axis the axis
     * @param from first index
     * @param to one past the last index
     * @return a view
     */
    public Tensor slice(int axis, int from, int to) {
        return SliceOp.apply(this, axis, from, to);
    }

    /**
     * Cuts the last axis into consecutive ranges.
     *
     * @param sizes sizes of the ranges, which add up to the axis
     * @return one view per range
     */
    public List<Tensor> split(int... sizes) {
        return SplitOp.apply(this, sizes);
    }

    /**
     * Joins tensors along an axis.
     *
     * @param axis the axis
     * @param tensors one or more, of equal shape except along the axis
     * @return the joined tensor
     */
    public static Tensor concat(int axis, List<Tensor> tensors) {
        return ConcatOp.apply(axis, tensors);
    }

    /**
     * Repeats axes of size 1 (and adds leading ones) to a larger shape.
     *
     * @param dims the shape
     * @return a view with stride 0 along repeated axes
     */
    public Tensor expand(int... dims) {
        return ExpandOp.apply(this, Shape.of(dims));
    }

    /**
     * The same elements in row-major order without gaps.
     *
     * @return this tensor if it is contiguous, else a copy
     */
    public Tensor contiguous() {
        return isContiguous() ? this : CopyOp.apply(this);
    }

    /**
     * Distance between rows if the last axes form gapless rows that follow each other at one distance.
     *
     * @param rowAxes number of trailing axes that make up a row
     * @return the row stride in elements, or -1 if the elements do not lie like that
     */
    public int rowStride(int rowAxes) {
        int rank = shape.rank();
        int expected = 1;
        for (int axis = rank - 1; axis >= rank - rowAxes; axis--) {
            if (shape.dim(axis) != 1 && layout.stride(axis) != expected) {
                return -1;
            }
            expected *= shape.dim(axis);
        }
        int stride = -1;
        int rows = 1;
        for (int axis = rank - rowAxes - 1; axis >= 0; axis--) {
            if (shape.dim(axis) == 1) {
                continue;
            }
            if (stride == -1) {
                stride = layout.stride(axis);
            } else if (layout.stride(axis) != stride * rows) {
                return -1;
            }
            rows *= shape.dim(axis);
        }
        return stride == -1 ? expected : stride < expected ? -1 : stride;
    }

    /**
     * A view over other elements of the same memory, for operations that implement views.
     *
     * @param from first element, counted from this tensor's first
     * @param viewLayout dimensions and strides
     * @return a tensor without gradient history
     */
    public Tensor view(long from, Layout viewLayout) {
        buffer.storage().checkAlive();
        int[] dims = new int[viewLayout.rank()];
        Arrays.setAll(dims, viewLayout::dim);
        Buffer part = buffer.slice(from, viewLayout.size() == 0 ? 0 : viewLayout.span());
        return new Tensor(scope, part, Shape.of(dims), viewLayout, new Object());
    }

    private Shape inferShape(int[] dims) {
        int[] result = dims.clone();
        int unknown = -1;
        long known = 1;
        for (int i = 0; i < dims.length; i++) {
            if (dims[i] == -1 && unknown == -1) {
                unknown = i;
            } else {
                known *= dims[i];
            }
        }
        if (unknown >= 0 && known > 0 && shape.size() % known == 0) {
            result[unknown] = Math.toIntExact(shape.size() / known);
            known *= result[unknown];
        }
        if (known != shape.size() || Arrays.stream(result).anyMatch(dim -> dim < 0)) {
            throw new IllegalArgumentException(
                    "reshape: shape " + shape + " does not fit into " + Arrays.toString(dims));
        }
        return Shape.of(result);
    }

    // ---- printing ------------------------------------------------------------------------------------------------

    /** Values in nested brackets, long axes shortened; only the shape where there are no values. */
    @Override
    public String toString() {
        if (!buffer.storage().isAlive()) {
            return "Tensor" + shape + " of an ended scope";
        }
        if (!buffer.storage().isPlaced()) {
            return "Tensor" + shape + " " + name() + " of a program being captured";
        }
        var text = new StringBuilder("Tensor").append(shape).append(' ');
        Object values = type() == DType.INT32 ? toInts() : toFloats();
        print(text, values, 0, 0);
        return text.toString();
    }

    private void print(StringBuilder text, Object values, int axis, int start) {
        if (axis == shape.rank()) {
            text.append(
                    values instanceof float[] floats
                            ? String.format(Locale.ROOT, "%.6g", floats[start])
                            : String.valueOf(((int[]) values)[start]));
            return;
        }
        int dim = shape.dim(axis);
        int step = shape.size(axis + 1, shape.rank());
        text.append('[');
        for (int i = 0; i < dim; i++) {
            if (i > 0) {
                text.append(", ");
            }
            if (dim > 8 && i == 3) {
                text.append("... ");
                i = dim - 3;
            }
            print(text, values, axis + 1, start + i * step);
        }
        text.append(']');
    }
}
