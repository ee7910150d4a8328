package dev.geomean.gmpo.bench;

import java.util.Iterator;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Options that shape a decoder and its batch. */
@Command
final class DecoderOptions {
    /** Values of {@code --config}. */
    static final class Names implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return DecoderWork.NAMED.keySet().iterator();
        }
    }

    @Option(names = "--config", paramLabel = "NAME", defaultValue = "nano", completionCandidates = Names.class,
            description = "Shape that the options below change: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private String config;

    @Option(names = "--layers", paramLabel = "N", description = "Layers.")
    private @Nullable Integer layers;

    @Option(names = "--dim", paramLabel = "N", description = "Width.")
    private @Nullable Integer dim;

    @Option(names = "--heads", paramLabel = "N", description = "Query heads.")
    private @Nullable Integer heads;

    @Option(names = "--kv-heads", paramLabel = "N", description = "Key/value heads. Default: as many as query heads.")
    private @Nullable Integer kvHeads;

    @Option(names = "--ffn", paramLabel = "N", description = "Inner width of the feed-forward part.")
    private @Nullable Integer ffn;

    @Option(names = "--vocab", paramLabel = "N", description = "Tokens in the vocabulary.")
    private @Nullable Integer vocab;

    @Option(names = "--batch", paramLabel = "N", description = "Sequences.")
    private @Nullable Integer batch;

    @Option(names = "--seq", paramLabel = "N", description = "Tokens of a sequence.")
    private @Nullable Integer seq;

    @Option(names = "--threads", paramLabel = "N", description = "Threads that compute. Default: one per processor.")
    private int threads = Runtime.getRuntime().availableProcessors();

    String name() {
        return config;
    }

    int threads(MeasureOptions measure) {
        return measure.positive("--threads", threads);
    }

    DecoderWork work(MeasureOptions measure) {
        DecoderWork named = DecoderWork.NAMED.get(config);
        if (named == null) {
            throw measure.bad("unknown --config '" + config + "'; known are "
                    + String.join(", ", DecoderWork.NAMED.keySet()));
        }
        int queryHeads = or(heads, named.heads());
        try {
            return new DecoderWork(
                    or(layers, named.layers()),
                    or(dim, named.dim()),
                    queryHeads,
                    or(kvHeads, queryHeads),
                    or(ffn, named.ffn()),
                    or(vocab, named.vocab()),
                    or(batch, named.batch()),
                    or(seq, named.seq()));
        } catch (IllegalArgumentException e) {
            throw measure.bad(e);
        }
    }

    private static int or(@Nullable Integer given, int otherwise) {
        return given == null ? otherwise : given;
    }

    /** The shape as fields of a result. */
    Results.Row row(String bench, DecoderWork work, int threads) {
        return new Results.Row()
                .with("bench", bench)
                .with("config", config)
                .with("layers", work.layers())
                .with("dim", work.dim())
                .with("heads", work.heads())
                .with("kv_heads", work.kvHeads())
                .with("ffn", work.ffn())
                .with("vocab", work.vocab())
                .with("batch", work.batch())
                .with("seq", work.seq())
                .with("threads", threads);
    }
}
