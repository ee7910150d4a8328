package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskSplit;
import dev.geomean.gmpo.train.Evaluator;
import dev.geomean.gmpo.train.MemoryEstimate;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.PromptEncoder;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TokenLimits;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.generate.SamplingOptions;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code geomean eval}: greedy accuracy and pass@k of a model. */
@Command(
        name = "eval",
        description = "Measures a model on held-out prompts: greedy accuracy, pass@1 and pass@k.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "What is not given is as in the run that the model comes from, or as 'geomean train' has it.",
            "",
            "Example:",
            "  geomean eval runs/addition-gmpo-seed0 --prompts 1000 --samples 16 --k 16"
        })
final class EvalCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(arity = "0..1", paramLabel = "FOLDER",
            description = "A model, or a run: its final model, or its last checkpoint if it has not ended.")
    private @Nullable Path folder;

    @Option(names = "--model", paramLabel = "FOLDER", description = "The model or run, in place of FOLDER.")
    private @Nullable Path modelFolder;

    @Option(names = "--prompts", paramLabel = "N", description = "Held-out prompts.")
    private @Nullable Integer prompts;

    @Option(names = "--samples", paramLabel = "N",
            description = "Completions per prompt for pass@k; 0 for greedy accuracy only.")
    private @Nullable Integer samples;

    @Option(names = "--k", paramLabel = "N", description = "The k of pass@k, at most the number of samples.")
    private @Nullable Integer k;

    @Option(names = "--task", paramLabel = "TASK", description = "The task, for a model that lies in no run's folder.")
    private @Nullable String task;

    @Mixin
    private OwnFiles own;

    @Option(names = "--seed", paramLabel = "N", description = "Chooses the held-out prompts and the samples.")
    private @Nullable Long seed;

    @Option(names = "--temperature", paramLabel = "X", description = "Temperature of the samples for pass@k.")
    private @Nullable Float temperature;

    @Option(names = "--prompt-format", paramLabel = "NAME",
            description = "How a published model gets a prompt: text as it is, or chat in its chat template.")
    private @Nullable String promptFormat;

    @Option(names = "--system", paramLabel = "TEXT",
            description = "What the chat template has as the system's message.")
    private @Nullable String system;

    @Option(names = "--max-new-tokens", paramLabel = "N",
            description = "Longest completion in tokens. Default: as many as the task's longest completion has characters.")
    private @Nullable Integer maxNewTokens;

    @Option(names = "--json", description = "Prints one JSON object.")
    private boolean json;

    @Mixin
    private Common common;

    private record Setup(
            Task task,
            List<Problem> problems,
            RunConfig.Evaluation evaluation,
            SamplingOptions sampling,
            long seed,
            RunConfig.Base base,
            TokenLimits limits) {}

    @Override
    public Integer call() throws IOException {
        Path named = folder == null ? modelFolder : folder;
        if (named == null || (folder != null && modelFolder != null)) {
            throw new ParameterException(spec.commandLine(), named == null
                    ? "name a model or a run: FOLDER or --model"
                    : "there is one model; leave out " + folder + " or --model");
        }
        Path model = Folders.model(spec, named);
        Setup setup = setup(model);
        long started = System.nanoTime();
        HeldOut heldOut;
        try (Engine engine = common.engine();
                var policy = Policy.loadForSampling(engine, model, setup.base(), Policy.WeightType.AUTO);
                var evaluator = new Evaluator(
                        setup.task(), policy, setup.problems(), setup.evaluation(), setup.sampling(), setup.seed(),
                        setup.limits())) {
            heldOut = evaluator.evaluate();
        }
        print(model, setup, heldOut, (System.nanoTime() - started) * 1e-9);
        return 0;
    }

    private Setup setup(Path model) throws IOException {
        Optional<RunFolder> run = Folders.run(model);
        if (run.isEmpty() && task == null && own.task().isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(), model + ": lies in no run's folder; name the task with --task or --task-file");
        }
        RunConfig config = run.isPresent() ? run.get().readConfig() : RunConfig.defaults("gmpo");
        RunConfig.Evaluation standard = config.evaluation();
        try {
            int count = prompts == null ? standard.prompts() : prompts;
            int perPrompt = samples == null ? Math.max(standard.samples(), k == null ? 0 : k) : samples;
            int tries = k == null ? Math.max(1, Math.min(standard.k(), perPrompt)) : k;
            var evaluation = new RunConfig.Evaluation(1, count, perPrompt, tries, standard.heldOutFraction());
            Task subject = subject(run, config);
            SamplingOptions trained = config.rollout().sampling();
            var sampling = new SamplingOptions(
                    temperature == null ? trained.temperature() : temperature,
                    trained.topK(),
                    trained.topP(),
                    trained.minP());
            RunConfig.Base base = base(model, config.base());
            TokenLimits limits = limits(model, subject, base);
            long number = seed == null ? config.seed() : seed;
            common.checkMemory(MemoryEstimate.ofEvaluation(
                    shape(model), Policy.WeightType.AUTO.frozen(Folders.whole(model)), limits.prompt(),
                    limits.completion(), count, perPrompt, common.workers()));
            List<Problem> problems =
                    new TaskSplit(subject, standard.heldOutFraction()).heldOutSet(number, count);
            return new Setup(subject, problems, evaluation, sampling, number, base, limits);
        } catch (IllegalArgumentException | IllegalStateException e) {
            String message = String.valueOf(e.getMessage())
                    .replaceFirst("^evaluation ", "--")
                    .replace("base system", "--system")
                    .replace("base promptFormat", "--prompt-format")
                    .replace("base maxNewTokens", "--max-new-tokens");
            throw new ParameterException(spec.commandLine(), message, e);
        }
    }

    /** How the model gets its prompts: what is not given is as in the run. */
    private RunConfig.Base base(Path model, RunConfig.Base run) {
        return new RunConfig.Base(
                model.toString(),
                promptFormat == null ? run.promptFormat() : promptFormat,
                system == null ? run.system() : system,
                maxNewTokens == null ? run.maxNewTokens() : maxNewTokens,
                run.saveType());
    }

    /** The network, also of adapters. */
    private static DecoderConfig shape(Path model) throws IOException {
        return HuggingFaceConfig.read(Folders.whole(model)).decoder();
    }

    /** A model can be measured on another task than it was trained on, if it has the characters and the room. */
    private static TokenLimits limits(Path model, Task task, RunConfig.Base base) throws IOException {
        Path whole = Folders.whole(model);
        Tokenizer tokenizer = Tokenizers.read(whole);
        tokenizer.encode(task.alphabet());
        TokenLimits limits =
                TokenLimits.of(task, PromptEncoder.read(whole, tokenizer, base), base.maxNewTokens());
        int positions = shape(model).maxPositions();
        int needed = Math.addExact(limits.prompt(), limits.completion());
        if (needed > positions) {
            throw new IllegalArgumentException(
                    "task " + task.name() + " needs " + needed + " positions, but the model has " + positions);
        }
        return limits;
    }

    /** The task that an option names, or that of the run. */
    private Task subject(Optional<RunFolder> run, RunConfig config) throws IOException {
        Map<String, @Nullable Object> values = Settings.values(config);
        values.put("task", own.task().orElse(task == null ? config.task() : task));
        RunConfig asked = Settings.config(values);
        if (run.isPresent()) {
            own.addTaskFilesOf(asked, run.get().sources());
        }
        return own.definitions().task(asked);
    }

    private void print(Path model, Setup setup, HeldOut heldOut, double seconds) {
        PrintWriter out = spec.commandLine().getOut();
        int perPrompt = setup.evaluation().samples();
        if (json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("model", model.toString());
            result.put("task", setup.task().name());
            result.put("seed", setup.seed());
            result.put("prompts", setup.problems().size());
            result.put("greedyAccuracy", heldOut.greedyAccuracy());
            if (perPrompt > 0) {
                result.put("samples", perPrompt);
                result.put("temperature", setup.sampling().temperature());
                result.put("passAt1", heldOut.passAt1());
                result.put("k", heldOut.k());
                result.put("passAtK", heldOut.passAtK());
            }
            out.println(new JsonMapper().writeValueAsString(result));
        } else {
            out.println("model     " + model);
            out.println("task      " + Definitions.label(setup.task().name()) + ", " + setup.problems().size()
                    + " held-out prompts, seed "
                    + setup.seed());
            out.printf(Locale.ROOT, "greedy    %.4f%n", heldOut.greedyAccuracy());
            if (perPrompt > 0) {
                out.printf(Locale.ROOT, "pass@1    %.4f%n", heldOut.passAt1());
                out.printf(Locale.ROOT, "%-9s %.4f  (%d samples, temperature %s)%n", "pass@" + heldOut.k(),
                        heldOut.passAtK(), perPrompt,
                        Settings.text(Double.valueOf(Float.toString(setup.sampling().temperature()))));
            }
            out.printf(Locale.ROOT, "time      %.1f s%n", seconds);
        }
        out.flush();
    }
}
