package dev.geomean.engine;

import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A stretch of a computation that keeps its input alone and is computed again in the backward pass (Chen et al., "Training
 * deep nets with sublinear memory cost", arXiv:1604.06174). It reads and fills the tape, which is why this operation lives
 * beside {@link Scope} and {@link Gradients}.
 */
record CheckpointOp(UnaryOperator<Tensor> segment, Tensor in, Tensor out) implements Operation {

    static Tensor apply(Scope scope, Tensor in, UnaryOperator<Tensor> segment) {
        scope.checkExecutes();
        if (!scope.gradientsOn()) {
            return segment.apply(in);
        }
        Scope.Unrecorded unrecorded = scope.withoutTape(() -> segment.apply(in));
        Tensor out = unrecorded.value();
        if (out.scope() != scope || out.requiresGrad() || hasSameGradient(out, in)) {
            throw new IllegalArgumentException(
                    "checkpoint: the segment must compute its result in this scope, not return '" + out.name() + "'");
        }
        if (unrecorded.needsGradients()) {
            scope.push(new CheckpointOp(segment, in, out), out);
        }
        return out;
    }

    @SuppressWarnings("ReferenceEquality") // a key is nothing but an identity
    private static boolean hasSameGradient(Tensor a, Tensor b) {
        return a.gradientKey() == b.gradientKey();
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        Scope.Taped again = gradients.scope().withOwnTape(() -> segment.apply(in));
        if (!again.value().shape().equals(out.shape())) {
            throw new IllegalStateException("checkpoint: the segment returned " + out.shape()
                    + " in the forward pass and " + again.value().shape() + " in the backward pass");
        }
        gradients.hand(out, again.value());
        gradients.walk(again.tape());
    }
}
