package dev.geomean.engine.reference;

import dev.geomean.engine.Backend;
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

/**
 * Every kernel as a textbook would write it: scalar loops on checked memory, with sums in double precision and one
 * rounding to float32 at the end.
 *
 * <p>This is the meaning of the kernels, for readers and for the tests of the fast back ends. It knows nothing about
 * speed.
 */
public final class ReferenceBackend implements Backend {

    /** Creates the back end. */
    public ReferenceBackend() {}

    @Override
    public String name() {
        return "reference, scalar";
    }

    @Override
    public Lane openLane() {
        return new ReferenceLane();
    }

    private static final class ReferenceLane implements Lane {

        @Override
        public void run(Kernel kernel) {
            switch (kernel) {
                case MatMul k -> ReferenceMatMul.run(k);
                case ElementwiseKernel k -> ReferenceElementwise.run(k);
                case ReductionKernel k -> ReferenceReduction.run(k);
                case NormKernel k -> ReferenceNorm.run(k);
                case IndexKernel k -> ReferenceIndex.run(k);
                case AttentionKernel k -> ReferenceAttention.run(k);
                case LossKernel k -> ReferenceLoss.run(k);
                case OptimizerKernel k -> ReferenceOptimizer.run(k);
                case SamplingKernel k -> ReferenceSampling.run(k);
                case CustomKernel k -> k.runOnHost();
            }
        }

        @Override
        public void close() {
            // Holds no memory.
        }
    }
}
