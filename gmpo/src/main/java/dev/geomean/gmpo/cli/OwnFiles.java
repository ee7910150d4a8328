package dev.geomean.gmpo.cli;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.data.DataSpec;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.reward.RewardExpression;
import dev.geomean.gmpo.reward.Rewards;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.RunSizes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** Options that name files of a task of the user's, and what the user's files define. Each is read and compiled once. */
@Command
final class OwnFiles {
    private static final String DEFAULT_REWARD = "exact-match";
    private static final List<String> DATA_OPTIONS = List.of("--held-out-file", "--columns", "--prompt-template",
            "--filter", "--max-prompt-length", "--max-completion-length", "--reward", "--reward-file");

    @Spec(Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--task-file", paramLabel = "FILE",
            description = "A Java file with a class that implements Task, in place of --task.")
    private @Nullable Path taskFile;

    @Option(names = "--prompts-file", paramLabel = "FILE",
            description = "A file of prompts in place of --task: .jsonl, .json (an array), .csv, .tsv or .parquet with the"
                    + " columns prompt, answer and, where it differs from the answer, demonstration.")
    private @Nullable Path promptsFile;

    @Option(names = "--held-out-file", paramLabel = "FILE",
            description = "A file of prompts like --prompts-file to measure on, in place of a part of that.")
    private @Nullable Path heldOutFile;

    @Option(names = "--columns", paramLabel = "NAMES",
            description = "Columns of --prompts-file that have other names: prompt=question,answer=solution,"
                    + "demonstration=worked. A value inside of another is outer.inner.")
    private @Nullable String columns;

    @Option(names = "--prompt-template", paramLabel = "TEXT",
            description = "What a prompt is made of, in place of its column: text with {COLUMN} in it. {{ and }} are braces.")
    private @Nullable String template;

    @Option(names = "--filter", paramLabel = "CONDITION",
            description = "Uses only rows of --prompts-file with COLUMN=VALUE, !=, <, <=, >, >= or ~ (regular expression), or"
                    + " length(COLUMN)<=N in characters. Several must all hold.")
    private List<String> filters = List.of();

    @Option(names = "--max-prompt-length", paramLabel = "N",
            description = "Leaves out rows of --prompts-file whose prompt has more characters.")
    private @Nullable Integer maxPromptLength;

    @Option(names = "--max-completion-length", paramLabel = "N",
            description = "Longest completion with --prompts-file; rows with a longer demonstration are left out. Default:"
                    + " the longest answer or demonstration.")
    private @Nullable Integer maxCompletionLength;

    @Option(names = "--reward", paramLabel = "REWARD",
            description = "Scores completions of --prompts-file: exact-match, numeric (the last numbers), math, final-answer,"
                    + " format, regex, length, overlong, command, the class of a --reward-file, or a weighted sum such as"
                    + " \"math + 0.2*format - 0.1*length\". Default: " + DEFAULT_REWARD + ".")
    private @Nullable String reward;

    @Option(names = "--reward-file", paramLabel = "FILE",
            description = "A Java file with a class that implements Reward, in place of --reward or as a name in it.")
    private List<Path> rewardFiles = List.of();

    private List<Path> objectiveFiles = List.of();
    private @Nullable Definitions definitions;
    private @Nullable String taskName;
    private final List<String> objectiveNames = new ArrayList<>();

    /** Adds files of objectives, for commands that have an option for them. */
    void addObjectives(List<Path> files) {
        objectiveFiles = files;
    }

    /** The task of a run that exists, from the copies of files in its folder if it is one's own. */
    static Task taskOf(RunConfig config, Path folder) throws IOException {
        try {
            return Definitions.BUILT_IN.withTaskOf(config, new RunFolder(folder).sources()).task(config);
        } catch (SourceException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw new FileFormatException(folder, String.valueOf(e.getMessage()), e);
        }
    }

    /** The sizes of a run that exists, or of a comparison, whose folder has no copy of the published model. */
    static RunSizes sizesOf(RunConfig config, Path folder) throws IOException {
        String base = config.base().folder();
        Path model = base == null ? null : new RunFolder(folder).published().orElse(Path.of(base));
        try {
            return RunSizes.of(config, taskOf(config, folder), model);
        } catch (SourceException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw new FileFormatException(folder, String.valueOf(e.getMessage()), e);
        }
    }

    /** What the files define. */
    Definitions definitions() {
        if (definitions == null) {
            checkOptions();
            try {
                definitions = read();
            } catch (IOException e) {
                throw new ParameterException(spec.commandLine(), Main.describe(e), e);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
            }
        }
        return definitions;
    }

    private void checkOptions() {
        List<String> tasks = new ArrayList<>();
        for (String name : List.of("--task", "--task-file", "--prompts-file")) {
            if (isGiven(name)) {
                tasks.add(name);
            }
        }
        String problem = null;
        if (tasks.size() > 1) {
            problem = "there is one task; leave out " + tasks.getFirst() + " or " + tasks.getLast();
        } else if (promptsFile == null && DATA_OPTIONS.stream().anyMatch(this::isGiven)) {
            problem = DATA_OPTIONS.stream().filter(this::isGiven).findFirst().orElseThrow() + " needs --prompts-file";
        } else if (isGiven("--objective") && !objectiveFiles.isEmpty()) {
            problem = "there is one objective; leave out --objective or --objective-file";
        }
        if (problem != null) {
            throw new ParameterException(spec.commandLine(), problem);
        }
    }

