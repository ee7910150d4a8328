package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.TensorType;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.huggingface.ModelDescription;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Makes a folder as one is published: a tiny Llama in bfloat16 with a tokenizer of letters and a chat template. */
final class PublishedModel {
    static final String GENERATION = """
            {"do_sample": true, "temperature": 0.6, "top_k": 3, "top_p": 0.9, "eos_token_id": [1, 2],
             "repetition_penalty": 1.1}
            """;

    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String LETTERS =
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:+=?.<>|/_#\u0120\u010a";

    private PublishedModel() {}

    /** Writes the model into a new folder. */
    static void write(Path folder) throws IOException {
        Path source = Files.createTempDirectory(folder.toAbsolutePath().getParent(), "source");
        ObjectNode vocabulary = JSON.createObjectNode();
        String[] special = {"<s>", "</s>", "<end>"};
        ObjectNode tokenizer = JSON.createObjectNode();
        for (int id = 0; id < special.length; id++) {
            vocabulary.put(special[id], id);
            tokenizer.withArray("added_tokens")
                    .add(JSON.createObjectNode().put("id", id).put("content", special[id]).put("special", true));
        }
        for (int i = 0; i < LETTERS.length(); i++) {
            vocabulary.put(LETTERS.substring(i, i + 1), special.length + i);
        }
        ObjectNode bytes = JSON.createObjectNode().put("type", "ByteLevel").put("add_prefix_space", false);
        tokenizer.set("pre_tokenizer", bytes);
        tokenizer.set("decoder", bytes);
        ObjectNode model = tokenizer.putObject("model").put("type", "BPE");
        model.set("vocab", vocabulary);
        model.putArray("merges");
        JSON.writeValue(source.resolve("tokenizer.json").toFile(), tokenizer);
        ObjectNode config = JSON.createObjectNode().put("bos_token", "<s>").put("eos_token", "</s>");
        config.put("chat_template", "<s>{% for m in messages %}{{ m.role }}:{{ m.content }}<end>{% endfor %}bot:");
        JSON.writeValue(source.resolve("tokenizer_config.json").toFile(), config);
        Files.writeString(source.resolve("merges.txt"), "#version: 0.2\n");
        Files.writeString(source.resolve("generation_config.json"), GENERATION);
        Tokenizer read = Tokenizers.read(source);
        DecoderConfig shape = DecoderConfig.llama(read.vocabSize() + 9, 16, 2, 2, 1, 24, 64, 1);
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, shape, 1)) {
            ModelFolder.save(decoder, read, ModelDescription.of(shape), TensorType.BF16, folder);
        }
        Files.copy(source.resolve("generation_config.json"), folder.resolve("generation_config.json"));
        ObjectNode described = (ObjectNode) JSON.readTree(folder.resolve("config.json").toFile());
        described.remove("dtype");
        described.put("transformers_version", "4.46.1").put("attention_dropout", 0.1);
        JSON.writeValue(folder.resolve("config.json").toFile(), described);
    }
}
