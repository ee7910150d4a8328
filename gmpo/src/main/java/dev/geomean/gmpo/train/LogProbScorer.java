package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.model.Decoder;
import java.util.Arrays;
import java.util.List;

/** Log-probabilities and entropies of given responses under a decoder, without gradients. */
final class LogProbScorer implements AutoCloseable {
    private static final int MAX_ROWS = 64;

    private final Engine engine;
    private final int shards;
    private final ShardPrograms<Memory> programs;

    private record Memory(Tensor ids, Tensor targets, Tensor logProbs, Tensor entropy) {}

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
        this.programs = new ShardPrograms<>(engine, "score", (inputs, step, shard, rows, time) -> {
            Tensor ids = inputs.ints(new int[rows * time], rows, time);
            Tensor targets = inputs.ints(new int[rows * time], rows, time);
            try (var _ = step.noGrad()) {
                var result = decoder.logits(step, ids).tokenLogProbs(targets, temperature);
                return new Memory(ids, targets, step.keep(result.logProbs()), step.keep(result.entropy()));
            }
        });
    }

    Scores score(SequenceBatch batch) {
        int time = batch.time();
        int rows = Math.clamp((batch.rows() + shards - 1) / shards, 1, MAX_ROWS);
        int pieces = (batch.rows() + rows - 1) / rows;
        int used = Math.min(shards, pieces);
        List<Program<Memory>> programsOf = programs.first(used, rows, time);
        float[] logProbs = new float[batch.rows() * time];
        float[] entropy = new float[batch.rows() * time];
        engine.workers().forEach(used, (shard, lane) -> {
            Program<Memory> program = programsOf.get(shard);
            Memory memory = program.outputs();
            for (int piece = shard; piece < pieces; piece += used) {
                int from = piece * rows * time;
                int to = Math.min(from + rows * time, batch.ids().length);
                int[] targets = new int[rows * time];
                Arrays.fill(targets, -1);
                System.arraycopy(batch.targets(), from, targets, 0, to - from);
                memory.ids().set(Arrays.copyOf(Arrays.copyOfRange(batch.ids(), from, to), rows * time));
                memory.targets().set(targets);
                program.run(lane);
                System.arraycopy(memory.logProbs().toFloats(), 0, logProbs, from, to - from);
                System.arraycopy(memory.entropy().toFloats(), 0, entropy, from, to - from);
            }
        });
        return new Scores(logProbs, entropy);
    }

    long memoryBytes() {
        return programs.memoryBytes();
    }

    @Override
    public void close() {
        programs.close();
    }
}
