package dev.geomean.model.huggingface;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.SmallFile;
import dev.geomean.model.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The file {@code generation_config.json}: how a published model is meant to be sampled. Immutable; writing gives back
 * what was read.
 */
public final class GenerationConfig {
    /** Name of the file in a model folder. */
    public static final String FILE_NAME = "generation_config.json";

    private static final int MAX_BYTES = 1 << 20;

    private final byte[] content;
    private final Sampling sampling;
    private final List<Integer> eosTokenIds;
    private final List<String> notApplied;

    /**
     * How tokens are to be drawn.
     *
     * @param temperature divides the logits; 0 where the file does not ask to sample
     * @param topK number of most probable tokens kept; 0 keeps all
     * @param topP probability mass kept, in (0, 1]
     * @param minP smallest kept ratio to the most probable token, in [0, 1]
     */
    public record Sampling(float temperature, int topK, float topP, float minP) {}

    private GenerationConfig(
            byte[] content, Sampling sampling, List<Integer> eosTokenIds, List<String> notApplied) {
        this.content = content;
        this.sampling = sampling;
        this.eosTokenIds = eosTokenIds;
        this.notApplied = notApplied;
    }

    /**
     * Reads {@value #FILE_NAME}.
     *
     * @param folder folder of the model
     * @param vocabSize tokens that the model knows
     * @return its content, or empty if there is no such file
     * @throws FileFormatException if the file is malformed, a value is out of range, or a token is outside the vocabulary
     * @throws IOException if the file cannot be read
     */
    public static Optional<GenerationConfig> read(Path folder, int vocabSize) throws IOException {
        Path file = folder.resolve(FILE_NAME);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        byte[] content = SmallFile.read(file, MAX_BYTES);
        JsonObject json = JsonObject.read(file);
        List<Integer> ends = json.ints("eos_token_id");
        for (int id : ends) {
            if (id < 0 || id >= vocabSize) {
                throw json.error("eos_token_id " + id + " is outside the vocabulary of " + vocabSize);
            }
        }
        return Optional.of(new GenerationConfig(content, readSampling(json), ends, notApplied(json)));
    }

    private static Sampling readSampling(JsonObject json) throws FileFormatException {
        double temperature = inRange(json, "temperature", 1, 0, Float.MAX_VALUE);
        int topK = json.intOr("top_k", 0);
        if (topK < 0) {
            throw json.error("top_k must not be negative, not " + topK);
        }
        double topP = inRange(json, "top_p", 1, Float.MIN_VALUE, 1);
        double minP = inRange(json, "min_p", 0, 0, 1);
        return json.booleanOr("do_sample", false)
                ? new Sampling((float) temperature, topK, (float) topP, (float) minP)
                : new Sampling(0, 0, 1, 0);
    }

    private static double inRange(JsonObject json, String key, double otherwise, double least, double most)
            throws FileFormatException {
        double value = json.doubleOr(key, otherwise);
        if (!(value >= least && value <= most)) {
            throw json.error(key + " is out of range: " + value);
        }
        return value;
    }

    /** Options that would change what is generated. */
    private static List<String> notApplied(JsonObject json) throws FileFormatException {
        var found = new ArrayList<String>();
        for (String key : List.of("repetition_penalty", "encoder_repetition_penalty", "typical_p", "length_penalty")) {
            double value = json.doubleOr(key, 1);
            if (value != 1) {
                found.add(key + " " + value);
            }
        }
        for (String key : List.of("no_repeat_ngram_size", "min_length", "min_new_tokens", "penalty_alpha")) {
            double value = json.doubleOr(key, 0);
            if (value != 0) {
                found.add(key + " " + value);
            }
        }
        if (json.intOr("num_beams", 1) != 1) {
            found.add("num_beams " + json.intOr("num_beams", 1));
        }
        for (String key : List.of("bad_words_ids", "suppress_tokens", "begin_suppress_tokens", "forced_bos_token_id",
                "forced_eos_token_id", "sequence_bias", "guidance_scale", "watermarking_config")) {
            if (json.has(key)) {
                found.add(key);
            }
        }
        return List.copyOf(found);
    }

    /**
     * How tokens are to be drawn.
     *
     * @return greedily, unless {@code do_sample} is true
     */
    public Sampling sampling() {
        return sampling;
    }

    /**
     * Tokens that end an answer, besides those of {@code config.json}.
     *
     * @return token ids, perhaps none
     */
    public List<Integer> eosTokenIds() {
        return eosTokenIds;
    }

    /**
     * What the file asks for and the sampler does not have, for example {@code repetition_penalty 1.1}.
     *
     * @return names of options with their values
     */
    public List<String> notApplied() {
        return notApplied;
    }

    /**
     * Writes {@value #FILE_NAME} as it was read.
     *
     * @param folder folder of the model, which must exist
     * @throws IOException if writing fails
     */
    public void write(Path folder) throws IOException {
        AtomicFile.write(folder.resolve(FILE_NAME), content);
    }
}
