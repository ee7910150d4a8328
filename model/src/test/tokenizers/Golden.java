import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;

/**
 * Makes golden encodings with the original library, which is written in Rust and packaged for Java by DJL. README.md
 * has the commands.
 *
 * <pre>
 * java Golden.java small OUT        trains small tokenizers with the steps of published ones, and encodes with them
 * java Golden.java real FOLDER...   encodes with the tokenizers in folders
 * </pre>
 */
final class Golden {
    private static final JsonMapper JSON = new JsonMapper();

    private static final String WORDS_QWEN = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String WORDS_LLAMA = WORDS_QWEN.replace("|\\p{N}|", "|\\p{N}{1,3}|");
    private static final String WORDS_TEKKEN = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
            + "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
            + "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    private static final List<String> TEXTS = List.of(
            "", " ", "  ", "\n", "\r\n", "\t", "a", " a", "Hello, world!", "Hello  world   !",
            "I'm you're he'LL it'S don'T we'Ve 'tis '\u017f I'\u017f 'D 'K",
            "1234567890 3.14 1,000,000 \u00b2\u00b3\u00bc \u2460\u2461 \u2167 \u0661\u0662 \u0ce7\u0ce8",
            "def f(x):\n    return x**2  # comment\n\n\n\tif (a && b) { c[0] = \"x\"; }\r\n\r\n",
            "\ud83d\ude00\ud83d\ude03 \ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67 \ud83c\udff3\ufe0f\u200d\ud83c\udf08"
                    + " \ud83c\udde9\ud83c\uddea \ud83d\udc4d\ud83c\udffd \u2615\ufe0f",
            "e\u0301 \u00e9 n\u0303 a\u0316\u0301\u0300 \u1e9b\u0323 \ufb01 \u212b \u0344 \u0f73 \u1100\u1161\u11a8",
            "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202bRTL\u202c \u200f",
            "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3002\u4e2d\u6587\u6587\u672cEnglish\ud55c\uad6d\uc5b4"
                    + " \u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940",
            "   leading and trailing   ",
            "\u00a0nbsp\u2003em\u3000wide\u2028line\u2029para\u0085nel\u180e\u200b\u200c\u200d\ufeff",
            "<|endoftext|>", "a<|im_start|>user\nhi<|im_end|>b", " <s> x </s> <unk> [INST] [/INST] <|begin_of_text|>",
            "<tool_call>\n{}</tool_call>", "<|im_start", "<<|im_start|>>", "<s><s>  <s>a<s>",
            "\u00b2[W]", "[W]\u00bd", "\u00b2[W]\u00bd [W]",
            "word WORD  [L] [L][R]  x[R]  [R] a[W]b [W] [W]c [n] [N] [N][n]", "x\u0000y\u0001\u001f\u007f",
            "\ufffd\uffff\ufffe", "\uff21\uff22\uff23\uff11", "\u01c5 \u01c6 \u01c4 \u02b0 \u00aa \u00ba",
            "_under_score__ CamelCaseWord snake_case XMLHttpRequest iPhone", "http://example.com/a?b=c&d=%20#e f@g.co",
            "\n\n\n  \n \n\t\t\n x", "x\n\n\n", "a \n b", "....!!!???---///\n///\n", "\u2581 \u2581\u2581 a\u2581b",
            "<0x0A> <0xE2>", "\u0130stanbul \u03a3\u0391\u03a3 \u00df \u1e9e", "\u0301abc",
            "\ud835\udd18\ud835\udd2b \ud835\udfd8\ud835\udfd9 \ud800\udf48 \ud840\udc00", "\r \r\r a\rb",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "The gradient of the loss with respect to the parameters is computed by walking the tape backwards.");

    private static final String ALPHABET = "aAzZ \u00e9\u00df\u03a3\u03c3 09\u00b2\u00bd \n\r\t\u00a0\u2003'sStTrevml.,!?-_/\\()[]{}<>|"
            + "\u0301\u0316\u0344\u200d\u200c\u200b\u65e5\u672c\ud55c\u0e44\u0e33\u0645\u0631\u05e9\u05c1\u3000\u2028\u0085"
            + "\ud83d\ude00\ud83d\udc69\ud83c\udffd\ud835\udd18\ud840\udc00\u2581#@\u0000\ufffd\uac01\u1100\u1161\u11a8"
            + "\u017f\u212a\ufb01";

    private static final String[] PIECES = {
        "<|im_start|>", "<|endoftext|>", "<s>", "</s>", "<unk>", " ", "  ", "a", "\n", "hello", "\u00e9", "\u2581",
        "[L]", "[R]", "[W]", "[n]", "[N]"
    };

    public static void main(String[] arguments) throws IOException {
        if (arguments.length >= 2 && arguments[0].equals("small")) {
            Path out = Path.of(arguments[1]);
            List<String> corpus = corpus(200, 60, 60);
            Files.createDirectories(out);
            JSON.writeValue(out.resolve("corpus.json").toFile(), corpus);
            for (Map.Entry<String, Map<String, Object>> tokenizer : small().entrySet()) {
                Path folder = Files.createDirectories(out.resolve(tokenizer.getKey()));
                JSON.writeValue(folder.resolve("tokenizer.json").toFile(), tokenizer.getValue());
                Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}\n");
                expect(folder, corpus, 80);
            }
        } else if (arguments.length >= 2 && arguments[0].equals("real")) {
            List<String> corpus = corpus(4000, 1000, 1500);
            corpus.add(prose());
            for (String name : List.of(arguments).subList(1, arguments.length)) {
                Path folder = Path.of(name);
                JSON.writeValue(folder.resolveSibling("corpus.json").toFile(), corpus);
                expect(folder, corpus, 4000);
            }
        } else {
            System.err.println("usage: java Golden.java small OUT | real FOLDER...");
            System.exit(2);
        }
    }

    /** Texts that are hard to cut, and random ones. */
    private static List<String> corpus(int mixed, int special, int anything) {
        var corpus = new ArrayList<>(TEXTS);
        int[] alphabet = ALPHABET.codePoints().toArray();
        var random = new Random(7);
        for (int i = 0; i < mixed; i++) {
            var text = new StringBuilder();
            int span = random.nextBoolean() ? alphabet.length : 6 + random.nextInt(10);
            int offset = random.nextInt(alphabet.length);
            for (int length = 1 + random.nextInt(24); length > 0; length--) {
                text.appendCodePoint(alphabet[(offset + random.nextInt(span)) % alphabet.length]);
            }
            corpus.add(text.toString());
        }
        for (int i = 0; i < special; i++) {
            var text = new StringBuilder();
            for (int length = 1 + random.nextInt(10); length > 0; length--) {
                text.append(PIECES[random.nextInt(PIECES.length)]);
            }
            corpus.add(text.toString());
        }
        for (int i = 0; i < anything; i++) {
            var text = new StringBuilder();
            for (int length = 1 + random.nextInt(12); length > 0;) {
                int character = random.nextInt(3) == 0 ? random.nextInt(0x20000) : random.nextInt(0x3000);
                int type = Character.getType(character);
                // The original knows the normalization of Unicode 9 only.
                boolean young = character >= 0x08d3 && character <= 0x08e2 || character == 0x0b55 || character == 0x180f || character >= 0x1c80 && type == Character.NON_SPACING_MARK;
                if (Character.isDefined(character) && type != Character.SURROGATE && type != Character.PRIVATE_USE && !young) {
                    text.appendCodePoint(character);
                    length--;
                }
            }
            corpus.add(text.toString());
        }
        return corpus;
    }

    /** All documentation and sources below the working folder, up to a million characters. */
    private static String prose() throws IOException {
        var text = new StringBuilder();
        try (var files = Files.walk(Path.of("."))) {
            for (Path file : files.filter(file -> file.toString().matches(".*\\.(md|java)")
                    && !file.toString().contains("target")).sorted().toList()) {
                text.append(Files.readString(file));
            }
        }
        return text.substring(0, Math.min(text.length(), 1_000_000));
    }

    private static void expect(Path folder, List<String> corpus, int decodings) throws IOException {
        var options = Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");
        try (var tokenizer = HuggingFaceTokenizer.newInstance(folder.resolve("tokenizer.json"), options)) {
            var encodings = new ArrayList<Object>();
            var decoded = new ArrayList<Object>();
            for (String text : corpus) {
                long[] ids = tokenizer.encode(text, false, false).getIds();
                encodings.add(ids);
                String back = tokenizer.decode(ids, true);
                decoded.add(back.equals(text) ? null : back);
            }
            var random = new Random(3);
            int size = vocabulary(folder);
            var random_ids = new ArrayList<Object>();
            var random_texts = new ArrayList<Object>();
            for (int i = 0; i < decodings; i++) {
                var ids = new long[1 + random.nextInt(12)];
                for (int j = 0; j < ids.length; j++) {
                    ids[j] = random.nextInt(i % 2 == 0 ? size : Math.min(size, 300));
                }
                random_ids.add(ids);
                random_texts.add(tokenizer.decode(ids, true));
            }
            var expected = new LinkedHashMap<String, Object>();
            expected.put("encodings", encodings);
            expected.put("decoded", decoded);
            expected.put("sequence", tokenizer.encode("Hello, world!", true, false).getIds());
            expected.put("ids", random_ids);
            expected.put("texts", random_texts);
            JSON.writeValue(folder.resolve("expected.json").toFile(), expected);
        }
    }

    private static int vocabulary(Path folder) {
        var model = JSON.readTree(folder.resolve("tokenizer.json").toFile()).get("model").get("vocab");
        return model.size();
    }

    private static Map<String, Map<String, Object>> small() throws IOException {
        var bytes = train(true, 300);
        var characters = train(false, 300);
        var fewBytes = train(true, 40);
        Object byteLevel = Map.of("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", true, "use_regex", false);
        var all = new TreeMap<String, Map<String, Object>>();
        Object gpt2 = Map.of("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", true, "use_regex", true);
        Object prefixed = Map.of("type", "ByteLevel", "add_prefix_space", true, "trim_offsets", true, "use_regex", true);
        all.put("gpt2", tokenizer(null, gpt2, byteLevel, byteLevel, bytes, Map.of()));
        all.put("gpt2-prefix", tokenizer(null, prefixed, byteLevel, byteLevel, fewBytes, Map.of()));
        all.put("qwen2", tokenizer(type("NFC"), sequence(split(regex(WORDS_QWEN), "Isolated", false), byteLevel),
                byteLevel, byteLevel, bytes, Map.of("continuing_subword_prefix", "", "end_of_word_suffix", "")));
        all.put("llama3", tokenizer(null, sequence(split(regex(WORDS_LLAMA), "Isolated", false), byteLevel),
                Map.of("type", "Sequence", "processors", List.of(byteLevel, template())), byteLevel, bytes,
                Map.of("ignore_merges", true)));
        all.put("smollm2", tokenizer(null, sequence(Map.of("type", "Digits", "individual_digits", true), gpt2),
                null, byteLevel, bytes, Map.of()));
        all.put("tekken", tokenizer(null, sequence(split(regex(WORDS_TEKKEN), "Removed", true), byteLevel), template(),
                byteLevel, bytes, Map.of("ignore_merges", true)));
        Object toSpace = Map.of("type", "Replace", "pattern", Map.of("String", "\u2581"), "content", " ");
        Object strip = Map.of("type", "Strip", "content", " ", "start", 1, "stop", 0);
        Object llama2 = Map.of("type", "Sequence", "decoders", List.of(toSpace, type("ByteFallback"), type("Fuse"), strip));
        var fallback = Map.<String, Object>of("unk_token", "<unk>", "fuse_unk", true, "byte_fallback", true);
        all.put("llama2", tokenizer(Map.of("type", "Sequence", "normalizers", List.of(
                        Map.of("type", "Prepend", "prepend", "\u2581"),
                        Map.of("type", "Replace", "pattern", Map.of("String", " "), "content", "\u2581"))),
                null, template(), llama2, characters, fallback));
        all.put("mistral", tokenizer(null, metaspace("first", false), template(), llama2, characters, fallback));
        all.put("metaspace", tokenizer(type("NFKC"), metaspace("always", true), null, metaspace("always", true),
                characters, Map.of("unk_token", "<unk>", "fuse_unk", true)));
        all.put("unknown", tokenizer(null, metaspace("never", true), null, metaspace("never", true),
                characters, Map.of("unk_token", "<unk>", "fuse_unk", false)));
        all.put("lowercase", tokenizer(Map.of("type", "Sequence", "normalizers", List.of(type("NFD"), type("Lowercase"),
                        type("StripAccents"), Map.of("type", "Strip", "strip_left", true, "strip_right", true))),
                sequence(type("Whitespace"), Map.of("type", "Punctuation", "behavior", "Isolated")), null, null,
                characters, Map.of("unk_token", "<unk>")));
        all.put("digits", tokenizer(type("NFKD"), sequence(type("WhitespaceSplit"),
                        Map.of("type", "Digits", "individual_digits", false), byteLevel), null, byteLevel, fewBytes, Map.of()));
        for (String behavior : List.of("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")) {
            for (boolean invert : new boolean[] {false, true}) {
                String name = "split-" + behavior + (invert ? "-inverted" : "");
                Object pattern = invert ? regex("\\w+") : regex("[\\s,.!?-]");
                all.put(name.toLowerCase(java.util.Locale.ROOT), tokenizer(null,
                        sequence(split(pattern, behavior, invert), byteLevel), null, byteLevel, fewBytes, Map.of("ignore_merges", true)));
            }
        }
        return all;
    }

    private static Object type(String type) {
        return Map.of("type", type);
    }

    private static Object regex(String regex) {
        return Map.of("Regex", regex);
    }

    private static Object split(Object pattern, String behavior, boolean invert) {
        return Map.of("type", "Split", "pattern", pattern, "behavior", behavior, "invert", invert);
    }

    private static Object sequence(Object... steps) {
        return Map.of("type", "Sequence", "pretokenizers", List.of(steps));
    }

    private static Object metaspace(String scheme, boolean split) {
        return Map.of("type", "Metaspace", "replacement", "\u2581", "prepend_scheme", scheme, "split", split);
    }

    private static Object template() {
        Object begin = Map.of("SpecialToken", Map.of("id", "<s>", "type_id", 0));
        Object text = Map.of("Sequence", Map.of("id", "A", "type_id", 0));
        return Map.of("type", "TemplateProcessing", "single", List.of(begin, text), "pair", List.of(begin, text),
                "special_tokens", Map.of("<s>", Map.of("id", "<s>", "ids", List.of(1), "tokens", List.of("<s>"))));
    }

    private static Map<String, Object> tokenizer(Object normalizer, Object preTokenizer, Object postProcessor,
            Object decoder, Map<String, Object> trained, Map<String, Object> options) {
        var model = new LinkedHashMap<String, Object>();
        model.put("type", "BPE");
        model.put("dropout", null);
        model.putAll(options);
        model.putAll(trained);
        int next = ((Map<?, ?>) trained.get("vocab")).size();
        var added = new ArrayList<Object>();
        added.add(added(0, "<unk>", "", true));
        added.add(added(1, "<s>", "", true));
        added.add(added(2, "</s>", "", true));
        for (String special : List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>")) {
            added.add(added(next++, special, "", true));
        }
        added.add(added(next++, "<tool_call>", "", false));
        added.add(added(next++, "[L]", "lstrip", false));
        added.add(added(next++, "[R]", "rstrip", false));
        added.add(added(next++, "[W]", "single_word", false));
        added.add(added(next++, "[n]", "normalized", false));
        var tokenizer = new LinkedHashMap<String, Object>();
        tokenizer.put("version", "1.0");
        tokenizer.put("truncation", null);
        tokenizer.put("padding", null);
        tokenizer.put("added_tokens", added);
        tokenizer.put("normalizer", normalizer);
        tokenizer.put("pre_tokenizer", preTokenizer);
        tokenizer.put("post_processor", postProcessor);
        tokenizer.put("decoder", decoder);
        tokenizer.put("model", model);
        return tokenizer;
    }

    private static Object added(int id, String content, String option, boolean special) {
        var token = new LinkedHashMap<String, Object>();
        token.put("id", id);
        token.put("content", content);
        for (String name : List.of("single_word", "lstrip", "rstrip", "normalized")) {
            token.put(name, name.equals(option));
        }
        token.put("special", special);
        return token;
    }

    /** Byte-pair encoding as in the paper, on words of the texts above and of this file. */
    private static Map<String, Object> train(boolean byteLevel, int count) throws IOException {
        var text = new StringBuilder(String.join("\n", TEXTS));
        text.append(Files.readString(Path.of("model/src/test/tokenizers/Golden.java")));
        var words = new LinkedHashMap<List<String>, Integer>();
        var matcher = java.util.regex.Pattern.compile(" ?\\S+|\\s").matcher(text);
        while (matcher.find()) {
            String word = byteLevel ? bytes(matcher.group()) : matcher.group().replace(' ', '\u2581');
            words.merge(word.codePoints().mapToObj(Character::toString).toList(), 1, Integer::sum);
        }
        var vocabulary = new LinkedHashMap<String, Integer>();
        for (String special : List.of("<unk>", "<s>", "</s>")) {
            vocabulary.put(special, vocabulary.size());
        }
        if (byteLevel) {
            for (int i = 0; i < 256; i++) {
                vocabulary.putIfAbsent(String.valueOf(character(i)), vocabulary.size());
            }
        } else {
            for (int i = 0; i < 256; i++) {
                vocabulary.put(String.format("<0x%02X>", i), vocabulary.size());
            }
            for (char c = ' ' + 1; c < 0x7f; c++) {
                vocabulary.putIfAbsent(String.valueOf(c), vocabulary.size());
            }
            vocabulary.put("\u2581", vocabulary.size());
            vocabulary.put("\u00e9", vocabulary.size());
        }
        var merges = new ArrayList<String>();
        while (merges.size() < count) {
            var pairs = new HashMap<String, Integer>();
            words.forEach((word, times) -> {
                for (int i = 0; i + 1 < word.size(); i++) {
                    if (vocabulary.containsKey(word.get(i)) && vocabulary.containsKey(word.get(i + 1))) {
                        pairs.merge(word.get(i) + " " + word.get(i + 1), times, Integer::sum);
                    }
                }
            });
            String best = pairs.entrySet().stream()
                    .max(Map.Entry.<String, Integer>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
                    .orElseThrow()
                    .getKey();
            merges.add(best);
            String[] pair = best.split(" ");
            vocabulary.putIfAbsent(pair[0] + pair[1], vocabulary.size());
            var merged = new LinkedHashMap<List<String>, Integer>();
            words.forEach((word, times) -> {
                var symbols = new ArrayList<>(word);
                for (int i = 0; i + 1 < symbols.size(); i++) {
                    if (symbols.get(i).equals(pair[0]) && symbols.get(i + 1).equals(pair[1])) {
                        symbols.set(i, pair[0] + pair[1]);
                        symbols.remove(i + 1);
                    }
                }
                merged.merge(symbols, times, Integer::sum);
            });
            words.clear();
            words.putAll(merged);
        }
        var trained = new LinkedHashMap<String, Object>();
        trained.put("vocab", vocabulary);
        trained.put("merges", merges);
        return trained;
    }

    private static String bytes(String word) {
        var out = new StringBuilder();
        for (byte value : word.getBytes(StandardCharsets.UTF_8)) {
            out.append(character(value & 0xff));
        }
        return out.toString();
    }

    private static char character(int value) {
        int shifted = 0;
        for (int other = 0; other <= value; other++) {
            boolean itself = other >= '!' && other <= '~' || other >= 0xa1 && other <= 0xac || other >= 0xae;
            if (other == value) {
                return (char) (itself ? value : 0x100 + shifted);
            }
            shifted += itself ? 0 : 1;
        }
        throw new IllegalArgumentException(String.valueOf(value));
    }
}
