package dev.geomean.gmpo.cli;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

    @Spec(Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--task-file", paramLabel = "FILE",
            description = "A Java file with a class that implements Task, in place of --task.")
    private @Nullable Path taskFile;

    @Option(names = "--prompts-file", paramLabel = "FILE",
            description = "A file of prompts in place of --task: one JSON object a line with \"prompt\", \"answer\" and,"
                    + " where it differs from the answer, \"demonstration\".")
    private @Nullable Path promptsFile;

    @Option(names = "--reward", paramLabel = "NAME",
            description = "Scores completions of --prompts-file: exact-match, or numeric, which compares the last numbers."
                    + " Default: " + DEFAULT_REWARD + ".")
    private @Nullable String reward;

    @Option(names = "--reward-file", paramLabel = "FILE",
            description = "A Java file with a class that implements Reward, in place of --reward.")
    private @Nullable Path rewardFile;

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
        } else if (isGiven("--reward") && isGiven("--reward-file")) {
            problem = "there is one reward; leave out --reward or --reward-file";
        } else if (promptsFile == null && (isGiven("--reward") || isGiven("--reward-file"))) {
            problem = (isGiven("--reward") ? "--reward" : "--reward-file") + " needs --prompts-file";
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
            SourceFile prompts = SourceFile.read(promptsFile);
            if (rewardFile != null) {
                SourceFile file = SourceFile.read(rewardFile);
                taskName = Definitions.promptsName(prompts, file.reference());
                all = all.withPrompts(prompts, file);
            } else {
                String name = reward == null ? DEFAULT_REWARD : reward;
                taskName = Definitions.promptsName(prompts, name);
                all = all.withPrompts(prompts, name);
            }
        }
        for (Path path : objectiveFiles) {
            SourceFile file = SourceFile.read(path);
            objectiveNames.add(file.reference());
            all = all.withObjective(file);
        }
        return all;
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
