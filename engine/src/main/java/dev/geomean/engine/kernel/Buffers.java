package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the records of this package have in common: lists of optional buffers, and cutting. */
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

    /** Where one of several about equal parts of a length begins. */
    static int cut(int length, int part, int parts) {
        return (int) ((long) length * part / parts);
    }

    /** A buffer without its first elements. */
    static Buffer from(Buffer buffer, long start) {
        return start == 0 ? buffer : buffer.slice(start, buffer.length() - start);
    }
}
