package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Dropout;
import java.util.List;

/**
 * Dropout (Srivastava et al., 2014) in its inverted form: {@code y = keep ? x / (1 - probability) : 0}; the gradient
 * passes through the same map, whose random numbers are drawn again from the counter.
 *
 * @param in x
 * @param counter int32 {@code [4]}
 * @param out y
 * @param stream tells apart the dropouts of one step
 * @param probability chance to drop
 */
public record DropoutOp(Tensor in, Tensor counter, Tensor out, int stream, float probability) implements Operation {

    /**
     * Applies dropout.
     *
     * @param input x, float32
     * @param probability chance to drop, in [0, 1)
     * @param counter int32 {@code [4]}: seed (low, high) and counter (low, high)
     * @param stream tells apart the dropouts of one step
     * @return same shape
     * @throws IllegalArgumentException if the probability or the counter is out of range
     */
    public static Tensor apply(Tensor input, float probability, Tensor counter, int stream) {
        Checks.floats("dropout", input);
        Checks.ints("dropout", counter);
        Checks.that(
                probability >= 0 && probability < 1, "dropout", "probability must be in [0, 1)", probability);
        Checks.that(counter.shape().equals(Shape.of(4)), "dropout", "counter must be [4]", counter.shape());
        Scope scope = Checks.common("dropout", input, counter);
        Tensor in = Checks.contiguousIn(scope, input);
        Tensor key = Checks.contiguousIn(scope, counter);
        Tensor out = scope.allocate("dropout", in.shape());
        scope.run(new Dropout(in.buffer(), out.buffer(), key.buffer(), stream, probability, false));
        scope.record(new DropoutOp(in, key, out, stream, probability), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        var target = gradients.target(in);
        gradients.scope().run(new Dropout(
                gradients.buffer(out), target.buffer(), counter.buffer(), stream, probability, target.accumulate()));
    }
}
