package dev.geomean.gmpo.cli;

import dev.geomean.gmpo.settings.Setting;
import dev.geomean.gmpo.settings.Settings;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Spec;

/** {@code geomean reference}: {@code docs/reference.md}, from the options themselves. */
@Command(
        name = ReferenceCommand.NAME,
        description = "Prints the reference of all commands and options in Markdown.",
        hidden = true,
        mixinStandardHelpOptions = true)
final class ReferenceCommand implements Callable<Integer> {
    static final String NAME = "reference";
    private static final String COMMAND_OPTIONS = "Options";

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        CommandLine root = spec.root().commandLine();
        out.println("# Reference");
        out.println();
        out.println("All commands and options. This page is made by `./geomean " + NAME + " > docs/reference.md`.");
        out.println();
        out.println(
                "Options of every command: `--help`, `--verbose` (more progress, the memory estimate, and the stack trace of an error)."
                        + " The exit code is 0, 1 for a run that failed, 2 for bad input.");
        for (CommandLine command : root.getSubcommands().values()) {
            if (!command.getCommandSpec().usageMessage().hidden()) {
                write(out, command.getCommandSpec());
            }
        }
        out.flush();
        return 0;
    }

    private static void write(PrintWriter out, CommandSpec command) {
        out.println();
        out.println("## " + command.qualifiedName());
        out.println();
        out.println(String.join(" ", command.usageMessage().description()));
        List<PositionalParamSpec> parameters = command.positionalParameters();
        if (!parameters.isEmpty()) {
            table(out, "Argument", parameters);
        }
        sections(command).forEach((section, options) -> {
            if (!section.equals(COMMAND_OPTIONS)) {
                out.println();
                out.println("### " + section + ", " + command.name());
            }
            table(out, "Option", options);
        });
        for (CommandLine subcommand : command.subcommands().values()) {
            write(out, subcommand.getCommandSpec());
        }
    }

    /** The options under the headings that the help has. */
    private static Map<String, List<ArgSpec>> sections(CommandSpec command) {
        Map<String, List<ArgSpec>> sections = new LinkedHashMap<>();
        // Other commands have options that share a name with a setting.
        boolean hasSettings = command.optionsMap().keySet().containsAll(List.of("--rounds", "--learning-rate"));
        for (OptionSpec option : command.options()) {
            String section = Settings.all().stream()
                    .filter(setting -> option.longestName().equals("--" + setting.option()))
                    .filter(setting -> hasSettings)
                    .map(Setting::section)
                    .findFirst()
                    .orElse(COMMAND_OPTIONS);
            boolean isEverywhere = Stream.of("--help", "--version", "--verbose").anyMatch(option.longestName()::equals);
            if (!isEverywhere) {
                sections.computeIfAbsent(section, name -> new ArrayList<>()).add(option);
            }
        }
        return sections;
    }

    private static void table(PrintWriter out, String head, List<? extends ArgSpec> rows) {
        out.println();
        out.println("| " + head + " | |");
        out.println("|---|---|");
        for (ArgSpec row : rows) {
            String name = row instanceof OptionSpec option ? option.longestName() : row.paramLabel();
            boolean takesValue = row instanceof OptionSpec && row.arity().max() > 0;
            String value =
                    !takesValue ? "" : row.arity().min() == 0 ? "[=" + row.paramLabel() + "]" : "=" + row.paramLabel();
            out.println("| `" + name + value + "` | " + description(row) + " |");
        }
    }

    private static String description(ArgSpec row) {
        return String.join(" ", row.description())
                .replace("%%", "%")
                .replace("${DEFAULT-VALUE}", String.valueOf(row.defaultValue()))
                .replace("|", "\\|")
                .replace("<", "&lt;");
    }
}
