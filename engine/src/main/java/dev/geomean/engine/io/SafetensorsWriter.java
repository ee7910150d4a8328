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
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
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

    /** Makes the values of a tensor piece by piece. */
    @FunctionalInterface
    public interface Values {

        /**
         * Makes some values.
         *
         * @param from index of the first, in row-major order
         * @param to receives them from index 0 on
         * @param count how many
         */
        void read(long from, float[] to, int count);
    }

    /** A tensor and where its values come from. */
    private record Pending(TensorInfo info, Source source) {}

    /** Float32 to be converted, pieces of that, or bytes of the file. */
    private sealed interface Source {
        record Floats(Supplier<MemorySegment> values) implements Source {}

        record Pieces(Values values) implements Source {}

        record Bytes(MemorySegment values) implements Source {}
    }

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
        return put(new Pending(info, new Source.Floats(() -> values)));
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
        return put(new Pending(floatInfo(name, type, shape), new Source.Floats(values)));
    }

    /**
     * Adds a tensor whose float32 values are made piece by piece when the file is written.
     *
     * @param name name of the tensor
     * @param type F32, BF16 or F16; narrower types round to nearest, ties to even, and overflow to infinity
     * @param shape size of each axis
     * @param values makes the elements, in ascending order at each {@link #write}
     * @return this
     * @throws IllegalArgumentException if the name is taken or the type cannot be written from float32
     */
    public SafetensorsWriter add(String name, TensorType type, List<Long> shape, Values values) {
        return put(new Pending(floatInfo(name, type, shape), new Source.Pieces(values)));
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
        return put(new Pending(info, new Source.Bytes(bytes)));
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
        write(file, tensors.values());
    }

    /**
     * Writes the checkpoint of a model folder as {@link Safetensors#openFolder} reads it: one file
     * {@value Safetensors#FILE_NAME}, or if that would be too long several files
     * {@code model-00001-of-00002.safetensors}, in the order of the calls, and their index
     * {@value Safetensors#INDEX_NAME}. The index, or the only file, comes last.
     *
     * @param folder an existing folder without another checkpoint
     * @param maxBytes most bytes of data in a file, at least 1; a tensor that is longer has a file of its own
     * @throws IOException if writing fails; files that are whole stay
     * @throws IllegalArgumentException as {@link #write(Path)}, or if {@code maxBytes} is out of range
     */
    public void writeFolder(Path folder, long maxBytes) throws IOException {
        if (maxBytes < 1) {
            throw new IllegalArgumentException("maxBytes must be at least 1, not " + maxBytes);
        }
        var shards = new ArrayList<List<Pending>>();
        long room = 0;
        long total = 0;
        for (Pending tensor : tensors.values()) {
            long bytes = tensor.info().byteSize();
            if (shards.isEmpty() || bytes > room) {
                shards.add(new ArrayList<>());
                room = maxBytes;
            }
            shards.getLast().add(tensor);
            room -= bytes;
            total = Math.addExact(total, bytes);
        }
        if (shards.size() <= 1) {
            write(folder.resolve(Safetensors.FILE_NAME));
            return;
        }
        var index = new StringBuilder("{\n  \"metadata\": {\n    \"total_size\": ").append(total)
                .append("\n  },\n  \"weight_map\": {");
        String separator = "\n    ";
        for (int i = 0; i < shards.size(); i++) {
            String name = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
            write(folder.resolve(name), shards.get(i));
            for (Pending tensor : shards.get(i)) {
                quote(index.append(separator), tensor.info().name()).append(": ");
                quote(index, name);
                separator = ",\n    ";
            }
        }
        AtomicFile.write(
                folder.resolve(Safetensors.INDEX_NAME),
                index.append("\n  }\n}\n").toString().getBytes(StandardCharsets.UTF_8));
    }

    private void write(Path file, Collection<Pending> chosen) throws IOException {
        List<Pending> ordered = chosen.stream()
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
        switch (tensor.source()) {
            case Source.Bytes bytes -> writeBytes(channel, chunk, bytes.values());
            case Source.Floats floats -> {
                MemorySegment values = floats.values().get();
                checkSize(info, Float.BYTES * info.elementCount(), values);
                if (info.type() == TensorType.F32 && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) {
                    writeBytes(channel, chunk, values);
                } else {
                    writeFloats(channel, chunk, info, (from, to, count) -> MemorySegment.copy(
                            values, ValueLayout.JAVA_INT_UNALIGNED, from * Float.BYTES, to, 0, count));
                }
            }
            case Source.Pieces pieces -> {
                var piece = new float[CHUNK / Float.BYTES];
                writeFloats(channel, chunk, info, (from, to, count) -> {
                    pieces.values().read(from, piece, count);
                    for (int i = 0; i < count; i++) {
                        to[i] = Float.floatToRawIntBits(piece[i]);
                    }
                });
            }
        }
    }

    private static void writeBytes(FileChannel channel, ByteBuffer chunk, MemorySegment values) throws IOException {
        MemorySegment out = MemorySegment.ofBuffer(chunk.clear());
        for (long from = 0; from < values.byteSize(); from += CHUNK) {
            int bytes = (int) Math.min(CHUNK, values.byteSize() - from);
            MemorySegment.copy(values, from, out, 0, bytes);
            AtomicFile.writeFully(channel, chunk.clear().limit(bytes));
        }
    }

    /** Gives the bits of float32 values. */
    @FunctionalInterface
    private interface Bits {
        void read(long from, int[] to, int count);
    }

    private static void writeFloats(FileChannel channel, ByteBuffer chunk, TensorInfo info, Bits bits)
            throws IOException {
        long count = info.elementCount();
        int step = CHUNK / Float.BYTES;
        var floats = new int[step];
        var halves = new short[step];
        for (long from = 0; from < count; from += step) {
            int length = (int) Math.min(step, count - from);
            bits.read(from, floats, length);
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
