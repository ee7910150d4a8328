package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.device.DeviceActivity;
import dev.geomean.engine.device.DeviceException;
import dev.geomean.engine.kernel.CustomKernel;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Dropout;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.random.Philox;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What goes wrong silently elsewhere: miscompiled expressions, buffers written in part, wrong sides of a copy. */
class PitfallTest {
    private static final int COUNT = 1000;

    private final Region.Persistent region = new Region.Persistent("test");
    private final Backend.Lane lane = DeviceUnderTest.BACKEND.openLane();

    @AfterEach
    void close() {
        lane.close();
        region.close();
    }

    private Buffer floats(float... values) {
        Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, values.length, "floats"));
        buffer.set(values);
        return buffer;
    }

    private Buffer ints(int... values) {
        Buffer buffer = Buffer.of(region.allocate(DType.INT32, values.length, "ints"));
        buffer.set(values);
        return buffer;
    }

    /** Runs a method of {@link MiscompiledKernels} on a buffer. */
    private void run(String method, Buffer in, Buffer out) {
        var kernel = new Fill(out, 0);
        var call = new Calls(kernel);
        call.call(MiscompiledKernels.class, method)
                .ints((int) in.length(), 0, 0)
                .on(in, out)
                .threads(in.length());
        var lowering = new Lowering(DeviceUnderTest.NAME) {
            @Override
            List<Call> lower(Kernel ignored) {
                return call.list();
            }
        };
        var memory = new DeviceMemory(DeviceUnderTest.BACKEND.accelerator());
        memory.mirror(in.storage(), kernel);
        try (var program = new DeviceProgram(memory, lowering, List.of(kernel), Set.of())) {
            program.run(lane);
        }
    }

    @Test
    void aMaskedShiftIsAnUnsignedShift() {
        int[] values = new Random(1).ints(COUNT).toArray();
        values[0] = -1;
        values[1] = Integer.MIN_VALUE;
        Buffer out = ints(new int[COUNT]);
        run("maskedShift", ints(values), out);
        for (int i = 0; i < COUNT; i++) {
            assertThat(out.getInt(i)).isEqualTo(values[i] >>> 8);
        }
    }

    @Test
    void aLoopWithChosenBoundsBeginsWhereItShould() {
        Buffer out = ints(0, 0, 0, 0);
        run("chosenLoop", ints(-1, 1, -2, 2), out);
        assertThat(out.toInts()).containsExactly(25, 570, 25, 570);
    }

    @Test
    void halvesOfNegativeNumbersAreRoundedTowardsZero() {
        Buffer out = ints(9, 9, 9, 9, 9);
        run("halfOfMagnitude", ints(-7, -1, 0, 1, 7), out);
        assertThat(out.toInts()).containsExactly(-3, 0, 0, 0, 3);
    }

    @Test
    void kernelsRunOnTheNamedDeviceAndNotAsJava() {
        assertThat(System.getProperty("tornado.recover.bailout")).isEqualTo("False");
        assertThat(DeviceUnderTest.BACKEND.name()).startsWith(DeviceUnderTest.NAME + ", ");
        Buffer out = ints(new int[COUNT]);
        long before = DeviceUnderTest.BACKEND.activity().orElseThrow().launches();
        run("threadNumber", ints(new int[COUNT]), out);
        assertThat(DeviceUnderTest.BACKEND.activity().orElseThrow().launches() - before).isEqualTo(1);
        assertThat(out.toInts()).isEqualTo(IntStream.range(0, COUNT).toArray());
    }

    @Test
    void aCompiledKernelServesOtherSizesAndFactors() {
        for (int count : new int[] {3, 200, 70, 1}) {
            float[] values = new float[count];
            Arrays.fill(values, count);
            Buffer out = floats(new float[count]);
            lane.run(new Affine(floats(values), out, count, 0.5f * count, false));
            float[] expected = new float[count];
            Arrays.fill(expected, count * count + 0.5f * count);
            assertThat(out.toFloats()).isEqualTo(expected);
        }
    }

    @Test
    void aSumOverManyThreadsLosesNothing() {
        int count = 1 << 20;
        float[] ones = new float[count];
        Arrays.fill(ones, 1);
        Buffer sum = floats(Float.NaN);
        lane.run(new Reduce(ReduceFunction.SUM, floats(ones), sum, 1, count, 1, false));
        assertThat(sum.getFloat(0)).isEqualTo(count);
    }

    @Test
    void nothingAssumesThatThereIsNoNaN() {
        Buffer out = ints(7, 7, 7);
        run("seesNaN", floats(1, Float.NaN, Float.POSITIVE_INFINITY), out);
        assertThat(out.toInts()).containsExactly(0, 1, 0);
    }

    @Test
    void aKernelThatDoesNotCompileIsAnErrorThatNamesKernelAndDevice() {
        Buffer in = floats(1, 2);
        assertThatThrownBy(() -> run("fused", in, floats(0, 0)))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("fused")
                .hasMessageContaining(DeviceUnderTest.NAME)
                .hasMessageContaining("Fill");
    }

    @Test
    void randomNumbersAreTheStreamsOfTheHost() {
        int[] counter = {0x89abcdef, -5, Integer.MIN_VALUE, 0x7fffffff};
        float[] ones = new float[COUNT];
        Arrays.fill(ones, 1);
        Buffer out = floats(new float[COUNT]);
        lane.run(new Dropout(floats(ones), out, ints(counter), -7, 0.5f, false));
        for (int i = 0; i < COUNT; i++) {
            int word = Philox.word(i & 3, i / 4, counter[2], counter[3], -7, counter[0], counter[1]);
            assertThat(out.getFloat(i)).as("element %d", i).isEqualTo(Philox.uniform(word) >= 0.5f ? 2f : 0f);
        }
    }

    @Test
    void whatAKernelDoesNotWriteStaysAsItWas() {
        Buffer whole = floats(1, 2, 3, 4, 5, 6);
        lane.run(new Fill(whole.slice(2, 2), 9));
        assertThat(whole.toFloats()).containsExactly(1, 2, 9, 9, 5, 6);
    }

    @Test
    void inAndOutMayBeTheSame() {
        Buffer values = floats(1, 2, 3);
        lane.run(new Affine(values, values, 2, 1, false));
        assertThat(values.toFloats()).containsExactly(3, 5, 7);
    }

    @Test
    void eachSideSeesWhatTheOtherWrote() {
        Buffer values = floats(1, 2, 3);
        for (int round = 0; round < 3; round++) {
            lane.run(new Affine(values, values, 1, 1, false));
            values.setFloat(0, values.getFloat(0) * 10);
        }
        assertThat(values.toFloats()).containsExactly(1110 + 1000, 5, 6);
    }

    @Test
    void dataCrossesOverOnlyWhenTheOtherSideHasChangedIt() {
        try (Engine engine = DeviceUnderTest.engine(); Scope inputs = engine.persistent("inputs")) {
            Tensor in = inputs.zeros(COUNT);
            Tensor weights = inputs.full(2, COUNT);
            try (var program = engine.capture("step", step -> step.keep(step.use(in).mul(weights).sum()))) {
                in.fill(1);
                program.run();
                assertThat(program.outputs().item()).isEqualTo(2f * COUNT);
                DeviceActivity before = DeviceUnderTest.BACKEND.activity().orElseThrow();
                for (int run = 0; run < 5; run++) {
                    in.fill(run);
                    program.run();
                }
                DeviceActivity after = DeviceUnderTest.BACKEND.activity().orElseThrow();
                assertThat(after.uploads() - before.uploads()).isEqualTo(5);
                assertThat(after.downloads() - before.downloads()).isZero();
                assertThat(after.launches() - before.launches()).isEqualTo(10);
                assertThat(program.outputs().item()).isEqualTo(8f * COUNT);
            }
        }
    }

    @Test
    void memoryIsGivenBack() {
        long before = DeviceUnderTest.BACKEND.activity().orElseThrow().allocatedBytes();
        try (Engine engine = DeviceUnderTest.engine(); Scope scope = engine.scope()) {
            assertThat(scope.full(1, COUNT).add(scope.full(2, COUNT)).sum().item()).isEqualTo(3f * COUNT);
            assertThat(DeviceUnderTest.BACKEND.activity().orElseThrow().allocatedBytes()).isGreaterThan(before);
        }
        assertThat(DeviceUnderTest.BACKEND.activity().orElseThrow().allocatedBytes()).isEqualTo(before);
    }

    /** A kernel of somebody else's. */
    private record Unknown(Buffer buffer) implements CustomKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(buffer);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(buffer);
        }

        @Override
        public void runOnHost() {
            throw new AssertionError("ran on the host");
        }
    }

    @Test
    void aKernelWithoutAMethodIsAnErrorAndNeverRunsOnTheHost() {
        Buffer buffer = floats(1);
        assertThatThrownBy(() -> lane.run(new Unknown(buffer)))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("Unknown")
                .hasMessageContaining(DeviceUnderTest.NAME);
    }
}
