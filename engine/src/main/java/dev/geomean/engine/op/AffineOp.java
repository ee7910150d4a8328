package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import java.util.List;

/**
 * {@code y = scale · x + shift} with constant numbers, {@code dx = scale · dy}.
 *
 * @param in x
 * @param out y
 * @param scale factor
 */
public record AffineOp(Tensor in, Tensor out, float scale) implements Operation {

    /**
     * Applies the map.
     *
     * @param input x, float32
     * @param scale factor
     * @param shift summand
     * @return same shape
     */
    public static Tensor apply(Tensor input, float scale, float shift) {
        Checks.floats("affine", input);
        Scope scope = Checks.common("affine", input);
        Tensor in = input.contiguous();
        Tensor out = scope.allocate("affine", in.shape());
        scope.run(new Affine(in.buffer(), out.buffer(), scale, shift, false));
        scope.record(new AffineOp(in, out, scale), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        var target = gradients.target(in);
        gradients.scope()
                .run(new Affine(gradients.buffer(out), target.buffer(), scale, 0, target.accumulate()));
    }
}
