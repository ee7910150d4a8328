package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;

/**
 * Parameter updates. What changes from step to step lives in a <em>control</em> buffer, float32
 * {@code [CONTROL_SIZE]}, whose elements are named by the constants below.
 */
public sealed interface OptimizerKernel extends Kernel {
    /** Control element: learning rate, written by the host before each step. */
    int LEARNING_RATE = 0;
    /** Control element: 1 if the host wants this step to be applied, 0 to skip it. Written by the host. */
    int ENABLED = 1;
    /** Control element: global L2 norm of the gradient before clipping. Written by {@link PrepareUpdate}. */
    int GRAD_NORM = 2;
    /** Control element: factor that clips the gradient, at most 1. Written by {@link PrepareUpdate}. */
    int GRAD_SCALE = 3;
    /** Control element: number of updates applied so far, this one included. Written by {@link PrepareUpdate}. */
    int STEP = 4;
    /** Control element: 1 if the update is applied, 0 if it is skipped. Written by {@link PrepareUpdate}. */
    int APPLIED = 5;
    /** Number of elements of a control buffer. */
    int CONTROL_SIZE = 16;

    /**
     * Sums the gradients of several shards and measures them: {@code out = parts[0] + parts[1] + …} (in this order for
     * every element, starting from {@code parts[0]}), {@code sumOfSquares[0] = Σ out²}.
     *
     * @param parts one buffer or more, all of the length of {@code out}
     * @param out the sum; may be {@code parts[0]}
     * @param sumOfSquares {@code [1]}
     */
    record ReduceGradients(List<Buffer> parts, Buffer out, Buffer sumOfSquares) implements OptimizerKernel {
        /** Copies the list. */
        public ReduceGradients {
            parts = List.copyOf(parts);
        }

        @Override
        public List<Buffer> reads() {
            return parts;
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out, sumOfSquares);
        }
    }

    /**
     * Decides an update: {@code norm = √(Σ sumsOfSquares)}, {@code scale = min(1, maxNorm / (norm + 1e-6))} as PyTorch's
     * {@code clip_grad_norm_}. The update is applied iff it is enabled and the norm is finite and not 0; only then does
     * the step number rise.
     *
     * @param sumsOfSquares one element per {@link ReduceGradients}, added in order
     * @param control control buffer
     * @param maxNorm largest norm let through, or positive infinity for no clipping
     */
    record PrepareUpdate(Buffer sumsOfSquares, Buffer control, float maxNorm) implements OptimizerKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(sumsOfSquares, control);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(control);
        }
    }

    /**
     * AdamW with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101, algorithm 2, in PyTorch's form). With
     * {@code g = gradScale · gradient} and {@code lr = learningRate · learningRateScale}:
     * {@code p ← p·(1 - lr·weightDecay)}, {@code m ← β1·m + (1-β1)·g}, {@code v ← β2·v + (1-β2)·g²},
     * {@code p ← p - lr · (m/(1-β1^step)) / (√(v/(1-β2^step)) + epsilon)}. Does nothing if the update is not applied.
     *
     * @param parameters updated in place
     * @param gradients same length
     * @param firstMoment m, updated in place
     * @param secondMoment v, updated in place
     * @param control control buffer
     * @param beta1 decay of the first moment, in [0, 1)
     * @param beta2 decay of the second moment, in [0, 1)
     * @param epsilon added to the root
     * @param weightDecay decoupled decay, zero or more
     * @param learningRateScale factor of this parameter group
     */
    record AdamW(
            Buffer parameters,
            Buffer gradients,
            Buffer firstMoment,
            Buffer secondMoment,
            Buffer control,
            float beta1,
            float beta2,
            float epsilon,
            float weightDecay,
            float learningRateScale)
            implements
                OptimizerKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(parameters, gradients, firstMoment, secondMoment, control);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(parameters, firstMoment, secondMoment);
        }
    }

    /**
     * Stochastic gradient descent with momentum, as PyTorch's {@code SGD}: {@code g = gradScale · gradient +
     * weightDecay · p}, {@code u ← momentum · u + g}, {@code p ← p - lr · u}. (The first step starts from {@code u = 0}.)
     * Does nothing if the update is not applied.
     *
     * @param parameters updated in place
     * @param gradients same length
     * @param velocity u, updated in place
     * @param control control buffer
     * @param momentum decay of the velocity, in [0, 1)
     * @param weightDecay L2 penalty, zero or more
     * @param learningRateScale factor of this parameter group
     */
    record Sgd(
            Buffer parameters,
            Buffer gradients,
            Buffer velocity,
            Buffer control,
            float momentum,
            float weightDecay,
            float learningRateScale)
            implements
                OptimizerKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(parameters, gradients, velocity, control);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(parameters, velocity);
        }
    }
}
