package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Backend;
import dev.geomean.engine.device.DeviceActivity;
import dev.geomean.engine.device.Devices;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import org.junit.jupiter.api.Test;

/** What a device says that it has done. */
class DeviceActivityTest {
    private static final int SIZE = 48;

    private static DeviceActivity activityOfAFillAndAProduct(boolean isTimed) {
        var device = (TornadoDevice) Devices.find().get(DeviceUnderTest.NAME);
        var backend = new TornadoBackend(new Accelerator(
                device.name(), device.device(), device.memoryBytes(),
                new DeviceSettings(false, DeviceSettings.Products.OWN, isTimed)));
        try (var region = new Region.Persistent("test");
                Backend.Lane lane = backend.openLane()) {
            Buffer a = Buffer.of(region.allocate(DType.FLOAT32, SIZE * SIZE, "a"));
            Buffer out = Buffer.of(region.allocate(DType.FLOAT32, SIZE * SIZE, "out"));
            DeviceActivity before = backend.activity().orElseThrow();
            lane.run(new Fill(a, 1));
            lane.run(new MatMul(a, a, null, out, 1, SIZE, SIZE, SIZE, false, false, SIZE, SIZE, SIZE, 0, 0, 0, false));
            assertThat(out.getFloat(7)).isEqualTo(SIZE);
            DeviceActivity done = backend.activity().orElseThrow().since(before);
            assertThat(done.launches()).isEqualTo(2);
            assertThat(done.downloads()).isEqualTo(1);
            assertThat(done.enqueueNanos()).isPositive();
            assertThat(done.mostAllocatedBytes()).isGreaterThanOrEqualTo(2 * 4 * SIZE * SIZE);
            return done;
        }
    }

    @Test
    void aTimedDeviceTellsProductsFromOtherKernels() {
        DeviceActivity done = activityOfAFillAndAProduct(true);
        assertThat(done.productNanos()).isPositive().isLessThan(done.kernelNanos());
        assertThat(done.kernelNanos()).isLessThanOrEqualTo(done.enqueueNanos());
    }

    @Test
    void aDeviceThatIsNotTimedDoesNotWait() {
        DeviceActivity done = activityOfAFillAndAProduct(false);
        assertThat(done.kernelNanos()).isZero();
        assertThat(done.productNanos()).isZero();
    }
}
