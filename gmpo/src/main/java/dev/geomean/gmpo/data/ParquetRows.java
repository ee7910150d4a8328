package dev.geomean.gmpo.data;

import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.ColumnChunk;
import dev.hardwood.metadata.FileMetaData;
import dev.hardwood.metadata.RowGroup;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqMap;
import dev.hardwood.row.PqStruct;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.SchemaNode;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * A Parquet file, of which only the columns that are needed are read. A value inside of another has the name
 * {@code outer.inner}, one in a list the name {@code list.0}.
 *
 * <p>The library decodes on threads of its own, and one that meets sizes which make no sense may never come to an end. So
 * the places that a file claims are compared with its length first, and reading is given up when no row comes for a while.
 *
 * @param patience seconds without a row after which reading is given up
 */
record ParquetRows(int patience) implements RowReader {
    /** Held, because a logger that nobody holds forgets its level. */
    private static final Logger LIBRARY = Logger.getLogger("dev.hardwood");

    static {
        // The library tells at every start which vectors it uses, on standard error.
        if (LIBRARY.getLevel() == null) {
            LIBRARY.setLevel(Level.WARNING);
        }
    }

    @Override
    public void read(SourceFile file, Set<String> wanted, Consumer<Row> rows) throws IOException {
        var watch = new Watch(Thread.currentThread(), patience);
        try (watch;
                ParquetFileReader reader = ParquetFileReader.open(InputFile.of(file.path()))) {
            checkPlaces(file, reader.getFileMetaData());
            Set<String> columns = new LinkedHashSet<>();
            Set<String> needed = new LinkedHashSet<>();
            for (SchemaNode node : reader.getFileSchema().getRootNode().children()) {
                columns.add(node.name());
            }
            for (String column : wanted) {
                String top = top(column, columns);
                if (columns.contains(top)) {
                    needed.add(top);
                }
            }
            if (needed.isEmpty()) {
                // What is missing is said of the first row; it needs no values.
                rows.accept(new Row(file + ": row 1", columns, Map.of()));
                return;
            }
            try (var row = reader.buildRowReader()
                    .projection(ColumnProjection.columns(needed.toArray(String[]::new)))
                    .build()) {
                long read = read(file, row, columns, wanted, rows, watch);
                // The library takes an interruption, and some damage, for the end of the file.
                if (watch.hasGivenUp()) {
                    throw givenUp(file, null);
                }
                long claimed = reader.getFileMetaData().numRows();
                if (read != claimed) {
                    throw new SourceException(file + ": not a Parquet file that can be read: it has " + read
                            + " rows, but claims to have " + claimed, null);
                }
            }
        } catch (SourceException | FileSystemException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // The library has no exception of its own for files that are not what they should be.
            if (watch.hasGivenUp()) {
                throw givenUp(file, e);
            }
            String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
            throw new SourceException(file + ": not a Parquet file that can be read: "
                    + message.lines().findFirst().orElse(""), e);
        }
    }

    private SourceException givenUp(SourceFile file, @Nullable Throwable cause) {
        return new SourceException(
                file + ": not a Parquet file that can be read: no row came for " + patience + " s", cause);
    }

    /** Gives all rows away, and says how many there were. */
    private static long read(
            SourceFile file,
            dev.hardwood.reader.RowReader reader,
            Set<String> columns,
            Set<String> wanted,
            Consumer<Row> rows,
            Watch watch) {
        long number = 0;
        Set<String> all = new LinkedHashSet<>(columns);
        while (reader.hasNext()) {
            reader.next();
            watch.progress();
            number++;
            String place = file + ": row " + number;
            Map<String, String> values = new HashMap<>();
            for (String column : wanted) {
                String top = top(column, columns);
                if (columns.contains(top)) {
                    String rest = column.equals(top) ? "" : column.substring(top.length() + 1);
                    String text = text(place, column, part(reader.getValue(top), rest));
                    if (text != null) {
                        values.put(column, text);
                        all.add(column);
                    }
                }
            }
            rows.accept(new Row(place, all, values));
        }
        return number;
    }

