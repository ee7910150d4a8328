package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.util.List;
import java.util.stream.IntStream;

/** Log-probabilities and entropies of given responses under a decoder, without gradients. */
final class LogProbScorer implements AutoCloseable {
    private static final int MAX_ROWS = 64;

    private final Engine engine;
    private final int shards;
    private final DecoderConfig shape;
    private final ShardPrograms<Memory> programs;

    private record Memory(PackedInputs inputs, Tensor logProbs, Tensor entropy) {}

    /**
     * Scores, row by row.
     *
     * @param logProbs {@code [rows, time]}, 0 where nothing is predicted
     * @param entropy {@code [rows, time]}, in nats, 0 where nothing is predicted
     */
    record Scores(float[] logProbs, float[] entropy) {}

    LogProbScorer(Decoder decoder, int shards, float temperature) {
        this.engine = decoder.engine();
        this.shards = shards;
        this.shape = decoder.config();
        this.programs = new ShardPrograms<>(engine, "score", (memory, step, shard, size) -> {
            var inputs = PackedInputs.of(memory, size);
            try (var _ = step.noGrad()) {
                var result = inputs.score(decoder, step, temperature, Decoder.Activations.KEPT);
                return new Memory(inputs, step.keep(result.logProbs()), step.keep(result.entropy()));
            }
        });
    }

    Scores score(SequenceBatch batch) {
        int rows = Math.clamp((batch.rows() + shards - 1) / shards, 1, MAX_ROWS);
        int pieces = (batch.rows() + rows - 1) / rows;
        int workers = Math.min(pieces, engine.workers().count());
        int[] all = IntStream.range(0, batch.rows()).toArray();
        List<PackedBatch> packed = PackedBatch.shards(batch, all, rows, pieces);
        List<Program<Memory>> programsOf =
                programs.first(workers, PackedBatch.size(packed, rows).fitted(shape, packed));
        float[] logProbs = new float[batch.rows() * batch.time()];
        float[] entropy = new float[batch.rows() * batch.time()];
        engine.workers().forEach(workers, (worker, lane) -> {
            Program<Memory> program = programsOf.get(worker);
            Memory memory = program.outputs();
            for (int piece = worker; piece < pieces; piece += workers) {
                memory.inputs().set(packed.get(piece));
                program.run(lane);
                int[] sources = packed.get(piece).sources();
                spread(memory.logProbs().toFloats(), sources, logProbs);
                spread(memory.entropy().toFloats(), sources, entropy);
            }
        });
        return new Scores(logProbs, entropy);
    }

    private static void spread(float[] values, int[] sources, float[] to) {
        for (int i = 0; i < values.length; i++) {
            if (sources[i] >= 0) {
                to[sources[i]] = values[i];
            }
        }
    }

    long memoryBytes() {
        return programs.memoryBytes();
    }

    @Override
    public void close() {
        programs.close();
    }
}
