package dev.geomean.gmpo.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.engine.io.TensorType;
import dev.geomean.gmpo.compare.Comparison;
import dev.geomean.gmpo.data.DataSpec;
import dev.geomean.gmpo.report.Report;
import dev.geomean.gmpo.report.RunLog;
import dev.geomean.gmpo.report.RunSummary;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.settings.ConfigFile;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.chat.ChatTemplate;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.lora.AdapterFolder;
import dev.geomean.model.lora.LoraAdapters;
import dev.geomean.model.lora.LoraConfig;
import dev.geomean.model.tokenizer.ByteTokenizer;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Damaged files given to every reader: each case either reads, or ends in the documented exception with one line, within
 * a time limit. A case is repeated by its number: all randomness comes from it.
 */
@DisplayName("A damaged file is read or refused in one line")
class ReaderFuzzTest {
    private static final long SEED = 20_260_101;
    private static final int SLOW_TOTAL = 200_000;
    private static final int QUICK_PART = 50;
    private static final long LIMIT_SECONDS = 30;
    private static final DecoderConfig SHAPE = DecoderConfig.llama(14, 8, 1, 2, 1, 12, 16, 1);

    private static final TrainingListener STOP_AT_ONCE = new TrainingListener() {
        @Override
        public boolean stopRequested() {
            return true;
        }
    };

    @TempDir
    private static Path root;

    private static ExecutorService executor;
    private static Engine engine;

    /** Reads what a folder holds. */
    @FunctionalInterface
    private interface Read {
        void read(Path folder, int number) throws IOException;
    }

    /** Makes a folder of good files. */
    @FunctionalInterface
    private interface Make {
        void make(Path folder) throws IOException;
    }

    /** What is damaged, how often of 200,000 times, and how it is read. */
    enum Reader {
        MODEL_CONFIG(25_000, List.of("config.json"), ReaderFuzzTest::makeModel,
                (folder, number) -> HuggingFaceConfig.read(folder)),
        SAFETENSORS(33_000, List.of("model.safetensors"), ReaderFuzzTest::makeTensors,
                (folder, number) -> readAll(folder)),
        SHARDS(15_000, List.of("model.safetensors.index.json", "a.safetensors", "b.safetensors"),
                ReaderFuzzTest::makeShards, (folder, number) -> readAll(folder)),
        CHARACTER_TOKENIZER(5_000, List.of("tokenizer.json"),
                folder -> new CharacterTokenizer("0123456789+=é😀").write(folder),
                (folder, number) -> useTokenizer(folder)),
        BYTE_TOKENIZER(2_000, List.of("tokenizer.json"), folder -> new ByteTokenizer().write(folder),
                (folder, number) -> useTokenizer(folder)),
        PUBLISHED_TOKENIZER(8_000, List.of("tokenizer.json", "tokenizer_config.json"),
                ReaderFuzzTest::makePublishedTokenizer, (folder, number) -> {
                    useTokenizer(folder);
                    Tokenizers.read(folder).encode("Hello, world! <s>");
                    ChatTemplate.read(folder);
                }),
        RUN(25_000, List.of("run.json"), ReaderFuzzTest::makeRun,
                (folder, number) -> new RunFolder(folder).readConfig()),
        COMPARISON(15_000, List.of("comparison.json"), ReaderFuzzTest::makeComparison, (folder, number) -> {
            Comparison comparison = Comparison.open(folder);
            comparison.folders();
            comparison.runs();
        }),
        CONFIG_OPTION(20_000, List.of("run.json"), ReaderFuzzTest::makeRun,
                (folder, number) -> ConfigFile.read(folder.resolve("run.json"))),
        RUN_LOG(25_000, List.of("metrics.jsonl", "samples.jsonl"), ReaderFuzzTest::makeRun, (folder, number) -> {
            RunLog log = RunLog.read(folder);
            RunSummary.of(log).lines();
            if (number % 20 == 0) {
                Report.of(List.of(log)).html();
            }
        }),
        PROMPTS(5_000, List.of("prompts.jsonl"), ReaderFuzzTest::makePrompts, (folder, number) -> {
            SourceFile prompts = SourceFile.read(folder.resolve("prompts.jsonl"));
            Definitions.BUILT_IN.withData(DataSpec.of(prompts.reference(), "numeric"), List.of(prompts));
        }),
        MODEL(10_000, List.of("config.json", "model.safetensors", "tokenizer.json"), ReaderFuzzTest::makeModel,
                (folder, number) -> Policy.load(engine, folder).close()),
        ADAPTERS(10_000, List.of("adapter_config.json", "adapter_model.safetensors"), ReaderFuzzTest::makeAdapters,
                (folder, number) -> AdapterFolder.load(engine, SHAPE, folder).close()),
        CHECKPOINT(2_000, List.of(), ReaderFuzzTest::makeRun,
                (folder, number) -> TrainingRun.resume(engine, folder, STOP_AT_ONCE));

