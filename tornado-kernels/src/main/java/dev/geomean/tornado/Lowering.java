package dev.geomean.tornado;

import dev.geomean.engine.device.DeviceException;
import dev.geomean.engine.kernel.AttentionKernel;
import dev.geomean.engine.kernel.CustomKernel;
import dev.geomean.engine.kernel.ElementwiseKernel;
import dev.geomean.engine.kernel.IndexKernel;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.LossKernel;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.kernel.NormKernel;
import dev.geomean.engine.kernel.OptimizerKernel;
import dev.geomean.engine.kernel.ReductionKernel;
import dev.geomean.engine.kernel.SamplingKernel;
import dev.geomean.gmpo.objective.PolicyLoss;
import dev.geomean.gmpo.objective.PolicyLossBackward;
import java.util.List;

/** Turns kernels into launches. */
class Lowering {
    private final String device;

    /**
     * For one device.
     *
     * @param device its name, for messages
     */
    Lowering(String device) {
        this.device = device;
    }

    /**
     * The launches of a kernel, in order.
     *
     * @throws DeviceException if there is no method for the kernel
     */
    List<Call> lower(Kernel kernel) {
        var calls = new Calls(kernel);
        switch (kernel) {
            case MatMul k -> MatMulLowering.lower(k, calls);
            case ElementwiseKernel k -> ElementwiseLowering.lower(k, calls);
            case ReductionKernel k -> ReductionLowering.lower(k, calls);
            case NormKernel k -> NormLowering.lower(k, calls);
            case IndexKernel k -> IndexLowering.lower(k, calls);
            case AttentionKernel k -> AttentionLowering.lower(k, calls, device);
            case LossKernel k -> LossLowering.lower(k, calls);
            case OptimizerKernel k -> OptimizerLowering.lower(k, calls);
            case SamplingKernel k -> SamplingLowering.lower(k, calls);
            case CustomKernel k -> custom(k, calls);
        }
        return calls.list();
    }

    /** The launches that leave a product's result as a library wants it before it adds the product: with the bias in it. */
    List<Call> bias(MatMul kernel) {
        var calls = new Calls(kernel);
        MatMulLowering.bias(kernel, calls);
        return calls.list();
    }

    private void custom(CustomKernel kernel, Calls calls) {
        switch (kernel) {
            case PolicyLoss k -> PolicyLowering.lower(k, calls, device);
            case PolicyLossBackward k -> PolicyLowering.lower(k, calls);
            default -> throw new DeviceException(
                    "no kernel for " + device + " does what " + kernel.getClass().getName() + " does: " + kernel, null);
        }
    }
}
