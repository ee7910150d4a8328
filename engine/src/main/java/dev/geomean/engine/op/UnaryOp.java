package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Unary;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryFunction;
import java.util.List;
import java.util.Locale;

/**
 * A function of each element: {@code y = f(x)}, {@code dx = dy · f'(x)}.
 *
 * @param function f
 * @param in x
 * @param out y
 */
public record UnaryOp(UnaryFunction function, Tensor in, Tensor out) implements Operation {

    /**
     * Applies the function.
     *
     * @param function f
     * @param input x, float32
     * @return f(x), same shape
     */
    public static Tensor apply(UnaryFunction function, Tensor input) {
        String name = function.name().toLowerCase(Locale.ROOT);
        Checks.floats(name, input);
        Scope scope = Checks.common(name, input);
        Tensor in = input.contiguous();
        Tensor out = scope.allocate(name, in.shape());
        scope.run(new Unary(function, in.buffer(), out.buffer()));
        scope.record(new UnaryOp(function, in, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        var target = gradients.target(in);
        gradients.scope().run(new UnaryBackward(
                function, in.buffer(), out.buffer(), gradients.buffer(out), target.buffer(), target.accumulate()));
    }
}
