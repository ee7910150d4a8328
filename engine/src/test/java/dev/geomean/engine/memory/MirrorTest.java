package dev.geomean.engine.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A copy on a device hears of everything that the host does with a storage. */
class MirrorTest {
    private final List<String> heard = new ArrayList<>();

    private final Mirror mirror = new Mirror() {
        @Override
        public void beforeHostReads() {
            heard.add("read");
        }

        @Override
        public void beforeHostWrites() {
            heard.add("write");
        }

        @Override
        public void release() {
            heard.add("release");
        }
    };

    @Test
    void readingAndWritingAreAnnounced() {
        try (var region = new Region.Persistent("test")) {
            Storage storage = region.allocate(DType.FLOAT32, 4, "t");
            Buffer buffer = Buffer.of(storage).slice(1, 2);
            buffer.setFloat(0, 1);
            assertThat(storage.mirror()).isNull();
            storage.attach(mirror);
            assertThat(storage.mirror()).isSameAs(mirror);
            buffer.getFloat(0);
            buffer.getInt(0);
            buffer.toFloats();
            buffer.toInts();
            assertThat(heard).containsExactly("read", "read", "read", "read");
            heard.clear();
            buffer.setFloat(0, 1);
            buffer.setInt(0, 1);
            buffer.set(new float[] {1});
            buffer.set(new int[] {1});
            buffer.segment();
            buffer.address();
            assertThat(heard).containsExactly("write", "write", "write", "write", "write", "write");
            heard.clear();
        }
        assertThat(heard).containsExactly("release");
    }

    @Test
    void aRecycledPoolReleasesTheCopies() {
        try (var region = new Region.Pooled("test")) {
            region.allocate(DType.FLOAT32, 4, "t").attach(mirror);
            region.reset();
            assertThat(heard).containsExactly("release");
        }
        assertThat(heard).containsExactly("release");
    }

    @Test
    void thereIsOneCopyAtMostAndNoneAfterTheEnd() {
        var region = new Region.Persistent("test");
        Storage storage = region.allocate(DType.FLOAT32, 4, "t");
        storage.attach(mirror);
        assertThatThrownBy(() -> storage.attach(mirror))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("t#0");
        Storage other = region.allocate(DType.FLOAT32, 4, "u");
        region.close();
        assertThatThrownBy(() -> other.attach(mirror)).isInstanceOf(IllegalStateException.class);
    }
}
