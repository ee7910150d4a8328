package dev.geomean.engine;

import java.util.List;

/**
 * A differentiable operation that has been applied: it remembers what its backward pass needs.
 *
 * <p>The operations of the engine are in {@code dev.geomean.engine.op}, one file each, forward and backward side by
 * side. Operations of one's own implement this interface: compute outputs with {@link Scope#run}, then hand the
 * operation and its outputs to {@link Scope#record}.
 */
public interface Operation {

    /**
     * Tensors the outputs depend on.
     *
     * @return the inputs
     */
    List<Tensor> inputs();

    /**
     * Propagates gradients from outputs to inputs: reads {@link Gradients#of} the outputs and writes
     * {@link Gradients#target} of every input for which {@link Gradients#wants} holds.
     *
     * @param gradients gradients known so far; at least one output has one
     */
    void backward(Gradients gradients);
}
