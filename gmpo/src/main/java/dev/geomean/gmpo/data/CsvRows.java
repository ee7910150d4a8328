package dev.geomean.gmpo.data;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import de.siegmar.fastcsv.reader.CsvRecordHandler;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A table whose first line has the names of the columns (RFC 4180). A value that is empty and has no quotes counts as an
 * empty text.
 *
 * @param separator what stands between values
 */
record CsvRows(char separator) implements RowReader {
    private static final int MOST_COLUMNS = 10_000;

    @Override
    public void read(SourceFile file, Set<String> wanted, Consumer<Row> rows) throws IOException {
        var limits = CsvRecordHandler.builder()
                .maxFields(MOST_COLUMNS)
                .maxFieldSize(LONGEST_ROW)
                .maxRecordSize(LONGEST_ROW)
                .build();
        long line = 1;
        try (CsvReader<CsvRecord> reader = CsvReader.builder()
                .fieldSeparator(separator)
                .maxBufferSize(LONGEST_ROW)
                // A row of another length is refused below, with its line.
                .allowExtraFields(true)
                .allowMissingFields(true)
                .build(limits, RowReader.text(file))) {
            List<String> header = null;
            Set<String> columns = Set.of();
            for (CsvRecord record : reader) {
                line = record.getStartingLineNumber();
                if (header == null) {
                    header = header(file, record);
                    columns = new LinkedHashSet<>(header);
                    continue;
                }
                String place = file + ":" + line;
                if (record.getFieldCount() != header.size()) {
                    throw new SourceException(place + ": has " + record.getFieldCount()
                            + " values, but the first line names " + header.size() + " columns", null);
                }
                Map<String, String> values = new HashMap<>();
                for (int i = 0; i < header.size(); i++) {
                    if (wanted.contains(header.get(i))) {
                        values.put(header.get(i), record.getField(i));
                    }
                }
                rows.accept(new Row(place, columns, values));
            }
        } catch (CsvParseException e) {
            String message = String.valueOf(e.getCause() == null ? e.getMessage() : e.getCause().getMessage());
            throw new SourceException(file + ": not CSV, behind line " + line + ": " + message, e);
        } catch (UncheckedIOException e) {
            if (e.getCause() instanceof CharacterCodingException) {
                throw new SourceException(file + ": is not UTF-8 text", e);
            }
            throw e.getCause() == null ? new IOException(e) : e.getCause();
        } catch (CharacterCodingException e) {
            throw new SourceException(file + ": is not UTF-8 text", e);
        }
    }

    private static List<String> header(SourceFile file, CsvRecord record) {
        List<String> names = record.getFields().stream().map(CsvRows::withoutMark).toList();
        Set<String> seen = new LinkedHashSet<>();
        for (String name : names) {
            if (!seen.add(name)) {
                throw new SourceException(file + ":1: two columns are named '" + name + "'", null);
            }
        }
        return names;
    }

    /** Some programs put a byte order mark in front of the first name. */
    private static String withoutMark(String name) {
        return name.startsWith("\uFEFF") ? name.substring(1) : name;
    }
}
