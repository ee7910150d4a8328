package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.MachinePeak;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.model.Decoder;
import dev.geomean.model.FrozenWeights;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code geomean bench decode}: sampling from a published checkpoint. */
@Command(
        name = "decode",
        description = {
            "Measures sampling from a model folder with its weights as they are stored: from the start of the process to the",
            "first token, greedy decoding with a key/value cache, and prompts without decoding."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchDecodeCommand implements Callable<Integer> {
    private static final Set<String> WORK = new LinkedHashSet<>(List.of("first", "decode", "prefill"));
    private static final long READ_BYTES = 512L << 20;
    private static final int LEAST_RUNS = 3;

    @Parameters(index = "0", paramLabel = "FOLDER", description = "A model.")
    private Path folder;

    @Option(names = "--work", paramLabel = "WHAT", split = ",", defaultValue = "first,decode,prefill",
            description = "What to measure. Default: ${DEFAULT-VALUE}.")
    private List<String> work;

    @Option(names = "--batch", paramLabel = "N", split = ",", defaultValue = "1,16",
            description = "Sequences that are decoded together. Default: ${DEFAULT-VALUE}.")
    private List<Integer> batches;

    @Option(names = "--prompt", paramLabel = "N", defaultValue = "16",
            description = "Tokens of a prompt before decoding. Default: ${DEFAULT-VALUE}.")
    private int prompt;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "32",
            description = "Tokens that are decoded. Default: ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(names = "--prefill", paramLabel = "ROWSxTOKENS", defaultValue = "16x256",
            description = "Prompts and their tokens. Default: ${DEFAULT-VALUE}.")
    private String prefill;

    @Option(names = "--threads", paramLabel = "N", description = "Threads that compute. Default: all processors.")
    private int threads = Runtime.getRuntime().availableProcessors();

    @Option(names = "--seconds", paramLabel = "X", defaultValue = "10",
            description = "Time to measure each, at least " + LEAST_RUNS + " runs. Default: ${DEFAULT-VALUE}.")
    private double seconds;

    @Mixin
    private OutputOptions output;

    @Override
    public Integer call() throws IOException {
        for (String one : work) {
            if (!WORK.contains(one)) {
                throw output.bad("--work must be of " + String.join(", ", WORK) + ", not '" + one + "'");
            }
        }
        batches.forEach(batch -> output.positive("--batch", batch));
        output.positive("--prompt", prompt);
        output.positive("--threads", threads);
        if (tokens < 2) {
            throw output.bad("--tokens must be at least 2, not " + tokens);
        }
        int[] sizes = prefillSizes();
        Results results = output.results(
                Results.Column.text("work", 8),
                Results.Column.number("batch", "batch", 1, 0),
                Results.Column.number("seconds", "seconds", 1, 3),
                Results.Column.number("tokens_per_s", "tokens/s", 1, 2),
                Results.Column.number("read_bytes_per_s", "GB/s read", 1e9, 2),
                Results.Column.number("fraction_of_read", "% of read", 0.01, 1),
                Results.Column.number("peak_rss_bytes", "peak MiB", 1 << 20, 0));
        try (Engine engine = Engine.cpu(threads);
                Decoder decoder = ModelFolder.loadForSampling(engine, folder)) {
            double loaded = sinceStart();
            if (work.contains("first")) {
                run(decoder, 1, prompt, 1);
                results.print(row("first", decoder, 1).with("loaded", loaded).with("seconds", sinceStart()));
            }
            if (work.contains("decode")) {
                double read = MachinePeak.measureRead(threads, READ_BYTES);
                for (int batch : batches) {
                    double step = step(decoder, batch);
                    Results.Row row = row("decode", decoder, batch)
                            .with("tokens_per_s", batch / step)
                            .with("seconds", step)
                            .with("peak_read_bytes_per_s", read);
                    FrozenWeights weights = decoder.frozenWeights();
                    if (weights != null) {
                        double rate = weights.storedBytes() / step;
                        row.with("read_bytes_per_s", rate).with("fraction_of_read", rate / read);
                    }
                    results.print(row);
                }
            }
            if (work.contains("prefill")) {
                double best = Double.POSITIVE_INFINITY;
                long start = System.nanoTime();
                for (int run = 0; run < 2 || secondsSince(start) < seconds; run++) {
                    long before = System.nanoTime();
                    run(decoder, sizes[0], sizes[1], 1);
                    best = Math.min(best, secondsSince(before));
                }
                results.print(row("prefill", decoder, sizes[0])
                        .with("prompt", sizes[1])
                        .with("tokens_per_s", (double) sizes[0] * sizes[1] / best)
                        .with("seconds", best));
            }
        }
        return 0;
    }

    private int[] prefillSizes() {
        try {
            int[] sizes = Arrays.stream(prefill.split("x", -1)).mapToInt(Integer::parseInt).toArray();
            if (sizes.length == 2 && sizes[0] > 0 && sizes[1] > 0) {
                return sizes;
            }
        } catch (NumberFormatException e) {
            throw output.bad("--prefill must be two numbers such as 16x256, not '" + prefill + "'");
        }
        throw output.bad("--prefill must be two positive numbers such as 16x256, not '" + prefill + "'");
    }

    private Results.Row row(String what, Decoder decoder, int batch) {
        FrozenWeights weights = decoder.frozenWeights();
        return new Results.Row()
                .with("bench", "decode")
                .with("work", what)
                .with("batch", batch)
                .with("threads", threads)
                .with("parameters", decoder.config().parameterCount())
                .with("stored_bytes", weights == null ? 4 * decoder.parameters().count() : weights.storedBytes())
                .with("mapped_bytes", weights == null ? 0 : weights.mappedBytes())
                .with("peak_rss_bytes", ProcessMemory.peakBytes());
    }

    /** Seconds of a step in which every sequence gets a token: the median of all steps after the first of several runs. */
    private double step(Decoder decoder, int batch) {
        List<Double> steps = new ArrayList<>();
        long start = System.nanoTime();
        // The first run is there for the compiler.
        for (int run = 0; run <= LEAST_RUNS || secondsSince(start) < seconds; run++) {
            List<Long> times = run(decoder, batch, prompt, tokens);
            for (int i = 1; run > 0 && i < times.size(); i++) {
                steps.add((times.get(i) - times.get(i - 1)) * 1e-9);
            }
        }
        return new Quantiles(steps.stream().mapToDouble(Double::doubleValue).toArray()).median();
    }

    /** Generates once, and returns the times at which all sequences had their next token. */
    private static List<Long> run(Decoder decoder, int batch, int prompt, int tokens) {
        int vocab = decoder.config().vocabSize();
        var random = new CounterRandom(0, 0);
        List<Prompt> prompts = new ArrayList<>();
        for (int row = 0; row < batch; row++) {
            int[] ids = new int[prompt];
            for (int t = 0; t < prompt; t++) {
                ids[t] = random.below(vocab, (long) row * prompt + t);
            }
            prompts.add(new Prompt(ids, row));
        }
        var limits = new Generator.Limits(prompt, tokens, SamplingOptions.temperature(0), List.of());
        List<Long> times = new ArrayList<>();
        int[] count = {0};
        try (var generator = new Generator(decoder, limits)) {
            generator.generate(prompts, 0, (_, _) -> {
                if (++count[0] % batch == 0) {
                    times.add(System.nanoTime());
                }
            });
        }
        return times;
    }

    private static double sinceStart() {
        return (System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime()) * 1e-3;
    }

    private static double secondsSince(long start) {
        return (System.nanoTime() - start) * 1e-9;
    }
}
