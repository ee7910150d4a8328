package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.OptimizerKernel;
import dev.geomean.engine.kernel.OptimizerKernel.AdamW;
import dev.geomean.engine.kernel.OptimizerKernel.PrepareUpdate;
import dev.geomean.engine.kernel.OptimizerKernel.ReduceGradients;
import dev.geomean.engine.kernel.OptimizerKernel.Sgd;
import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CpuOptimizerTest {
    private static final float INF = Float.POSITIVE_INFINITY;

    private final Kernels kernels = new Kernels(6);

    @AfterEach
    void close() {
        kernels.close();
    }

    private Buffer control(float rate, float enabled, float scale, float step, float applied) {
        float[] values = new float[OptimizerKernel.CONTROL_SIZE];
        values[OptimizerKernel.LEARNING_RATE] = rate;
        values[OptimizerKernel.ENABLED] = enabled;
        values[OptimizerKernel.GRAD_SCALE] = scale;
        values[OptimizerKernel.STEP] = step;
        values[OptimizerKernel.APPLIED] = applied;
        return kernels.floats(values);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 20})
    void addsPartsInOrderToTheLastBit(int count) {
        for (int length : new int[] {0, 1, 5, 16, 33, 2048, 2049, 5000}) {
            for (boolean inPlace : new boolean[] {false, true}) {
                List<Buffer> parts = new ArrayList<>();
                for (int part = 0; part < count; part++) {
                    parts.add(kernels.normal(length));
                }
                Buffer out = inPlace ? parts.getFirst() : kernels.poison(length);
                Buffer sumOfSquares = kernels.poison(1);
                kernels.agree(new ReduceGradients(parts, out, sumOfSquares), 1e-6, 0);
                float[] expected = inPlace ? null : parts.getFirst().toFloats();
                for (int part = 1; expected != null && part < count; part++) {
                    for (int i = 0; i < length; i++) {
                        expected[i] += parts.get(part).getFloat(i);
                    }
                }
                if (expected != null) {
                    assertThat(out.toFloats()).isEqualTo(expected);
                }
                kernels.clear();
            }
        }
    }

    @Test
    void clipsLikeTheReference() {
        float[][] cases = {{9, 16}, {0}, {1e-12f}, {Float.NaN, 1}, {INF}, {4, 0, 0}, {}};
        for (float[] sums : cases) {
            for (float maxNorm : new float[] {1, 100, INF}) {
                for (float enabled : new float[] {0, 1}) {
                    Kernel kernel = new PrepareUpdate(kernels.floats(sums), control(0.1f, enabled, 5, 3, 7), maxNorm);
                    kernels.agree(kernel, 1e-6, 0);
                    kernels.clear();
                }
            }
        }
    }

    @Test
    void updatesByAdamW() {
        for (int length : new int[] {0, 1, 3, 8, 15, 16, 17, 31, 33, 40}) {
            for (float step : new float[] {1, 2, 1000}) {
                kernels.agree(
                        new AdamW(
                                kernels.normal(length),
                                kernels.normal(length),
                                kernels.normal(length),
                                kernels.uniform(length, 0, 1),
                                control(0.01f, 1, 0.3f, step, 1),
                                0.9f,
                                0.999f,
                                1e-8f,
                                0.1f,
                                0.5f),
                        1e-6,
                        // At step 1 the moments above count a thousand times, so that the update is large.
                        2e-6);
                kernels.clear();
            }
        }
    }

    @Test
    void updatesBySgd() {
        for (int length : new int[] {0, 1, 3, 8, 15, 16, 17, 31, 33, 40}) {
            kernels.agree(
                    new Sgd(
                            kernels.normal(length),
                            kernels.normal(length),
                            kernels.normal(length),
                            control(0.1f, 1, 0.3f, 2, 1),
                            0.9f,
                            0.01f,
                            2),
                    5e-7,
                    5e-7);
            kernels.clear();
        }
    }

    @Test
    void anUpdateThatIsNotAppliedTouchesNothing() {
        Buffer nan = kernels.floats(Float.NaN, INF, 1);
        Buffer control = control(0.1f, 1, Float.NaN, 0, 0);
        Buffer parameters = kernels.floats(1, 2, 3);
        Buffer m = kernels.floats(4, 5, 6);
        Buffer v = kernels.floats(7, 8, 9);
        kernels.runCpu(new AdamW(parameters, nan, m, v, control, 0.9f, 0.99f, 1e-8f, 0.1f, 1));
        kernels.runCpu(new Sgd(parameters, nan, m, control, 0.9f, 0.1f, 1));
        assertThat(parameters.toFloats()).containsExactly(1, 2, 3);
        assertThat(m.toFloats()).containsExactly(4, 5, 6);
        assertThat(v.toFloats()).containsExactly(7, 8, 9);
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesBuffersOfDifferentLengths() {
        Buffer four = kernels.normal(4);
        Buffer five = kernels.normal(5);
        Buffer control = control(1, 1, 1, 1, 1);
        assertThatThrownBy(() -> kernels.runCpu(new AdamW(five, five, four, five, control, 0, 0, 0, 0, 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("firstMoment holds 4");
        assertThatThrownBy(() -> kernels.runCpu(new ReduceGradients(List.of(four, four), five, four)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("part holds 4");
        assertThatThrownBy(() -> kernels.runCpu(new ReduceGradients(List.of(), five, four)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
