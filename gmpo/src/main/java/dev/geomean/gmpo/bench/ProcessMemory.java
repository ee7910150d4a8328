package dev.geomean.gmpo.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** Resident memory of this process, as Linux counts it; elsewhere unknown. */
public final class ProcessMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ProcessMemory() {}

    /**
     * The most memory that was ever resident.
     *
     * @return bytes, or nothing where the system does not say
     */
    public static OptionalLong peakBytes() {
        return read("VmHWM:");
    }

    /**
     * Memory that is resident now.
     *
     * @return bytes, or nothing where the system does not say
     */
    public static OptionalLong currentBytes() {
        return read("VmRSS:");
    }

    private static OptionalLong read(String field) {
        if (!Files.isReadable(STATUS)) {
            return OptionalLong.empty();
        }
        try {
            return parse(Files.readString(STATUS), field);
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    /**
     * Finds a field of a status file.
     *
     * @param status text of the file, sizes in kB
     * @param field name with colon
     * @return bytes, or nothing if the field is missing
     */
    static OptionalLong parse(String status, String field) {
        return status.lines()
                .filter(line -> line.startsWith(field))
                .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
                .findFirst();
    }
}
