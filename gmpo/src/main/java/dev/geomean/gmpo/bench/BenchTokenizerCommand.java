package dev.geomean.gmpo.bench;

import dev.geomean.engine.io.SmallFile;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench tokenizer}: how fast text becomes tokens and tokens text. */
@Command(
        name = "tokenizer",
        description = {
            "Measures encoding and decoding of a text on one thread.",
            "A megabyte is a million bytes of UTF-8."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchTokenizerCommand implements Callable<Integer> {
    private static final int MAX_BYTES = 1 << 28;

    @Option(names = "--tokenizer", paramLabel = "FOLDER", required = true,
            description = "Folder with tokenizer.json, for example of a model.")
    private Path folder;

    @Option(names = "--file", paramLabel = "FILE", required = true,
            description = "A text in UTF-8. It is encoded as a whole.")
    private Path file;

    @Mixin
    private MeasureOptions output;

    @Override
    public Integer call() throws IOException {
        Timings.Budget budget = output.budget();
        byte[] bytes = SmallFile.read(file, MAX_BYTES);
        String text = new String(bytes, StandardCharsets.UTF_8);
        if (text.isEmpty()) {
            throw output.bad("--file: " + file + " is empty");
        }
        Tokenizer tokenizer = Tokenizers.read(folder);
        int[] tokens;
        try {
            tokens = tokenizer.encode(text);
        } catch (IllegalArgumentException e) {
            throw output.bad(e);
        }
        Results results = output.results(
                Results.Column.text("what", 8),
                Results.Column.number("bytes", "MB", 1e6, 2),
                Results.Column.number("tokens", "tokens", 1, 0),
                Results.Column.number("bytes_per_s", "MB/s", 1e6, 2),
                Results.Column.number("bytes_per_s_p10", "p10", 1e6, 2),
                Results.Column.number("bytes_per_s_p90", "p90", 1e6, 2));
        print(results, "encode", bytes.length, tokens.length,
                Timings.measure(() -> tokenizer.encode(text), budget));
        print(results, "decode", bytes.length, tokens.length,
                Timings.measure(() -> tokenizer.decode(tokens), budget));
        return 0;
    }

    private void print(Results results, String what, int bytes, int tokens, Timings timings) {
        results.print(new Results.Row()
                .with("bench", "tokenizer")
                .with("what", what)
                .with("tokenizer", folder.toString())
                .with("file", file.toString())
                .with("bytes", bytes)
                .with("tokens", tokens)
                .withRate("bytes_per_s", bytes, timings));
    }
}
