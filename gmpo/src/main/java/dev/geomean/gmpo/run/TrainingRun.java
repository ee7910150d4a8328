package dev.geomean.gmpo.run;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.engine.io.TensorType;
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
import dev.geomean.model.lora.AdapterFolder;
import dev.geomean.model.lora.LoraAdapters;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A run in a folder, from configuration to final model: supervised warm-up, rounds, metrics, checkpoints. A run that
 * stops for any reason continues from its last whole checkpoint, to the same bytes as if it had not stopped. Only the
 * timings differ, and which checkpoints there are.
 */
public final class TrainingRun {
    private static final int WARMUP_CHECKPOINT_STEPS = 100;

    /** Keeps the numbers of the adapters apart from those of the weights. */
    private static final long ADAPTER_SEED = 0x6c6f7261L;

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
     * @throws FolderLock.InUseException if another run has the folder
     * @throws IOException if files cannot be read or written, or the folder holds something
     * @throws IllegalArgumentException if the configuration does not fit the task or the warm start
     * @throws dev.geomean.gmpo.train.NumericalFaultException if the numbers do not stay finite
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
        checkUnused(folder);
        FolderLock.checkWritable(path);
        run.checkTask(warmStart == null);
        if (warmStart != null && AdapterFolder.is(new RunFolder(warmStart).result())) {
            throw new IllegalArgumentException(
                    new RunFolder(warmStart).result() + ": holds adapters, which are no start for another run");
        }
        Policy policy = run.startingPolicy(warmStart);
        try {
            Files.createDirectories(path);
            try (var _ = FolderLock.acquire(path)) {
                checkUnused(folder);
                AtomicFolder.remove(folder.reference());
                AtomicFolder.remove(folder.base());
                AtomicFolder.deleteLeftovers(path);
                boolean isPublished = config.base().isPresent();
                boolean warm = warmStart != null || (isPublished && config.warmup().steps() == 0);
                // Before there is a configuration to resume: a reference without a checkpoint marks a warm start.
                if (warm) {
                    run.save(policy, policy.description().storedType(), folder.reference());
                } else if (isPublished) {
                    run.save(policy, policy.description().storedType(), folder.base());
                }
                Environment.of(engine).write(folder);
                definitions.saveFilesOf(config, folder.sources());
                folder.writeConfig(config);
                if (policy.decoder().frozenWeights() != null) {
                    // From now on the files of the run's own copy, which nobody else replaces.
                    policy.close();
                    policy = run.resumedPolicy();
                }
                return run.execute(policy, Optional.empty(), warm);
            }
        } finally {
            policy.close();
        }
    }

    /** The policy as it is before anything else. */
    private Policy startingPolicy(@Nullable Path warmStart) throws IOException {
        String base = config.base().folder();
        if (base != null) {
            return published(warmStart == null ? Path.of(base) : new RunFolder(warmStart).result(),
                    warmStart == null && config.warmup().steps() > 0);
        }
        Policy policy = Policy.create(engine, task, config.model(), config.seed());
        if (warmStart != null) {
            try {
                ModelFolder.restore(policy.decoder(), new RunFolder(warmStart).result());
            } catch (IOException | RuntimeException e) {
                policy.close();
                throw e;
            }
        }
        return policy;
    }

    /** The policy of a run that goes on, before the weights of a checkpoint take the place of its own. */
    private Policy resumedPolicy() throws IOException {
        if (!config.base().isPresent()) {
            return Policy.create(engine, task, config.model(), config.seed());
        }
        Path published = folder.published()
                .orElseThrow(() -> new NoSuchFileException(
                        folder.base().toString(), null, "the run's copy of the model is missing"));
        Checksums.check(published);
        return published(published, published.equals(folder.base()));
    }

    /** A published model. Under adapters its weights stay in its files, unless a warm-up changes them before. */
    private Policy published(Path model, boolean warmsUp) throws IOException {
        return config.lora().isActive() && !warmsUp
                ? Policy.loadForSampling(engine, model, config.base(), Policy.WeightType.AUTO)
                : Policy.load(engine, model, config.base());
    }

    private static void checkUnused(RunFolder folder) throws IOException {
        if (!folder.isUnused()) {
            throw new FileAlreadyExistsException(folder.path() + ": the folder is not empty");
        }
    }

    /**
     * Continues a run from its last whole checkpoint, or from the beginning if it has none.
     *
     * @param engine where it runs
     * @param path the run's folder
     * @param listener hears of the progress and may stop the run
     * @return true if the run is complete, false if the listener stopped it
     * @throws FolderLock.InUseException if another run has the folder
     * @throws IOException if files cannot be read or written, were changed since the checkpoint was taken, or all
     *     checkpoints are damaged
     * @throws dev.geomean.gmpo.train.NumericalFaultException if the numbers do not stay finite
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
        try (var _ = FolderLock.acquire(path);
                Policy policy = run.resumedPolicy()) {
            Optional<Checkpoint> from = Checkpoint.latest(folder.checkpoints(), listener::warned);
            if (from.isPresent()) {
                from.get().checkBelongsTo(config);
            }
            Environment.difference(folder, engine).ifPresent(listener::warned);
            AtomicFolder.deleteLeftovers(path);
            AtomicFolder.deleteLeftovers(folder.checkpoints());
            boolean warm = from.isEmpty() && Files.isDirectory(folder.reference());
            if (warm && !config.base().isPresent()) {
                Checksums.check(folder.reference());
                ModelFolder.restore(policy.decoder(), folder.reference());
            }
            return run.execute(policy, from, warm);
        }
    }

    private boolean execute(Policy policy, Optional<Checkpoint> from, boolean warm) throws IOException {
        Journal.Position position =
                from.map(checkpoint -> checkpoint.state().journal()).orElse(Journal.Position.START);
        try (var journal = new Journal(folder, position)) {
            boolean inPolicyPhase = from.isPresent() && from.get().state().phase() == Phase.POLICY;
            if (!warm && !inPolicyPhase) {
                if (!warmUp(policy, from, journal)) {
                    return false;
                }
                // Exactly as it is now, and as a run that goes on will find it.
                save(policy, TensorType.F32, folder.reference());
            }
            Checksums.check(folder.reference());
            Optional<Checkpoint> place = inPolicyPhase ? from : Optional.empty();
            return config.lora().isActive()
                    ? adapt(policy, place, journal)
                    : trainAll(policy, place, journal);
        }
    }

    private boolean trainAll(Policy policy, Optional<Checkpoint> from, Journal journal) throws IOException {
        try (Decoder reference = ModelFolder.load(engine, folder.reference())) {
            return finish(policy, reference, from, journal);
        }
    }

    /** Trains adapters: the weights stay as they are, and without adapters they are the reference. */
    private boolean adapt(Policy policy, Optional<Checkpoint> from, Journal journal) throws IOException {
        if (from.isPresent() && policy.decoder().frozenWeights() == null) {
            // A checkpoint holds adapters alone.
            ModelFolder.restore(policy.decoder(), folder.reference());
        }
        try (var adapters = LoraAdapters.random(
                engine, policy.decoder().config(), config.lora().config(), config.seed() ^ ADAPTER_SEED)) {
            var adapted = new Policy(
                    policy.decoder().withAdapters(adapters), policy.tokenizer(), policy.prompts(),
                    policy.description());
            return finish(adapted, policy.decoder(), from, journal);
        }
    }

    private boolean finish(Policy policy, Decoder reference, Optional<Checkpoint> from, Journal journal)
            throws IOException {
        try (var trainer = new Trainer(config, task, objective, policy, reference)) {
            if (!rounds(trainer, from, journal)) {
                return false;
            }
        }
        journal.force();
        save(policy, config.base().saveType(policy.description().storedType()), folder.result());
        return true;
    }

    private boolean warmUp(Policy policy, Optional<Checkpoint> from, Journal journal) throws IOException {
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
                journal.warmedUp(measured);
                listener.warmedUp(measured);
                if (trainer.isTroubled()) {
                    listener.warned("warm-up step " + (step + 1) + " was skipped: loss or gradient is not finite");
                }
                if (trainer.isTargetReached(step)) {
                    break;
                }
                boolean isLast = step + 1 == steps;
                boolean stop = listener.stopRequested();
                boolean isDue = stop || isLast || (step + 1) % WARMUP_CHECKPOINT_STEPS == 0;
                if (isDue && (isLast || !trainer.isTroubled())) {
                    checkpoint(Phase.WARMUP, step + 1, null, policy, trainer.optimizer(), journal);
                }
                if (stop) {
                    return false;
                }
            }
        }
        return true;
    }

    private boolean rounds(Trainer trainer, Optional<Checkpoint> from, Journal journal) throws IOException {
        Policy policy = trainer.policy();
        int first = 0;
        if (from.isPresent()) {
            from.get().restore(policy, trainer.optimizer());
            first = from.get().state().next();
        } else {
            long started = System.nanoTime();
            RoundMetrics.HeldOut heldOut = trainer.evaluate();
            journal.started(heldOut, (System.nanoTime() - started) * 1e-9);
            journal.answered(-1, trainer.evaluator().answers());
            listener.started(heldOut);
            checkpoint(Phase.POLICY, 0, heldOut, policy, trainer.optimizer(), journal);
        }
        for (int round = first; round < config.rounds(); round++) {
            RoundMetrics measured = trainer.round(round);
            RoundMetrics.HeldOut heldOut = measured.heldOut();
            journal.finished(measured);
            journal.failed(round, trainer.failed());
            if (heldOut != null) {
                journal.answered(round, trainer.evaluator().answers());
            }
            listener.finished(measured);
            if (!trainer.failed().isEmpty()) {
                Rollouts.Response example = trainer.failed().getFirst();
                listener.warned("round " + (round + 1) + ": " + trainer.failed().size()
                        + (trainer.failed().size() == 1 ? " reward" : " rewards") + " failed, see "
                        + folder.samplesFile()
                        + "; the first: " + example.judgement().failure());
            }
            if (measured.nonFiniteUpdates() > 0) {
                listener.warned("round " + (round + 1) + ": skipped " + measured.nonFiniteUpdates()
                        + " updates, loss or gradient is not finite");
            }
            boolean isLast = round + 1 == config.rounds();
            boolean stop = listener.stopRequested();
            boolean isDue = stop || isLast || heldOut != null || (round + 1) % config.safety().checkpointEvery() == 0;
            if (isDue && (isLast || !trainer.isTroubled())) {
                checkpoint(Phase.POLICY, round + 1, heldOut, policy, trainer.optimizer(), journal);
            }
            if (stop && !isLast) {
                return false;
            }
        }
        return true;
    }

    private void checkpoint(
            Phase phase,
            int next,
            RoundMetrics.@Nullable HeldOut heldOut,
            Policy policy,
            Optimizer optimizer,
            Journal journal)
            throws IOException {
        Double accuracy = heldOut == null ? null : heldOut.greedyAccuracy();
        var state = Checkpoint.State.of(config, phase, next, accuracy, journal.force());
        Checkpoint.write(folder.checkpoints(), config, state, policy, folder.reference(), optimizer);
    }

    /** Writes a model folder with checksums, as a whole. */
    private void save(Policy policy, TensorType type, Path target) throws IOException {
        AtomicFolder.write(target, temporary -> {
            policy.save(temporary, folder.reference(), type);
            Checksums.write(temporary);
        });
    }
}
