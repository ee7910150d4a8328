package dev.geomean.engine.io;

import dev.geomean.engine.memory.Buffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * Tensors of one safetensors file, or of a checkpoint that is cut into several, mapped into memory.
 *
 * <p>Opening reads and checks the headers only; data are read from the disk when they are asked for. Any number of
 * threads may read at once. The files must not be shortened while they are open: the JVM reports a read of a lost page
 * as an {@link InternalError}. Replacing a file by renaming another over it, as {@link AtomicFile} does, is safe.
 */
public final class Safetensors implements AutoCloseable {
    /** Name of a checkpoint in one file. */
    public static final String FILE_NAME = "model.safetensors";

    /** Name of the index of a checkpoint in several files. */
    public static final String INDEX_NAME = "model.safetensors.index.json";

    private static final ValueLayout.OfLong LENGTH =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int CHUNK = 1 << 14;

    /** The smallest page of any machine; larger ones are multiples. */
    private static final int PAGE = 1 << 12;
    private static final int LONGEST_FILE_NAME = 255;

    private final Path source;
    private final Arena arena = Arena.ofShared();
    private final Map<String, Mapped> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    /** A tensor, its bytes in the mapped file, and how many bytes behind them can be read without harm. */
    private record Mapped(TensorInfo info, MemorySegment data, long behind) {}

    private Safetensors(Path source) {
        this.source = source;
    }

    /**
     * Opens one file.
     *
     * @param file a safetensors file
     * @return its tensors
     * @throws FileFormatException if the file is not a valid safetensors file
     * @throws IOException if the file cannot be read
     */
    public static Safetensors open(Path file) throws IOException {
        return open(file, tensors -> {
            SafetensorsHeader header = tensors.map(file, tensors.tensors);
            tensors.metadata.putAll(header.metadata());
        });
    }

    /**
     * Opens the checkpoint in a folder: {@value #FILE_NAME}, or the files that {@value #INDEX_NAME} names.
     *
     * @param folder a folder with one of the two
     * @return the tensors of the checkpoint; in several files, those that the index lists
     * @throws FileFormatException if a file is malformed, or the index does not match the files
     * @throws IOException if a file cannot be read
     */
    public static Safetensors openFolder(Path folder) throws IOException {
        Path file = folder.resolve(FILE_NAME);
        Path index = folder.resolve(INDEX_NAME);
        if (Files.exists(file)) {
            return open(file);
        }
        if (!Files.exists(index)) {
            throw new FileFormatException(folder, "holds neither " + FILE_NAME + " nor " + INDEX_NAME);
        }
        Map<String, String> fileOf = readIndex(index);
        return open(index, tensors -> tensors.mapShards(index, fileOf));
    }

    /**
     * The tensors, in the order of their data in the file, or in the order of the index.
     *
     * @return an immutable list
     */
    public List<TensorInfo> tensors() {
        return tensors.values().stream().map(Mapped::info).toList();
    }

    /**
     * Whether there is a tensor of this name.
     *
     * @param name name of a tensor
     * @return true if it can be read
     */
    public boolean contains(String name) {
        return tensors.containsKey(name);
    }

    /**
     * Describes a tensor.
     *
     * @param name name of the tensor
     * @return its type and shape
     * @throws IllegalArgumentException if there is no such tensor
     */
    public TensorInfo info(String name) {
        return find(name).info();
    }

    /**
     * Free-form metadata. Where there are several files, those of the first file that has an entry.
     *
     * @return an unmodifiable map
     */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    /**
     * The bytes of a tensor as they are in the file, little-endian, perhaps not aligned.
     *
     * @param name name of the tensor
     * @return a read-only segment, valid until {@link #close()}
     * @throws IllegalArgumentException if there is no such tensor
     * @throws IllegalStateException if the file is closed
     */
    public MemorySegment bytes(String name) {
        checkOpen();
        return find(name).data();
    }

    /**
     * Reads a tensor as float32.
     *
     * @param name name of a tensor of type F32, BF16 or F16
     * @param destination receives the elements in row-major order; exactly as long as the tensor
     * @throws IllegalArgumentException if there is no such tensor, its type cannot be read as float32, or the lengths
     *     differ
     * @throws IllegalStateException if the file is closed
     */
    public void readFloats(String name, Buffer destination) {
        readFloats(name, destination.segment());
    }

