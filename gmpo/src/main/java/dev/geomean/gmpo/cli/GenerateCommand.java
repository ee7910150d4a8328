package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.train.MemoryEstimate;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import dev.geomean.model.huggingface.HuggingFaceConfig;
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
        description = "Completes a prompt. Prints each completion on a line.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {"", "Example:", "  geomean generate runs/addition-gmpo-seed0 123+456= --count 4"})
final class GenerateCommand implements Callable<Integer> {
    private static final int DEFAULT_MAX_TOKENS = 256;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "FOLDER",
            description = "A model, or a run: its final model, or its last checkpoint if it has not ended.")
    private Path folder;

    @Parameters(index = "1", paramLabel = "PROMPT", description = "The prompt.")
    private String prompt;

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
        Path model = Folders.model(spec, folder);
        checkMemory(model, workers);
        try (Engine engine = common.engine();
                var policy = Policy.load(engine, model)) {
            Tokenizer tokenizer = policy.tokenizer();
            Decoder decoder = policy.decoder();
            int[] tokens = encode(tokenizer);
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
            var limits =
                    new Generator.Limits(tokens.length, longest, sampling, List.of(tokenizer.eosId()));
            try (var generator = new Generator(decoder, limits)) {
                print(tokenizer, generator.generate(prompts, seed));
            }
        }
        return 0;
    }

    /** Before the weights are read: for the longest completion that may be asked for. */
    private void checkMemory(Path model, int workers) throws IOException {
        DecoderConfig shape = HuggingFaceConfig.read(model).decoder();
        int[] tokens = encode(Tokenizers.read(model));
        int room = Math.max(1, shape.maxPositions() - tokens.length);
        int longest = Math.clamp(maxTokens == null ? DEFAULT_MAX_TOKENS : maxTokens, 1, room);
        common.checkMemory(MemoryEstimate.ofSampling(
                shape, tokens.length, longest, 1, count, workers, "a smaller --count or --max-tokens"));
    }

    private int[] encode(Tokenizer tokenizer) {
        int[] tokens;
        try {
            tokens = tokenizer.encode(prompt);
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
