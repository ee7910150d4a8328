package dev.geomean.model.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.TensorType;
import dev.geomean.model.DecoderConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a model folder says about its model besides weights and tokenizer, so that a trained model can be saved like the
 * published one that it comes from.
 *
 * @param config the file {@code config.json}
 * @param generation the file {@code generation_config.json}, or null if there is none
 * @param storedType F32, BF16 or F16: a type that holds every weight of the checkpoint exactly
 */
public record ModelDescription(
        HuggingFaceConfig config, @Nullable GenerationConfig generation, TensorType storedType) {

    /**
     * Describes a model that was not published.
     *
     * @param decoder its shape
     * @return a description with weights in float32
     * @throws IllegalArgumentException if no published architecture has this shape
     */
    public static ModelDescription of(DecoderConfig decoder) {
        return new ModelDescription(HuggingFaceConfig.of(decoder, TensorType.F32), null, TensorType.F32);
    }

    /**
     * Reads the description of a model. Of the weights only the headers of their files are read.
     *
     * @param folder folder of the model
     * @return its description
     * @throws FileFormatException if a file is malformed, describes a model that the decoder cannot be, or the
     *     checkpoint does not hold its tensors
     * @throws IOException if a file is missing or cannot be read
     */
    public static ModelDescription read(Path folder) throws IOException {
        HuggingFaceConfig config = HuggingFaceConfig.read(folder);
        GenerationConfig generation =
                GenerationConfig.read(folder, config.decoder().vocabSize()).orElse(null);
        Set<TensorType> types = new LinkedHashSet<>();
        try (var tensors = Safetensors.openFolder(folder)) {
            for (WeightMapping.Entry entry : WeightMapping.checkComplete(tensors, config.decoder())) {
                types.add(tensors.info(entry.tensor()).type());
            }
        }
        return new ModelDescription(
                config, generation, types.size() == 1 ? types.iterator().next() : TensorType.F32);
    }

    /**
     * Tokens that end a text or an answer, according to both files: chat models end an answer with one and a text with
     * another.
     *
     * @return token ids, each once
     */
    public List<Integer> eosTokenIds() {
        Set<Integer> ids = new LinkedHashSet<>(config.decoder().eosTokenIds());
        if (generation != null) {
            ids.addAll(generation.eosTokenIds());
        }
        return List.copyOf(ids);
    }

    /**
     * Writes both files, each as a whole or not at all.
     *
     * @param folder folder of the model, which must exist
     * @param type type of the weights in the checkpoint beside them: F32, BF16 or F16
     * @throws IOException if writing fails
     * @throws IllegalArgumentException if the type is another
     */
    public void write(Path folder, TensorType type) throws IOException {
        config.withWeightType(type).write(folder);
        if (generation != null) {
            generation.write(folder);
        }
    }
}
