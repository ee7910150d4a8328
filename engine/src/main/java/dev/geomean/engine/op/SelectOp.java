package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Select;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.memory.Buffer;
import java.util.List;

/**
 * {@code z = condition ? x : y} with broadcasting; {@code dx = condition ? dz : 0}, {@code dy = condition ? 0 : dz}.
 *
 * @param condition int32
 * @param whenTrue x
 * @param whenFalse y
 * @param out z
 */
public record SelectOp(Tensor condition, Tensor whenTrue, Tensor whenFalse, Tensor out) implements Operation {

    /**
     * Applies the choice.
     *
     * @param condition int32, non-zero chooses {@code whenTrue}
     * @param whenTrue x
     * @param whenFalse y
     * @return the broadcast shape of all three
     * @throws IllegalArgumentException if the shapes do not broadcast
     */
    public static Tensor apply(Tensor condition, Tensor whenTrue, Tensor whenFalse) {
        Checks.ints("where", condition);
        Checks.floats("where", whenTrue);
        Checks.floats("where", whenFalse);
        Shape shape = whenTrue.shape()
                .broadcast("where", whenFalse.shape())
                .broadcast("where", condition.shape());
        Scope scope = Checks.common("where", whenTrue, whenFalse, condition);
        Tensor out = scope.allocate("where", shape);
        scope.run(new Select(
                condition.buffer(),
                Broadcasting.layout(condition, shape),
                whenTrue.buffer(),
                Broadcasting.layout(whenTrue, shape),
                whenFalse.buffer(),
                Broadcasting.layout(whenFalse, shape),
                out.buffer(),
                false));
        scope.record(new SelectOp(condition, whenTrue, whenFalse, out), out);
        return out;
    }

    /**
     * Replaces elements.
     *
     * @param mask int32, non-zero replaces
     * @param value the replacement
     * @param input float32
     * @return the broadcast shape
     * @throws IllegalArgumentException if the shapes do not broadcast
     */
    public static Tensor fill(Tensor mask, float value, Tensor input) {
        Checks.floats("masked_fill", input);
        Checks.ints("masked_fill", mask);
        input.shape().broadcast("masked_fill", mask.shape());
        return apply(mask, Checks.common("masked_fill", input, mask).scalar(value), input);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(whenTrue, whenFalse);
    }

    @Override
    public void backward(Gradients gradients) {
        send(gradients, whenTrue, true);
        send(gradients, whenFalse, false);
    }

    private void send(Gradients gradients, Tensor input, boolean chosen) {
        if (!gradients.wants(input)) {
            return;
        }
        Scope scope = gradients.scope();
        Shape shape = out.shape();
        Tensor zero = scope.scalar(0);
        Layout zeros = Broadcasting.layout(zero, shape);
        Buffer gradOut = gradients.buffer(out);
        Buffer masked = scope.allocate("where backward", shape).buffer();
        scope.run(new Select(
                condition.buffer(),
                Broadcasting.layout(condition, shape),
                chosen ? gradOut : zero.buffer(),
                chosen ? out.layout() : zeros,
                chosen ? zero.buffer() : gradOut,
                chosen ? zeros : out.layout(),
                masked,
                false));
        Broadcasting.reduceInto(gradients, masked, shape, input);
    }
}
