package dev.geomean.engine.io;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The checked header of one safetensors file.
 *
 * @param tensors the tensors by name, in the order of their data
 * @param metadata the free-form metadata
 */
record SafetensorsHeader(Map<String, Placed> tensors, Map<String, String> metadata) {
    /** Bytes of the length in front of the header. */
    static final int PREFIX = Long.BYTES;

    /** Longest header accepted, as in the reference implementation. */
    static final int MAX_BYTES = 100_000_000;

    /** Name of the metadata among the tensors. */
    static final String METADATA = "__metadata__";

    private static final int MAX_DIMENSIONS = 32;

    /** A tensor and the byte, counted from the end of the header, where its data starts. */
    record Placed(TensorInfo info, long start) {
        long end() {
            return start + info.byteSize();
        }
    }

    /**
     * Parses and checks a header.
     *
     * @param file named in messages
     * @param json the header without its length
     * @param dataBytes bytes of the file behind the header
     * @throws FileFormatException if anything is not as the format asks
     */
    static SafetensorsHeader parse(Object file, byte[] json, long dataBytes) throws FileFormatException {
        var tensors = new ArrayList<Placed>();
        var metadata = new LinkedHashMap<String, String>();
        if (json.length == 0 || json[0] != '{') {
            throw new FileFormatException(file, "the header does not start with '{': not a safetensors file");
        }
        var reader = new JsonReader(file, json);
        reader.object(name -> {
            if (name.equals(METADATA)) {
                reader.object(key -> metadata.put(key, reader.string()));
            } else {
                tensors.add(tensor(file, reader, name, dataBytes));
            }
        });
        reader.end();

        tensors.sort(Comparator.comparingLong(Placed::start).thenComparingLong(Placed::end));
        var byName = new LinkedHashMap<String, Placed>();
        long end = 0;
        for (Placed tensor : tensors) {
            if (tensor.start() != end) {
                String problem = tensor.start() < end
                        ? "overlaps the tensor before it"
                        : "leaves a hole of " + (tensor.start() - end) + " bytes in front of it";
                throw tensorError(file, tensor.info().name(), problem);
            }
            end = tensor.end();
            byName.put(tensor.info().name(), tensor);
        }
        if (end != dataBytes) {
            throw new FileFormatException(file, (dataBytes - end) + " bytes after the last tensor belong to no tensor");
        }
        return new SafetensorsHeader(
                Collections.unmodifiableMap(byName), Collections.unmodifiableMap(metadata));
    }

    private static Placed tensor(Object file, JsonReader reader, String name, long dataBytes)
            throws FileFormatException {
        var fields = new Object() {
            @Nullable
            TensorType type;
            @Nullable
            List<Long> shape;
            @Nullable
            List<Long> offsets;
        };
        reader.object(key -> {
            switch (key) {
                case "dtype" -> {
                    String type = reader.string();
                    fields.type = TensorType.named(type);
                    if (fields.type == null) {
                        throw tensorError(file, name, "unknown dtype " + Names.quote(type));
                    }
                }
                case "shape" -> fields.shape = sizes(file, reader, name, MAX_DIMENSIONS);
                case "data_offsets" -> fields.offsets = sizes(file, reader, name, 2);
                default -> reader.skip();
            }
        });
        TensorType type = require(file, name, "dtype", fields.type);
        List<Long> shape = require(file, name, "shape", fields.shape);
        List<Long> offsets = require(file, name, "data_offsets", fields.offsets);
        if (offsets.size() != 2) {
            throw tensorError(file, name, "data_offsets needs two numbers, not " + offsets.size());
        }
        long start = offsets.get(0);
        long end = offsets.get(1);
        if (start > end || end > dataBytes) {
            throw tensorError(file, name,
                    "data_offsets " + offsets + " are not inside the " + dataBytes
                            + " bytes of data (truncated file?)");
        }
        TensorInfo info;
        try {
            info = new TensorInfo(name, type, shape);
        } catch (IllegalArgumentException e) {
            throw new FileFormatException(file, Objects.requireNonNullElse(e.getMessage(), "invalid shape"), e);
        }
        if (info.byteSize() != end - start) {
            throw tensorError(file, name, "shape " + shape + " of type " + type + " takes " + info.byteSize()
                    + " bytes, but data_offsets " + offsets + " hold " + (end - start));
        }
        return new Placed(info, start);
    }

    private static List<Long> sizes(Object file, JsonReader reader, String name, int atMost)
            throws FileFormatException {
        var sizes = new ArrayList<Long>();
        reader.array(() -> {
            if (sizes.size() == atMost) {
                throw tensorError(file, name, "more than " + atMost + " numbers in shape or data_offsets");
            }
            sizes.add(reader.size());
        });
        return sizes;
    }

    private static <T> T require(Object file, String name, String field, @Nullable T value)
            throws FileFormatException {
        if (value == null) {
            throw tensorError(file, name, "no " + field);
        }
        return value;
    }

    private static FileFormatException tensorError(Object file, String name, String problem) {
        return new FileFormatException(file, "tensor " + Names.quote(name) + ": " + problem);
    }
}
