package dev.geomean.gmpo.train;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.op.CrossEntropy;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** One update towards demonstrations: the mean negative log-likelihood of their tokens. */
final class SupervisedStep implements AutoCloseable {
    private final ParameterUpdate update;
    private final ShardPrograms<Memory> programs;
    private final DecoderConfig shape;

    private record Memory(PackedInputs inputs, Tensor denominator, Tensor loss) {}

    SupervisedStep(Decoder decoder, ParameterUpdate update, Decoder.Activations activations) {
        this.update = update;
        this.shape = decoder.config();
        this.programs = new ShardPrograms<>(decoder.engine(), "supervised", (memory, step, shard, size) -> {
            var inputs = PackedInputs.of(memory, size);
            Tensor denominator = memory.zeros(1);
            Tensor logProbs = inputs.score(decoder, step, 1, activations).logProbs();
            Tensor loss = CrossEntropy.mean(logProbs, inputs.targets(), denominator);
            loss.backward(update.gradients(shard));
            return new Memory(inputs, denominator, step.keep(loss));
        });
    }

    /** Takes a step; the loss is the mean negative log-likelihood per token, in nats. */
    ParameterUpdate.Result run(SequenceBatch batch, float learningRate) {
        int[] all = IntStream.range(0, batch.rows()).toArray();
        float denominator = Math.max(batch.tokens(all), 1);
        MiniBatch miniBatch = MiniBatch.of(batch, all, update.shards(), update.engine().backend().isDevice());
        List<PackedBatch> pieces = miniBatch.pieces();
        double[] losses = new double[pieces.size()];
        programs.run(
                programs.first(
                        update.shards(), PackedBatch.size(pieces, miniBatch.rows()).fitted(shape, pieces)),
                pieces.size(),
                new ShardPrograms.Work<>() {
                    @Override
                    public void begin(int shard, Backend.Lane lane) {
                        update.clear(shard, lane);
                    }

                    @Override
                    public void set(int piece, Memory memory) {
                        memory.inputs().set(pieces.get(piece));
                        memory.denominator().fill(denominator);
                    }

                    @Override
                    public void read(int piece, Memory memory) {
                        losses[piece] = memory.loss().item();
                    }
                });
        double loss = Arrays.stream(losses).sum();
        return update.apply(loss, learningRate);
    }

    @Override
    public void close() {
        programs.close();
    }
}
