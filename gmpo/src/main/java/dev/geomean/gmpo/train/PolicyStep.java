package dev.geomean.gmpo.train;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.gmpo.objective.PolicyLossOp;
import dev.geomean.gmpo.objective.PolicyMetrics;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One update of the policy from a mini-batch of scored responses. */
final class PolicyStep implements AutoCloseable {
    private final ParameterUpdate update;
    private final ShardPrograms<Memory> programs;
    private final DecoderConfig shape;

    /** What a program reads and keeps. */
    record Memory(
            PackedInputs inputs,
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
            boolean withWeights,
            Decoder.Activations activations) {
        this.update = update;
        this.shape = decoder.config();
        this.programs = new ShardPrograms<>(decoder.engine(), "policy", (memory, step, shard, size) -> {
            int rows = size.rows();
            int time = size.time();
            var inputs = PackedInputs.of(memory, size);
            Tensor mask = memory.ints(new int[rows * time], rows, time);
            Tensor oldLogProbs = memory.zeros(rows, time);
            Tensor refLogProbs = withReference ? memory.zeros(rows, time) : null;
            Tensor tokenWeights = withWeights ? memory.zeros(rows, time) : null;
            Tensor advantages = memory.zeros(rows);
            Tensor denominators = memory.zeros(2);
            Tensor logProbs = inputs.score(decoder, step, temperature, activations).logProbs();
            var result = PolicyLossOp.apply(
                    objective,
                    logProbs,
                    new PolicyLossOp.Inputs(
                            oldLogProbs, refLogProbs, mask, advantages, tokenWeights, denominators));
            result.loss().backward(update.gradients(shard));
            return new Memory(
                    inputs,
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

    /** Lays out a mini-batch. */
    MiniBatch pack(SequenceBatch batch, int[] chosen) {
        return MiniBatch.of(batch, chosen, update.shards(), update.engine().backend().isDevice());
    }

    /** Takes a step that shares its programs with no other; see the other method. */
    Result run(Scored scored, int[] chosen, int sequences, float learningRate) {
        MiniBatch miniBatch = pack(scored.batch(), chosen);
        return run(scored, miniBatch, miniBatch.tokens(), sequences, learningRate);
    }

    /**
     * Takes a step.
     *
     * @param scored all responses of a round
     * @param miniBatch those of the step
     * @param tokens tokens of the program that each piece is run by, at least as many as the piece has; steps with the same
     *     number share their programs
     * @param sequences number of responses that means divide by
     * @param learningRate learning rate
     */
    Result run(Scored scored, MiniBatch miniBatch, int tokens, int sequences, float learningRate) {
        SequenceBatch batch = scored.batch();
        int[] chosen = miniBatch.chosen();
        int rows = miniBatch.rows();
        List<PackedBatch> pieces = miniBatch.pieces();
        float[] denominators = {batch.tokens(chosen), sequences};
        double[] losses = new double[pieces.size()];
        var measured = new PolicyMetrics[pieces.size()];
        var size = new PackedBatch.Size(rows, batch.responseTime(), tokens);
        List<Program<Memory>> shards = programs(size.fitted(shape, pieces));
        programs.run(shards, pieces.size(), new ShardPrograms.Work<>() {
            @Override
            public void begin(int shard, Backend.Lane lane) {
                update.clear(shard, lane);
            }

            @Override
            public void set(int piece, Memory memory) {
                memory.inputs().set(pieces.get(piece));
                memory.denominators().set(denominators);
                fill(memory, scored, pieces.get(piece).sources());
                memory.advantages().set(advantages(scored, chosen, piece * rows, rows));
            }

            @Override
            public void read(int piece, Memory memory) {
                losses[piece] = memory.loss().item();
                measured[piece] = PolicyMetrics.of(memory.metrics().buffer());
            }
        });
        double loss = 0;
        PolicyMetrics metrics = PolicyMetrics.EMPTY;
        for (int piece = 0; piece < losses.length; piece++) {
            loss += losses[piece];
            metrics = metrics.combine(measured[piece]);
        }
        return new Result(metrics, update.apply(loss, learningRate));
    }

    /** The captured programs of a mini-batch, one per shard. */
    List<Program<Memory>> programs(PackedBatch.Size size) {
        return programs.first(update.shards(), size);
    }

    private static void fill(Memory memory, Scored scored, int[] sources) {
        int[] mask = new int[sources.length];
        for (int i = 0; i < sources.length; i++) {
            mask[i] = sources[i] >= 0 ? 1 : 0;
        }
        memory.mask().set(mask);
        pick(scored.oldLogProbs(), sources, memory.oldLogProbs());
        pick(scored.refLogProbs(), sources, memory.refLogProbs());
        pick(scored.tokenWeights(), sources, memory.tokenWeights());
    }

    private static void pick(float @Nullable [] from, int[] sources, @Nullable Tensor to) {
        if (from != null && to != null) {
            float[] values = new float[sources.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = sources[i] >= 0 ? from[sources[i]] : 0;
            }
            to.set(values);
        }
    }

    private static float[] advantages(Scored scored, int[] chosen, int first, int rows) {
        float[] advantages = new float[rows];
        for (int i = 0; i < rows && first + i < chosen.length; i++) {
            advantages[i] = (float) scored.advantages()[chosen[first + i]];
        }
        return advantages;
    }

    long memoryBytes() {
        return programs.memoryBytes();
    }

    @Override
    public void close() {
        programs.close();
    }
}
