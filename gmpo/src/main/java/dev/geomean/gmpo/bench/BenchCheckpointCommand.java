package dev.geomean.gmpo.bench;

import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.engine.io.TensorType;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.huggingface.RandomCheckpoint;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench checkpoint}: a model folder of real size with random weights. */
@Command(
        name = "checkpoint",
        description = {
            "Writes a model folder with the sizes of a published model, its tokenizer and random weights, for trials.",
            "The text that such a model writes means nothing; time and memory are those of the real one."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchCheckpointCommand implements Callable<Integer> {
    @Option(names = "--shape", paramLabel = "NAME", required = true,
            description = "Sizes of qwen2.5-0.5b, smollm2-135m, llama3.2-1b or gpt2, or tiny to see whether commands work.")
    private String shape;

    @Option(names = "--tokenizer", paramLabel = "FOLDER", required = true,
            description = "Folder with tokenizer.json and tokenizer_config.json. If it has more tokens than the published"
                    + " model, so has this one.")
    private Path tokenizerFolder;

    @Option(names = "--dtype", paramLabel = "NAME", defaultValue = "bfloat16",
            description = "Type of the weights: bfloat16, float16 or float32. Default: ${DEFAULT-VALUE}.")
    private String dtype;

    @Option(names = "--out", paramLabel = "FOLDER", required = true, description = "New folder of the model.")
    private Path out;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0",
            description = "Random seed. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--max-file-bytes", paramLabel = "N", defaultValue = "" + ModelFolder.MAX_FILE_BYTES,
            description = "Most bytes of weights in one file. Default: ${DEFAULT-VALUE}.")
    private long maxFileBytes;

    @Mixin
    private OutputOptions output;

    @Override
    public Integer call() throws IOException {
        if (maxFileBytes < 1) {
            throw output.bad("--max-file-bytes must be at least 1, not " + maxFileBytes);
        }
        if (Files.exists(out)) {
            throw output.bad("--out: " + out + " exists already; name a new folder");
        }
        TensorType type;
        DecoderConfig decoder;
        Tokenizer tokenizer = Tokenizers.read(tokenizerFolder);
        try {
            type = switch (dtype) {
                case "bfloat16" -> TensorType.BF16;
                case "float16" -> TensorType.F16;
                case "float32" -> TensorType.F32;
                default -> throw KnownNames.of("type of weights", "bfloat16", "float16", "float32").unknown(dtype);
            };
            decoder = PublishedShape.named(shape).decoder(tokenizer);
        } catch (IllegalArgumentException e) {
            throw output.bad(e);
        }
        Path parent = out.toAbsolutePath().getParent();
        if (parent != null) {
            Files.createDirectories(parent);
        }
        long started = System.nanoTime();
        AtomicFolder.write(out, folder -> {
            tokenizer.write(folder);
            RandomCheckpoint.write(decoder, type, seed, maxFileBytes, folder);
        });
        output.results(
                Results.Column.text("shape", 14),
                Results.Column.number("parameters", "parameters", 1, 0),
                Results.Column.number("bytes", "MiB", 1 << 20, 0),
                Results.Column.number("seconds", "seconds", 1, 1))
                .print(new Results.Row()
                        .with("bench", "checkpoint")
                        .with("shape", shape)
                        .with("dtype", dtype)
                        .with("parameters", decoder.parameterCount())
                        .with("bytes", decoder.parameterCount() * type.bits() / Byte.SIZE)
                        .with("seconds", (System.nanoTime() - started) * 1e-9)
                        .with("folder", out.toString()));
        return 0;
    }
}