    private boolean isGiven(String option) {
        return spec.commandLine().getParseResult().hasMatchedOption(option);
    }

    private Definitions read() throws IOException {
        Definitions all = Definitions.BUILT_IN;
        if (taskFile != null) {
            SourceFile file = SourceFile.read(taskFile);
            taskName = file.reference();
            all = all.withTask(file);
        } else if (promptsFile != null) {
            all = readData(all, promptsFile);
        }
        for (Path path : objectiveFiles) {
            SourceFile file = SourceFile.read(path);
            objectiveNames.add(file.reference());
            all = all.withObjective(file);
        }
        return all;
    }

    private Definitions readData(Definitions all, Path path) throws IOException {
        List<SourceFile> files = new ArrayList<>();
        SourceFile prompts = SourceFile.read(path);
        files.add(prompts);
        SourceFile heldOut = heldOutFile == null ? null : SourceFile.read(heldOutFile);
        if (heldOut != null) {
            files.add(heldOut);
        }
        List<SourceFile> rewards = new ArrayList<>();
        for (Path file : rewardFiles) {
            rewards.add(SourceFile.read(file));
        }
        files.addAll(rewards);
        var spec = new DataSpec(
                prompts.reference(),
                columns == null ? Map.of() : DataSpec.parseColumns(columns),
                template,
                filters,
                heldOut == null ? null : heldOut.reference(),
                positive("--max-prompt-length", maxPromptLength),
                positive("--max-completion-length", maxCompletionLength),
                expression(rewards).toString());
        taskName = spec.toString();
        return all.withData(spec, files);
    }

    private static int positive(String option, @Nullable Integer length) {
        if (length != null && length < 1) {
            throw new IllegalArgumentException(option + " must be at least 1, not " + length);
        }
        return length == null ? 0 : length;
    }

    /** The reward, with references for the files in it. */
    private RewardExpression expression(List<SourceFile> files) {
        Map<String, String> references = new LinkedHashMap<>();
        for (SourceFile file : files) {
            String name = SourceFile.label(file.reference()).orElse(file.name());
            if (references.put(name, file.reference()) != null) {
                throw new IllegalArgumentException("two files of --reward-file are named " + file.name());
            }
        }
        if (reward == null && references.size() > 1) {
            throw new IllegalArgumentException("there are several files of rewards; say how they add up, for example"
                    + " --reward \"" + String.join(" + ", references.keySet()) + "\"");
        }
        RewardExpression expression = RewardExpression.parse(
                reward != null ? reward
                        : references.isEmpty() ? DEFAULT_REWARD : "\"" + files.getFirst().name() + "\"");
        if (reward == null && !references.isEmpty()) {
            return expression.withNames(name -> files.getFirst().reference());
        }
        for (String name : references.keySet()) {
            if (!expression.names().contains(name)) {
                throw new IllegalArgumentException("--reward does not use " + name + " of --reward-file; for example"
                        + " --reward \"" + expression + " + " + name + "\"");
            }
        }
        for (String name : expression.names()) {
            if (!references.containsKey(name) && !Rewards.names().contains(name)) {
                List<String> known = new ArrayList<>(Rewards.names());
                known.addAll(references.keySet());
                throw new KnownNames("reward", known).unknown(name);
            }
        }
        return expression.withNames(name -> references.getOrDefault(name, name));
    }

    /** What a configuration calls the task of the files, if they define one. */
    Optional<String> task() {
        definitions();
        return Optional.ofNullable(taskName);
    }

    /** What a configuration calls the objectives of the files. */
    List<String> objectives() {
        definitions();
        return objectiveNames;
    }

    /** What a configuration calls the only objective of the files, or null without one. */
    @Nullable
    String objective() {
        List<String> names = objectives();
        if (names.size() > 1) {
            throw new ParameterException(
                    spec.commandLine(), "a run has one objective; to compare several use 'geomean compare'");
        }
        return names.isEmpty() ? null : names.getFirst();
    }

    /** Adds the files that a configuration names, which lie beside its file. */
    void addFilesOf(RunConfig config, @Nullable Path configFile) {
        Path parent = configFile == null ? null : configFile.toAbsolutePath().getParent();
        if (parent == null) {
            return;
        }
        try {
            definitions = definitions().withFilesOf(config, new RunFolder(parent).sources());
        } catch (IOException e) {
            throw new ParameterException(spec.commandLine(), Main.describe(e), e);
        }
    }

    /** Adds the files of a configuration's task. */
    void addTaskFilesOf(RunConfig config, Path folder) throws IOException {
        definitions = definitions().withTaskOf(config, folder);
    }

    /**
     * Refuses files that are not those that a run was started with.
     *
     * @param task what the run's configuration calls its task
     * @param objectives what it calls its objectives
     */
    void checkUnchanged(String task, List<String> objectives) {
        try {
            task().ifPresent(name -> checkUnchanged(name, List.of(task), "task"));
            objectives().forEach(name -> checkUnchanged(name, objectives, "objective"));
        } catch (SourceException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
        }
    }

    private static void checkUnchanged(String name, List<String> known, String what) {
        if (!known.contains(name)) {
            String label = Definitions.label(name);
            boolean isChanged = known.stream().map(Definitions::label).anyMatch(label::equals);
            throw new SourceException(label + (isChanged
                    ? " has changed since the run started; leave out the option to go on with the copy that the run has"
                    : " is not the " + what + " of the run; leave out the option"), null);
        }
    }
}
