package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.train.MemoryEstimate;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.chat.ChatMessage;
import dev.geomean.model.chat.ChatTemplate;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import dev.geomean.model.huggingface.GenerationConfig;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.tokenizer.TextStream;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

/** {@code geomean generate}: completions of a prompt. */
@Command(
        name = "generate",
        description = "Completes a prompt. Prints each completion on a line, and a single one as it comes.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {"", "Examples:", "  geomean generate runs/addition-gmpo-seed0 123+456= --count 4",
            "  geomean generate --model Qwen2.5-0.5B-Instruct 'Why is the sky blue?' --chat --temperature 0.7"})
final class GenerateCommand implements Callable<Integer> {
    private static final int DEFAULT_MAX_TOKENS = 256;

    @Spec
    private CommandSpec spec;

    @Parameters(arity = "1..2", paramLabel = "[FOLDER] PROMPT",
            description = "A model, or a run (its final model, or its last checkpoint if it has not ended), unless --model"
                    + " names it, and the prompt.")
    private List<String> words = List.of();

    @Option(names = "--model", paramLabel = "FOLDER", description = "The model or run, in place of FOLDER.")
    private @Nullable Path folder;

    @Option(names = "--chat",
            description = "Takes the prompt as what a user says, and puts it into the model's chat template.")
    private boolean chat;

    @Option(names = "--system", paramLabel = "TEXT",
            description = "What the chat template has as the system's message. Needs --chat.")
    private @Nullable String system;

    @Option(names = "--count", paramLabel = "N", defaultValue = "1",
            description = "Completions. Default: ${DEFAULT-VALUE}.")
    private int count;

    @Option(names = "--max-tokens", paramLabel = "N",
            description = "Longest completion. Default: what the model has room for, at most 256.")
    private @Nullable Integer maxTokens;

    @Option(names = "--temperature", paramLabel = "X",
            description = "Sampling temperature; 0 takes the most probable token. Default, as of --top-k, --top-p and --min-p:"
                    + " what the model's generation_config.json says, or 1 without that file.")
    private @Nullable Float temperature;

    @Option(names = "--top-k", paramLabel = "N", description = "Most probable tokens kept; 0 keeps all. Default: 0.")
    private @Nullable Integer topK;

    @Option(names = "--top-p", paramLabel = "X", description = "Probability mass kept. Default: 1.")
    private @Nullable Float topP;