    /** Every column of every group of rows must lie inside the file. */
    private static void checkPlaces(SourceFile file, FileMetaData metadata) throws IOException {
        long size = Files.size(file.path());
        for (RowGroup group : metadata.rowGroups()) {
            for (ColumnChunk chunk : group.columns()) {
                long start = chunk.metaData().dataPageOffset();
                Long dictionary = chunk.metaData().dictionaryPageOffset();
                if (dictionary != null && dictionary > 0) {
                    start = Math.min(start, dictionary);
                }
                long length = chunk.metaData().totalCompressedSize();
                if (start < 4 || length < 0 || start > size || length > size - start) {
                    throw new SourceException(file + ": not a Parquet file that can be read: a column has " + length
                            + " bytes at " + start + ", but the file has " + size, null);
                }
            }
        }
    }

    /** Interrupts a thread that makes no progress. Counts its own naps, so that a process that was stopped has time left. */
    private static final class Watch implements AutoCloseable {
        private static final int NAP_MILLIS = 1000;

        private final AtomicInteger left;
        private final int patience;
        private final Thread thread;
        private volatile boolean hasGivenUp;

        Watch(Thread watched, int patience) {
            this.patience = patience;
            this.left = new AtomicInteger(patience);
            this.thread = Thread.ofVirtual().unstarted(() -> {
                try {
                    while (left.decrementAndGet() >= 0) {
                        Thread.sleep(NAP_MILLIS);
                    }
                    hasGivenUp = true;
                    watched.interrupt();
                } catch (InterruptedException e) {
                    // The file has been read.
                }
            });
            thread.start();
        }

        void progress() {
            left.set(patience);
        }

        boolean hasGivenUp() {
            return hasGivenUp;
        }

        @Override
        public void close() {
            thread.interrupt();
            if (hasGivenUp) {
                // The interrupt was for the reading only.
                Thread.interrupted();
            }
        }
    }

    private static String top(String column, Set<String> columns) {
        int dot = column.indexOf('.');
        return columns.contains(column) || dot < 0 ? column : column.substring(0, dot);
    }

    /** The part of a value that a path leads to, or null if it leads nowhere. */
    private static @Nullable Object part(@Nullable Object value, String path) {
        Object part = value;
        String rest = path;
        while (part != null && !rest.isEmpty()) {
            int dot = rest.indexOf('.');
            String name = dot < 0 ? rest : rest.substring(0, dot);
            rest = dot < 0 ? "" : rest.substring(dot + 1);
            part = switch (part) {
                case PqStruct struct -> hasField(struct, name) ? struct.getValue(name) : null;
                case PqList list -> isIndex(name, list.size()) ? list.get(Integer.parseInt(name)) : null;
                default -> null;
            };
        }
        return part;
    }

    private static boolean hasField(PqStruct struct, String name) {
        for (int i = 0; i < struct.getFieldCount(); i++) {
            if (struct.getFieldName(i).equals(name)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isIndex(String name, int size) {
        return name.matches("[0-9]{1,9}") && Integer.parseInt(name) < size;
    }

    private static @Nullable String text(String place, String column, @Nullable Object value) {
        return switch (value) {
            case null -> null;
            case PqStruct struct -> throw nested(place, column, "an object; its parts are " + column + ".NAME");
            case PqList list -> throw nested(place, column, "a list; its parts are " + column + ".0 and so on");
            case PqMap map -> throw nested(place, column, "a map");
            case byte[] bytes -> utf8(place, column, bytes);
            case Double number -> number(number);
            case Float number -> number(number);
            case BigDecimal number -> number.toPlainString();
            default -> value.toString();
        };
    }

    /** Whole numbers that are stored as fractions are written as people write them. */
    private static String number(double number) {
        return number == Math.rint(number) && Math.abs(number) < 1e15
                ? Long.toString((long) number)
                : Double.toString(number);
    }

    private static String number(float number) {
        return number == Math.rint(number) && Math.abs(number) < 1e7
                ? Long.toString((long) number)
                : Float.toString(number);
    }

    private static String utf8(String place, String column, byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new SourceException(place + ": \"" + column + "\" is not UTF-8 text", e);
        }
    }

    private static SourceException nested(String place, String column, String what) {
        return new SourceException(place + ": \"" + column + "\" must be a text, not " + what, null);
    }
}