    /**
     * Reads a tensor as float32 in the byte order of the machine.
     *
     * @param name name of a tensor of type F32, BF16 or F16
     * @param destination receives the elements in row-major order; exactly four bytes per element
     * @throws IllegalArgumentException if there is no such tensor, its type cannot be read as float32, the sizes
     *     differ or the destination is read-only
     * @throws IllegalStateException if the file is closed
     */
    public void readFloats(String name, MemorySegment destination) {
        checkOpen();
        Mapped tensor = find(name);
        long count = tensor.info().elementCount();
        TensorType type = tensor.info().type();
        checkReadable(tensor.info());
        if (destination.byteSize() % Float.BYTES != 0 || destination.byteSize() / Float.BYTES != count) {
            throw new IllegalArgumentException(source + ": tensor " + Names.quote(name) + " has " + count
                    + " elements, but the destination has room for " + (double) destination.byteSize() / Float.BYTES);
        }
        if (type == TensorType.F32) {
            // Layouts of different order make the copy swap bytes where it must.
            MemorySegment.copy(tensor.data(), INT, 0, destination, ValueLayout.JAVA_INT_UNALIGNED, 0, count);
            return;
        }
        int chunk = (int) Math.min(CHUNK, count);
        var halves = new short[chunk];
        var floats = new int[chunk];
        for (long from = 0; from < count; from += chunk) {
            int length = (int) Math.min(chunk, count - from);
            MemorySegment.copy(tensor.data(), SHORT, from * Short.BYTES, halves, 0, length);
            HalfPrecision.widen(type, halves, floats, length);
            MemorySegment.copy(
                    floats, 0, destination, ValueLayout.JAVA_INT_UNALIGNED, from * Float.BYTES, length);
        }
    }

    /**
     * Reads a tensor as float32.
     *
     * @param name name of a tensor of type F32, BF16 or F16 with fewer than 2³¹ elements
     * @return its elements in row-major order
     * @throws IllegalArgumentException if there is no such tensor, its type cannot be read as float32, or it is too
     *     large
     * @throws IllegalStateException if the file is closed
     */
    public float[] readFloats(String name) {
        TensorInfo info = info(name);
        if (info.elementCount() > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(source + ": tensor " + Names.quote(name) + " has " + info.elementCount()
                    + " elements, too many for an array");
        }
        checkReadable(info);
        var values = new float[(int) info.elementCount()];
        readFloats(name, MemorySegment.ofArray(values));
        return values;
    }

    /**
     * Checks that a tensor holds finite numbers only.
     *
     * @param name name of a tensor of type F32, BF16 or F16
     * @throws FileFormatException if an element is infinite or NaN; the message names the tensor and the first such
     *     element
     * @throws IllegalArgumentException if there is no such tensor or its type cannot be read as float32
     * @throws IllegalStateException if the file is closed
     */
    public void checkFinite(String name) throws FileFormatException {
        checkOpen();
        Mapped tensor = find(name);
        checkReadable(tensor.info());
        TensorType type = tensor.info().type();
        MemorySegment data = tensor.data();
        long count = tensor.info().elementCount();
        for (long i = firstSuspect(type, data); i < count; i++) {
            // An exponent of all ones: infinite, or NaN if there is a mantissa.
            boolean finite =
                    switch (type) {
                        case F32 -> (data.get(INT, i * Integer.BYTES) & 0x7f800000) != 0x7f800000;
                        case BF16 -> (data.get(SHORT, i * Short.BYTES) & 0x7f80) != 0x7f80;
                        default -> (data.get(SHORT, i * Short.BYTES) & 0x7c00) != 0x7c00;
                    };
            if (!finite) {
                throw new FileFormatException(source, "tensor " + Names.quote(name) + " of shape "
                        + tensor.info().shape() + " holds a number that is not finite, at element " + i);
            }
        }
    }

    /**
     * The first element of the first stretch that holds a number that is not finite, or of the last stretch. All numbers of a long
     * are looked at together: adding one to an exponent of all ones, and to no other, reaches the bit of the sign.
     */
    private static long firstSuspect(TensorType type, MemorySegment data) {
        int elements = type == TensorType.F32 ? 2 : 4;
        long exponents =
                switch (type) {
                    case F32 -> 0x7f800000_7f800000L;
                    case BF16 -> 0x7f807f80_7f807f80L;
                    default -> 0x7c007c00_7c007c00L;
                };
        // The lowest bit of each exponent.
        long ones = exponents & ~(exponents << 1);
        long signs = type == TensorType.F32 ? 0x80000000_80000000L : 0x80008000_80008000L;
        long longs = data.byteSize() / Long.BYTES;
        for (long from = 0; from < longs; from += CHUNK) {
            long to = Math.min(longs, from + CHUNK);
            long seen = 0;
            for (long i = from; i < to; i++) {
                seen |= (data.get(LENGTH, i * Long.BYTES) & exponents) + ones;
            }
            if ((seen & signs) != 0) {
                return from * elements;
            }
        }
        return longs * elements;
    }

    /**
     * How many bytes behind a tensor's own belong to the mapped pages: whoever reads a whole vector at its end needs some.
     *
     * @param name name of the tensor
     * @return bytes, zero or more
     * @throws IllegalArgumentException if there is no such tensor
     */
    public long readableBehind(String name) {
        return find(name).behind();
    }

    /**
     * The file, or the index of the files.
     *
     * @return the path given when opening
     */
    public Path source() {
        return source;
    }

