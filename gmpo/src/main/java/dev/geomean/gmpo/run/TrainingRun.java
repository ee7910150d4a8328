package dev.geomean.gmpo.run;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.run.Checkpoint.Phase;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskSplit;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.Rollouts;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.Trainer;
import dev.geomean.gmpo.train.TrainingListener;
import dev.geomean.gmpo.train.WarmupMetrics;
import dev.geomean.gmpo.train.WarmupTrainer;
import dev.geomean.model.Decoder;
import dev.geomean.model.ModelFolder;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A run in a folder, from configuration to final model: supervised warm-up, rounds, metrics, checkpoints. A run that
 * stops for any reason continues from its last checkpoint, to the same bits as if it had not stopped.
 */
public final class TrainingRun {
    private static final int WARMUP_CHECKPOINT_STEPS = 100;
    private static final int SAMPLES = 16;

    private final Engine engine;
    private final RunConfig config;
    private final RunFolder folder;
    private final TrainingListener listener;
    private final Task task;
    private final PolicyObjective objective;

    private TrainingRun(
            Engine engine,
            RunConfig config,
            Definitions definitions,
            RunFolder folder,
            TrainingListener listener) {
        this.engine = engine;
        this.config = config;
        this.folder = folder;
        this.listener = listener;
        this.task = definitions.task(config);
        this.objective = definitions.objective(config);
    }

