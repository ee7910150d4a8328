package dev.geomean.engine;

import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.memory.Buffer;
import org.jspecify.annotations.Nullable;

/**
 * Gradients of all parameters of a set, in one contiguous buffer laid out like the parameters. Backward passes add to
 * it; {@link #zero} starts over. Each shard of a step has its own.
 */
public final class ParameterGradients {
    private final Parameters parameters;
    private final Tensor values;

    ParameterGradients(Parameters parameters, Tensor values) {
        this.parameters = parameters;
        this.values = values;
    }

    /**
     * All gradients.
     *
     * @return a buffer as long as {@link Parameters#values()}
     */
    public Buffer buffer() {
        return values.buffer();
    }

    /**
     * Gradient of one parameter.
     *
     * @param name the parameter's name
     * @return a tensor of the parameter's shape
     * @throws IllegalArgumentException if there is no such parameter
     */
    public Tensor get(String name) {
        return parameters.view(values, name);
    }

    /**
     * Sets all gradients to zero, as part of a step.
     *
     * @param scope where the kernel runs
     */
    public void zero(Scope scope) {
        scope.run(new Fill(buffer(), 0));
    }

    @Nullable
    Buffer find(Tensor tensor) {
        return parameters.find(tensor, buffer());
    }
}
