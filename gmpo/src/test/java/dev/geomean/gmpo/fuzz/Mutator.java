package dev.geomean.gmpo.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamWriteConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Damages the content of files, by bytes and along the structure of JSON, JSON lines and safetensors. */
final class Mutator {
    /** Writes what readers have to refuse, deeper than Jackson writes by itself. */
    private static final JsonMapper JSON = JsonMapper.builder(
            JsonFactory.builder()
                    .streamWriteConstraints(
                            StreamWriteConstraints.builder().maxNestingDepth(Integer.MAX_VALUE).build())
                    .build())
            .build();

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final String PLACEHOLDER = "@raw@";

    private static final long[] LENGTHS = {
        0, 1, 2, 7, 8, 255, 256, 65_535, 100_000_000, 100_000_001, Integer.MAX_VALUE, 1L << 32, 1L << 60,
        Long.MAX_VALUE,
        Long.MIN_VALUE, -1
    };

    /** Values of JSON in place of any other; some are not JSON. */
    private static final List<String> RAW = List.of(
            "0", "-0", "1", "-1", "2", "3", "255", "2147483647", "2147483648", "-2147483649", "9223372036854775807",
            "9223372036854775808", "1152921504606846976", "1e400", "-1e400", "1e-400", "1e308", "1e999999999", "0.1",
            "1.0",
            "1E+2", "01", "+1", "0x10", "NaN", "Infinity", "-Infinity", "true", "false", "null", "undefined", "\"\"",
            "\"NaN\"", "\"0\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud83d\\ude00\"",
            "\"\u202e\u200d\"",
            "\"\\n\\r\\u2028\"", "\"../../etc/passwd\"", "\"/dev/zero\"", "\"C:\\\\x\"",
            "\"<script>alert(1)</script>\"",
            "[]", "{}", "[[]]", "[null]", "[1,2,3]", "[-1]", "[1e400]", "{\"a\":1}", "{\"a\":1,\"a\":2}", "[1",
            "{\"a\"", "",
            ",", "]", "\"", "\u00e9", "\ufeff1", "// x");

    private final SplittableRandom random;

    Mutator(long seed) {
        random = new SplittableRandom(seed);
    }

    /**
     * Damages a file.
     *
     * @param name its name, which says what structure it has
     * @param content its content
     * @param other the content of another file, to splice from
     * @return something else, most of the time
     */
    byte[] mutate(String name, byte[] content, byte[] other) {
        byte[] mutated = content;
        // A second or third wound now and then.
        int wounds = 1 + (random.nextInt(4) == 0 ? 1 : 0) + (random.nextInt(16) == 0 ? 1 : 0);
        for (int i = 0; i < wounds; i++) {
            boolean structured = random.nextInt(3) > 0;
            byte[] next = null;
            if (structured && name.endsWith(".json")) {
                next = json(mutated);
            } else if (structured && name.endsWith(".jsonl")) {
                next = lines(mutated);
            } else if (structured && name.endsWith(".safetensors")) {
                next = safetensors(mutated);
            }
            mutated = next == null ? bytes(mutated, other) : next;
        }
        return mutated;
    }

    private byte[] bytes(byte[] content, byte[] other) {
        int length = content.length;
        int at = length == 0 ? 0 : random.nextInt(length);
        int end = Math.min(length, at + 1 + random.nextInt(random.nextBoolean() ? 8 : 256));
        return switch (random.nextInt(9)) {
            case 0 -> Arrays.copyOf(content, at);
            case 1 -> flip(content, 1);
            case 2 -> flip(content, 1 + random.nextInt(64));
            case 3 -> join(Arrays.copyOf(content, at), noise(random.nextInt(32)),
                    Arrays.copyOfRange(content, at, length));
            case 4 -> join(Arrays.copyOf(content, at), Arrays.copyOfRange(content, end, length));
            case 5 -> join(Arrays.copyOf(content, end), Arrays.copyOfRange(content, at, length));
            case 6 -> {
                int from = other.length == 0 ? 0 : random.nextInt(other.length);
                yield join(Arrays.copyOf(content, at), Arrays.copyOfRange(other, from, other.length));
            }
            case 7 -> {
                byte[] changed = content.clone();
                byte[] number = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(pick(LENGTHS)).array();
                int start = random.nextInt(4) == 0 ? 0 : at;
                System.arraycopy(number, 0, changed, start, Math.min(8, length - start));
                yield changed;
            }
            default -> join(content, random.nextBoolean() ? content : noise(random.nextInt(64)));
        };
    }

