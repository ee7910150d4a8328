package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.train.MemoryEstimate;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.chat.ChatMessage;
import dev.geomean.model.chat.ChatTemplate;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.tokenizer.TextStream;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
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
            "  geomean generate Qwen2.5-0.5B-Instruct 'Why is the sky blue?' --chat --temperature 0.7"})
final class GenerateCommand implements Callable<Integer> {
    private static final int DEFAULT_MAX_TOKENS = 256;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "FOLDER",
            description = "A model, or a run: its final model, or its last checkpoint if it has not ended.")
    private Path folder;

    @Parameters(index = "1", paramLabel = "PROMPT", description = "The prompt.")
    private String prompt;

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

    @Option(names = "--temperature", paramLabel = "X", defaultValue = "1",
            description = "Sampling temperature; 0 takes the most probable token. Default: ${DEFAULT-VALUE}.")
    private float temperature;

    @Option(names = "--top-k", paramLabel = "N", defaultValue = "0",
            description = "Most probable tokens kept; 0 keeps all. Default: ${DEFAULT-VALUE}.")
    private int topK;

    @Option(names = "--top-p", paramLabel = "X", defaultValue = "1",
            description = "Probability mass kept. Default: ${DEFAULT-VALUE}.")
    private float topP;

    @Option(names = "--min-p", paramLabel = "X", defaultValue = "0",
            description = "Smallest kept ratio to the most probable token. Default: ${DEFAULT-VALUE}.")
    private float minP;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0",
            description = "Random seed. Default: ${DEFAULT-VALUE}.")
    private long seed;

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
        SamplingOptions sampling;
        try {
            sampling = new SamplingOptions(temperature, topK, topP, minP);
        } catch (IllegalArgumentException e) {
            throw bad(ConfigOptions.asOptions(String.valueOf(e.getMessage())), e);
        }
        if (system != null && !chat) {
            throw bad("--system needs --chat", null);
        }
        Path model = Folders.model(spec, folder);
        Path whole = Folders.whole(model);
        String text = chat ? conversation(whole) : prompt;
        checkMemory(whole, text, workers);
        try (Engine engine = common.engine();
                var policy = Policy.load(engine, model)) {
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
            var limits = new Generator.Limits(tokens.length, longest, sampling, stopTokens(policy));
            try (var generator = new Generator(decoder, limits)) {
                if (count == 1 && !json) {
                    printAsItComes(tokenizer, generator, prompts);
                } else {
                    print(tokenizer, generator.generate(prompts, seed));
                }
            }
        }
        return 0;
    }

    /** Before the weights are read: for the longest completion that may be asked for. */
    private void checkMemory(Path model, String text, int workers) throws IOException {
        DecoderConfig shape = HuggingFaceConfig.read(model).decoder();
        int[] tokens = encode(Tokenizers.read(model), text);
        int room = Math.max(1, shape.maxPositions() - tokens.length);
        int longest = Math.clamp(maxTokens == null ? DEFAULT_MAX_TOKENS : maxTokens, 1, room);
        common.checkMemory(MemoryEstimate.ofSampling(
                shape, tokens.length, longest, 1, count, workers, "a smaller --count or --max-tokens"));
    }

    /** The prompt in the model's chat template. */
    private String conversation(Path model) throws IOException {
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

    /** Of the tokenizer and of the model's configuration: chat models end an answer with one and a text with another. */
    private static List<Integer> stopTokens(Policy policy) {
        var tokens = new LinkedHashSet<Integer>();
        tokens.add(policy.tokenizer().eosId());
        tokens.addAll(policy.decoder().config().eosTokenIds());
        return List.copyOf(tokens);
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

    private void print(Tokenizer tokenizer, List<Completion> completions) {
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
