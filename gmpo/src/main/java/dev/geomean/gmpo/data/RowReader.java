package dev.geomean.gmpo.data;

import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;

/** Reads the rows of a file of one format, in memory that does not depend on the length of the file. */
sealed interface RowReader permits JsonRows, CsvRows, ParquetRows {
    /** Longest row, in bytes or characters. A file without line breaks must not fill the memory. */
    int LONGEST_ROW = 1 << 24;

    /** Seconds after which a file that gives no row is given up. */
    int PATIENCE = 60;

    /**
     * Reads all rows.
     *
     * @param file the file
     * @param wanted names of the columns whose values are needed
     * @param rows is given each row, in order
     * @throws IOException if the file cannot be read
     * @throws SourceException if it is malformed, or a wanted value is no text, number or truth value
     */
    void read(SourceFile file, Set<String> wanted, Consumer<Row> rows) throws IOException;

    /** The reader for a file, by the ending of its name. */
    static RowReader of(SourceFile file) {
        String name = file.name().toLowerCase(Locale.ROOT);
        String ending = name.substring(name.lastIndexOf('.') + 1);
        return switch (ending) {
            case "jsonl" -> new JsonRows(true);
            case "json" -> new JsonRows(false);
            case "csv" -> new CsvRows(',');
            case "tsv" -> new CsvRows('\t');
            case "parquet" -> new ParquetRows(PATIENCE);
            default -> throw new SourceException(
                    file + ": prompts are read from .jsonl, .json, .csv, .tsv and .parquet files", null);
        };
    }

    /** The text of a file that must be UTF-8. */
    static Reader text(SourceFile file) throws IOException {
        var decoder = StandardCharsets.UTF_8.newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        return new InputStreamReader(file.open(), decoder);
    }
}
