package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.NormKernel;
import dev.geomean.engine.kernel.NormKernel.LayerNorm;
import dev.geomean.engine.kernel.NormKernel.LayerNormBackward;
import dev.geomean.engine.kernel.NormKernel.RmsNorm;
import dev.geomean.engine.kernel.NormKernel.RmsNormBackward;
import dev.geomean.engine.memory.Buffer;
import org.jspecify.annotations.Nullable;

/** {@link NormKernel}s. */
final class ReferenceNorm {
    private ReferenceNorm() {}

    static void run(NormKernel kernel) {
        switch (kernel) {
            case LayerNorm k -> layerNorm(k);
            case LayerNormBackward k -> layerNormBackward(k);
            case RmsNorm k -> rmsNorm(k);
            case RmsNormBackward k -> rmsNormBackward(k);
        }
    }

    private static void layerNorm(LayerNorm kernel) {
        Values in = Values.of(kernel.in());
        Values weight = Values.of(kernel.weight());
        Buffer biasBuffer = kernel.bias();
        Values bias = biasBuffer == null ? null : Values.of(biasBuffer);
        Values out = Values.of(kernel.out());
        Values statistics = Values.of(kernel.statistics());
        int cols = kernel.cols();
        for (long row = 0; row < kernel.rows(); row++) {
            long start = row * cols;
            double mean = 0;
            for (int c = 0; c < cols; c++) {
                mean += in.get(start + c) / cols;
            }
            double variance = 0;
            for (int c = 0; c < cols; c++) {
                double centered = in.get(start + c) - mean;
                variance += centered * centered / cols;
            }
            double inverseStd = 1 / Math.sqrt(variance + kernel.epsilon());
            for (int c = 0; c < cols; c++) {
                double normal = (in.get(start + c) - mean) * inverseStd;
                out.set(start + c, normal * weight.get(c) + (bias == null ? 0 : bias.get(c)));
            }
            statistics.set(2 * row, mean);
            statistics.set(2 * row + 1, inverseStd);
        }
    }

    /**
     * With {@code n} the normalised row and {@code g = gradOut · weight}:
     * {@code gradIn (+)= inverseStd · (g - mean(g) - n · mean(g · n))}, {@code gradWeight += Σ gradOut · n},
     * {@code gradBias += Σ gradOut}.
     */
    private static void layerNormBackward(LayerNormBackward kernel) {
        Values in = Values.of(kernel.in());
        Values weight = Values.of(kernel.weight());
        Values statistics = Values.of(kernel.statistics());
        Values gradOut = Values.of(kernel.gradOut());
        Buffer gradInBuffer = kernel.gradIn();
        Values gradIn = gradInBuffer == null ? null : Values.of(gradInBuffer);
        int cols = kernel.cols();
        double[] weightSums = new double[cols];
        double[] biasSums = new double[cols];
        for (long row = 0; row < kernel.rows(); row++) {
            long start = row * cols;
            double mean = statistics.get(2 * row);
            double inverseStd = statistics.get(2 * row + 1);
            double meanG = 0;
            double meanGn = 0;
            for (int c = 0; c < cols; c++) {
                double normal = (in.get(start + c) - mean) * inverseStd;
                double g = gradOut.get(start + c) * weight.get(c);
                meanG += g / cols;
                meanGn += g * normal / cols;
                weightSums[c] += gradOut.get(start + c) * normal;
                biasSums[c] += gradOut.get(start + c);
            }
            if (gradIn != null) {
                for (int c = 0; c < cols; c++) {
                    double normal = (in.get(start + c) - mean) * inverseStd;
                    double g = gradOut.get(start + c) * weight.get(c);
                    double gradient = inverseStd * (g - meanG - normal * meanGn);
                    gradIn.put(start + c, gradient, kernel.accumulate());
                }
            }
        }
        addTo(kernel.gradWeight(), weightSums);
        addTo(kernel.gradBias(), biasSums);
    }

    private static void rmsNorm(RmsNorm kernel) {
        Values in = Values.of(kernel.in());
        Values weight = Values.of(kernel.weight());
        Values out = Values.of(kernel.out());
        Values inverseRms = Values.of(kernel.inverseRms());
        int cols = kernel.cols();
        for (long row = 0; row < kernel.rows(); row++) {
            long start = row * cols;
            double meanSquare = 0;
            for (int c = 0; c < cols; c++) {
                meanSquare += in.get(start + c) * in.get(start + c) / cols;
            }
            double inverse = 1 / Math.sqrt(meanSquare + kernel.epsilon());
            for (int c = 0; c < cols; c++) {
                out.set(start + c, in.get(start + c) * inverse * weight.get(c));
            }
            inverseRms.set(row, inverse);
        }
    }

    /**
     * With {@code n = in · inverseRms} and {@code g = gradOut · weight}:
     * {@code gradIn (+)= inverseRms · (g - n · mean(g · n))}, {@code gradWeight += Σ gradOut · n}.
     */
    private static void rmsNormBackward(RmsNormBackward kernel) {
        Values in = Values.of(kernel.in());
        Values weight = Values.of(kernel.weight());
        Values inverseRms = Values.of(kernel.inverseRms());
        Values gradOut = Values.of(kernel.gradOut());
        Buffer gradInBuffer = kernel.gradIn();
        Values gradIn = gradInBuffer == null ? null : Values.of(gradInBuffer);
        int cols = kernel.cols();
        double[] weightSums = new double[cols];
        for (long row = 0; row < kernel.rows(); row++) {
            long start = row * cols;
            double inverse = inverseRms.get(row);
            double meanGn = 0;
            for (int c = 0; c < cols; c++) {
                double normal = in.get(start + c) * inverse;
                meanGn += gradOut.get(start + c) * weight.get(c) * normal / cols;
                weightSums[c] += gradOut.get(start + c) * normal;
            }
            if (gradIn != null) {
                for (int c = 0; c < cols; c++) {
                    double normal = in.get(start + c) * inverse;
                    double gradient = inverse * (gradOut.get(start + c) * weight.get(c) - normal * meanGn);
                    gradIn.put(start + c, gradient, kernel.accumulate());
                }
            }
        }
        addTo(kernel.gradWeight(), weightSums);
    }

    private static void addTo(@Nullable Buffer gradient, double[] sums) {
        if (gradient != null) {
            Values values = Values.of(gradient);
            for (int c = 0; c < sums.length; c++) {
                values.add(c, sums[c]);
            }
        }
    }
}
