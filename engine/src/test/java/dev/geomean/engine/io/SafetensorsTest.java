package dev.geomean.engine.io;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void nameFile() {
        file = folder.resolve(Safetensors.FILE_NAME);
    }

    /** A file from its parts, as any program could have written it. */
    private static byte[] fileOf(long headerLength, byte[] header, int dataBytes) {
        ByteBuffer out = ByteBuffer.allocate(8 + header.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(headerLength).put(header);
        while (out.hasRemaining()) {
            out.put((byte) out.position());
        }
        return out.array();
    }

    private static byte[] fileOf(String header, int dataBytes) {
        byte[] bytes = header.getBytes(UTF_8);
        return fileOf(bytes.length, bytes, dataBytes);
    }

    private static String tensor(String name, String type, String shape, long from, long to) {
        return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":[" + from + ","
                + to
                + "]}";
    }

    private static float[] gaussians(int count, long seed) {
        var random = new Random(seed);
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static MemorySegment segment(float... values) {
        return MemorySegment.ofArray(values);
    }

    @Nested
    class Reading {

        @Test
        void readsEveryFloatTypeAsFloat32() throws IOException {
            String header = "{" + tensor("f32", "F32", "[2]", 0, 8) + "," + tensor("bf16", "BF16", "[2]", 8, 12) + ","
                    + tensor("f16", "F16", "[1,2]", 12, 16) + "}";
            byte[] bytes = fileOf(header, 16);
            ByteBuffer.wrap(bytes, bytes.length - 16, 16).order(ByteOrder.LITTLE_ENDIAN)
                    .putFloat(1.5f).putFloat(Float.NaN)
                    .putShort((short) 0x3fc0).putShort((short) 0xff80)
                    .putShort((short) 0x3e00).putShort((short) 0x0001);
            Files.write(file, bytes);
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.readFloats("f32")).containsExactly(1.5f, Float.NaN);
                assertThat(tensors.readFloats("bf16")).containsExactly(1.5f, Float.NEGATIVE_INFINITY);
                assertThat(tensors.readFloats("f16")).containsExactly(1.5f, 0x1p-24f);
            }
        }

        @Test
        void dataThatAreNotAlignedAreReadAllTheSame() throws IOException {
            String header = "{" + tensor("byte", "U8", "[1]", 0, 1) + "," + tensor("f32", "F32", "[]", 1, 5) + ","
                    + tensor("bf16", "BF16", "[1]", 5, 7) + "}";
            byte[] bytes = fileOf(header + " ".repeat(header.length() % 2), 7);
            ByteBuffer.wrap(bytes, bytes.length - 6, 6).order(ByteOrder.LITTLE_ENDIAN).putFloat(-2f)
                    .putShort((short) 0x4000);
            Files.write(file, bytes);
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.readFloats("f32")).containsExactly(-2f);
                assertThat(tensors.readFloats("bf16")).containsExactly(2f);
            }
        }

        @Test
        void describesWhatTheFileHolds() throws IOException {
            String header = "{\"__metadata__\":{\"format\":\"pt\",\"origin\":\"a test\"}, "
                    + tensor("second", "I64", "[1,2]", 3, 19) + "," + tensor("first", "U8", "[3]", 0, 3) + ","
                    + tensor("empty", "F32", "[5,0]", 3, 3) + ","
                    + "\"more\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[19,20],"
                    + "\"unknown\":[{\"a\":null}]}}   ";
            Files.write(file, fileOf(header, 20));
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.tensors())
                        .containsExactly(
                                new TensorInfo("first", TensorType.U8, List.of(3L)),
                                new TensorInfo("empty", TensorType.F32, List.of(5L, 0L)),
                                new TensorInfo("second", TensorType.I64, List.of(1L, 2L)),
                                new TensorInfo("more", TensorType.F4, List.of(2L)));
                assertThat(tensors.metadata()).containsEntry("format", "pt").containsEntry("origin", "a test");
                assertThat(tensors.contains("empty")).isTrue();
                assertThat(tensors.contains("other")).isFalse();
                assertThat(tensors.readFloats("empty")).isEmpty();
                assertThat(tensors.info("second").byteSize()).isEqualTo(16);
                assertThat(tensors.bytes("first").byteSize()).isEqualTo(3);
                assertThat(tensors.bytes("first").isReadOnly()).isTrue();
                assertThat(tensors).hasToString(file + " (4 tensors)");
            }
        }

        @Test
        void aFileWithoutTensorsIsValid() throws IOException {
            Files.write(file, fileOf("{}", 0));
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.tensors()).isEmpty();
                assertThat(tensors.metadata()).isEmpty();
            }
        }

        @Test
        void wrongRequestsAreRefused() throws IOException {
            Files.write(file,
                    fileOf("{" + tensor("a", "F32", "[2]", 0, 8) + "," + tensor("i", "I32", "[2]", 8, 16) + "}", 16));
            try (var tensors = Safetensors.open(file)) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> tensors.readFloats("b"))
                        .withMessage(file + ": no tensor 'b'");
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> tensors.readFloats("i"))
                        .withMessage(file + ": tensor 'i' of type I32 cannot be read as float32");
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> tensors.readFloats("a", segment(1, 2, 3)))
                        .withMessageContaining("'a' has 2 elements, but the destination has room for 3.0");
            }
        }

        @Test
        void nothingIsReadAfterClosing() throws IOException {
            Files.write(file, fileOf("{" + tensor("a", "F32", "[1]", 0, 4) + "}", 4));
            var tensors = Safetensors.open(file);
            tensors.close();
            tensors.close();
            assertThatIllegalStateException().isThrownBy(() -> tensors.readFloats("a")).withMessageContaining("closed");
            assertThatIllegalStateException().isThrownBy(() -> tensors.bytes("a")).withMessageContaining("closed");
        }
    }

    @Nested
    class DamagedFiles {

        static Stream<Arguments> headers() {
            String a = tensor("a", "F32", "[2]", 0, 8);
            return Stream.of(
                    Arguments.of("overlapping", "{" + a + "," + tensor("b", "F32", "[2]", 4, 12) + "}", 12,
                            "'b': overlaps"),
                    Arguments.of("same place", "{" + a + "," + tensor("b", "F32", "[2]", 0, 8) + "}", 8,
                            "'b': overlaps"),
                    Arguments.of("hole", "{" + a + "," + tensor("b", "F32", "[2]", 12, 20) + "}", 20,
                            "'b': leaves a hole of 4"),
                    Arguments.of("hole at start", "{" + tensor("b", "F32", "[2]", 4, 12) + "}", 12,
                            "'b': leaves a hole of 4"),
                    Arguments.of("unused end", "{" + a + "}", 11, "3 bytes after the last tensor"),
                    Arguments.of("truncated", "{" + a + "}", 7, "'a': data_offsets [0, 8] are not inside the 7 bytes"),
                    Arguments.of("reversed", "{" + tensor("a", "F32", "[2]", 8, 0) + "}", 8,
                            "'a': data_offsets [8, 0]"),
                    Arguments.of("too short", "{" + tensor("a", "F32", "[3]", 0, 8) + "}", 8,
                            "'a': shape [3] of type F32 takes 12"),
                    Arguments.of("too long", "{" + tensor("a", "BF16", "[2]", 0, 8) + "}", 8,
                            "'a': shape [2] of type BF16 takes 4"),
                    Arguments.of("negative size", "{" + tensor("a", "F32", "[-2]", 0, 8) + "}", 8, "not negative"),
                    Arguments.of("fractional size", "{" + tensor("a", "F32", "[2.0]", 0, 8) + "}", 8, "whole number"),
                    Arguments.of("huge size", "{" + tensor("a", "F32", "[9223372036854775807]", 0, 8) + "}", 8,
                            "'a': shape [9223372036854775807] is too large"),
                    Arguments.of("overflowing shape", "{" + tensor("a", "F32", "[4294967296,4294967296]", 0, 0) + "}",
                            0, "too large"),
                    Arguments.of("huge number", "{" + tensor("a", "F32", "[99999999999999999999]", 0, 8) + "}", 8,
                            "out of range"),
                    Arguments.of("huge offset", "{" + tensor("a", "F32", "[2]", 0, Long.MAX_VALUE) + "}", 8,
                            "'a': data_offsets"),
                    Arguments.of("half a byte", "{" + tensor("a", "F4", "[3]", 0, 1) + "}", 1,
                            "'a': shape [3] of type F4 does not fill"),
                    Arguments.of("many dimensions", "{" + tensor("a", "F32", "[" + "1,".repeat(99) + "1]", 0, 4) + "}",
                            4, "'a': more than 32"),
                    Arguments.of("unknown type", "{" + tensor("a", "F31", "[2]", 0, 8) + "}", 8,
                            "'a': unknown dtype 'F31'"),
                    Arguments.of("lower-case type", "{" + tensor("a", "f32", "[2]", 0, 8) + "}", 8,
                            "'a': unknown dtype 'f32'"),
                    Arguments.of("duplicate tensor", "{" + a + "," + a + "}", 8, "duplicate name 'a'"),
                    Arguments.of("duplicate field", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\"}}", 8,
                            "duplicate name 'dtype'"),
                    Arguments.of("duplicate metadata", "{\"__metadata__\":{\"x\":\"1\",\"x\":\"2\"}}", 0,
                            "duplicate name 'x'"),
                    Arguments.of("metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0,
                            "duplicate name '__metadata__'"),
                    Arguments.of("metadata not text", "{\"__metadata__\":{\"x\":1}}", 0, "expected a string"),
                    Arguments.of("no dtype", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "'a': no dtype"),
                    Arguments.of("no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "'a': no shape"),
                    Arguments.of("no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "'a': no data_offsets"),
                    Arguments.of("one offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}}", 8,
                            "'a': data_offsets needs two"),
                    Arguments.of("three offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}",
                            8, "'a': more than 2"),
                    Arguments.of("tensor is a number", "{\"a\":1}", 0, "expected an object"),
                    Arguments.of("not an object", "[]", 0, "does not start with '{'"),
                    Arguments.of("empty header", "", 0, "does not start with '{'"),
                    Arguments.of("cut JSON", "{" + a, 8, "unexpected end"),
                    Arguments.of("text behind", "{" + a + "}x", 8, "after the end"),
                    Arguments.of("deep nesting", "{\"a\":{\"x\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}}", 0,
                            "nested deeper"),
                    Arguments.of("name with line breaks", "{\"a\\nb\\u2028\":{}}", 0, "'a\\u000ab\\u2028': no dtype"),
                    Arguments.of("long name", "{\"" + "n".repeat(100_000) + "\":{}}", 0, "n…': no dtype"));
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("headers")
        void aBadHeaderIsRefusedInOneLine(String name, String header, int dataBytes, String message)
                throws IOException {
            Files.write(file, fileOf(header, dataBytes));
            assertRefused(message);
        }

        @ParameterizedTest
        @ValueSource(longs = {1L << 60, Long.MAX_VALUE, -1, Long.MIN_VALUE, 100_000_001, 99_999_999, 13, 1 << 30})
        void aHeaderLengthThatCannotBeIsRefusedBeforeAnythingIsAllocated(long length) throws IOException {
            Files.write(file, fileOf(length, "{}".getBytes(UTF_8), 10));
            assertRefused("header of " + Long.toUnsignedString(length) + " bytes");
        }

        @Test
        void aFileShorterThanItsPrefixIsRefused() throws IOException {
            for (int length = 0; length < 8; length++) {
                Files.write(file, new byte[length]);
                assertRefused("only " + length + " bytes");
            }
        }

        @Test
        void aFolderIsNotAFile() throws IOException {
            Files.createDirectory(file);
            assertRefused("is a folder");
        }

        @Test
        void aMissingFileIsReported() {
            assertThatExceptionOfType(NoSuchFileException.class)
                    .isThrownBy(() -> Safetensors.open(file).close())
                    .withMessage(file.toString());
        }

        @Test
        void cutOrChangedFilesNeverCauseAnythingButAFormatError() throws IOException {
            new SafetensorsWriter()
                    .add("a", TensorType.F32, List.of(2L, 3L), segment(gaussians(6, 1)))
                    .add("b", TensorType.BF16, List.of(4L), segment(gaussians(4, 2)))
                    .write(file);
            byte[] good = Files.readAllBytes(file);
            for (int length = 0; length < good.length; length++) {
                Files.write(file, Arrays.copyOf(good, length));
                assertRefused("");
            }
            var random = new Random(3);
            int headerEnd = good.length - 32;
            for (int i = 0; i < 2_000; i++) {
                byte[] bad = good.clone();
                bad[random.nextInt(headerEnd)] = (byte) random.nextInt(256);
                Files.write(file, bad);
                try (var tensors = Safetensors.open(file)) {
                    for (TensorInfo info : tensors.tensors()) {
                        assertThat(tensors.bytes(info.name()).byteSize()).isEqualTo(info.byteSize());
                    }
                } catch (FileFormatException expected) {
                    assertThat(expected.getMessage().lines()).hasSize(1);
                }
            }
        }

        private void assertRefused(String message) {
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> Safetensors.open(file).close())
                    .withMessageStartingWith(file + ": ")
                    .withMessageContaining(message)
                    .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1))
                    .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(500));
        }
    }

    @Nested
    class Writing {

        @ParameterizedTest
        @EnumSource(names = {"F32", "BF16", "F16"})
        void whatWasWrittenIsReadBackRounded(TensorType type) throws IOException {
            float[] values = gaussians(100_003, 5);
            values[0] = Float.NaN;
            values[1] = Float.NEGATIVE_INFINITY;
            values[2] = -0f;
            values[3] = 1e-40f;
            new SafetensorsWriter().add("x", type, List.of(100_003L), segment(values)).write(file);
            var expected = new float[values.length];
            for (int i = 0; i < values.length; i++) {
                expected[i] = switch (type) {
                    case BF16 -> HalfPrecision.bfloat16ToFloat(HalfPrecision.floatToBfloat16(values[i]));
                    case F16 -> Float.float16ToFloat(Float.floatToFloat16(values[i]));
                    default -> values[i];
                };
            }
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.readFloats("x")).isEqualTo(expected);
            }
        }

        @Test
        void buffersGoInAndOut() throws IOException {
            try (var region = new Region.Persistent("test")) {
                Buffer out = Buffer.of(region.allocate(DType.FLOAT32, 10, "out"));
                out.set(gaussians(10, 1));
                new SafetensorsWriter().add("x", TensorType.F32, List.of(2L, 3L), out.slice(3, 6)).write(file);
                Buffer in = Buffer.of(region.allocate(DType.FLOAT32, 8, "in"));
                try (var tensors = Safetensors.open(file)) {
                    tensors.readFloats("x", in.slice(1, 6));
                }
                assertThat(in.slice(1, 6).toFloats()).isEqualTo(out.slice(3, 6).toFloats());
                assertThat(in.getFloat(0)).isZero();
                assertThat(in.getFloat(7)).isZero();
            }
        }

        @Test
        void theFileIsLaidOutAsTheReferenceDoesIt() throws IOException {
            new SafetensorsWriter()
                    .add("half \"quoted\" \\ \u0001é", TensorType.BF16, List.of(3L), segment(1, 2, 3))
                    .add("full", TensorType.F32, List.of(), segment(4))
                    .write(file);
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
            int headerLength = (int) bytes.getLong();
            var header = new byte[headerLength];
            bytes.get(header);
            assertThat(headerLength % 8).isZero();
            assertThat(new String(header, UTF_8))
                    .startsWith("{\"__metadata__\":{\"format\":\"pt\"},"
                            + "\"full\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
                            + "\"half \\\"quoted\\\" \\\\ \\u0001é\":"
                            + "{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[4,10]}}")
                    .matches("(?s).*} *");
            assertThat(bytes.getFloat()).isEqualTo(4f);
            assertThat(bytes.getShort()).isEqualTo((short) 0x3f80);
            assertThat(bytes.remaining()).isEqualTo(4);
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.readFloats("half \"quoted\" \\ \u0001é")).containsExactly(1, 2, 3);
            }
        }

        @Test
        void metadataAndBytesOfAnyTypeAreKept() throws IOException {
            try (var arena = Arena.ofConfined()) {
                MemorySegment longs = arena.allocateFrom(ValueLayout.JAVA_LONG, 1, -2);
                new SafetensorsWriter()
                        .metadata("step", "12\n")
                        .addBytes("counters", TensorType.I64, List.of(2L), longs)
                        .write(file);
                try (var tensors = Safetensors.open(file)) {
                    assertThat(tensors.metadata()).containsEntry("step", "12\n").containsEntry("format", "pt");
                    assertThat(tensors.bytes("counters").mismatch(longs)).isEqualTo(-1);
                }
            }
        }

        @Test
        void aFolderHasOneFileOrSeveralWithAnIndex() throws IOException {
            var writer = new SafetensorsWriter()
                    .add("a", TensorType.F32, List.of(3L), segment(1, 2, 3))
                    .add("b", TensorType.BF16, List.of(2L), segment(4, 5))
                    .add("c", TensorType.F32, List.of(5L), segment(6, 7, 8, 9, 10))
                    .add("d", TensorType.F32, List.of(1L), segment(11));
            for (long maxBytes : new long[] {40, 16, 1}) {
                Path target = Files.createDirectory(folder.resolve("of-" + maxBytes));
                writer.writeFolder(target, maxBytes);
                try (var tensors = Safetensors.openFolder(target); var files = Files.list(target)) {
                    assertThat(tensors.tensors()).hasSize(4);
                    assertThat(tensors.metadata()).containsEntry("format", "pt");
                    assertThat(tensors.readFloats("a")).containsExactly(1, 2, 3);
                    assertThat(tensors.readFloats("b")).containsExactly(4, 5);
                    assertThat(tensors.readFloats("c")).containsExactly(6, 7, 8, 9, 10);
                    assertThat(tensors.readFloats("d")).containsExactly(11);
                    assertThat(files).hasSize(maxBytes == 40 ? 1 : maxBytes == 16 ? 4 : 5);
                }
            }
            assertThat(folder.resolve("of-16/model-00002-of-00003.safetensors")).exists();
            assertThat(folder.resolve("of-16/model.safetensors.index.json")).hasContent("""
                    {
                      "metadata": {
                        "total_size": 40
                      },
                      "weight_map": {
                        "a": "model-00001-of-00003.safetensors",
                        "b": "model-00001-of-00003.safetensors",
                        "c": "model-00002-of-00003.safetensors",
                        "d": "model-00003-of-00003.safetensors"
                      }
                    }
                    """);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.writeFolder(folder, 0))
                    .withMessage("maxBytes must be at least 1, not 0");
        }

        @ParameterizedTest
        @EnumSource(names = {"F32", "BF16", "F16"})
        void piecesAreTheSameAsTheWhole(TensorType type) throws IOException {
            float[] values = gaussians(100_003, 6);
            new SafetensorsWriter()
                    .add("x", type, List.of(100_003L),
                            (from, to, count) -> System.arraycopy(values, (int) from, to, 0, count))
                    .add("y", type, List.of(100_003L), segment(values))
                    .write(file);
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.bytes("x").mismatch(tensors.bytes("y"))).isEqualTo(-1);
            }
        }

        @Test
        void anOpenFileCanBeReplaced() throws IOException {
            new SafetensorsWriter().add("x", TensorType.F32, List.of(1L), segment(1)).write(file);
            try (var tensors = Safetensors.open(file)) {
                new SafetensorsWriter().add("x", TensorType.F32, List.of(1L), segment(2)).write(file);
                assertThat(tensors.readFloats("x")).containsExactly(1);
            }
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.readFloats("x")).containsExactly(2);
            }
        }

        @Test
        void aSupplierThatFailsLeavesTheOldFile() throws IOException {
            new SafetensorsWriter().add("x", TensorType.F32, List.of(1L), segment(1)).write(file);
            var writer = new SafetensorsWriter().add("x", TensorType.F32, List.of(2L), () -> segment(1, 2, 3));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.write(file))
                    .withMessage("tensor 'x': shape [2] needs 8 bytes of values, not 12");
            try (var tensors = Safetensors.open(file); var files = Files.list(folder)) {
                assertThat(tensors.readFloats("x")).containsExactly(1);
                assertThat(files).hasSize(1);
            }
        }

        @Test
        void wrongTensorsAreRefused() {
            var writer = new SafetensorsWriter().add("x", TensorType.F32, List.of(1L), segment(1));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add("x", TensorType.F32, List.of(1L), segment(1)))
                    .withMessage("tensor 'x' is already there");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add("y", TensorType.F32, List.of(2L), segment(1)))
                    .withMessage("tensor 'y': shape [2] needs 8 bytes of values, not 4");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add("y", TensorType.I32, List.of(1L), segment(1)))
                    .withMessage("tensor 'y': type I32 cannot be written from float32");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add("y", TensorType.F32, List.of(-1L), segment(1)))
                    .withMessage("tensor 'y': negative size in shape [-1]");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add("__metadata__", TensorType.F32, List.of(1L), segment(1)));
        }
    }

    @Nested
    class SeveralFiles {

        @BeforeEach
        void writeShards() throws IOException {
            new SafetensorsWriter()
                    .add("a", TensorType.F32, List.of(1L), segment(1))
                    .add("b", TensorType.F32, List.of(1L), segment(2))
                    .write(folder.resolve("model-00001-of-00002.safetensors"));
            new SafetensorsWriter()
                    .metadata("more", "1")
                    .add("c", TensorType.F32, List.of(1L), segment(3))
                    .write(folder.resolve("model-00002-of-00002.safetensors"));
        }

        private void writeIndex(String json) throws IOException {
            Files.writeString(folder.resolve(Safetensors.INDEX_NAME), json);
        }

        @Test
        void areReadAsOne() throws IOException {
            writeIndex("""
                    {"metadata": {"total_size": 12.0, "x": [null]}, "weight_map": {
                      "c": "model-00002-of-00002.safetensors",
                      "a": "model-00001-of-00002.safetensors",
                      "b": "model-00001-of-00002.safetensors"}}
                    """);
            try (var tensors = Safetensors.openFolder(folder)) {
                assertThat(tensors.tensors()).extracting(TensorInfo::name).containsExactly("c", "a", "b");
                assertThat(tensors.readFloats("a")).containsExactly(1);
                assertThat(tensors.readFloats("b")).containsExactly(2);
                assertThat(tensors.readFloats("c")).containsExactly(3);
                assertThat(tensors.metadata()).containsEntry("format", "pt").containsEntry("more", "1");
            }
        }

        @Test
        void oneFileIsPreferred() throws IOException {
            writeIndex("{}");
            new SafetensorsWriter().add("a", TensorType.F32, List.of(1L), segment(7)).write(file);
            try (var tensors = Safetensors.openFolder(folder)) {
                assertThat(tensors.readFloats("a")).containsExactly(7);
            }
        }

        @Test
        void anIndexThatDoesNotFitIsRefused() throws IOException {
            assertRefused("", folder + ": holds neither model.safetensors nor model.safetensors.index.json");
            String index = folder.resolve(Safetensors.INDEX_NAME) + ": ";
            writeIndex("{}");
            assertRefused("", index + "no weight_map");
            writeIndex("{\"weight_map\":{\"c\":\"model-00001-of-00002.safetensors\"}}");
            assertRefused("",
                    index + "tensor 'c' is not in 'model-00001-of-00002.safetensors', where the index has it");
            for (String name : List.of("../x", "/etc/x", "", "..", "a/b", "a\\\\b", "c:x", "a\\u0000b")) {
                writeIndex("{\"weight_map\":{\"c\":\"" + name + "\"}}");
                assertRefused("is not a plain file name", index);
            }
            writeIndex("{\"weight_map\":{\"c\":1}}");
            assertRefused("expected a string", index);
            writeIndex("{\"weight_map\":{\"c\":\"x\",\"c\":\"x\"}}");
            assertRefused("duplicate name 'c'", index);
        }

        @Test
        void aMissingOrDamagedFileIsNamed() throws IOException {
            writeIndex("{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\",\"z\":\"missing.safetensors\"}}");
            assertThatExceptionOfType(NoSuchFileException.class)
                    .isThrownBy(() -> Safetensors.openFolder(folder).close())
                    .withMessageContaining("missing.safetensors");
            Files.write(folder.resolve("missing.safetensors"), new byte[3]);
            assertRefused("only 3 bytes", folder.resolve("missing.safetensors") + ": ");
        }

        private void assertRefused(String part, String start) {
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> Safetensors.openFolder(folder).close())
                    .withMessageStartingWith(start)
                    .withMessageContaining(part);
        }
    }
}
