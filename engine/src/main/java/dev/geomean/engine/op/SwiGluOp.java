package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGlu;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGluBackward;
import java.util.List;

/**
 * Gated activation (Shazeer, arXiv:2002.05202) over a packed tensor: with {@code (gate, up)} the two halves of the last
 * axis, {@code y = silu(gate) · up}; {@code dgate = dy · up · silu'(gate)}, {@code dup = dy · silu(gate)}.
 *
 * @param packed {@code [..., 2 · width]}
 * @param out {@code [..., width]}
 */
public record SwiGluOp(Tensor packed, Tensor out) implements Operation {

    /**
     * Applies the activation.
     *
     * @param input {@code [..., 2 · width]}, float32
     * @return {@code [..., width]}
     * @throws IllegalArgumentException if the last axis is odd
     */
    public static Tensor apply(Tensor input) {
        Checks.floats("swiGlu", input);
        Checks.that(
                input.shape().rank() > 0 && input.shape().dim(-1) % 2 == 0,
                "swiGlu",
                "the last axis must be even",
                input.shape());
        Scope scope = Checks.common("swiGlu", input);
        Tensor packed = input.contiguous();
        int width = packed.shape().dim(-1) / 2;
        Tensor out = scope.allocate("swiglu", packed.shape().with(-1, width));
        if (out.shape().size() > 0) {
            scope.run(new SwiGlu(
                    packed.buffer(),
                    packed.buffer().slice(width, packed.buffer().length() - width),
                    out.buffer(),
                    out.shape().size() / width,
                    width,
                    2 * width));
        }
        scope.record(new SwiGluOp(packed, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(packed);
    }

    @Override
    public void backward(Gradients gradients) {
        int width = out.shape().dim(-1);
        var target = gradients.target(packed);
        if (out.shape().size() == 0) {
            return;
        }
        gradients.scope().run(new SwiGluBackward(
                packed.buffer(),
                packed.buffer().slice(width, packed.buffer().length() - width),
                gradients.buffer(out),
                target.buffer(),
                target.buffer().slice(width, target.buffer().length() - width),
                out.shape().size() / width,
                width,
                2 * width,
                2 * width,
                target.accumulate(),
                target.accumulate()));
    }
}
