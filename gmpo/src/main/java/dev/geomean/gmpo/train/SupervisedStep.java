package dev.geomean.gmpo.train;

import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.op.CrossEntropy;
import dev.geomean.model.Decoder;
import java.util.Arrays;
import java.util.List;

/** One update towards demonstrations: the mean negative log-likelihood of their tokens. */
final class SupervisedStep implements AutoCloseable {
    private final ParameterUpdate update;
    private final ShardPrograms<Memory> programs;

    private record Memory(Tensor ids, Tensor targets, Tensor denominator, Tensor loss) {}

    SupervisedStep(Decoder decoder, ParameterUpdate update) {
        this.update = update;
        this.programs = new ShardPrograms<>(decoder.engine(), "supervised", (inputs, step, shard, rows, time) -> {
            Tensor ids = inputs.ints(new int[rows * time], rows, time);
            Tensor targets = inputs.ints(new int[rows * time], rows, time);
            Tensor denominator = inputs.zeros(1);
            update.gradients(shard).zero(step);
            Tensor logProbs = decoder.logits(step, ids).tokenLogProbs(targets, 1).logProbs();
            Tensor loss = CrossEntropy.mean(logProbs, targets, denominator);
            loss.backward(update.gradients(shard));
            return new Memory(ids, targets, denominator, step.keep(loss));
        });
    }

    /** Takes a step; the loss is the mean negative log-likelihood per token, in nats. */
    ParameterUpdate.Result run(SequenceBatch batch, float learningRate) {
        int time = batch.time();
        int rows = update.rowsPerShard(batch.rows());
        int tokens = 0;
        for (int target : batch.targets()) {
            tokens += target >= 0 ? 1 : 0;
        }
        float denominator = Math.max(tokens, 1);
        List<Program<Memory>> shards = programs.first(update.shards(), rows, time);
        for (int shard = 0; shard < update.shards(); shard++) {
            Memory memory = shards.get(shard).outputs();
            int from = Math.min(shard * rows * time, batch.ids().length);
            int to = Math.min(from + rows * time, batch.ids().length);
            int[] targets = new int[rows * time];
            Arrays.fill(targets, -1);
            System.arraycopy(batch.targets(), from, targets, 0, to - from);
            memory.ids().set(Arrays.copyOf(Arrays.copyOfRange(batch.ids(), from, to), rows * time));
            memory.targets().set(targets);
            memory.denominator().fill(denominator);
        }
        update.engine().workers().forEach(shards.size(), (shard, lane) -> shards.get(shard).run(lane));
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
