package dev.geomean.engine.io;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonReaderTest {

    private static JsonReader reader(String text) {
        return new JsonReader("file", text.getBytes(UTF_8));
    }

    private static void readAny(byte[] text) throws IOException {
        var reader = new JsonReader("file", text);
        reader.skip();
        reader.end();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}", "[]", " [ ] ", "{\"a\":1}", "[1,2.5,-0,0.0,1e5,1E-5,-12.25e+3]", "true", "false", "null", "\"\"",
                "{\"a\":{\"b\":[{},[],\"x\"]}, \"c\":null}\n", "\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\"", "\"é😀\""
            })
    void acceptsJson(String text) throws IOException {
        readAny(text.getBytes(UTF_8));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", " ", "{", "[", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1 2]", "{a:1}", "{'a':1}", "01", "1.",
                ".5", "+1", "1e", "-", "NaN", "Infinity", "tru", "nul", "\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12",
                "\"\\ud800\"", "\"\\ude00\\ud83d\"", "\"a\nb\"", "{}{}", "[]x", "{\"a\":1,\"a\":2}", "//", "[1,,2]",
                "\u00a0[]"
            })
    void refusesWhatIsNotJson(String text) {
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> readAny(text.getBytes(UTF_8)))
                .withMessageStartingWith("file: ");
    }

    @Test
    void refusesNamesThatAreTheSameAfterUnescaping() {
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> readAny("{\"ab\":1,\"\\u0061b\":2}".getBytes(UTF_8)))
                .withMessageContaining("duplicate name 'ab'");
    }

    @Test
    void refusesInvalidUtf8() {
        for (byte[] bytes : List.of(new byte[] {'"', (byte) 0xff, '"'}, new byte[] {'"', (byte) 0xc3, '"'},
                new byte[] {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'},
                new byte[] {'"', (byte) 0xc0, (byte) 0x80, '"'})) {
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> readAny(bytes))
                    .withMessageContaining("UTF-8");
        }
    }

    @Test
    void boundsTheDepth() throws IOException {
        readAny(("[".repeat(16) + "]".repeat(16)).getBytes(UTF_8));
        for (String text : List.of("[".repeat(17) + "]".repeat(17), "[".repeat(1_000_000),
                "{\"a\":".repeat(1_000_000))) {
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> readAny(text.getBytes(UTF_8)))
                    .withMessageContaining("nested deeper than 16");
        }
    }

    @Test
    void readsStrings() throws IOException {
        assertThat(reader("\"a\\u00e9\\ud83d\\ude00 \\t\\\"é😀\"").string()).isEqualTo("aé😀 \t\"é😀");
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "7, 7", "9223372036854775807, 9223372036854775807"})
    void readsSizes(String text, long expected) throws IOException {
        assertThat(reader(text).size()).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"-1", "1.0", "1e3", "01", "9223372036854775808", "99999999999999999999999", "\"1\"", "null", ""})
    void refusesWhatIsNotASize(String text) {
        assertThatExceptionOfType(FileFormatException.class).isThrownBy(() -> {
            var reader = reader(text);
            reader.size();
            reader.end();
        });
    }

    @Test
    void readsMembersInOrder() throws IOException {
        var reader = reader("{\"b\": [1, 2], \"a\": [] }");
        var seen = new ArrayList<Object>();
        reader.object(name -> {
            seen.add(name);
            reader.array(() -> seen.add(reader.size()));
        });
        reader.end();
        assertThat(seen).containsExactly("b", 1L, 2L, "a");
    }

    @Test
    void damagedTextNeverCausesAnythingButAFormatError() {
        byte[] good =
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"x\":[true,null,-1.5e3,\"\\u00e9\"]}}".getBytes(UTF_8);
        var random = new Random(7);
        for (int i = 0; i < 50_000; i++) {
            byte[] bad = good.clone();
            for (int changes = random.nextInt(1, 4); changes > 0; changes--) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
            }
            try {
                readAny(bad);
            } catch (FileFormatException expected) {
                assertThat(expected.getMessage().lines()).hasSize(1);
            } catch (IOException other) {
                throw new AssertionError(other);
            }
        }
    }
}
