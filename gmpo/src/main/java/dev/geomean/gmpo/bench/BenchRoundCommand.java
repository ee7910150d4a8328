package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.Trainer;
import dev.geomean.model.Decoder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench round}: whole rounds. */
@Command(
        name = "round",
        description = {
            "Measures whole rounds of training: sampling, rewards, log-probabilities, updates.",
            "Starts from random parameters, with rewards for every right character so that there is something to learn,",
            "and leaves out the evaluation on held-out prompts."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchRoundCommand implements Callable<Integer> {
    private static final int MOST_ROUNDS = 1_000_000;
    private static final RunConfig DEFAULTS = RunConfig.defaults("gmpo");

    @Option(names = "--task", paramLabel = "NAME", description = "The task. Default: ${DEFAULT-VALUE}.")
    private String task = DEFAULTS.task();

    @Option(names = "--architecture", paramLabel = "NAME",
            description = "llama or gpt2. Default: ${DEFAULT-VALUE}.")
    private String architecture = DEFAULTS.model().architecture();

    @Option(names = "--layers", paramLabel = "N", description = "Layers. Default: ${DEFAULT-VALUE}.")
    private int layers = DEFAULTS.model().layers();

    @Option(names = "--dim", paramLabel = "N", description = "Width. Default: ${DEFAULT-VALUE}.")
    private int dim = DEFAULTS.model().dim();

    @Option(names = "--heads", paramLabel = "N", description = "Query heads. Default: ${DEFAULT-VALUE}.")
    private int heads = DEFAULTS.model().heads();

    @Option(names = "--kv-heads", paramLabel = "N", description = "Key/value heads. Default: as many as query heads.")
    private @Nullable Integer kvHeads;

    @Option(names = "--ffn", paramLabel = "N",
            description = "Inner width of the feed-forward part; 4 times the width with gpt2. Default: ${DEFAULT-VALUE}.")
    private int ffn = DEFAULTS.model().ffnDim();

    @Option(names = "--prompts", paramLabel = "N", description = "Prompts of a round. Default: ${DEFAULT-VALUE}.")
    private int prompts = DEFAULTS.rollout().prompts();

    @Option(names = "--samples", paramLabel = "N", description = "Samples of a prompt. Default: ${DEFAULT-VALUE}.")
    private int samples = DEFAULTS.rollout().samples();

    @Option(names = "--mini-batches", paramLabel = "N", description = "Updates of a round. Default: ${DEFAULT-VALUE}.")
    private int miniBatches = DEFAULTS.update().miniBatches();

    @Option(names = "--objective", paramLabel = "NAME", defaultValue = "gmpo",
            description = "What is optimised. Default: ${DEFAULT-VALUE}.")
    private String objective;

    @Option(names = "--shards", paramLabel = "N",
            description = "Parts that a batch is cut into, as in train. Default: ${DEFAULT-VALUE}.")
    private int shards = DEFAULTS.shards();

    @Option(names = "--threads", paramLabel = "N", description = "Threads that compute. Default: one per processor.")
    private int threads = Runtime.getRuntime().availableProcessors();

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "20",
            description = "Rounds. The median is that of the second half. Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Mixin
    private DeviceOption device;

    @Mixin
    private OutputOptions output;

    @Override
    public Integer call() {
        output.positive("--threads", threads);
        if (output.positive("--rounds", rounds) > MOST_ROUNDS) {
            throw output.bad("--rounds must be at most " + MOST_ROUNDS + ", not " + rounds);
        }
        RunConfig config;
        Task problems;
        try {
            config = config();
            problems = new PartialCredit(Tasks.byName(task));
        } catch (IllegalArgumentException e) {
            throw output.bad(e);
        }
        Results results = output.results(
                Results.Column.text("round", 8),
                Results.Column.number("seconds", "seconds", 1, 4),
                Results.Column.number("rollout_seconds", "rollout", 1, 4),
                Results.Column.number("score_seconds", "score", 1, 4),
                Results.Column.number("update_seconds", "update", 1, 4),
                Results.Column.number("seconds_since_start", "since start", 1, 2),
                Results.Column.number("peak_rss_bytes", "peak MiB", 1 << 20, 0));
        Optional<Instant> startOfProcess = ProcessHandle.current().info().startInstant();
        List<double[]> laps = new ArrayList<>();
        try (Engine engine = device.engine(threads);
                Policy policy = Policy.create(engine, problems, config.model(), config.seed());
                Decoder reference = policy.decoder().copy();
                var trainer = new Trainer(config, problems, policy, reference)) {
            for (int round = 0; round < rounds; round++) {
                long start = System.nanoTime();
                RoundMetrics.Seconds phases = trainer.round(round).seconds();
                double seconds = (System.nanoTime() - start) * 1e-9;
                double[] lap = {seconds, phases.rollout(), phases.score(), phases.update()};
                laps.add(lap);
                Results.Row row = row(Integer.toString(round), config, lap);
                startOfProcess.ifPresent(instant -> row.with(
                        "seconds_since_start", Duration.between(instant, Instant.now()).toMillis() * 1e-3));
                results.print(row.with("peak_rss_bytes", ProcessMemory.peakBytes()));
            }
        }
        double[] medians = new double[4];
        for (int i = 0; i < medians.length; i++) {
            int phase = i;
            medians[i] =
                    new Quantiles(laps.stream().skip(rounds / 2).mapToDouble(lap -> lap[phase]).toArray()).median();
        }
        results.print(row("median", config, medians).with("peak_rss_bytes", ProcessMemory.peakBytes()));
        return 0;
    }

    /** The run: as by default but for the options, and without an evaluation or a warm-up. */
    private RunConfig config() {
        int keyHeads = kvHeads == null ? heads : kvHeads;
        RunConfig.Rollout rollout = DEFAULTS.rollout();
        RunConfig.Update update = DEFAULTS.update();
        return new RunConfig(
                task,
                DEFAULTS.seed(),
                new RunConfig.Model(architecture, layers, dim, heads, keyHeads, ffn),
                DEFAULTS.warmup(),
                new RunConfig.Rollout(
                        prompts, samples, rollout.temperature(), rollout.topK(), rollout.topP(), rollout.minP()),
                RunConfig.Objective.of(objective),
                new RunConfig.Update(
                        miniBatches,
                        update.epochs(),
                        update.learningRate(),
                        update.schedule(),
                        update.rampSteps(),
                        update.beta1(),
                        update.beta2(),
                        update.epsilon(),
                        update.weightDecay(),
                        update.maxGradNorm()),
                // There is an evaluation after the last round, so there is one round more than are run.
                new RunConfig.Evaluation(rounds + 2, 1, 0, 1, DEFAULTS.evaluation().heldOutFraction()),
                rounds + 1,
                shards);
    }

    private Results.Row row(String round, RunConfig config, double[] lap) {
        return new Results.Row()
                .with("bench", "round")
                .with("round", round)
                .with("task", config.task())
                .with("architecture", config.model().architecture())
                .with("layers", config.model().layers())
                .with("dim", config.model().dim())
                .with("heads", config.model().heads())
                .with("kv_heads", config.model().kvHeads())
                .with("prompts", prompts)
                .with("samples", samples)
                .with("mini_batches", miniBatches)
                .with("objective", objective)
                .with("shards", shards)
                .with("threads", threads)
                .with("seconds", lap[0])
                .with("rollout_seconds", lap[1])
                .with("score_seconds", lap[2])
                .with("update_seconds", lap[3]);
    }
}