    /** Unmaps the files; closing twice does nothing. No other thread may be reading. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    @Override
    public String toString() {
        return source + " (" + tensors.size() + " tensors)";
    }

    /** Fills a new reader. */
    @FunctionalInterface
    private interface Filler {
        void fill(Safetensors tensors) throws IOException;
    }

    private static Safetensors open(Path source, Filler filler) throws IOException {
        var tensors = new Safetensors(source);
        boolean complete = false;
        try {
            filler.fill(tensors);
            complete = true;
            return tensors;
        } finally {
            if (!complete) {
                tensors.close();
            }
        }
    }

    private SafetensorsHeader map(Path file, Map<String, Mapped> into) throws IOException {
        SmallFile.requireRegular(file);
        MemorySegment mapped;
        try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
            mapped = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
        }
        long size = mapped.byteSize();
        if (size < SafetensorsHeader.PREFIX) {
            throw new FileFormatException(file, "only " + size + " bytes: not a safetensors file");
        }
        long headerBytes = mapped.get(LENGTH, 0);
        if (headerBytes < 0 || headerBytes > SafetensorsHeader.MAX_BYTES) {
            throw new FileFormatException(file, "header of " + Long.toUnsignedString(headerBytes)
                    + " bytes is longer than " + SafetensorsHeader.MAX_BYTES + ": not a safetensors file");
        }
        if (headerBytes > size - SafetensorsHeader.PREFIX) {
            throw new FileFormatException(
                    file, "header of " + headerBytes + " bytes does not fit in a file of " + size + " bytes");
        }
        byte[] json = mapped.asSlice(SafetensorsHeader.PREFIX, headerBytes).toArray(ValueLayout.JAVA_BYTE);
        MemorySegment data = mapped.asSlice(SafetensorsHeader.PREFIX + headerBytes);
        SafetensorsHeader header = SafetensorsHeader.parse(file, json, data.byteSize());
        // The system maps whole pages, so what follows the end of a file reads as zeros up to the end of its page.
        long readable = (size + PAGE - 1) / PAGE * PAGE - SafetensorsHeader.PREFIX - headerBytes;
        header.tensors().forEach((name, tensor) -> into.put(
                name,
                new Mapped(
                        tensor.info(), data.asSlice(tensor.start(), tensor.info().byteSize()),
                        readable - tensor.end())));
        return header;
    }

    private void mapShards(Path index, Map<String, String> fileOf) throws IOException {
        var shards = new LinkedHashMap<String, Map<String, Mapped>>();
        for (String file : new LinkedHashSet<>(fileOf.values())) {
            var shard = new LinkedHashMap<String, Mapped>();
            SafetensorsHeader header = map(index.resolveSibling(file), shard);
            header.metadata().forEach(metadata::putIfAbsent);
            shards.put(file, shard);
        }
        for (Map.Entry<String, String> entry : fileOf.entrySet()) {
            Mapped tensor = shards.getOrDefault(entry.getValue(), Map.of()).get(entry.getKey());
            if (tensor == null) {
                throw new FileFormatException(index, "tensor " + Names.quote(entry.getKey()) + " is not in "
                        + Names.quote(entry.getValue()) + ", where the index has it");
            }
            tensors.put(entry.getKey(), tensor);
        }
    }

    private static Map<String, String> readIndex(Path index) throws IOException {
        var reader = new JsonReader(index, SmallFile.read(index, SafetensorsHeader.MAX_BYTES));
        var fileOf = new LinkedHashMap<String, String>();
        var found = new ArrayList<String>();
        reader.object(key -> {
            if (!key.equals("weight_map")) {
                reader.skip();
                return;
            }
            found.add(key);
            reader.object(name -> fileOf.put(name, checkShardName(index, reader.string())));
        });
        reader.end();
        if (found.isEmpty()) {
            throw new FileFormatException(index, "no weight_map");
        }
        return fileOf;
    }

    /** A shard lies beside its index: an index that comes from elsewhere must not name other files of this machine. */
    private static String checkShardName(Path index, String name) throws FileFormatException {
        boolean plain = !name.isEmpty()
                && name.length() <= LONGEST_FILE_NAME
                && !name.equals(".")
                && !name.equals("..")
                && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || Character.isISOControl(c));
        if (!plain) {
            throw new FileFormatException(index, Names.quote(name) + " is not a plain file name");
        }
        return name;
    }

    private Mapped find(String name) {
        Mapped tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException(source + ": no tensor " + Names.quote(name));
        }
        return tensor;
    }

    private void checkReadable(TensorInfo info) {
        if (!info.type().isReadableAsFloat()) {
            throw new IllegalArgumentException(source + ": tensor " + Names.quote(info.name()) + " of type "
                    + info.type() + " cannot be read as float32");
        }
    }

    private void checkOpen() {
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException(source + ": the file is closed");
        }
    }
}
