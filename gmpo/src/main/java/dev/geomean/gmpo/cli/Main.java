package dev.geomean.gmpo.cli;

import dev.geomean.engine.device.DeviceException;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.bench.BenchCommand;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.source.SourceException;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Entry point of the command line. Results go to standard output, progress and errors to standard error. The exit code is
 * 0, 1 for a run that failed, or 2 for bad input.
 */
@Command(
        name = "geomean",
        description = "Language-model policy optimization in pure Java.",
        version = "geomean 0.1.0-SNAPSHOT",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        commandListHeading = "%nCommands:%n",
        optionListHeading = "%nOptions:%n",
        footer = {
            "",
            "A first run, about the shortest that learns something:",
            "  geomean train --task addition:digits=2 --rounds 30",
            "GRPO and GMPO from the same start, with a report:",
            "  geomean compare --objectives grpo,gmpo --seeds 0,1,2"
        },
        subcommands = {
            TrainCommand.class,
            CompareCommand.class,
            EvalCommand.class,
            VerifyCommand.class,
            GenerateCommand.class,
            MergeCommand.class,
            ReportCommand.class,
            DevicesCommand.class,
            BenchCommand.class,
            ReferenceCommand.class
        })
public final class Main implements Runnable {

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "More progress, the memory estimate, and the stack trace of an error.")
    private boolean verbose;

    private Main() {}

    boolean verbose() {
        return verbose;
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    /**
     * Runs the command line.
     *
     * @param out results
     * @param err progress and errors
     * @param args the command and its options
     * @return the exit code
     */
    public static int run(PrintWriter out, PrintWriter err, String... args) {
        var main = new Main();
        var commandLine = new CommandLine(main);
        // Half a hundred options each: made only where they are asked for.
        boolean isAll = List.of(args).contains(ReferenceCommand.NAME);
        if (isAll || List.of(args).contains("train")) {
            ConfigOptions.addTo(command(commandLine, "train"));
        }
        if (isAll || List.of(args).contains("compare")) {
            ConfigOptions.addTo(command(commandLine, "compare"), "objective", "seed");
        }
        commandLine
                .setOut(out)
                .setErr(err)
                // A prompt that starts with '@' is a prompt.
                .setExpandAtFiles(false)
                .setUsageHelpWidth(100)
                .setUsageHelpLongOptionsMaxWidth(34)
                .setParameterExceptionHandler(Main::badInput)
                .setExecutionExceptionHandler((e, command, parsed) -> failed(e, err, main.verbose()));
        try {
            return commandLine.execute(args);
        } catch (OutOfMemoryError e) {
            return failed(e, err, main.verbose());
        }
    }

    private static CommandSpec command(CommandLine commandLine, String name) {
        return Objects.requireNonNull(commandLine.getSubcommands().get(name), name).getCommandSpec();
    }

    /**
     * Runs the command line and ends the process with its exit code.
     *
     * @param args the command and its options
     */
    public static void main(String[] args) {
        int code = run(writer(System.out, System.out.charset()), writer(System.err, System.err.charset()), args);
        System.exit(code);
    }

    private static PrintWriter writer(PrintStream stream, Charset charset) {
        return new PrintWriter(new OutputStreamWriter(stream, charset), true);
    }

    private static int badInput(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        PrintWriter err = command.getErr();
        var message = new StringBuilder(Names.oneLine(String.valueOf(e.getMessage())));
        if (e instanceof UnmatchedArgumentException unmatched) {
            message.setLength(0);
            String argument = unmatched.getUnmatched().get(0);
            boolean isOption = argument.startsWith("-");
            boolean isCommand = !isOption && command.getParent() == null;
            message.append(isOption ? "unknown option '" : isCommand ? "unknown command '" : "unexpected argument '")
                    .append(Names.oneLine(argument))
                    .append('\'');
            message.append(KnownNames.suggestion(
                    argument,
                    isOption ? command.getCommandSpec().optionsMap().keySet() : command.getSubcommands().keySet()));
        }
        if (e.getCause() instanceof SourceException source) {
            // Every line is a place in a file of the user's, which says more than the help does.
            source.problems().forEach(problem -> err.println("geomean: " + problem));
        } else {
            message.setCharAt(0, Character.toLowerCase(message.charAt(0)));
            err.println("geomean: " + message + " (see " + command.getCommandSpec().qualifiedName() + " --help)");
        }
        // The option may stand behind the one that is wrong.
        if (List.of(args).contains("--verbose")) {
            e.printStackTrace(err);
        }
        err.flush();
        return CommandLine.ExitCode.USAGE;
    }

    private static int failed(Throwable e, PrintWriter err, boolean isVerbose) {
        err.println("geomean: " + describe(e));
        if (isVerbose) {
            e.printStackTrace(err);
        }
        err.flush();
        return isBadInput(e) ? CommandLine.ExitCode.USAGE : CommandLine.ExitCode.SOFTWARE;
    }

    /** Files that are not what they should be are bad input; a disk that is full, for example, is not. */
    private static boolean isBadInput(Throwable e) {
        return switch (e) {
            case UncheckedIOException unchecked when unchecked.getCause() != null -> isBadInput(unchecked.getCause());
            case FileFormatException malformed -> true;
            case SourceException source -> true;
            case NoSuchFileException missing -> true;
            case AccessDeniedException denied -> true;
            case NotDirectoryException file -> true;
            case FileAlreadyExistsException existing -> true;
            case FileSystemLoopException loop -> true;
            default -> false;
        };
    }

    /** One line about an exception. */
    static String describe(Throwable e) {
        String message = e.getMessage();
        if (e instanceof UncheckedIOException unchecked && unchecked.getCause() != null) {
            return describe(unchecked.getCause());
        }
        if (e instanceof FileSystemException problem && problem.getReason() == null && problem.getFile() != null) {
            return Names.oneLine(problem.getFile() + reason(problem));
        }
        if (e instanceof IOException || e instanceof IllegalArgumentException || e instanceof IllegalStateException
                || e instanceof DeviceException) {
            return message == null ? e.getClass().getSimpleName() : firstLine(message);
        }
        if (e instanceof OutOfMemoryError) {
            return "out of memory: " + message;
        }
        return e.getClass().getSimpleName() + (message == null ? "" : ": " + firstLine(message));
    }

    /** Some exceptions of files have no message but the file. */
    private static String reason(FileSystemException e) {
        String file = e.getFile();
        return switch (e) {
            case NoSuchFileException missing -> file.contains("no such file") ? "" : ": no such file";
            case AccessDeniedException denied -> ": permission denied";
            case NotDirectoryException existing -> ": is not a folder";
            case FileAlreadyExistsException existing -> file.contains(": ") ? "" : ": exists already";
            case DirectoryNotEmptyException folder -> ": the folder is not empty";
            default -> ": " + e.getClass().getSimpleName();
        };
    }

    private static String firstLine(@Nullable String message) {
        return message == null ? "" : Names.oneLine(message.lines().findFirst().orElse(""));
    }
}
