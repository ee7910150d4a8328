package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.train.PolicyUpdater;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.model.Decoder;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench train}: training steps. */
@Command(
        name = "train",
        description = {
            "Measures training steps: forward pass, policy loss, backward pass, clipping, AdamW.",
            "Every token of a sequence but the first is trained on."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchTrainCommand implements Callable<Integer> {
    private static final float LEARNING_RATE = 1e-3f;
    private static final float WEIGHT_DECAY = 0.01f;

    @Mixin
    private DeviceOption device;

    @Mixin
    private DecoderOptions decoder;

    @Option(names = "--shards", paramLabel = "N",
            description = "Parts that a batch is cut into, as in train. Default: ${DEFAULT-VALUE}.")
    private int shards = RunConfig.defaults("gmpo").shards();

    @Option(names = "--objective", paramLabel = "NAME", defaultValue = "gmpo",
            description = "What is optimised. Default: ${DEFAULT-VALUE}.")
    private String objective;

    @Mixin
    private MeasureOptions measure;

    @Override
    public Integer call() {
        DecoderWork work = decoder.work(measure);
        int threads = decoder.threads(measure);
        measure.positive("--shards", shards);
        Timings.Budget budget = measure.budget();
        Preset preset;
        try {
            preset = Preset.named(objective);
        } catch (IllegalArgumentException e) {
            throw measure.bad(e);
        }
        var settings = new RunConfig.Update(1, 1, LEARNING_RATE, "constant", 0, 0.9, 0.999, 1e-8, WEIGHT_DECAY, 1);
        try (Engine engine = device.engine(threads);
                Decoder network = Decoder.random(engine, work.config(), 0);
                var updater = new PolicyUpdater(network, preset.objective(), settings, 1, shards)) {
            var batch = PolicyUpdater.Batch.of(samples(work));
            OptionalDouble peakFlops = device.peakFlops(engine);
            Runnable step = () -> updater.update(batch, LEARNING_RATE);
            Timings timings = Timings.measure(step, budget);
            double tokens = (double) work.batch() * work.seq();
            Results.Row row = decoder.row("train", work, engine.workers().count())
                    .with("shards", shards)
                    .with("backend", engine.backend().name())
                    .with("objective", objective)
                    .with("parameters", network.parameters().count())
                    .withStep(engine, tokens, work.trainingFlops(), timings, peakFlops, step);
            measure.results(
                    Results.Column.text("config", 8),
                    Results.Column.number("tokens_per_s", "tokens/s", 1, 0),
                    Results.Column.number("tokens_per_s_p10", "p10", 1, 0),
                    Results.Column.number("tokens_per_s_p90", "p90", 1, 0),
                    Results.Column.number("gflops", "GFLOP/s", 1, 1),
                    Results.Column.number("fraction_of_peak", "% of peak", 0.01, 1),
                    Results.Column.number("peak_rss_bytes", "peak MiB", 1 << 20, 0),
                    Results.Column.number("alloc_bytes_per_step", "heap B/step", 1, 0))
                    .print(row);
        }
        return 0;
    }

    /** Random tokens, with old log-probabilities and advantages as a policy near the start would have them. */
    private static List<PolicyUpdater.Sample> samples(DecoderWork work) {
        var random = new CounterRandom(0, 0);
        var noise = new CounterRandom(0, 1);
        List<PolicyUpdater.Sample> samples = new ArrayList<>();
        for (int row = 0; row < work.batch(); row++) {
            int[] response = new int[work.seq()];
            float[] oldLogProbs = new float[work.seq()];
            long first = (long) row * (work.seq() + 1);
            for (int t = 0; t < work.seq(); t++) {
                response[t] = random.below(work.vocab(), first + t + 1);
                oldLogProbs[t] = (float) (0.1 * noise.normal(first + t + 1) - Math.log(work.vocab()));
            }
            samples.add(new PolicyUpdater.Sample(
                    new int[] {random.below(work.vocab(), first)}, response, oldLogProbs, noise.normal(first)));
        }
        return samples;
    }
}
