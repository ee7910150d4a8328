package dev.geomean.gmpo.train;

import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.op.CrossEntropy;
import dev.geomean.model.Decoder;
import java.util.List;
import java.util.stream.IntStream;

/** One update towards demonstrations: the mean negative log-likelihood of their tokens. */
final class SupervisedStep implements AutoCloseable {
    private final ParameterUpdate update;
    private final ShardPrograms<Memory> programs;

    private record Memory(PackedInputs inputs, Tensor denominator, Tensor loss) {}

    SupervisedStep(Decoder decoder, ParameterUpdate update) {
        this.update = update;
        this.programs = new ShardPrograms<>(decoder.engine(), "supervised", (memory, step, shard, size) -> {
            var inputs = PackedInputs.of(memory, size);
            Tensor denominator = memory.zeros(1);
            update.gradients(shard).zero(step);
            Tensor logProbs = inputs.logits(decoder, step).tokenLogProbs(inputs.targets(), 1).logProbs();
            Tensor loss = CrossEntropy.mean(logProbs, inputs.targets(), denominator);
            loss.backward(update.gradients(shard));
            return new Memory(inputs, denominator, step.keep(loss));
        });
    }

    /** Takes a step; the loss is the mean negative log-likelihood per token, in nats. */
    ParameterUpdate.Result run(SequenceBatch batch, float learningRate) {
        int[] all = IntStream.range(0, batch.rows()).toArray();
        int rows = update.rowsPerShard(all.length);
        float denominator = Math.max(batch.tokens(all), 1);
        List<PackedBatch> packed = PackedBatch.shards(batch, all, rows, update.shards());
        List<Program<Memory>> shards = programs.first(update.shards(), PackedBatch.size(packed, rows));
        for (int shard = 0; shard < update.shards(); shard++) {
            Memory memory = shards.get(shard).outputs();
            memory.inputs().set(packed.get(shard));
            memory.denominator().fill(denominator);
        }
        programs.run(shards);
        double loss = 0;
        for (Program<Memory> shard : shards) {
            loss += shard.outputs().loss().item();
        }
        return update.apply(loss, learningRate);
    }

    @Override
    public void close() {
        programs.close();
    }
}
