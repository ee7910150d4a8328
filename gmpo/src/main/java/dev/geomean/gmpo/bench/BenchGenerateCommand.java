package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.model.Decoder;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench generate}: batched sampling. */
@Command(
        name = "generate",
        description = {
            "Measures batched sampling with a key/value cache.",
            "Every prompt is another one, and none ends early: --seq less --prompt tokens are drawn for each."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchGenerateCommand implements Callable<Integer> {
    @Mixin
    private DeviceOption device;

    @Mixin
    private DecoderOptions decoder;

    @Option(names = "--prompt", paramLabel = "N", defaultValue = "8",
            description = "Tokens of a prompt, less than --seq. Default: ${DEFAULT-VALUE}.")
    private int prompt;

    @Mixin
    private MeasureOptions measure;

    @Override
    public Integer call() {
        DecoderWork work = decoder.work(measure);
        int threads = decoder.threads(measure);
        Timings.Budget budget = measure.budget();
        if (prompt < 1 || prompt >= work.seq()) {
            throw measure
                    .bad("--prompt must be from 1 to " + (work.seq() - 1) + ", one less than --seq, not " + prompt);
        }
        int generated = work.seq() - prompt;
        var limits = new Generator.Limits(prompt, generated, SamplingOptions.temperature(1), List.of());
        try (Engine engine = device.engine(threads);
                Decoder network = Decoder.random(engine, work.config(), 0);
                var generator = new Generator(network, limits)) {
            List<Prompt> prompts = prompts(work);
            OptionalDouble peakFlops = device.peakFlops(engine);
            Runnable run = () -> generator.generate(prompts, 0);
            Timings timings = Timings.measure(run, budget);
            double tokens = (double) work.batch() * generated;
            Results.Row row = decoder.row("generate", work, engine.workers().count())
                    .with("prompt", prompt)
                    .with("backend", engine.backend().name())
                    .with("parameters", network.parameters().count())
                    .withStep(engine, tokens, work.generationFlops(prompt), timings, peakFlops, run);
            measure.results(
                    Results.Column.text("config", 8),
                    Results.Column.number("tokens_per_s", "tokens/s", 1, 0),
                    Results.Column.number("tokens_per_s_p10", "p10", 1, 0),
                    Results.Column.number("tokens_per_s_p90", "p90", 1, 0),
                    Results.Column.number("gflops", "GFLOP/s", 1, 1),
                    Results.Column.number("fraction_of_peak", "% of peak", 0.01, 1),
                    Results.Column.number("peak_rss_bytes", "peak MiB", 1 << 20, 0),
                    Results.Column.number("alloc_bytes_per_step", "heap B/run", 1, 0))
                    .print(row);
        }
        return 0;
    }

    private List<Prompt> prompts(DecoderWork work) {
        var random = new CounterRandom(0, 0);
        List<Prompt> prompts = new ArrayList<>();
        for (int row = 0; row < work.batch(); row++) {
            int[] tokens = new int[prompt];
            for (int t = 0; t < prompt; t++) {
                tokens[t] = random.below(work.vocab(), (long) row * prompt + t);
            }
            prompts.add(new Prompt(tokens, row));
        }
        return prompts;
    }
}
