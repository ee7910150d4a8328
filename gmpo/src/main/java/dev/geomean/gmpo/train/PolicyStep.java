package dev.geomean.gmpo.train;

import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.gmpo.objective.PolicyLossOp;
import dev.geomean.gmpo.objective.PolicyMetrics;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.model.Decoder;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One update of the policy from a mini-batch of scored responses. */
final class PolicyStep implements AutoCloseable {
    private final ParameterUpdate update;
    private final ShardPrograms<Memory> programs;

    private record Memory(
            Tensor ids,
            Tensor targets,
            Tensor mask,
            Tensor oldLogProbs,
            @Nullable Tensor refLogProbs,
            @Nullable Tensor tokenWeights,
            Tensor advantages,
            Tensor denominators,
            Tensor loss,
            Tensor metrics) {}

    /**
     * Scored responses.
     *
     * @param batch the responses
     * @param oldLogProbs {@code [rows, time]}, of the policy that sampled them
     * @param refLogProbs {@code [rows, time]}, of the reference policy, or null
     * @param tokenWeights {@code [rows, time]}, importance weights, or null
     * @param advantages {@code [rows]}
     */
    record Scored(
            SequenceBatch batch,
            float[] oldLogProbs,
            float @Nullable [] refLogProbs,
            float @Nullable [] tokenWeights,
            double[] advantages) {}

    /**
     * What a step did.
     *
     * @param metrics what was measured on the mini-batch
     * @param update the objective's loss before the update, and what the update did
     */
    record Result(PolicyMetrics metrics, ParameterUpdate.Result update) {}

    PolicyStep(
            Decoder decoder,
            ParameterUpdate update,
            PolicyObjective objective,
            float temperature,
            boolean withReference,
            boolean withWeights) {
        this.update = update;
        this.programs = new ShardPrograms<>(decoder.engine(), "policy", (inputs, step, shard, rows, time) -> {
            Tensor ids = inputs.ints(new int[rows * time], rows, time);
            Tensor targets = inputs.ints(new int[rows * time], rows, time);
            Tensor mask = inputs.ints(new int[rows * time], rows, time);
            Tensor oldLogProbs = inputs.zeros(rows, time);
            Tensor refLogProbs = withReference ? inputs.zeros(rows, time) : null;
            Tensor tokenWeights = withWeights ? inputs.zeros(rows, time) : null;
            Tensor advantages = inputs.zeros(rows);
            Tensor denominators = inputs.zeros(2);
            update.gradients(shard).zero(step);
            Tensor logProbs = decoder.logits(step, ids).tokenLogProbs(targets, temperature).logProbs();
            var result = PolicyLossOp.apply(
                    objective,
                    logProbs,
                    new PolicyLossOp.Inputs(
                            oldLogProbs, refLogProbs, mask, advantages, tokenWeights, denominators));
            result.loss().backward(update.gradients(shard));
            return new Memory(
                    ids,
                    targets,
                    mask,
                    oldLogProbs,
                    refLogProbs,
                    tokenWeights,
                    advantages,
                    denominators,
                    step.keep(result.loss()),
                    step.keep(result.metrics()));
        });
    }

    /**
     * Takes a step.
     *
     * @param scored all responses of a round
     * @param chosen rows of the mini-batch
     * @param sequences number of responses that means divide by
     * @param learningRate learning rate
     */
    Result run(Scored scored, int[] chosen, int sequences, float learningRate) {
        SequenceBatch batch = scored.batch();
        int time = batch.time();
        int rows = update.rowsPerShard(chosen.length);
        float[] denominators = {batch.tokens(chosen), sequences};
        List<Program<Memory>> shards = programs.first(update.shards(), rows, time);
        for (int shard = 0; shard < shards.size(); shard++) {
            fill(shards.get(shard).outputs(), scored, chosen, shard * rows, rows, denominators);
        }
        update.engine().workers().forEach(shards.size(), (shard, lane) -> shards.get(shard).run(lane));
        double loss = 0;
        PolicyMetrics metrics = PolicyMetrics.EMPTY;
        for (Program<Memory> shard : shards) {
            Memory memory = shard.outputs();
            loss += memory.loss().item();
            metrics = metrics.combine(PolicyMetrics.of(memory.metrics().buffer()));
        }
        return new Result(metrics, update.apply(loss, learningRate));
    }

    /** The captured programs of a mini-batch, one per shard. */
    List<? extends Program<?>> programs(int rows, int time) {
        return programs.first(update.shards(), update.rowsPerShard(rows), time);
    }

    private static void fill(
            Memory memory, Scored scored, int[] chosen, int first, int rows, float[] denominators) {
        SequenceBatch batch = scored.batch();
        int time = batch.time();
        int[] ids = new int[rows * time];
        int[] targets = new int[rows * time];
        int[] mask = new int[rows * time];
        float[] oldLogProbs = new float[rows * time];
        float[] refLogProbs = new float[rows * time];
        float[] tokenWeights = new float[rows * time];
        float[] advantages = new float[rows];
        Arrays.fill(targets, -1);
        for (int i = 0; i < rows && first + i < chosen.length; i++) {
            int row = chosen[first + i];
            System.arraycopy(batch.ids(), row * time, ids, i * time, time);
            System.arraycopy(batch.targets(), row * time, targets, i * time, time);
            System.arraycopy(scored.oldLogProbs(), row * time, oldLogProbs, i * time, time);
            copyRow(scored.refLogProbs(), row, refLogProbs, i, time);
            copyRow(scored.tokenWeights(), row, tokenWeights, i, time);
            advantages[i] = (float) scored.advantages()[row];
            for (int t = 0; t < time; t++) {
                mask[i * time + t] = targets[i * time + t] >= 0 ? 1 : 0;
            }
        }
        memory.ids().set(ids);
        memory.targets().set(targets);
        memory.mask().set(mask);
        memory.oldLogProbs().set(oldLogProbs);
        memory.advantages().set(advantages);
        memory.denominators().set(denominators);
        Tensor reference = memory.refLogProbs();
        if (reference != null) {
            reference.set(refLogProbs);
        }
        Tensor weights = memory.tokenWeights();
        if (weights != null) {
            weights.set(tokenWeights);
        }
    }

    private static void copyRow(float @Nullable [] from, int row, float[] to, int toRow, int time) {
        if (from != null) {
            System.arraycopy(from, row * time, to, toRow * time, time);
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
