package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.memory.DType;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.huggingface.ModelDescription;
import dev.geomean.model.lora.AdapterFolder;
import dev.geomean.model.lora.LoraAdapters;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A network with the tokenizer that feeds it.
 *
 * @param decoder the network
 * @param tokenizer text to tokens and back
 * @param prompts how prompts become tokens
 * @param description what is known of the model otherwise, to be saved with it
 */
public record Policy(Decoder decoder, Tokenizer tokenizer, PromptEncoder prompts, ModelDescription description)
        implements
            AutoCloseable {

    /**
     * A policy that gets its prompts as they are.
     *
     * @param decoder the network
     * @param tokenizer text to tokens and back
     * @throws IllegalArgumentException if no published architecture has this shape, so that it could not be saved
     */
    public Policy(Decoder decoder, Tokenizer tokenizer) {
        this(decoder, tokenizer, PromptEncoder.text(tokenizer), ModelDescription.of(decoder.config()));
    }

    /**
     * A new policy for a task, with random parameters and one token per character.
     *
     * @param engine the engine
     * @param task the task
     * @param model shape of the network
     * @param seed random seed of the parameters
     * @return the policy
     */
    public static Policy create(Engine engine, Task task, RunConfig.Model model, long seed) {
        var tokenizer = new CharacterTokenizer(task.alphabet());
        return new Policy(
                Decoder.random(
                        engine, model.decoder(tokenizer.vocabSize(), positions(task), tokenizer.eosId()), seed),
                tokenizer);
    }

    /** Positions of a new network for a task. */
    static int positions(Task task) {
        return task.maxPromptLength() + task.maxCompletionLength() + 8;
    }

    /**
     * Reads a policy from a model folder, or from one with adapters and the model that they name. It gets its prompts as they
     * are.
     *
     * @param engine where it will run
     * @param folder network, weights and tokenizer; or adapters
     * @return the policy
     * @throws FileFormatException if a file is damaged, a weight is not finite, or network and tokenizer do not belong
     *     together
     * @throws IOException if a file is missing or cannot be read
     */
    public static Policy load(Engine engine, Path folder) throws IOException {
        return load(engine, folder, RunConfig.Base.NONE);
    }

    /**
     * Reads a policy from a model folder.
     *
     * @param engine where it will run
     * @param folder network, weights and tokenizer
     * @param base how it gets its prompts
     * @return the policy
     * @throws FileFormatException if a file is damaged, a weight is not finite, network and tokenizer do not belong
     *     together, or there is no chat template and one is needed
     * @throws IOException if a file is missing or cannot be read
     */
    public static Policy load(Engine engine, Path folder, RunConfig.Base base) throws IOException {
        if (AdapterFolder.is(folder)) {
            return load(engine, AdapterFolder.model(folder), base).withAdapters(folder);
        }
        return read(folder, base, () -> ModelFolder.load(engine, folder));
    }

    /**
     * Reads a policy whose weights are not trained, so they may stay in the files: one that is sampled from, or that gets adapters.
     *
     * @param engine where it will run
     * @param folder network, weights and tokenizer
     * @param base how it gets its prompts
     * @param type how matrices are held
     * @return the policy
     * @throws FileFormatException as {@link #load(Engine, Path, RunConfig.Base)}
     * @throws IOException if a file is missing or cannot be read
     */
    public static Policy loadForSampling(Engine engine, Path folder, RunConfig.Base base, WeightType type)
            throws IOException {
        if (AdapterFolder.is(folder)) {
            return loadForSampling(engine, AdapterFolder.model(folder), base, type).withAdapters(folder);
        }
        return read(folder, base, () -> switch (type) {
            case AUTO -> ModelFolder.loadForSampling(engine, folder);
            case FLOAT32 -> ModelFolder.load(engine, folder);
            case BFLOAT16 -> ModelFolder.loadFrozen(engine, folder, DType.BFLOAT16);
        });
    }

    /** How the matrices of a policy are held that is not trained. */
    public enum WeightType {
        /** As they are stored, in the mapped files; a small model in float32 is copied. */
        AUTO,
        /** A copy in float32. */
        FLOAT32,
        /** In the mapped files where they are stored in bfloat16, else a rounded copy. */
        BFLOAT16;

        /**
         * The type of matrices that are not copied in float32. Of the weights only headers are read.
         *
         * @param folder folder of a whole model
         * @return bfloat16 or float32, or null if all matrices are copied
         * @throws IOException if a file is missing, damaged or cannot be read
         */
        public @Nullable DType frozen(Path folder) throws IOException {
            return switch (this) {
                case AUTO -> ModelFolder.frozenType(folder);
                case FLOAT32 -> null;
                case BFLOAT16 -> DType.BFLOAT16;
            };
        }
    }

    @FunctionalInterface
    private interface Reader {
        Decoder read() throws IOException;
    }

    private static Policy read(Path folder, RunConfig.Base base, Reader reader) throws IOException {
        Tokenizer tokenizer = Tokenizers.read(folder);
        ModelDescription description = ModelDescription.read(folder);
        checkFits(folder, tokenizer, description.config().decoder());
        PromptEncoder prompts = PromptEncoder.read(folder, tokenizer, base);
        return new Policy(reader.read(), tokenizer, prompts, description);
    }

    /** Finds out whether a network and a tokenizer belong together. */
    static void checkFits(Path folder, Tokenizer tokenizer, DecoderConfig decoder) throws FileFormatException {
        if (!tokenizer.fits(decoder.vocabSize())) {
            throw new FileFormatException(folder, "the model has " + decoder.vocabSize()
                    + " tokens, but its tokenizer " + tokenizer.vocabSize());
        }
    }

    /**
     * The tokens that end a completion: those of the tokenizer and of the model's files.
     *
     * @return token ids, each once; the tokenizer's own comes first
     */
    public List<Integer> stopTokens() {
        Set<Integer> tokens = new LinkedHashSet<>();
        tokens.add(tokenizer.eosId());
        tokens.addAll(description.eosTokenIds());
        return List.copyOf(tokens);
    }

    /** This policy with adapters from a folder, which takes the network over. */
    private Policy withAdapters(Path folder) throws IOException {
        try {
            LoraAdapters adapters = AdapterFolder.load(decoder.engine(), decoder.config(), folder);
            return new Policy(decoder.withAdapters(adapters), tokenizer, prompts, description);
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * Writes what training changes and the tokenizer: a model folder, or one with adapters if the network has any.
     *
     * @param folder where to
     * @param base folder of the weights that adapters belong to
     * @param type type of the weights of a whole model
     * @throws IOException if writing fails
     */
    public void save(Path folder, Path base, TensorType type) throws IOException {
        LoraAdapters adapters = decoder.adapters();
        if (adapters == null) {
            ModelFolder.save(decoder, tokenizer, description, type, folder);
        } else {
            AdapterFolder.save(adapters, base, folder);
            tokenizer.write(folder);
        }
    }

    /**
     * Overwrites what training changes.
     *
     * @param folder a folder that {@link #save} wrote
     * @throws FileFormatException if a file is damaged or from another network
     * @throws IOException if a file is missing or cannot be read
     */
    public void restore(Path folder) throws IOException {
        LoraAdapters adapters = decoder.adapters();
        if (adapters == null) {
            ModelFolder.restore(decoder, folder);
        } else {
            AdapterFolder.restore(adapters, folder);
        }
    }

    /**
     * The text of a completion.
     *
     * @param tokens generated tokens
     * @return the text before the first end token
     */
    public String text(int[] tokens) {
        List<Integer> ends = stopTokens();
        int length = 0;
        while (length < tokens.length && !ends.contains(tokens[length])) {
            length++;
        }
        return tokenizer.decode(Arrays.copyOf(tokens, length));
    }

    @Override
    public void close() {
        decoder.close();
    }
}
