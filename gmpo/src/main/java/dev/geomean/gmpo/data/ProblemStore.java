package dev.geomean.gmpo.data;

import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Problems;
import dev.geomean.gmpo.task.TaskSplit;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Problems in blocks of bytes, one behind the other: the first blocks on the heap, the others in a temporary file that is
 * mapped and goes with the process. The place of every {@value #STEP}th problem is kept; to reach another, those before it are
 * stepped over. So what a problem takes of the heap is half a byte, however long it is, once there are many.
 */
final class ProblemStore implements Problems {
    private static final int BLOCK = 1 << 22;
    private static final int STEP = 16;
    private static final int HEADER = Long.BYTES + Integer.BYTES;
    private static final int NONE = -1;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private final List<MemorySegment> blocks;
    /** Block in the upper and offset in the lower half. */
    private final long[] places;
    private final int size;

    private ProblemStore(List<MemorySegment> blocks, long[] places, int size) {
        this.blocks = List.copyOf(blocks);
        this.places = places;
        this.size = size;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public Problem get(int number) {
        Cursor at = find(number);
        long start = at.offset() + HEADER;
        MemorySegment block = blocks.get(at.block());
        String[] texts = new String[3];
        for (int i = 0; i < texts.length; i++) {
            int length = block.get(INT, start);
            start += Integer.BYTES;
            if (length != NONE) {
                byte[] bytes = block.asSlice(start, length).toArray(ValueLayout.JAVA_BYTE);
                texts[i] = new String(bytes, StandardCharsets.UTF_8);
                start += length;
            }
        }
        return new Problem(Objects.requireNonNull(texts[0]), texts[1], texts[2]);
    }

    @Override
    public long hash(int number) {
        Cursor at = find(number);
        return blocks.get(at.block()).get(LONG, at.offset());
    }

    private record Cursor(int block, long offset) {}

    private Cursor find(int number) {
        Objects.checkIndex(number, size);
        long place = places[number / STEP];
        int block = (int) (place >>> 32);
        long offset = place & 0xFFFFFFFFL;
        for (int left = number % STEP; left > 0; left--) {
            offset += blocks.get(block).get(INT, offset + Long.BYTES);
            if (offset == blocks.get(block).byteSize()) {
                block++;
                offset = 0;
            }
        }
        return new Cursor(block, offset);
    }

    /** Takes problems one by one. */
    static final class Writer implements AutoCloseable {
        private final int heapBlocks;
        private final List<MemorySegment> blocks = new ArrayList<>();
        private long[] places = new long[64];
        private int size;
        private byte[] block = new byte[1 << 12];
        private int used;
        private @Nullable FileChannel file;

        /**
         * Starts a store.
         *
         * @param heapBytes bytes that may stay on the heap, in whole blocks of 4 MiB
         */
        Writer(long heapBytes) {
            heapBlocks = (int) (heapBytes / BLOCK);
        }

        int size() {
            return size;
        }

        /**
         * Adds a problem.
         *
         * @return false if it is too long for a block
         * @throws IOException if the temporary file cannot be written
         * @throws IllegalStateException if there are too many
         */
        boolean add(Problem problem) throws IOException {
            if (size == Integer.MAX_VALUE - STEP) {
                throw new IllegalStateException("more than " + size + " rows");
            }
            byte[] bytes = bytes(problem);
            if (bytes.length > BLOCK) {
                return false;
            }
            if (used + bytes.length > BLOCK) {
                flush();
            }
            if (used + bytes.length > block.length) {
                block = Arrays.copyOf(block, Math.min(BLOCK, Math.max(2 * block.length, used + bytes.length)));
            }
            if (size % STEP == 0) {
                if (size / STEP == places.length) {
                    places = Arrays.copyOf(places, 2 * places.length);
                }
                places[size / STEP] = (long) blocks.size() << 32 | used;
            }
            System.arraycopy(bytes, 0, block, used, bytes.length);
            used += bytes.length;
            size++;
            return true;
        }

        private static byte[] bytes(Problem problem) {
            var texts = new ByteArrayOutputStream();
            for (String text : Arrays.asList(problem.prompt(), problem.answer(), problem.demonstration())) {
                byte[] utf8 = text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
                texts.writeBytes(number(text == null ? NONE : utf8.length));
                texts.writeBytes(utf8);
            }
            byte[] all = new byte[HEADER + texts.size()];
            MemorySegment segment = MemorySegment.ofArray(all);
            segment.set(LONG, 0, TaskSplit.hash(problem.prompt()));
            segment.set(INT, Long.BYTES, all.length);
            System.arraycopy(texts.toByteArray(), 0, all, HEADER, texts.size());
            return all;
        }

        private static byte[] number(int number) {
            byte[] bytes = new byte[Integer.BYTES];
            MemorySegment.ofArray(bytes).set(INT, 0, number);
            return bytes;
        }

        private void flush() throws IOException {
            if (blocks.size() < heapBlocks) {
                blocks.add(MemorySegment.ofArray(Arrays.copyOf(block, used)));
            } else {
                if (file == null) {
                    Path path = Files.createTempFile("geomean-prompts-", ".tmp");
                    // The name goes at once or with the process, the content with the last mapping.
                    file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE,
                            StandardOpenOption.DELETE_ON_CLOSE);
                }
                long start = file.size();
                ByteBuffer bytes = ByteBuffer.wrap(block, 0, used);
                while (bytes.hasRemaining()) {
                    file.write(bytes, start + bytes.position());
                }
                blocks.add(file.map(FileChannel.MapMode.READ_ONLY, start, used, Arena.ofAuto()));
            }
            used = 0;
        }

        /** All problems that were added. */
        ProblemStore store() throws IOException {
            if (used > 0) {
                flush();
            }
            return new ProblemStore(blocks, Arrays.copyOf(places, size / STEP + 1), size);
        }

        @Override
        public void close() throws IOException {
            if (file != null) {
                file.close();
            }
        }
    }
}
