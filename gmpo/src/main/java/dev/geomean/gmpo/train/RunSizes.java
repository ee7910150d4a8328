package dev.geomean.gmpo.train;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.memory.DType;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.huggingface.ModelDescription;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The sizes of a run that its configuration does not say but the task and the published model do, known before any
 * weight is read.
 *
 * @param decoder shape of the network
 * @param tokens lengths of prompts and completions
 * @param frozen type of the matrices if they stay in the files of the published model, or null if they are parameters in float32
 */
public record RunSizes(DecoderConfig decoder, TokenLimits tokens, @Nullable DType frozen) {

    /**
     * Checks that sequences fit.
     *
     * @throws IllegalArgumentException if the longest prompt and completion have more tokens than the network has
     *     positions
     */
    public RunSizes {
        if ((long) tokens.prompt() + tokens.completion() > decoder.maxPositions()) {
            throw new IllegalArgumentException("prompts of up to " + tokens.prompt()
                    + " tokens and completions of up to " + tokens.completion() + " exceed the model's "
                    + decoder.maxPositions() + " positions; take a smaller --max-prompt-length or --max-new-tokens");
        }
    }

    /**
     * The sizes of a run of a new network.
     *
     * @param config the run
     * @param task its task
     * @return its sizes
     * @throws IllegalArgumentException if the sizes of the network do not fit together
     */
    public static RunSizes of(RunConfig config, Task task) {
        var tokenizer = new CharacterTokenizer(task.alphabet());
        int positions = Policy.positions(task);
        return new RunSizes(
                config.model().decoder(tokenizer.vocabSize(), positions, tokenizer.eosId()), TokenLimits.of(task),
                null);
    }

    /**
     * The sizes of a run.
     *
     * @param config the run
     * @param task its task
     * @param folder the published model that it starts from, or null for a new network
     * @return its sizes
     * @throws FileFormatException if a file of the model is damaged or describes a model that is not supported
     * @throws IOException if a file of the model is missing or cannot be read
     * @throws IllegalArgumentException if the sizes do not fit together
     */
    public static RunSizes of(RunConfig config, Task task, @Nullable Path folder) throws IOException {
        if (folder == null) {
            return of(config, task);
        }
        DecoderConfig decoder = ModelDescription.read(folder).config().decoder();
        Tokenizer tokenizer = Tokenizers.read(folder);
        Policy.checkFits(folder, tokenizer, decoder);
        PromptEncoder prompts = PromptEncoder.read(folder, tokenizer, config.base());
        boolean isFrozen = config.lora().isActive() && config.warmup().steps() == 0;
        return new RunSizes(
                decoder, TokenLimits.of(task, prompts, config.base().maxNewTokens()),
                isFrozen ? Policy.WeightType.AUTO.frozen(folder) : null);
    }
}