    /** Finds out before anything is written or trained, not after the warm-up. */
    private void checkTask(boolean warmUp) {
        var split = new TaskSplit(task, config.evaluation().heldOutFraction());
        Problem example;
        try {
            example = split.training(config.seed(), 0);
            split.heldOutSet(config.seed(), config.evaluation().prompts());
        } catch (IllegalStateException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
        if (warmUp && config.warmup().steps() > 0 && example.demonstration() == null) {
            throw new IllegalArgumentException(
                    "task " + task.name() + " has no demonstrations to warm up on; use 0 warm-up steps");
        }
    }

    /**
     * Starts a new run of a built-in task and objective.
     *
     * @param engine where it runs
     * @param config what to do
     * @param path the run's folder, new or empty
     * @param warmStart folder of a complete run whose final model is the starting point instead of a warm-up, or null
     * @param listener hears of the progress and may stop the run
     * @return true if the run is complete, false if the listener stopped it
     * @throws IOException if files cannot be read or written, or the folder is in use
     * @throws IllegalArgumentException if the configuration does not fit the task or the warm start
     */
    public static boolean start(
            Engine engine, RunConfig config, Path path, @Nullable Path warmStart, TrainingListener listener)
            throws IOException {
        return start(engine, config, Definitions.BUILT_IN, path, warmStart, listener);
    }

    /**
     * Starts a new run.
     *
     * @param engine where it runs
     * @param config what to do
     * @param definitions tasks and objectives of one's own
     * @param path the run's folder, new or empty
     * @param warmStart folder of a complete run whose final model is the starting point instead of a warm-up, or null
     * @param listener hears of the progress and may stop the run
     * @return true if the run is complete, false if the listener stopped it
     * @throws IOException if files cannot be read or written, or the folder is in use
     * @throws IllegalArgumentException if the configuration does not fit the task or the warm start
     */
    public static boolean start(
            Engine engine,
            RunConfig config,
            Definitions definitions,
            Path path,
            @Nullable Path warmStart,
            TrainingListener listener)
            throws IOException {
        var folder = new RunFolder(path);
        var run = new TrainingRun(engine, config, definitions, folder, listener);
        if (Files.isDirectory(path)) {
            try (var files = Files.list(path)) {
                if (files.findAny().isPresent()) {
                    throw new FileAlreadyExistsException(path + ": the folder is not empty");
                }
            }
        }
        run.checkTask(warmStart == null);
        try (Policy policy = Policy.create(engine, run.task, config.model(), config.seed())) {
            if (warmStart != null) {
                ModelFolder.restore(policy.decoder(), new RunFolder(warmStart).result());
            }
            Files.createDirectories(path);
            if (warmStart != null) {
                // Before there is a configuration to resume: a reference without a checkpoint marks a warm start.
                ModelFolder.save(policy.decoder(), policy.tokenizer(), folder.reference());
            }
            definitions.saveFilesOf(config, folder.sources());
            folder.writeConfig(config);
            return run.execute(policy, Optional.empty(), warmStart != null);
        }
    }

    /**
     * Continues a run from its last checkpoint, or from the beginning if it has none.
     *
     * @param engine where it runs
     * @param path the run's folder
     * @param listener hears of the progress and may stop the run
     * @return true if the run is complete, false if the listener stopped it
     * @throws IOException if files cannot be read or written
     */
    public static boolean resume(Engine engine, Path path, TrainingListener listener) throws IOException {
        return resume(engine, Definitions.BUILT_IN, path, listener);
    }

    /**
     * Continues a run from its last checkpoint, or from the beginning if it has none.
     *
     * @param engine where it runs
     * @param given tasks and objectives of one's own that are objects; those in files are taken from the run's folder
     * @param path the run's folder
     * @param listener hears of the progress and may stop the run
     * @return true if the run is complete, false if the listener stopped it
     * @throws IOException if files cannot be read or written
     * @throws IllegalArgumentException if a file has changed since the run started, or a task or objective is unknown
     */
    public static boolean resume(Engine engine, Definitions given, Path path, TrainingListener listener)
            throws IOException {
        var folder = new RunFolder(path);
        if (folder.isComplete()) {
            return true;
        }
        RunConfig config = folder.readConfig();
        Definitions definitions = given.withFilesOf(config, folder.sources());
        var run = new TrainingRun(engine, config, definitions, folder, listener);
        try (Policy policy = Policy.create(engine, run.task, config.model(), config.seed())) {
            Optional<Checkpoint> from = Checkpoint.latest(folder.checkpoints());
            boolean warm = from.isEmpty() && Files.exists(folder.reference().resolve(Safetensors.FILE_NAME));
            if (warm) {
                ModelFolder.restore(policy.decoder(), folder.reference());
            }
            return run.execute(policy, from, warm);
        }
    }

    private boolean execute(Policy policy, Optional<Checkpoint> from, boolean warm) throws IOException {
        long metricsLength = from.map(checkpoint -> checkpoint.state().metricsLength()).orElse(0L);
        long samplesLength = from.map(checkpoint -> checkpoint.state().samplesLength()).orElse(0L);
        try (var metrics = new JsonLines(folder.metricsFile(), metricsLength);
                var samples = new JsonLines(folder.samplesFile(), samplesLength)) {
            boolean inPolicyPhase = from.isPresent() && from.get().state().phase() == Phase.POLICY;
            if (!warm && !inPolicyPhase && !warmUp(policy, from, metrics, samples)) {
                return false;
            }
            if (!inPolicyPhase) {
                ModelFolder.save(policy.decoder(), policy.tokenizer(), folder.reference());
            }
            try (Decoder reference = ModelFolder.load(engine, folder.reference());
                    var trainer = new Trainer(config, task, objective, policy, reference)) {
                if (!rounds(trainer, inPolicyPhase ? from : Optional.empty(), metrics, samples)) {
                    return false;
                }
            }
        }
        Path temporary = folder.path().resolve(".final.tmp");
        ModelFolder.save(policy.decoder(), policy.tokenizer(), temporary);
        Files.move(temporary, folder.result(), StandardCopyOption.ATOMIC_MOVE);
        return true;
    }

    private boolean warmUp(Policy policy, Optional<Checkpoint> from, JsonLines metrics, JsonLines samples)
            throws IOException {
        int steps = config.warmup().steps();
        if (steps == 0) {
            return true;
        }
        try (var trainer = new WarmupTrainer(config, task, policy)) {
            int first = 0;
            if (from.isPresent()) {
                from.get().restore(policy, trainer.optimizer());
                first = from.get().state().next();
            }
            for (int step = first; step < steps; step++) {
                WarmupMetrics measured = trainer.step(step);
                metrics.append("warmup", measured);
                listener.warmedUp(measured);
                if (trainer.isTargetReached(step)) {
                    break;
                }
                boolean stop = listener.stopRequested();
                if (stop || (step + 1) % WARMUP_CHECKPOINT_STEPS == 0 || step + 1 == steps) {
                    save(new CheckpointPlace(Phase.WARMUP, step + 1), policy, trainer.optimizer(), metrics, samples);
                }
                if (stop) {
                    return false;
                }
            }
        }
        return true;
    }

    private boolean rounds(Trainer trainer, Optional<Checkpoint> from, JsonLines metrics, JsonLines samples)
            throws IOException {
        int first = 0;
        if (from.isPresent()) {
            from.get().restore(trainer.policy(), trainer.optimizer());
            first = from.get().state().next();
        } else {
            RoundMetrics.HeldOut heldOut = trainer.evaluate();
            metrics.append("start", new Start(heldOut));
            writeSamples(samples, -1, trainer.evaluator().answers());
            listener.started(heldOut);
            save(new CheckpointPlace(Phase.POLICY, 0), trainer.policy(), trainer.optimizer(), metrics, samples);
        }
        for (int round = first; round < config.rounds(); round++) {
            RoundMetrics measured = trainer.round(round);
            metrics.append("round", measured);
            if (measured.heldOut() != null) {
                writeSamples(samples, round, trainer.evaluator().answers());
            }
            listener.finished(measured);
            boolean stop = listener.stopRequested();
            if (stop || measured.heldOut() != null) {
                save(
                        new CheckpointPlace(Phase.POLICY, round + 1),
                        trainer.policy(),
                        trainer.optimizer(),
                        metrics,
                        samples);
            }
            if (stop && round + 1 < config.rounds()) {
                return false;
            }
        }
        return true;
    }

    private record CheckpointPlace(Phase phase, int next) {}

    /**
     * First line of the policy phase.
     *
     * @param heldOut results before the first round
     */
    private record Start(RoundMetrics.HeldOut heldOut) {}

    /**
     * One line of the samples file.
     *
     * @param round round after which it was generated, -1 before the first
     * @param prompt the prompt
     * @param completion the most probable completion
     * @param reward its reward
     */
    private record Sample(int round, String prompt, String completion, double reward) {}

    private static void writeSamples(JsonLines samples, int round, List<Rollouts.Response> answers)
            throws IOException {
        for (Rollouts.Response answer : answers.subList(0, Math.min(SAMPLES, answers.size()))) {
            samples.append(
                    "sample", new Sample(round, answer.problem().prompt(), answer.text(), answer.reward()));
        }
    }

    private void save(
            CheckpointPlace place,
            Policy policy,
            Optimizer optimizer,
            JsonLines metrics,
            JsonLines samples)
            throws IOException {
        metrics.force();
        samples.force();
        var state = new Checkpoint.State(place.phase(), place.next(), metrics.length(), samples.length());
        Checkpoint.write(folder.checkpoints(), state, policy, optimizer);
    }
}
