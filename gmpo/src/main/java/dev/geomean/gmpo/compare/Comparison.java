package dev.geomean.gmpo.compare;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.json.JsonFile;
import dev.geomean.gmpo.report.RunLog;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.FolderLock;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.train.LoraSettings;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Objectives compared under the same conditions: for each seed one warm-up, then one run per objective that starts from it
 * and sees the same prompts.
 *
 * <p>The folder holds {@value #FILE_NAME} (the plan), {@code warmup-seed<seed>} and {@code <objective>-seed<seed>}, each
 * the folder of a run. A comparison that stopped goes on where it was.
 */
public final class Comparison {
    /** Name of the file with the plan. */
    public static final String FILE_NAME = "comparison.json";

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final Path folder;
    private final Plan plan;
    private final Definitions definitions;

    /**
     * What is compared.
     *
     * @param config settings of all runs; its objective's name and its seed are replaced
     * @param objectives names of presets or of objectives of one's own, each once
     * @param seeds seeds, each once
     */
    public record Plan(RunConfig config, List<String> objectives, List<Long> seeds) {
        /**
         * Checks that every run is possible.
         *
         * @throws IllegalArgumentException if there are no objectives or seeds, one is named twice, or the settings do not
         *     fit an objective
         */
        public Plan {
            objectives = present("objectives", objectives);
            seeds = present("seeds", seeds);
            if (isMissing(config)) {
                throw new IllegalArgumentException("config is missing");
            }
            if (objectives.isEmpty() || seeds.isEmpty()) {
                throw new IllegalArgumentException("a comparison needs at least one objective and one seed");
            }
            if (objectives.stream().map(Definitions::label).distinct().count() < objectives.size()) {
                throw new IllegalArgumentException("an objective is named twice: " + String.join(",", objectives));
            }
            if (new HashSet<>(seeds).size() < seeds.size()) {
                throw new IllegalArgumentException("a seed is named twice: " + seeds);
            }
            for (String objective : objectives) {
                config(config, objective, seeds.getFirst(), config.rounds());
            }
        }

        /** For what is read from a file, where anything may be missing. */
        private static <T> List<T> present(String name, @Nullable List<T> values) {
            if (values == null || values.stream().anyMatch(Plan::isMissing)) {
                throw new IllegalArgumentException(name + " is missing or has a value that is");
            }
            return List.copyOf(values);
        }

        private static boolean isMissing(@Nullable Object value) {
            return value == null;
        }

        /**
         * The configuration of one run.
         *
         * @param objective name of a preset
         * @param seed the seed
         * @return the configuration
         */
        public RunConfig run(String objective, long seed) {
            return config(config, objective, seed, config.rounds());
        }

        /**
         * The configuration of a warm-up.
         *
         * @param seed the seed
         * @return the configuration of a run without rounds
         */
        public RunConfig warmup(long seed) {
            // Adapters come after the warm-up.
            return config(config, objectives.getFirst(), seed, 0).withLora(LoraSettings.NONE);
        }

        private static RunConfig config(RunConfig base, String objective, long seed, int rounds) {
            Map<String, @Nullable Object> values = Settings.values(base);
            values.put("objective.preset", objective);
            values.put("seed", seed);
            values.put("rounds", rounds);
            return Settings.config(values);
        }
    }

    /**
     * One run of a comparison.
     *
     * @param name name of its folder
     * @param config its configuration
     * @param warmStart name of the run it starts from, or null for a warm-up
     */
    public record Run(String name, RunConfig config, @Nullable String warmStart) {}

    /** Starts and continues runs. */
    interface Runner {
        boolean start(RunConfig config, Path folder, @Nullable Path warmStart, TrainingListener listener)
                throws IOException;

        boolean resume(Path folder, TrainingListener listener) throws IOException;
    }

    private Comparison(Path folder, Plan plan, Definitions definitions) {
        this.folder = folder;
        this.plan = plan;
        this.definitions = definitions;
    }

    /**
     * Prepares a new comparison of built-in tasks and objectives: writes its plan.
     *
     * @param folder its folder, new or empty
     * @param plan what is compared
     * @return the comparison
     * @throws FolderLock.InUseException if another comparison has the folder
     * @throws IOException if the plan cannot be written, or there is one
     */
    public static Comparison create(Path folder, Plan plan) throws IOException {
        return create(folder, plan, Definitions.BUILT_IN);
    }

    /**
     * Prepares a new comparison: writes its plan and copies of the files that it depends on.
     *
     * @param folder its folder, new or empty
     * @param plan what is compared
     * @param definitions tasks and objectives of one's own
     * @return the comparison
     * @throws FolderLock.InUseException if another comparison has the folder
     * @throws IOException if the plan cannot be written, or there is one
     */
    public static Comparison create(Path folder, Plan plan, Definitions definitions) throws IOException {
        FolderLock.checkWritable(folder);
        Files.createDirectories(folder);
        try (var _ = FolderLock.acquire(folder)) {
            if (Files.exists(folder.resolve(FILE_NAME))) {
                throw new FileAlreadyExistsException(folder + ": the folder holds a comparison");
            }
            AtomicFolder.deleteLeftovers(folder);
            for (String objective : plan.objectives()) {
                definitions.saveFilesOf(plan.run(objective, plan.seeds().getFirst()), new RunFolder(folder).sources());
            }
            AtomicFile.write(folder.resolve(FILE_NAME), JSON.writeValueAsBytes(plan));
        }
        return new Comparison(folder, plan, definitions);
    }

    /**
     * Opens a comparison that was started earlier. Files that it depends on are read from its folder when it goes on.
     *
     * @param folder its folder
     * @return the comparison
     * @throws FileFormatException if its plan is malformed
     * @throws IOException if its plan cannot be read
     */
    public static Comparison open(Path folder) throws IOException {
        return open(folder, Definitions.BUILT_IN);
    }

    /**
     * Opens a comparison that was started earlier. Files that it depends on are read from its folder when it goes on.
     *
     * @param folder its folder
     * @param given tasks and objectives of one's own that are objects
     * @return the comparison
     * @throws FileFormatException if its plan is malformed
     * @throws IOException if its plan cannot be read
     */
    public static Comparison open(Path folder, Definitions given) throws IOException {
        Path file = folder.resolve(FILE_NAME);
        return new Comparison(folder, JsonFile.read(file, Plan.class), given);
    }

    /** What the plan's names stand for, with the files that the folder keeps. */
    private Definitions allDefinitions() throws IOException {
        Definitions all = definitions;
        for (String objective : plan.objectives()) {
            RunConfig config = plan.run(objective, plan.seeds().getFirst());
            all = all.withFilesOf(config, new RunFolder(folder).sources());
        }
        return all;
    }

    /**
     * What is compared.
     *
     * @return the plan
     */
    public Plan plan() {
        return plan;
    }

    /**
     * All runs in the order in which they are done, warm-ups included.
     *
     * @return the runs
     */
    public List<Run> runs() {
        List<Run> runs = new ArrayList<>();
        for (long seed : plan.seeds()) {
            String warmup = warmupName(seed);
            runs.add(new Run(warmup, plan.warmup(seed), null));
            for (String objective : plan.objectives()) {
                runs.add(new Run(name(objective, seed), plan.run(objective, seed), warmup));
            }
        }
        return runs;
    }

    /**
     * Folders of the runs that are compared, warm-ups left out, those that exist.
     *
     * @return folders, those of one objective side by side
     */
    public List<Path> folders() {
        return plan.objectives().stream()
                .flatMap(objective -> plan.seeds().stream().map(seed -> folder.resolve(name(objective, seed))))
                .filter(path -> new RunFolder(path).exists())
                .toList();
    }

    /**
     * What the runs that are compared have written so far, each with the supervised steps of the warm-up it started from.
     *
     * @return logs in the order of {@link #folders}
     * @throws FileFormatException if a file is malformed
     * @throws IOException if a file cannot be read
     */
    public List<RunLog> logs() throws IOException {
        List<RunLog> logs = new ArrayList<>();
        for (Path path : folders()) {
            RunLog log = RunLog.read(path);
            var warmup = new RunFolder(folder.resolve(warmupName(log.config().seed())));
            logs.add(warmup.exists() ? log.withWarmupOf(RunLog.read(warmup.path())) : log);
        }
        return logs;
    }

    /**
     * Name of the folder of a warm-up.
     *
     * @param seed its seed
     * @return for example {@code warmup-seed0}
     */
    public static String warmupName(long seed) {
        return "warmup-seed" + seed;
    }

    /**
     * Name of the folder of a run that is compared.
     *
     * @param objective what the plan calls its objective
     * @param seed its seed
     * @return for example {@code gmpo-seed0}
     */
    public static String name(String objective, long seed) {
        return Definitions.label(objective) + "-seed" + seed;
    }

    /**
     * Does what is left to do.
     *
     * @param engine where it runs
     * @param listeners gives a listener for each run that is started or continued
     * @return true if all runs are complete, false if a listener stopped one
     * @throws FolderLock.InUseException if another process works on it
     * @throws IOException if files cannot be read or written
     */
    public boolean run(Engine engine, BiFunction<Run, Boolean, TrainingListener> listeners) throws IOException {
        Definitions all = allDefinitions();
        return run(
                new Runner() {
                    @Override
                    public boolean start(
                            RunConfig config, Path path, @Nullable Path warmStart, TrainingListener listener)
                            throws IOException {
                        return TrainingRun.start(engine, config, all, path, warmStart, listener);
                    }

                    @Override
                    public boolean resume(Path path, TrainingListener listener) throws IOException {
                        return TrainingRun.resume(engine, all, path, listener);
                    }
                },
                listeners);
    }

    boolean run(Runner runner, BiFunction<Run, Boolean, TrainingListener> listeners) throws IOException {
        try (var _ = FolderLock.acquire(folder)) {
            return runLocked(runner, listeners);
        }
    }

    private boolean runLocked(Runner runner, BiFunction<Run, Boolean, TrainingListener> listeners)
            throws IOException {
        for (Run run : runs()) {
            Path path = folder.resolve(run.name());
            var state = new RunFolder(path);
            if (state.isComplete()) {
                continue;
            }
            boolean isContinued = state.exists();
            TrainingListener listener = listeners.apply(run, isContinued);
            String warmStart = run.warmStart();
            boolean isComplete = isContinued
                    ? runner.resume(path, listener)
                    : runner.start(
                            run.config(), path, warmStart == null ? null : folder.resolve(warmStart), listener);
            if (!isComplete) {
                return false;
            }
        }
        return true;
    }
}
