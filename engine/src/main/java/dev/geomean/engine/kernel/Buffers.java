package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Lists of optional buffers, for the {@code reads} and {@code writes} of kernels. */
final class Buffers {
    private Buffers() {}

    static List<Buffer> of(@Nullable Buffer... buffers) {
        var present = new ArrayList<Buffer>(buffers.length);
        for (Buffer buffer : buffers) {
            if (buffer != null) {
                present.add(buffer);
            }
        }
        return List.copyOf(present);
    }
}
