package dev.geomean.engine.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Engine;
import dev.geomean.engine.reference.ReferenceBackend;
import java.util.List;
import org.junit.jupiter.api.Test;

class DevicesTest {

    private record Fake(String name, boolean isAccelerator) implements Device {
        @Override
        public String description() {
            return "a fake";
        }

        @Override
        public long memoryBytes() {
            return 1;
        }

        @Override
        public Backend open() {
            return new ReferenceBackend();
        }
    }

    private record Provider(List<Device> devices) implements DeviceProvider {
        @Override
        public List<String> kinds() {
            return List.of("fake");
        }

        @Override
        public String status() {
            return "fakes";
        }
    }

    private final Devices devices =
            Devices.of(List.of(new Provider(List.of(new Fake("fake:0", false), new Fake("fake:1", true)))));

    @Test
    void theCpuIsAlwaysThere() {
        assertThat(Devices.of(List.of()).all()).extracting(Device::name).containsExactly("cpu");
        assertThat(Devices.of(List.of()).get("auto").name()).isEqualTo("cpu");
        try (Engine engine = devices.engine("cpu", 2)) {
            assertThat(engine.workers().count()).isEqualTo(2);
            assertThat(engine.backend().isDevice()).isFalse();
        }
    }

    @Test
    void autoIsTheFirstAccelerator() {
        assertThat(devices.get("auto").name()).isEqualTo("fake:1");
    }

    @Test
    void aDeviceHasOneWorker() {
        try (Engine engine = devices.engine("fake:0", 8)) {
            assertThat(engine.workers().count()).isEqualTo(1);
            assertThat(engine.backend()).isInstanceOf(ReferenceBackend.class);
        }
    }

    @Test
    void anUnknownNameIsRefusedWithThoseThatAreKnown() {
        assertThatThrownBy(() -> devices.get("cuda:0"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no device 'cuda:0'; there are cpu, fake:0, fake:1");
        assertThatThrownBy(() -> Devices.of(List.of()).get("cuda:0"))
                .hasMessage("no device 'cuda:0'; there are cpu (geomean devices says what is missing)");
    }
}
