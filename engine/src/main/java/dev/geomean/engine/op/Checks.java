package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import org.jspecify.annotations.Nullable;

/** What operations share: argument checks, the scope an operation happens in, gradients that kernels always add to. */
final class Checks {
    private Checks() {}

    static void floats(String operation, Tensor tensor) {
        type(operation, tensor, DType.FLOAT32, "float32");
    }

    /** Fails unless a tensor is one that products and lookups read, which is stored in float32 or bfloat16. */
    static void weights(String operation, Tensor tensor) {
        if (tensor.type() != DType.BFLOAT16) {
            floats(operation, tensor);
        }
    }

    static void ints(String operation, Tensor tensor) {
        type(operation, tensor, DType.INT32, "int32");
    }

    private static void type(String operation, Tensor tensor, DType type, String name) {
        if (tensor.type() != type) {
            throw new IllegalArgumentException(
                    operation + ": '" + tensor.name() + "' " + tensor.shape() + " must be " + name);
        }
    }

    static void that(boolean holds, String operation, String problem, Object... values) {
        if (!holds) {
            var text = new StringBuilder(operation).append(": ").append(problem);
            for (int i = 0; i < values.length; i++) {
                text.append(i == 0 ? ": " : ", ").append(values[i]);
            }
            throw new IllegalArgumentException(text.toString());
        }
    }

    /** Fails unless a weight of a layer is a vector of the width of the layer's input. */
    static void vector(String operation, Tensor vector, int width) {
        floats(operation, vector);
        that(
                vector.shape().equals(Shape.of(width)) && vector.isContiguous(),
                operation,
                "expected a contiguous vector of " + width + " elements",
                vector.shape());
    }

    /**
     * The scope of an operation: that of the operands that are not merely data.
     *
     * @param operation name of the operation
     * @param first an operand
     * @param others more operands, null for absent ones
     * @return a scope in which operations may happen
     * @throws IllegalArgumentException if operands live in two different steps
     * @throws IllegalStateException if an operand's scope ended, or all operands are data
     */
    static Scope common(String operation, Tensor first, @Nullable Tensor... others) {
        Tensor step = first;
        first.buffer().storage().checkAlive();
        for (Tensor other : others) {
            if (other == null) {
                continue;
            }
            other.buffer().storage().checkAlive();
            if (other.scope() == step.scope() || other.scope().isDataOnly()) {
                continue;
            }
            if (!step.scope().isDataOnly()) {
                throw new IllegalArgumentException(operation + ": '" + step.name() + "' and '" + other.name()
                        + "' belong to different scopes");
            }
            step = other;
        }
        step.scope().checkExecutes();
        return step.scope();
    }

    /** A contiguous version of a tensor for an operation that happens in {@code scope}. */
    static Tensor contiguousIn(Scope scope, Tensor tensor) {
        return tensor.isContiguous() ? tensor : scope.use(tensor).contiguous();
    }

    /** {@link #contiguousIn} for an operand that may be absent. */
    static @Nullable Tensor optionalIn(Scope scope, @Nullable Tensor tensor) {
        return tensor == null ? null : contiguousIn(scope, tensor);
    }

    /** The gradient of a weight that the kernel always adds to, or null if it is not wanted. */
    static @Nullable Buffer accumulated(Gradients gradients, @Nullable Tensor weight) {
        if (weight == null || !gradients.wants(weight)) {
            return null;
        }
        var target = gradients.target(weight);
        if (!target.accumulate()) {
            gradients.scope().run(new Fill(target.buffer(), 0));
        }
        return target.buffer();
    }
}
