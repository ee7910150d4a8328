package dev.geomean.engine.io;

import dev.geomean.engine.memory.Buffer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Collects tensors and writes them as one safetensors file, as a whole or not at all.
 *
 * <p>The writer keeps references, not copies: values are read when {@link #write} runs, and values that come from a
 * supplier are asked for one tensor at a time. As in the reference implementation, tensors of wider types come first,
 * so that all data are aligned; otherwise the order is that of the calls. Used by one thread.
 */
public final class SafetensorsWriter {
    private static final int CHUNK = 1 << 16;

    private final Map<String, Pending> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>(Map.of("format", "pt"));

    /** A tensor and where its values come from: float32 to be converted, or bytes of the file. */
    private record Pending(TensorInfo info, boolean floats, Supplier<MemorySegment> values) {}

    /** Starts without tensors, with the metadata {@code format = pt} that other readers ask for. */
    public SafetensorsWriter() {}

    /**
     * Sets an entry of the free-form metadata.
     *
     * @param key its name
     * @param value its value
     * @return this
     */
    public SafetensorsWriter metadata(String key, String value) {
        metadata.put(key, value);
        return this;
    }

    /**
     * Adds a tensor of float32 values.
     *
     * @param name name of the tensor
     * @param type F32, BF16 or F16; narrower types round to nearest, ties to even, and overflow to infinity
     * @param shape size of each axis
     * @param values the elements in row-major order, as many as the shape says
     * @return this
     * @throws IllegalArgumentException if the name is taken, the type cannot be written from float32 or the lengths
     *     differ
     */
    public SafetensorsWriter add(String name, TensorType type, List<Long> shape, Buffer values) {
        return add(name, type, shape, values.segment());
    }

    /**
     * Adds a tensor of float32 values in the byte order of the machine.
     *
     * @param name name of the tensor
     * @param type F32, BF16 or F16; narrower types round to nearest, ties to even, and overflow to infinity
     * @param shape size of each axis
     * @param values the elements in row-major order, four bytes per element of the shape
     * @return this
     * @throws IllegalArgumentException if the name is taken, the type cannot be written from float32 or the sizes
     *     differ
     */
    public SafetensorsWriter add(String name, TensorType type, List<Long> shape, MemorySegment values) {
        TensorInfo info = floatInfo(name, type, shape);
        checkSize(info, Float.BYTES * info.elementCount(), values);
        return put(new Pending(info, true, () -> values));
    }

    /**
     * Adds a tensor whose float32 values are made when the file is written.
     *
     * @param name name of the tensor
     * @param type F32, BF16 or F16; narrower types round to nearest, ties to even, and overflow to infinity
     * @param shape size of each axis
     * @param values makes the elements in row-major order, four bytes per element of the shape; called once by each
     *     {@link #write}, which drops the segment before it asks for the next
     * @return this
     * @throws IllegalArgumentException if the name is taken or the type cannot be written from float32
     */
    public SafetensorsWriter add(String name, TensorType type, List<Long> shape, Supplier<MemorySegment> values) {
        return put(new Pending(floatInfo(name, type, shape), true, values));
    }

    /**
     * Adds a tensor of any type as the bytes that the file shall hold.
     *
     * @param name name of the tensor
     * @param type any type
     * @param shape size of each axis
     * @param bytes the elements in row-major order, little-endian
     * @return this
     * @throws IllegalArgumentException if the name is taken or the sizes differ
     */
    public SafetensorsWriter addBytes(String name, TensorType type, List<Long> shape, MemorySegment bytes) {
        var info = new TensorInfo(name, type, shape);
        checkSize(info, info.byteSize(), bytes);
        return put(new Pending(info, false, () -> bytes));
    }

    /**
     * Writes the file. It may be called again, for another file or with more tensors.
     *
     * @param file the file, replaced if it exists
     * @throws IOException if writing fails; the file is as it was before
     * @throws IllegalArgumentException if the header becomes longer than readers accept, or a supplier makes too few
     *     or too many values; the file is as it was before
     */
    public void write(Path file) throws IOException {
        List<Pending> ordered = tensors.values().stream()
                .sorted(Comparator.comparingInt((Pending tensor) -> tensor.info().type().bits()).reversed())
                .toList();
        byte[] header = header(ordered);
        AtomicFile.writeChannel(file, channel -> {
            ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
            chunk.putLong(header.length).flip();
            AtomicFile.writeFully(channel, chunk);
            AtomicFile.writeFully(channel, ByteBuffer.wrap(header));
            for (Pending tensor : ordered) {
                writeTensor(channel, chunk, tensor);
            }
        });
    }

    private static void writeTensor(FileChannel channel, ByteBuffer chunk, Pending tensor) throws IOException {
        TensorInfo info = tensor.info();
        MemorySegment values = tensor.values().get();
        checkSize(info, tensor.floats() ? Float.BYTES * info.elementCount() : info.byteSize(), values);
        boolean littleEndian = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
        MemorySegment out = MemorySegment.ofBuffer(chunk.clear());
        if (!tensor.floats() || (info.type() == TensorType.F32 && littleEndian)) {
            for (long from = 0; from < values.byteSize(); from += CHUNK) {
                int bytes = (int) Math.min(CHUNK, values.byteSize() - from);
                MemorySegment.copy(values, from, out, 0, bytes);
                AtomicFile.writeFully(channel, chunk.clear().limit(bytes));
            }
            return;
        }
        long count = info.elementCount();
        int step = CHUNK / Float.BYTES;
        var floats = new int[step];
        var halves = new short[step];
        for (long from = 0; from < count; from += step) {
            int length = (int) Math.min(step, count - from);
            MemorySegment.copy(values, ValueLayout.JAVA_INT_UNALIGNED, from * Float.BYTES, floats, 0, length);
            chunk.clear();
            if (info.type() == TensorType.F32) {
                chunk.asIntBuffer().put(floats, 0, length);
            } else {
                HalfPrecision.narrow(info.type(), floats, halves, length);
                chunk.asShortBuffer().put(halves, 0, length);
            }
            AtomicFile.writeFully(channel, chunk.limit(length * info.type().bits() / Byte.SIZE));
        }
    }

    private byte[] header(List<Pending> ordered) {
        var json = new StringBuilder("{");
        quote(json, SafetensorsHeader.METADATA).append(":{");
        String separator = "";
        for (Map.Entry<String, String> entry : metadata.entrySet()) {
            quote(json.append(separator), entry.getKey()).append(':');
            quote(json, entry.getValue());
            separator = ",";
        }
        json.append('}');
        long start = 0;
        for (Pending tensor : ordered) {
            TensorInfo info = tensor.info();
            long end = Math.addExact(start, info.byteSize());
            quote(json.append(','), info.name()).append(":{\"dtype\":\"").append(info.type()).append("\",\"shape\":[");
            separator = "";
            for (long size : info.shape()) {
                json.append(separator).append(size);
                separator = ",";
            }
            json.append("],\"data_offsets\":[").append(start).append(',').append(end).append("]}");
            start = end;
        }
        var bytes = new ByteArrayOutputStream();
        bytes.writeBytes(json.append('}').toString().getBytes(StandardCharsets.UTF_8));
        while (bytes.size() % Long.BYTES != 0) {
            bytes.write(' ');
        }
        if (bytes.size() > SafetensorsHeader.MAX_BYTES) {
            throw new IllegalArgumentException("safetensors header of " + bytes.size() + " bytes is longer than "
                    + SafetensorsHeader.MAX_BYTES);
        }
        return bytes.toByteArray();
    }

    private static StringBuilder quote(StringBuilder json, String text) {
        json.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append(String.format("\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        return json.append('"');
    }

    private static TensorInfo floatInfo(String name, TensorType type, List<Long> shape) {
        if (!type.isReadableAsFloat()) {
            throw new IllegalArgumentException(
                    "tensor " + Names.quote(name) + ": type " + type + " cannot be written from float32");
        }
        return new TensorInfo(name, type, shape);
    }

    private static void checkSize(TensorInfo info, long expected, MemorySegment values) {
        if (values.byteSize() != expected) {
            throw new IllegalArgumentException("tensor " + Names.quote(info.name()) + ": shape " + info.shape()
                    + " needs " + expected + " bytes of values, not " + values.byteSize());
        }
    }

    private SafetensorsWriter put(Pending tensor) {
        String name = tensor.info().name();
        if (name.equals(SafetensorsHeader.METADATA)) {
            throw new IllegalArgumentException("a tensor cannot be called " + SafetensorsHeader.METADATA);
        }
        if (tensors.putIfAbsent(name, tensor) != null) {
            throw new IllegalArgumentException("tensor " + Names.quote(name) + " is already there");
        }
        return this;
    }
}
