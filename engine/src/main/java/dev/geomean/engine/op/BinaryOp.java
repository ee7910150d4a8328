package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Binary;
import dev.geomean.engine.kernel.ElementwiseKernel.BinaryFunction;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.memory.Buffer;
import java.util.List;
import java.util.Locale;

/**
 * Elementwise {@code z = f(x, y)} with NumPy broadcasting. With {@code dz} given:
 * {@code x + y}: {@code dx = dz, dy = dz}; {@code x - y}: {@code dx = dz, dy = -dz}; {@code x·y}:
 * {@code dx = dz·y, dy = dz·x}; {@code x / y}: {@code dx = dz/y, dy = -dz·z/y}; summed over repeated axes.
 *
 * @param function f
 * @param left x
 * @param right y
 * @param out z
 */
public record BinaryOp(BinaryFunction function, Tensor left, Tensor right, Tensor out) implements Operation {

    /**
     * Applies the function.
     *
     * @param function f
     * @param left x, float32
     * @param right y, float32
     * @return the broadcast shape
     * @throws IllegalArgumentException if the shapes do not broadcast
     */
    public static Tensor apply(BinaryFunction function, Tensor left, Tensor right) {
        String name = function.name().toLowerCase(Locale.ROOT);
        Checks.floats(name, left);
        Checks.floats(name, right);
        Shape shape = left.shape().broadcast(name, right.shape());
        Scope scope = Checks.common(name, left, right);
        Tensor out = scope.allocate(name, shape);
        scope.run(new Binary(
                function,
                left.buffer(),
                Broadcasting.layout(left, shape),
                right.buffer(),
                Broadcasting.layout(right, shape),
                out.buffer(),
                false));
        scope.record(new BinaryOp(function, left, right, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(left, right);
    }

    @Override
    public void backward(Gradients gradients) {
        switch (function) {
            case ADD -> {
                pass(gradients, right, false);
                pass(gradients, left, true);
            }
            case SUBTRACT -> {
                if (gradients.wants(right)) {
                    Buffer negated = temporary(gradients);
                    gradients.scope().run(new Affine(gradients.buffer(out), negated, -1, 0, false));
                    Broadcasting.reduceInto(gradients, negated, out.shape(), right);
                }
                pass(gradients, left, true);
            }
            case MULTIPLY -> {
                combine(gradients, BinaryFunction.MULTIPLY, right, left);
                combine(gradients, BinaryFunction.MULTIPLY, left, right);
            }
            case DIVIDE -> {
                combine(gradients, BinaryFunction.DIVIDE, right, left);
                if (gradients.wants(right)) {
                    Layout plain = out.layout();
                    Buffer product = temporary(gradients);
                    Scope scope = gradients.scope();
                    scope.run(new Binary(
                            BinaryFunction.MULTIPLY,
                            gradients.buffer(out),
                            plain,
                            out.buffer(),
                            plain,
                            product,
                            false));
                    scope.run(new Affine(product, product, -1, 0, false));
                    Buffer quotient = temporary(gradients);
                    scope.run(new Binary(
                            BinaryFunction.DIVIDE,
                            product,
                            plain,
                            right.buffer(),
                            Broadcasting.layout(right, out.shape()),
                            quotient,
                            false));
                    Broadcasting.reduceInto(gradients, quotient, out.shape(), right);
                }
            }
        }
    }

    private void pass(Gradients gradients, Tensor input, boolean last) {
        if (gradients.wants(input)) {
            boolean sameSize = input.shape().size() == out.shape().size();
            if (!(last && sameSize && gradients.giveAway(out, input))) {
                Broadcasting.reduceInto(gradients, gradients.buffer(out), out.shape(), input);
            }
        }
    }

    /** Adds {@code f(dz, operand)} to the gradient of {@code input}. */
    private void combine(Gradients gradients, BinaryFunction with, Tensor operand, Tensor input) {
        if (!gradients.wants(input)) {
            return;
        }
        boolean direct = input.shape().equals(out.shape());
        Gradients.Target target = direct ? gradients.target(input) : null;
        Buffer result = target != null ? target.buffer() : temporary(gradients);
        gradients.scope().run(new Binary(
                with,
                gradients.buffer(out),
                out.layout(),
                operand.buffer(),
                Broadcasting.layout(operand, out.shape()),
                result,
                target != null && target.accumulate()));
        if (target == null) {
            Broadcasting.reduceInto(gradients, result, out.shape(), input);
        }
    }

    private Buffer temporary(Gradients gradients) {
        return gradients.scope().allocate("binary backward", out.shape()).buffer();
    }
}