    private byte[] flip(byte[] content, int bits) {
        byte[] changed = content.clone();
        for (int i = 0; i < bits && changed.length > 0; i++) {
            changed[random.nextInt(changed.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return changed;
    }

    private byte[] noise(int length) {
        byte[] noise = new byte[length];
        random.nextBytes(noise);
        return noise;
    }

    private static byte[] join(byte[]... parts) {
        int length = 0;
        for (byte[] part : parts) {
            length += part.length;
        }
        byte[] joined = new byte[length];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, joined, at, part.length);
            at += part.length;
        }
        return joined;
    }

    private byte @Nullable [] json(byte[] content) {
        JsonNode root;
        try {
            root = JSON.readTree(content);
        } catch (JacksonException e) {
            return null;
        }
        List<JsonNode> containers = new ArrayList<>();
        collect(root, containers);
        if (containers.isEmpty()) {
            return null;
        }
        JsonNode container = containers.get(random.nextInt(containers.size()));
        String raw = raw();
        if (container instanceof ObjectNode object && !object.isEmpty()) {
            List<String> names = List.copyOf(object.propertyNames());
            String name = names.get(random.nextInt(names.size()));
            switch (random.nextInt(8)) {
                case 0 -> object.remove(name);
                case 1 -> object.set(name + "x", object.remove(name));
                case 2 -> object.set(swapped(name), object.remove(name));
                case 3 -> object.set(name, object.get(names.get(random.nextInt(names.size()))));
                case 4 -> object.set(name, containers.get(random.nextInt(containers.size())).deepCopy());
                case 5 -> {
                    object.put(PLACEHOLDER, 0);
                    return text(root).replace("\"" + PLACEHOLDER + "\":0", JSON.writeValueAsString(name) + ":" + raw)
                            .getBytes(StandardCharsets.UTF_8);
                }
                default -> object.put(name, PLACEHOLDER);
            }
        } else if (container instanceof ArrayNode array) {
            if (array.isEmpty() || random.nextInt(3) == 0) {
                array.add(PLACEHOLDER);
            } else if (random.nextBoolean()) {
                array.set(random.nextInt(array.size()), NODES.stringNode(PLACEHOLDER));
            } else {
                array.remove(random.nextInt(array.size()));
            }
        }
        return text(root).replace("\"" + PLACEHOLDER + "\"", raw).getBytes(StandardCharsets.UTF_8);
    }

    private static String text(JsonNode node) {
        return JSON.writeValueAsString(node);
    }

    private static void collect(JsonNode node, List<JsonNode> containers) {
        if (node.isContainer()) {
            containers.add(node);
            node.forEach(child -> collect(child, containers));
        }
    }

    private String raw() {
        return switch (random.nextInt(20)) {
            case 0 -> "[".repeat(1 + random.nextInt(2000));
            case 1 -> {
                int depth = 1 + random.nextInt(1000);
                yield "{\"a\":".repeat(depth) + "1" + "}".repeat(depth);
            }
            case 2 -> "\"" + "x".repeat(random.nextInt(10_000)) + "\"";
            case 3 -> "9".repeat(1 + random.nextInt(2000));
            case 4 -> String.valueOf(random.nextLong());
            case 5 -> String.valueOf(random.nextInt(-4, 100));
            default -> RAW.get(random.nextInt(RAW.size()));
        };
    }

    private String swapped(String name) {
        if (name.length() < 2) {
            return name + name;
        }
        int at = random.nextInt(name.length() - 1);
        return name.substring(0, at) + name.charAt(at + 1) + name.charAt(at) + name.substring(at + 2);
    }

    private byte[] lines(byte[] content) {
        List<String> lines = new ArrayList<>(List.of(new String(content, StandardCharsets.UTF_8).split("\n", -1)));
        int at = random.nextInt(lines.size());
        switch (random.nextInt(6)) {
            case 0 -> lines.remove(at);
            case 1 -> lines.add(at, lines.get(random.nextInt(lines.size())));
            case 2 -> lines.add(at, raw());
            case 3 -> lines.set(at, lines.get(at).substring(lines.get(at).length() / 2));
            default -> {
                byte[] changed = json(lines.get(at).getBytes(StandardCharsets.UTF_8));
                lines.set(at, changed == null ? raw() : new String(changed, StandardCharsets.UTF_8));
            }
        }
        return String.join(random.nextInt(20) == 0 ? "\r\n" : "\n", lines).getBytes(StandardCharsets.UTF_8);
    }

    private byte @Nullable [] safetensors(byte[] content) {
        if (content.length < 8) {
            return null;
        }
        ByteBuffer buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        long length = buffer.getLong();
        if (length < 0 || length > content.length - 8) {
            return null;
        }
        byte[] header = Arrays.copyOfRange(content, 8, 8 + (int) length);
        byte[] data = Arrays.copyOfRange(content, 8 + (int) length, content.length);
        long written = -1;
        switch (random.nextInt(8)) {
            case 0 -> written = pick(LENGTHS);
            case 1 -> written = length + random.nextInt(-16, 17);
            case 2 -> data = Arrays.copyOf(data, Math.max(0, data.length + random.nextInt(-8, 9)));
            case 3 -> {
                for (int i = 0; i + 4 <= data.length && random.nextInt(4) > 0; i++) {
                    int at = random.nextInt(data.length / 4) * 4;
                    ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).putFloat(at,
                            random.nextBoolean() ? Float.NaN : Float.NEGATIVE_INFINITY);
                }
            }
            case 4 -> header = flip(header, 1);
            default -> {
                byte[] changed = json(header);
                header = changed == null ? header : changed;
            }
        }
        byte[] prefix = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(written == -1 ? header.length : written).array();
        return join(prefix, header, data);
    }

    private long pick(long[] values) {
        return values[random.nextInt(values.length)];
    }
}
