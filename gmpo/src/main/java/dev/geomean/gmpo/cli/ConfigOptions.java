package dev.geomean.gmpo.cli;

import dev.geomean.gmpo.settings.ConfigFile;
import dev.geomean.gmpo.settings.Setting;
import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskSplit;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.RunSizes;
import dev.geomean.model.lora.LoraAdapters;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** One option for every setting of a run, and the configuration that those given amount to. */
final class ConfigOptions {
    private static final String DEFAULT_OBJECTIVE = "gmpo";

    private ConfigOptions() {}

    /** Adds the options, but some, to a command and lists them under headings in its help. */
    static void addTo(CommandSpec spec, String... without) {
        Map<String, @Nullable Object> defaults = Settings.values(RunConfig.defaults(DEFAULT_OBJECTIVE));
        Map<String, @Nullable Object> published = Settings.values(RunConfig.defaults(DEFAULT_OBJECTIVE, ""));
        for (Setting setting : Settings.all()) {
            if (!List.of(without).contains(setting.option())) {
                String standard = standard(setting, defaults.get(setting.path()), published.get(setting.path()));
                spec.addOption(OptionSpec.builder("--" + setting.option())
                        .type(String.class)
                        .paramLabel(label(setting))
                        .description(setting.meaning().replace("%", "%%") + standard)
                        .build());
            }
        }
        spec.usageMessage()
                .sectionMap()
                .put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, help -> listBySection(spec, help));
    }

    private static String standard(Setting setting, @Nullable Object value, @Nullable Object published) {
        if (Settings.isOptional(setting)) {
            return " Default: none.";
        }
        if (Settings.isNullable(setting)) {
            return " Default: the preset's.";
        }
        String other = Objects.equals(value, published) ? "" : " With --model: " + Settings.text(published) + ".";
        return " Default: " + Settings.text(value) + "." + other;
    }

    private static String label(Setting setting) {
        Class<?> type = Settings.type(setting);
        switch (setting.option()) {
            case "task" -> {
                return "TASK";
            }
            case "model" -> {
                return "FOLDER";
            }
            case "system" -> {
                return "TEXT";
            }
            default -> {
            }
        }
        return type == String.class ? "NAME" : type == int.class || type == long.class ? "N" : "X";
    }

    private static String listBySection(CommandSpec spec, Help help) {
        Map<String, List<OptionSpec>> sections = new LinkedHashMap<>();
        sections.put("Command", new ArrayList<>());
        for (Setting setting : Settings.all()) {
            sections.computeIfAbsent(setting.section(), name -> new ArrayList<>());
        }
        for (OptionSpec option : spec.options()) {
            String section = Settings.all().stream()
                    .filter(setting -> option.longestName().equals("--" + setting.option()))
                    .map(Setting::section)
                    .findFirst()
                    .orElse("Command");
            sections.computeIfAbsent(section, name -> new ArrayList<>()).add(option);
        }
        var text = new StringBuilder();
        sections.forEach((section, options) -> {
            String heading = section.equals("Command") ? "%nOptions:%n" : "%n" + section + ":%n";
            text.append(help.createHeading(heading));
            Help.Layout layout = help.createDefaultLayout(
                    List.copyOf(spec.options()), List.of(), help.colorScheme());
            layout.addOptions(options, help.createDefaultParamLabelRenderer());
            text.append(layout);
        });
        return text.toString();
    }

    /** The settings among the options that were given, as they are written. */
    static List<String> given(CommandSpec spec) {
        ParseResult parsed = spec.commandLine().getParseResult();
        return Settings.all().stream()
                .map(setting -> "--" + setting.option())
                .filter(parsed::hasMatchedOption)
                .toList();
    }

    /** Finds out whether a run fits in memory, before anything is made whose size the options choose. */
    interface MemoryCheck {
        void check(RunConfig config, RunSizes sizes);
    }

    /**
     * The configuration that the options amount to, checked as far as that is possible without starting.
     *
     * @param spec the command, after parsing
     * @param file settings that hold where no option is given, or null
     * @param objective the objective, if it does not come from an option or the file
     * @param own what the user's own files define; gains what the configuration file names
     * @param memory finds out whether the run fits in memory
     */
    static RunConfig resolve(
            CommandSpec spec, @Nullable Path file, @Nullable String objective, OwnFiles own, MemoryCheck memory) {
        Map<String, @Nullable Object> given = new LinkedHashMap<>();
        try {
            if (file != null) {
                given.putAll(ConfigFile.readValues(file));
            }
        } catch (IOException e) {
            throw new ParameterException(spec.commandLine(), Main.describe(e), e);
        }
        ParseResult parsed = spec.commandLine().getParseResult();
        for (Setting setting : Settings.all()) {
            String name = "--" + setting.option();
            if (parsed.hasMatchedOption(name)) {
                String text = parsed.matchedOptionValue(name, "");
                try {
                    given.put(setting.path(), Settings.parse(setting, text));
                } catch (IllegalArgumentException e) {
                    throw new ParameterException(spec.commandLine(), name + " " + e.getMessage(), e);
                }
            }
        }
        own.task().ifPresent(task -> given.put("task", task));
        if (objective != null) {
            given.put("objective.preset", objective);
        }
        try {
            RunConfig config = Settings.completed(given, DEFAULT_OBJECTIVE);
            own.addFilesOf(config, file);
            checkUsed(config, parsed);
            check(config, own.definitions().task(config), memory);
            return config;
        } catch (IOException e) {
            throw new ParameterException(spec.commandLine(), Main.describe(e), e);
        } catch (SourceException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
        } catch (IllegalArgumentException e) {
            if (file != null) {
                checkAlone(spec, file);
            }
            throw new ParameterException(spec.commandLine(), asOptions(String.valueOf(e.getMessage())), e);
        }
    }

    /** Names the file, if the problem is there already without any option. */
    private static void checkAlone(CommandSpec spec, Path file) {
        try {
            ConfigFile.read(file);
        } catch (IOException e) {
            throw new ParameterException(spec.commandLine(), Main.describe(e), e);
        }
    }

    /** What a run would refuse only after it has started. */
    private static void check(RunConfig config, Task task, MemoryCheck memory) throws IOException {
        String base = config.base().folder();
        RunSizes sizes = RunSizes.of(config, task, base == null ? null : Path.of(base));
        config.update().learningRateSchedule(config.totalUpdates());
        if (config.lora().isActive()) {
            LoraAdapters.count(sizes.decoder(), config.lora().config());
        }
        memory.check(config, sizes);
        try {
            new TaskSplit(task, config.evaluation().heldOutFraction())
                    .heldOutSet(config.seed(), config.evaluation().prompts());
        } catch (IllegalStateException e) {
            throw new IllegalArgumentException(e.getMessage() + "; take fewer --evaluate-prompts", e);
        }
    }

    /** Options that would change nothing. */
    private static void checkUsed(RunConfig config, ParseResult parsed) {
        for (String option : List.of("--lora-alpha", "--lora-targets")) {
            if (parsed.hasMatchedOption(option) && !config.lora().isActive()) {
                throw new IllegalArgumentException(option + " needs a --lora-rank of at least 1");
            }
        }
        RunConfig.Model model = config.model();
        if (config.base().isPresent()) {
            for (Setting setting : Settings.all()) {
                if (setting.path().startsWith("model.") && parsed.hasMatchedOption("--" + setting.option())) {
                    throw new IllegalArgumentException(
                            "--model has a shape of its own; leave out --" + setting.option());
                }
            }
            return;
        }
        if (model.architecture().equals("gpt2")) {
            if (parsed.hasMatchedOption("--kv-heads") && model.kvHeads() != model.heads()) {
                throw new IllegalArgumentException("gpt2 has as many key/value heads as heads, " + model.heads()
                        + ", not " + model.kvHeads() + "; --kv-heads is for --architecture llama");
            }
            if (parsed.hasMatchedOption("--ffn-dim") && model.ffnDim() != 4 * model.dim()) {
                throw new IllegalArgumentException("gpt2 has an inner width of four times its width, " + 4 * model.dim()
                        + ", not " + model.ffnDim() + "; --ffn-dim is for --architecture llama");
            }
        }
    }

    /** Replaces names of fields in a message by those of the options. */
    static String asOptions(String message) {
        String text = message;
        for (Setting setting : Settings.all()) {
            String path = setting.path();
            if (path.contains(".")) {
                text = text.replaceAll("\\b" + path.replace('.', ' ') + "\\b", "--" + setting.option());
            }
        }
        for (Setting setting : Settings.all()) {
            String field = setting.path().substring(setting.path().lastIndexOf('.') + 1);
            boolean isWord = field.equals(field.toLowerCase(Locale.ROOT));
            text = text.replaceAll(
                    isWord ? "^" + field + "(?= must)" : "\\b" + field + "\\b(?!=)", "--" + setting.option());
        }
        return text;
    }
}
