package dev.geomean.engine.cpu;

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

/** Kernels on the CPU with the Vector API, on native memory. One lane runs on one thread. */
public final class CpuBackend implements Backend {

    /** Creates the back end. Vectors are as wide as the machine prefers. */
    public CpuBackend() {
        FirstCalls.make();
    }

    @Override
    public String name() {
        return "cpu, " + Native.LANES * Float.SIZE + "-bit vectors";
    }

    @Override
    public int panelColumns() {
        return Tiles.WIDTH;
    }

    @Override
    public Lane openLane() {
        return new CpuLane();
    }

    private static final class CpuLane implements Lane {
        private final CpuMatMul matMul = new CpuMatMul();
        private final CpuElementwise elementwise = new CpuElementwise();
        private final CpuReduction reduction = new CpuReduction();
        private final CpuNorm norm = new CpuNorm();
        private final CpuIndex index = new CpuIndex();
        private final CpuAttention attention = new CpuAttention(matMul);
        private final CpuLoss loss = new CpuLoss();
        private final CpuOptimizer optimizer = new CpuOptimizer();
        private final CpuSampling sampling = new CpuSampling();

        @Override
        public void run(Kernel kernel) {
            switch (kernel) {
                case MatMul k -> matMul.run(k);
                case ElementwiseKernel k -> elementwise.run(k);
                case ReductionKernel k -> reduction.run(k);
                case NormKernel k -> norm.run(k);
                case IndexKernel k -> index.run(k);
                case AttentionKernel k -> attention.run(k);
                case LossKernel k -> loss.run(k);
                case OptimizerKernel k -> optimizer.run(k);
                case SamplingKernel k -> sampling.run(k);
                case CustomKernel k -> k.runOnHost();
            }
        }

        @Override
        public void close() {
            matMul.close(); // other scratch memory is on the Java heap and goes with the lane
        }
    }
}
