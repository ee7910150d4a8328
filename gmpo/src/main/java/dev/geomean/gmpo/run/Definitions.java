package dev.geomean.gmpo.run;

import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.gmpo.source.Sources;
import dev.geomean.gmpo.task.Reward;
import dev.geomean.gmpo.task.Rewards;
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
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
 *   <li>{@code prompts.jsonl#<hash>,reward=numeric} or {@code …,reward=MyReward.java#<hash>}: a file of prompts
 * </ul>
 *
 * and the objective's preset is built in, {@code custom:<name>} for an object, or {@code MyObjective.java#<hash>}.
 */
public final class Definitions {
    /** Nothing but what is built in. */
    public static final Definitions BUILT_IN = new Definitions(Map.of(), Map.of(), Map.of());

    private static final Pattern PROMPTS = Pattern.compile("(.+\\.jsonl#[0-9a-f]+),reward=(.+)");

    private final Map<String, Task> tasks;
    private final Map<String, CustomSurrogate> surrogates;
    private final Map<String, SourceFile> files;

    private Definitions(
            Map<String, Task> tasks, Map<String, CustomSurrogate> surrogates, Map<String, SourceFile> files) {
        this.tasks = tasks;
        this.surrogates = surrogates;
        this.files = files;
    }

    /**
     * With a task of one's own, which a configuration calls by its {@link Task#name}.
     *
     * @param task the task
     * @return these definitions and the task
     */
    public Definitions withTask(Task task) {
        return new Definitions(with(tasks, task.name(), task), surrogates, files);
    }

    /**
     * With an objective of one's own, which a configuration calls {@code custom:<name>}.
     *
     * @param name its name, without {@code custom:}
     * @param surrogate what it does with the ratios of a response
     * @return these definitions and the objective
     */
    public Definitions withObjective(String name, CustomSurrogate surrogate) {
        return new Definitions(tasks, with(surrogates, RunConfig.Objective.CUSTOM + name, surrogate), files);
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
     * With the task of a file of prompts and a built-in reward.
     *
     * @param prompts the prompts
     * @param reward one of {@link Rewards#names()}
     * @return these definitions and the task, which a configuration calls {@code <prompts>,reward=<reward>}
     * @throws SourceException if a file is malformed
     * @throws IllegalArgumentException if there is no such reward
     */
    public Definitions withPrompts(SourceFile prompts, String reward) {
        return withFile(prompts).withPrompts(prompts, reward, Rewards.named(reward));
    }

    /**
     * With the task of a file of prompts and a reward in a Java file.
     *
     * @param prompts the prompts
     * @param reward the reward
     * @return these definitions and the task, which a configuration calls {@code <prompts>,reward=<reward>}
     * @throws SourceException if a file is malformed
     */
    public Definitions withPrompts(SourceFile prompts, SourceFile reward) {
        return withFile(prompts).withFile(reward).withPrompts(prompts, reward.reference(), Sources.reward(reward));
    }

    private Definitions withPrompts(SourceFile prompts, String rewardName, Reward reward) {
        return withTask(Sources.prompts(promptsName(prompts, rewardName), prompts, reward));
    }

    /**
     * What a configuration calls the task of a file of prompts.
     *
     * @param prompts the prompts
     * @param reward a built-in reward, or the reference of a file
     * @return {@code <prompts>,reward=<reward>}
     */
    public static String promptsName(SourceFile prompts, String reward) {
        return prompts.reference() + ",reward=" + reward;
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
                tasks, with(surrogates, file.reference(), Sources.surrogate(file)), withFile(file).files);
    }

    private Definitions withFile(SourceFile file) {
        for (SourceFile other : files.values()) {
            if (other.name().equals(file.name()) && !other.reference().equals(file.reference())) {
                throw new SourceException(file + ": another file of that name is in use, " + other
                        + "; a run keeps both in one folder, so rename one", null);
            }
        }
        return new Definitions(tasks, surrogates, with(files, file.reference(), file));
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
        Matcher prompts = PROMPTS.matcher(task);
        if (tasks.containsKey(task)) {
            return this;
        }
        if (SourceFile.isReference(task)) {
            return withTask(SourceFile.read(folder, task));
        }
        if (!prompts.matches()) {
            return this;
        }
        SourceFile file = SourceFile.read(folder, prompts.group(1));
        String reward = prompts.group(2);
        return SourceFile.isReference(reward)
                ? withPrompts(file, SourceFile.read(folder, reward))
                : withPrompts(file, reward);
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
        if (task == null && (SourceFile.isReference(config.task()) || PROMPTS.matcher(config.task()).matches())) {
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
        Matcher prompts = PROMPTS.matcher(config.task());
        if (prompts.matches()) {
            names.add(prompts.group(1));
            names.add(prompts.group(2));
        }
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
        Matcher prompts = PROMPTS.matcher(name);
        if (prompts.matches()) {
            return label(prompts.group(1)) + " with " + label(prompts.group(2));
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
