package dev.geomean.gmpo.run;

import dev.geomean.gmpo.data.DataSpec;
import dev.geomean.gmpo.data.PromptData;
import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.reward.RewardExpression;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.gmpo.source.Sources;
import dev.geomean.gmpo.task.Reward;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the names in a configuration stand for. A task or an objective is built in, an object of the program that starts the
 * run, or defined in files, of which the run's folder keeps copies. Immutable.
 *
 * <p>In a configuration, {@link RunConfig#task} is
 *
 * <ul>
 *   <li>{@code addition:digits=3}: built in, see {@link Tasks}
 *   <li>the {@link Task#name} of an object, see {@link #withTask}
 *   <li>{@code MyTask.java#<hash>}: a Java file
 *   <li>{@code prompts.jsonl#<hash>,reward=numeric} or {@code …,reward=MyReward.java#<hash>}: a file of prompts, see
 *       {@link DataSpec}
 * </ul>
 *
 * and the objective's preset is built in, {@code custom:<name>} for an object, or {@code MyObjective.java#<hash>}.
 */
public final class Definitions {
    /** Nothing but what is built in. */
    public static final Definitions BUILT_IN = new Definitions(Map.of(), Map.of(), Map.of(), List.of());

    private final Map<String, Task> tasks;
    private final Map<String, CustomSurrogate> surrogates;
    private final Map<String, SourceFile> files;
    private final List<String> notes;

    private Definitions(
            Map<String, Task> tasks,
            Map<String, CustomSurrogate> surrogates,
            Map<String, SourceFile> files,
            List<String> notes) {
        this.tasks = tasks;
        this.surrogates = surrogates;
        this.files = files;
        this.notes = notes;
    }

    /**
     * What was read from files of prompts, for people.
     *
     * @return a line for each
     */
    public List<String> notes() {
        return notes;
    }

    /**
     * With a task of one's own, which a configuration calls by its {@link Task#name}.
     *
     * @param task the task
     * @return these definitions and the task
     */
    public Definitions withTask(Task task) {
        return new Definitions(with(tasks, task.name(), task), surrogates, files, notes);
    }

    /**
     * With an objective of one's own, which a configuration calls {@code custom:<name>}.
     *
     * @param name its name, without {@code custom:}
     * @param surrogate what it does with the ratios of a response
     * @return these definitions and the objective
     */
    public Definitions withObjective(String name, CustomSurrogate surrogate) {
        return new Definitions(tasks, with(surrogates, RunConfig.Objective.CUSTOM + name, surrogate), files, notes);
    }

    /**
     * With the task in a Java file.
     *
     * @param file the file
     * @return these definitions and the task, which a configuration calls {@link SourceFile#reference}
     * @throws SourceException if the file does not define a task
     */
    public Definitions withTask(SourceFile file) {
        return withFile(file).withTask(Sources.task(file));
    }

    /**
     * With the task of a file of prompts.
     *
     * @param spec what the task is made of; its text is what a configuration calls it
     * @param sources the files of {@link DataSpec#files}
     * @return these definitions and the task
     * @throws IOException if a file cannot be read
     * @throws SourceException if a file is malformed
     * @throws IllegalArgumentException if a file is missing, or there is no such reward
     */
    public Definitions withData(DataSpec spec, List<SourceFile> sources) throws IOException {
        Map<String, SourceFile> byReference = new LinkedHashMap<>();
        Definitions all = this;
        for (SourceFile source : sources) {
            byReference.put(source.reference(), source);
            all = all.withFile(source);
        }
        for (String reference : spec.files()) {
            if (!byReference.containsKey(reference)) {
                throw new IllegalArgumentException("the file " + reference + " was not given");
            }
        }
        Reward reward = RewardExpression.parse(spec.reward())
                .reward(name -> Optional.ofNullable(byReference.get(name)).map(Sources::reward));
        SourceFile file = Objects.requireNonNull(byReference.get(spec.file()));
        SourceFile heldOut = spec.heldOut() == null ? null : byReference.get(spec.heldOut());
        PromptData data = PromptData.read(spec, file, heldOut, reward);
        List<String> read = new ArrayList<>(all.notes);
        read.add(data.note());
        return new Definitions(
                with(all.tasks, data.task().name(), data.task()), all.surrogates, all.files, List.copyOf(read));
    }

    /**
     * With the objective in a Java file.
     *
     * @param file the file
     * @return these definitions and the objective, which a configuration calls {@link SourceFile#reference}
     * @throws SourceException if the file does not define an objective, or its gradient is wrong
     */
    public Definitions withObjective(SourceFile file) {
        return new Definitions(
                tasks, with(surrogates, file.reference(), Sources.surrogate(file)), withFile(file).files, notes);
    }

    private Definitions withFile(SourceFile file) {
        for (SourceFile other : files.values()) {
            if (other.name().equals(file.name()) && !other.reference().equals(file.reference())) {
                throw new SourceException(file + ": another file of that name is in use, " + other
                        + "; a run keeps both in one folder, so rename one", null);
            }
        }
        return new Definitions(tasks, surrogates, with(files, file.reference(), file), notes);
    }

    /**
     * With the files that a configuration names, read from a folder, and checked not to have changed.
     *
     * @param config a configuration
     * @param folder where copies of the files are
     * @return these definitions and those of the files; files that are defined already are not read
     * @throws IOException if a file cannot be read
     * @throws SourceException if a file is missing or has changed, or does not define what it should
     */
    public Definitions withFilesOf(RunConfig config, Path folder) throws IOException {
        Definitions all = withTaskOf(config, folder);
        String objective = config.objective().preset();
        return surrogates.containsKey(objective) || !SourceFile.isReference(objective)
                ? all
                : all.withObjective(SourceFile.read(folder, objective));
    }

    /**
     * As {@link #withFilesOf}, for the task only.
     *
     * @param config a configuration
     * @param folder where copies of the files are
     * @return these definitions and that of the task's files, if it has any
     * @throws IOException if a file cannot be read
     * @throws SourceException if a file is missing or has changed, or does not define what it should
     */
    public Definitions withTaskOf(RunConfig config, Path folder) throws IOException {
        String task = config.task();
        if (tasks.containsKey(task)) {
            return this;
        }
        if (SourceFile.isReference(task)) {
            return withTask(SourceFile.read(folder, task));
        }
        Optional<DataSpec> spec = DataSpec.parse(task);
        if (spec.isEmpty()) {
            return this;
        }
        List<SourceFile> sources = new ArrayList<>();
        for (String reference : spec.get().files()) {
            sources.add(SourceFile.read(folder, reference));
        }
        return withData(spec.get(), sources);
    }

    /**
     * The task of a configuration.
     *
     * @param config the configuration
     * @return the task
     * @throws IllegalArgumentException if nothing has that name
     */
    public Task task(RunConfig config) {
        Task task = tasks.get(config.task());
        if (task == null && (SourceFile.isReference(config.task()) || DataSpec.parse(config.task()).isPresent())) {
            throw new IllegalArgumentException(
                    "task " + label(config.task()) + " is defined in a file, which was not given");
        }
        return task == null ? Tasks.byName(config.task()) : task;
    }

    /**
     * The objective of a configuration.
     *
     * @param config the configuration
     * @return the objective
     * @throws IllegalArgumentException if it is one's own and not defined here
     */
    public PolicyObjective objective(RunConfig config) {
        PolicyObjective objective = config.objective().policyObjective();
        if (!config.objective().isCustom()) {
            return objective;
        }
        CustomSurrogate surrogate = surrogates.get(config.objective().preset());
        if (surrogate == null) {
            throw new IllegalArgumentException(
                    "objective " + label(config.objective().preset()) + " is not built in and was not given");
        }
        return objective.withSurrogate(surrogate);
    }

    /**
     * Copies the files that a configuration names.
     *
     * @param config the configuration
     * @param folder where to; made if there are any files
     * @throws IOException if they cannot be written
     */
    public void saveFilesOf(RunConfig config, Path folder) throws IOException {
        List<String> names = new ArrayList<>(List.of(config.task(), config.objective().preset()));
        DataSpec.parse(config.task()).ifPresent(spec -> names.addAll(spec.files()));
        List<SourceFile> named = names.stream().map(files::get).filter(Objects::nonNull).toList();
        if (!named.isEmpty()) {
            Files.createDirectories(folder);
        }
        for (SourceFile file : named) {
            file.copyTo(folder);
        }
    }

    /**
     * A task's or an objective's name for people: without hashes and {@code custom:}.
     *
     * @param name a name in a configuration
     * @return for example {@code MyTask} for {@code MyTask.java#0f3a…}; other names as they are
     */
    public static String label(String name) {
        Optional<String> data = DataSpec.labelOf(name);
        if (data.isPresent()) {
            return data.get();
        }
        String own = RunConfig.Objective.CUSTOM;
        return SourceFile.label(name).orElse(name.startsWith(own) ? name.substring(own.length()) : name);
    }

    private static <T> Map<String, T> with(Map<String, T> map, String key, @Nullable T value) {
        Map<String, T> copy = new LinkedHashMap<>(map);
        copy.put(key, Objects.requireNonNull(value));
        return copy;
    }
}
