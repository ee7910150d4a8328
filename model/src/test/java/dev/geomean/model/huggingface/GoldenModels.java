package dev.geomean.model.huggingface;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** Small models with random weights and what PyTorch computes from them. */
final class GoldenModels {
    static final List<String> NAMES = List.of("gpt2-f32", "llama-f32", "qwen2-bf16", "qwen3-f16");

    private GoldenModels() {}

    static Path folder(String name) {
        try {
            var url = GoldenModels.class.getResource("/golden/models/" + name + "/config.json");
            return Objects.requireNonNull(Path.of(Objects.requireNonNull(url).toURI()).getParent());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }
}