        private final int share;
        private final List<String> damaged;
        private final Make make;
        private final Read read;

        Reader(int share, List<String> damaged, Make make, Read read) {
            this.share = share;
            this.damaged = damaged;
            this.make = make;
            this.read = read;
        }
    }

    @BeforeAll
    static void start() {
        engine = Engine.cpu(1);
        executor = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "reader");
            thread.setDaemon(true);
            return thread;
        });
    }

    @AfterAll
    static void stop() {
        executor.shutdownNow();
        engine.close();
    }

    private static void makeAdapters(Path folder) throws IOException {
        try (var adapters = LoraAdapters.random(engine, SHAPE, LoraConfig.of(2, 4, "q_proj,up_proj"), 1)) {
            AdapterFolder.save(adapters, folder.resolve("base"), folder);
        }
    }

    private static void makeModel(Path folder) throws IOException {
        try (Decoder decoder = Decoder.random(engine, SHAPE, 1)) {
            ModelFolder.save(decoder, new CharacterTokenizer("0123456789+="), folder);
        }
    }

    private static void makePublishedTokenizer(Path folder) throws IOException {
        Files.writeString(folder.resolve("tokenizer.json"), """
                {"version": "1.0", "added_tokens": [{"id": 0, "content": "<s>", "lstrip": true, "special": true}],
                "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\\\s+(?!\\\\S)|[^l]?"}, "behavior": "Isolated"},
                "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}},
                {"Sequence": {"id": "A"}}], "special_tokens": {"<s>": {"ids": [0]}}},
                "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                "model": {"type": "BPE", "unk_token": "<s>", "fuse_unk": true, "byte_fallback": true,
                "vocab": {"<s>": 0, "l": 1, "o": 2, "lo": 3, "▁": 4, "<0x48>": 5}, "merges": [["l", "o"]]}}
                """);
        Files.writeString(
                folder.resolve("tokenizer_config.json"),
                "{\"eos_token\": \"<s>\", \"chat_template\": \"{% for m in messages[1:] %}{{ m.role | trim }}{% endfor %}\"}");
    }

    private static void makeTensors(Path folder) throws IOException {
        tensors("weight", 24).write(folder.resolve(Safetensors.FILE_NAME));
    }

    private static SafetensorsWriter tensors(String prefix, int count) {
        var writer = new SafetensorsWriter();
        TensorType[] types = {TensorType.F32, TensorType.BF16, TensorType.F16};
        for (TensorType type : types) {
            writer.add(prefix + "." + type, type, List.of(2L, count / 2L), MemorySegment.ofArray(new float[count]));
        }
        writer.add(prefix + ".scalar", TensorType.F32, List.of(), MemorySegment.ofArray(new float[1]));
        return writer;
    }

    private static void makeShards(Path folder) throws IOException {
        tensors("a", 4).write(folder.resolve("a.safetensors"));
        tensors("b", 8).write(folder.resolve("b.safetensors"));
        Files.writeString(folder.resolve(Safetensors.INDEX_NAME), """
                {"metadata": {"total_size": 100}, "weight_map": {
                  "a.F32": "a.safetensors", "a.BF16": "a.safetensors", "b.F16": "b.safetensors"}}
                """);
    }

    private static void makePrompts(Path folder) throws IOException {
        Files.writeString(folder.resolve("prompts.jsonl"), """
                {"prompt": "1+1=", "answer": "2"}
                {"prompt": "12+30=", "answer": "42", "demonstration": "12 and 30 is 42"}
                {"prompt": "é😀=", "answer": "0.5"}
                """);
    }

    private static void makeComparison(Path folder) throws IOException {
        Comparison.create(folder, new Comparison.Plan(config(), List.of("grpo", "gmpo"), List.of(0L, 1L)));
    }

    private static RunConfig config() {
        return new RunConfig(
                "addition:digits=2", 3, new RunConfig.Model("gpt2", 1, 8, 2, 2, 32),
                new RunConfig.Warmup(1, 4, 3e-2, 0, 1), new RunConfig.Rollout(2, 2, 1, 0, 1, 0),
                RunConfig.Objective.of("gmpo"),
                new RunConfig.Update(1, 1, 1e-3, "linear", 0, 0.9, 0.95, 1e-8, 0.01, 1),
                new RunConfig.Evaluation(1, 2, 2, 2, 0.2), 3, 1);
    }

    /** A run that stopped after its second round. */
    private static void makeRun(Path folder) throws IOException {
        var listener = new TrainingListener() {
            private int asked;

            @Override
            public boolean stopRequested() {
                return ++asked == 3;
            }
        };
        assertThat(TrainingRun.start(engine, config(), folder, null, listener)).isFalse();
    }

    private static void readAll(Path folder) throws IOException {
        try (var tensors = Safetensors.openFolder(folder)) {
            for (TensorInfo info : tensors.tensors()) {
                if (info.type().isReadableAsFloat()) {
                    tensors.readFloats(info.name());
                    tensors.checkFinite(info.name());
                } else {
                    tensors.bytes(info.name()).byteSize();
                }
            }
        }
    }

    private static void useTokenizer(Path folder) throws IOException {
        Tokenizer tokenizer = Tokenizers.read(folder);
        int[] all = new int[tokenizer.vocabSize()];
        for (int i = 0; i < all.length; i++) {
            all[i] = i;
        }
        tokenizer.decode(all);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("in a few thousand cases")
    void quick(Reader reader) throws Exception {
        fuzz(reader, SEED, reader.share / QUICK_PART);
    }

    @Tag("slow")
    @ParameterizedTest
    @EnumSource
    @DisplayName("in 200,000 cases")
    void slow(Reader reader) throws Exception {
        int total = Stream.of(Reader.values()).mapToInt(each -> each.share).sum();
        assertThat(total).isEqualTo(SLOW_TOTAL);
        fuzz(reader, SEED + 1, reader.share);
    }

    private void fuzz(Reader reader, long seed, int cases) throws Exception {
        Path good = Files.createDirectories(root.resolve(reader + "-good-" + seed));
        reader.make.make(good);
        Map<Path, byte[]> contents = contents(good);
        List<Path> targets = new ArrayList<>();
        for (Path file : contents.keySet()) {
            boolean isChosen = reader.damaged.isEmpty()
                    // What a run resumes from; its settings could ask for any amount of work.
                    ? !file.endsWith("run.json") && !file.toString().endsWith(".html")
                    : reader.damaged.contains(file.getFileName().toString()) && file.getNameCount() == 1;
            if (isChosen) {
                targets.add(file);
            }
        }
        assertThat(targets).isNotEmpty();
        Path folder = root.resolve(reader + "-damaged-" + seed);
        restore(folder, contents);
        reader.read.read(folder, 0);

        int read = 0;
        int refused = 0;
        for (int number = 0; number < cases; number++) {
            var random = new SplittableRandom(seed * 1_000_003 + number);
            Path target = targets.get(random.nextInt(targets.size()));
            Path other = targets.get(random.nextInt(targets.size()));
            byte[] damaged = new Mutator(random.nextLong())
                    .mutate(target.getFileName().toString(), contents.get(target), contents.get(other));
            if (reader == Reader.CHECKPOINT) {
                // Resuming goes on writing.
                restore(folder, contents);
            }
            Files.write(folder.resolve(target), damaged);
            if (reader == Reader.CHECKPOINT && number % 2 == 0) {
                forgeChecksum(folder.resolve(target), contents.get(target), damaged);
            }
            if (isRead(reader, folder, number, target)) {
                read++;
            } else {
                refused++;
            }
            if (reader != Reader.CHECKPOINT) {
                Files.write(folder.resolve(target), contents.get(target));
            }
        }
        assertThat(read).as("cases that could still be read").isPositive();
        assertThat(refused).as("cases that were refused").isPositive();
    }

    private static boolean isRead(Reader reader, Path folder, int number, Path target) throws Exception {
        String name = "case " + number + " of " + reader + ", " + target;
        try {
            executor.submit(() -> {
                reader.read.read(folder, number);
                return true;
            }).get(LIMIT_SECONDS, TimeUnit.SECONDS);
            return true;
        } catch (TimeoutException e) {
            return fail(name + " took more than " + LIMIT_SECONDS + " s");
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            boolean isDocumented = cause instanceof IOException
                    || (reader == Reader.PROMPTS && cause instanceof SourceException);
            if (!isDocumented) {
                throw new AssertionError(name + ": foreign exception " + cause, cause);
            }
            String message = String.valueOf(cause.getMessage());
            assertThat(message).as(name).isNotBlank().hasLineCount(1).hasSizeLessThan(2000);
            assertThat(message.codePoints().noneMatch(Character::isISOControl)).as(name + message).isTrue();
            return false;
        }
    }

    /** So that what reads the file finds the damage, and not the check before it. */
    private static void forgeChecksum(Path file, byte[] before, byte[] after) throws Exception {
        Path sums = file.resolveSibling("SHA256SUMS");
        if (Files.exists(sums) && !file.equals(sums)) {
            Files.writeString(sums, Files.readString(sums).replace(sha256(before), sha256(after)));
        }
    }

    private static String sha256(byte[] content) throws NoSuchAlgorithmException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    }

    private static Map<Path, byte[]> contents(Path folder) throws IOException {
        Map<Path, byte[]> contents = new LinkedHashMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
                contents.put(folder.relativize(file), Files.readAllBytes(file));
            }
        }
        return contents;
    }

    private static void restore(Path folder, Map<Path, byte[]> contents) throws IOException {
        if (Files.exists(folder)) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
        for (Map.Entry<Path, byte[]> entry : contents.entrySet()) {
            Path file = folder.resolve(entry.getKey());
            Files.createDirectories(file.getParent());
            Files.write(file, entry.getValue());
        }
    }
}
