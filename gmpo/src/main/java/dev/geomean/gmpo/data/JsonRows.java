package dev.geomean.gmpo.data;

import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * Objects in JSON: one a line, or one array of them. A value inside of another has the name {@code outer.inner}, one in a
 * list the name {@code list.0}.
 *
 * @param isLines whether each line is an object; empty lines are skipped
 */
record JsonRows(boolean isLines) implements RowReader {
    private static final int MOST_COLUMNS = 10_000;
    private static final JsonFactory JSON =
            JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    @Override
    public void read(SourceFile file, Set<String> wanted, Consumer<Row> rows) throws IOException {
        try (Reader reader = new BufferedReader(RowReader.text(file), 1 << 16)) {
            if (isLines) {
                readLines(file, reader, wanted, rows);
            } else {
                readArray(file, reader, wanted, rows);
            }
        } catch (CharacterCodingException e) {
            throw new SourceException(file + ": is not UTF-8 text", e);
        }
    }

    private static void readLines(SourceFile file, Reader reader, Set<String> wanted, Consumer<Row> rows)
            throws IOException {
        var line = new StringBuilder();
        int number = 0;
        while (nextLine(file, reader, line, number + 1)) {
            number++;
            if (line.toString().isBlank()) {
                continue;
            }
            String place = file + ":" + number;
            try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), line.toString())) {
                if (parser.nextToken() != JsonToken.START_OBJECT) {
                    throw new SourceException(place + ": not a JSON object", null);
                }
                Row row = object(place, parser, wanted);
                if (parser.nextToken() != null) {
                    throw new SourceException(place + ": not JSON: Trailing token behind the object", null);
                }
                rows.accept(row);
            } catch (JacksonException e) {
                throw new SourceException(place + ": not JSON: " + firstLine(e), e);
            }
        }
    }

    /** Reads a line that may be the last one and have no end; false if there is none. */
    private static boolean nextLine(SourceFile file, Reader reader, StringBuilder line, int number)
            throws IOException {
        line.setLength(0);
        while (true) {
            int c = reader.read();
            if (c < 0) {
                return !line.isEmpty();
            }
            if (c == '\n') {
                return true;
            }
            if (line.length() == LONGEST_ROW) {
                throw new SourceException(file + ":" + number + ": has more than " + LONGEST_ROW + " characters", null);
            }
            line.append((char) c);
        }
    }

    private static void readArray(SourceFile file, Reader reader, Set<String> wanted, Consumer<Row> rows)
            throws IOException {
        int line = 1;
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), reader)) {
            if (parser.nextToken() != JsonToken.START_ARRAY) {
                throw new SourceException(
                        file + ": not a JSON array; objects of one line each belong into a .jsonl file",
                        null);
            }
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                line = parser.currentTokenLocation().getLineNr();
                if (parser.currentToken() != JsonToken.START_OBJECT) {
                    throw new SourceException(file + ":" + line + ": not a JSON object", null);
                }
                rows.accept(object(file + ":" + line, parser, wanted));
            }
            if (parser.nextToken() != null) {
                throw new SourceException(file + ": not JSON: Trailing token behind the array", null);
            }
        } catch (JacksonException e) {
            if (e.getCause() instanceof CharacterCodingException problem) {
                throw problem;
            }
            int at = e.getLocation() == null ? line : Math.max(1, e.getLocation().getLineNr());
            throw new SourceException(file + ":" + at + ": not JSON: " + firstLine(e), e);
        }
    }

    private static Row object(String place, JsonParser parser, Set<String> wanted) {
        var reading = new Reading(place, wanted, new LinkedHashSet<>(), new HashMap<>());
        reading.object(parser, "");
        return new Row(place, reading.columns, reading.values);
    }

    /** A row that is being read. */
    private record Reading(String place, Set<String> wanted, Set<String> columns, Map<String, String> values) {

        void object(JsonParser parser, String prefix) {
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String name = prefix + parser.currentName();
                parser.nextToken();
                value(parser, name);
            }
        }

        private void array(JsonParser parser, String prefix) {
            for (int i = 0; parser.nextToken() != JsonToken.END_ARRAY; i++) {
                value(parser, prefix + i);
            }
        }

        private void value(JsonParser parser, String name) {
            if (columns.size() < MOST_COLUMNS) {
                columns.add(name);
            }
            JsonToken token = parser.currentToken();
            if (token.isStructStart()) {
                if (wanted.contains(name)) {
                    throw new SourceException(place + ": \"" + name + "\" must be a text, not "
                            + (token == JsonToken.START_ARRAY ? "a list; its parts are " + name + ".0 and so on"
                                    : "an object; its parts are " + name + ".NAME"),
                            null);
                }
                boolean isNeeded = wanted.stream().anyMatch(column -> column.startsWith(name + "."));
                if (!isNeeded) {
                    parser.skipChildren();
                } else if (token == JsonToken.START_ARRAY) {
                    array(parser, name + ".");
                } else {
                    object(parser, name + ".");
                }
            } else if (token != JsonToken.VALUE_NULL && wanted.contains(name)) {
                values.put(name, parser.getString());
            }
        }
    }

    private static String firstLine(JacksonException e) {
        return String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("not valid");
    }
}
