package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.kernel.NormKernel;
import dev.geomean.engine.kernel.NormKernel.LayerNorm;
import dev.geomean.engine.kernel.NormKernel.LayerNormBackward;
import dev.geomean.engine.kernel.NormKernel.RmsNorm;
import dev.geomean.engine.kernel.NormKernel.RmsNormBackward;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.tornado.kernels.Norms;
import org.jspecify.annotations.Nullable;

/** Launches of {@link NormKernel}s. */
final class NormLowering {
    private NormLowering() {}

    static void lower(NormKernel kernel, Calls calls) {
        switch (kernel) {
            case LayerNorm k -> calls.call(Norms.class, "layerNorm")
                    .ints(k.cols(), at(k.in()), at(k.weight()), at(k.bias()), at(k.out()), at(k.statistics()),
                            flag(k.bias() != null))
                    .floats(k.epsilon())
                    .on(k.in(), k.weight())
                    .maybe(k.bias())
                    .on(k.out(), k.statistics())
                    .groups(k.rows(), Norms.GROUP);
            case LayerNormBackward k -> {
                gradIn(k.in(), k.weight(), k.statistics(), k.gradOut(), k.gradIn(), k.rows(), k.cols(),
                        k.accumulate(), true, calls);
                gradWeight(k.in(), k.statistics(), k.gradOut(), k.gradWeight(), k.gradBias(), k.rows(), k.cols(), true,
                        calls);
            }
            case RmsNorm k -> calls.call(Norms.class, "rmsNorm")
                    .ints(k.cols(), at(k.in()), at(k.weight()), at(k.out()), at(k.inverseRms()))
                    .floats(k.epsilon())
                    .on(k.in(), k.weight(), k.out(), k.inverseRms())
                    .groups(k.rows(), Norms.GROUP);
            case RmsNormBackward k -> {
                gradIn(k.in(), k.weight(), k.inverseRms(), k.gradOut(), k.gradIn(), k.rows(), k.cols(),
                        k.accumulate(), false, calls);
                gradWeight(k.in(), k.inverseRms(), k.gradOut(), k.gradWeight(), null, k.rows(), k.cols(), false,
                        calls);
            }
        }
    }

    private static void gradIn(Buffer in, Buffer weight, Buffer statistics, Buffer gradOut, @Nullable Buffer gradIn,
            int rows, int cols, boolean accumulate, boolean centred, Calls calls) {
        if (gradIn != null) {
            calls.call(Norms.class, "gradIn")
                    .ints(cols, at(in), at(weight), at(statistics), at(gradOut), at(gradIn), flag(accumulate),
                            flag(centred))
                    .on(in, weight, statistics, gradOut, gradIn)
                    .groups(rows, Norms.GROUP);
        }
    }

    private static void gradWeight(Buffer in, Buffer statistics, Buffer gradOut, @Nullable Buffer gradWeight,
            @Nullable Buffer gradBias, int rows, int cols, boolean centred, Calls calls) {
        if (gradWeight != null || gradBias != null) {
            calls.call(Norms.class, "gradWeight")
                    .ints(rows, cols, at(in), at(statistics), at(gradOut), at(gradWeight), at(gradBias),
                            flag(gradWeight != null), flag(gradBias != null), flag(centred))
                    .on(in, statistics, gradOut)
                    .maybe(gradWeight)
                    .maybe(gradBias)
                    .groups((cols + Norms.COLUMNS - 1) / Norms.COLUMNS, Norms.GROUP);
        }
    }
}