    @Option(names = "--min-p", paramLabel = "X",
            description = "Smallest kept ratio to the most probable token. Default: 0.")
    private @Nullable Float minP;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0",
            description = "Random seed. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--weights-dtype", paramLabel = "TYPE", defaultValue = "auto",
            description = "How weights are held: auto as they are stored, in the mapped files where that is faster; float32 in a"
                    + " copy; bfloat16, rounded where they are stored otherwise. Default: ${DEFAULT-VALUE}.")
    private String weightsDtype;

    @Option(names = "--json", description = "Prints each completion as a JSON object.")
    private boolean json;

    @Mixin
    private Common common;

    @Override
    public Integer call() throws IOException {
        int workers = common.workers();
        if (count < 1) {
            throw bad("--count must be at least 1, not " + count, null);
        }
        if (words.size() != (folder == null ? 2 : 1)) {
            throw bad(folder == null ? "expected a folder and a prompt; the folder may also be given with --model"
                    : "expected only a prompt, as --model names the folder", null);
        }
        Policy.WeightType weights =
                switch (weightsDtype) {
                    case "auto" -> Policy.WeightType.AUTO;
                    case "float32" -> Policy.WeightType.FLOAT32;
                    case "bfloat16" -> Policy.WeightType.BFLOAT16;
                    default -> throw bad(
                            "--weights-dtype must be auto, float32 or bfloat16, not '" + weightsDtype + "'", null);
                };
        String prompt = words.getLast();
        // Options that are wrong whatever the model says.
        sampling(null);
        if (system != null && !chat) {
            throw bad("--system needs --chat", null);
        }
        Path model = Folders.model(spec, folder == null ? Path.of(words.getFirst()) : folder);
        Path whole = Folders.whole(model);
        SamplingOptions sampling = sampling(generationConfig(whole));
        String text = chat ? conversation(whole, prompt) : prompt;
        checkMemory(whole, weights, text, workers);
        try (Engine engine = common.engine();
                var policy = Policy.loadForSampling(engine, model, RunConfig.Base.NONE, weights)) {
            Tokenizer tokenizer = policy.tokenizer();
            Decoder decoder = policy.decoder();
            int[] tokens = encode(tokenizer, text);
            int room = decoder.config().maxPositions() - tokens.length;
            int longest = maxTokens == null ? Math.min(room, DEFAULT_MAX_TOKENS) : maxTokens;
            if (longest < 1 || longest > room) {
                throw bad("a prompt of " + tokens.length + " tokens leaves room for " + Math.max(0, room)
                        + " of the model's " + decoder.config().maxPositions() + " positions"
                        + (maxTokens == null ? "" : ", not --max-tokens " + maxTokens), null);
            }
            List<Prompt> prompts = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                prompts.add(new Prompt(tokens, i));
            }
            var limits = new Generator.Limits(tokens.length, longest, sampling, policy.stopTokens());
            try (var generator = new Generator(decoder, limits)) {
                if (count == 1 && !json) {
                    printAsItComes(tokenizer, generator, prompts);
                } else {
                    print(prompt, tokenizer, generator.generate(prompts, seed));
                }
            }
        }
        return 0;
    }

    /** What the model's files ask for, with a line about what of it there is not. */
    private @Nullable GenerationConfig generationConfig(Path model) throws IOException {
        GenerationConfig config = GenerationConfig.read(model, HuggingFaceConfig.read(model).decoder().vocabSize())
                .orElse(null);
        if (config != null && !config.notApplied().isEmpty()) {
            spec.commandLine().getErr().println("geomean: " + GenerationConfig.FILE_NAME + " asks for "
                    + String.join(", ", config.notApplied()) + ", which is not applied");
        }
        return config;
    }

    private SamplingOptions sampling(@Nullable GenerationConfig config) {
        GenerationConfig.Sampling standard =
                config == null ? new GenerationConfig.Sampling(1, 0, 1, 0) : config.sampling();
        try {
            return new SamplingOptions(
                    temperature == null ? standard.temperature() : temperature,
                    topK == null ? standard.topK() : topK,
                    topP == null ? standard.topP() : topP,
                    minP == null ? standard.minP() : minP);
        } catch (IllegalArgumentException e) {
            throw bad(ConfigOptions.asOptions(String.valueOf(e.getMessage())), e);
        }
    }

    /** Before the weights are read: for the longest completion that may be asked for. */
    private void checkMemory(Path model, Policy.WeightType weights, String text, int workers) throws IOException {
        DecoderConfig shape = HuggingFaceConfig.read(model).decoder();
        int[] tokens = encode(Tokenizers.read(model), text);
        int room = Math.max(1, shape.maxPositions() - tokens.length);
        int longest = Math.clamp(maxTokens == null ? DEFAULT_MAX_TOKENS : maxTokens, 1, room);
        common.checkMemory(MemoryEstimate.ofSampling(
                shape, weights.frozen(model), tokens.length, longest, 1, count, workers,
                "a smaller --count or --max-tokens"));
    }

    /** The prompt in the model's chat template. */
    private String conversation(Path model, String prompt) throws IOException {
        ChatTemplate template = ChatTemplate.read(model)
                .orElseThrow(() -> bad("--chat: " + model + " has no chat template", null));
        var messages = new ArrayList<ChatMessage>();
        if (system != null) {
            messages.add(ChatMessage.system(system));
        }
        messages.add(ChatMessage.user(prompt));
        try {
            return template.render(messages);
        } catch (IllegalArgumentException e) {
            throw bad("--chat: " + e.getMessage(), e);
        }
    }

    /** A template writes its special tokens itself. */
    private int[] encode(Tokenizer tokenizer, String text) {
        int[] tokens;
        try {
            tokens = chat ? tokenizer.encode(text) : tokenizer.encodeSequence(text);
        } catch (IllegalArgumentException e) {
            throw bad(String.valueOf(e.getMessage()), e);
        }
        if (tokens.length == 0) {
            throw bad("the prompt is empty", null);
        }
        return tokens;
    }

    private ParameterException bad(String message, @Nullable Throwable cause) {
        return new ParameterException(spec.commandLine(), message, cause);
    }

    private void printAsItComes(Tokenizer tokenizer, Generator generator, List<Prompt> prompts) {
        PrintWriter out = spec.commandLine().getOut();
        TextStream text = tokenizer.stream();
        generator.generate(prompts, seed, (_, token) -> {
            out.print(text.add(token));
            out.flush();
        });
        out.println(text.finish());
        out.flush();
    }

    private void print(String prompt, Tokenizer tokenizer, List<Completion> completions) {
        PrintWriter out = spec.commandLine().getOut();
        var mapper = json ? new JsonMapper() : null;
        for (Completion completion : completions) {
            String text = tokenizer.decode(completion.tokens());
            if (mapper == null) {
                out.println(text);
                continue;
            }
            double logProb = 0;
            for (float token : completion.logProbs()) {
                logProb += token;
            }
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("prompt", prompt);
            line.put("completion", text);
            line.put("tokens", completion.tokens().length);
            line.put("logProb", logProb);
            line.put("ended", completion.stopped());
            out.println(mapper.writeValueAsString(line));
        }
        out.flush();
    }
}
