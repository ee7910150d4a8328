package dev.geomean.gmpo.train;

import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.model.Decoder;
import dev.geomean.model.PackedTokens;
import java.util.Arrays;

/**
 * Input tensors of a program that takes packed sequences.
 *
 * @param tokens what goes through the network
 * @param predictions int32 {@code [rows, time]}: the token that predicts each token of a response
 * @param targets int32 {@code [rows, time]}: the tokens of the responses, -1 beyond their end
 */
record PackedInputs(PackedTokens tokens, Tensor predictions, Tensor targets) {

    static PackedInputs of(Scope inputs, PackedBatch.Size size) {
        int rows = size.rows();
        int time = size.time();
        int count = size.tokens();
        return new PackedInputs(
                new PackedTokens(
                        inputs.ints(new int[count], 1, count),
                        inputs.ints(new int[count], 1, count),
                        inputs.ints(new int[8 * rows], 2 * rows, 4)),
                inputs.ints(new int[rows * time], rows, time),
                inputs.ints(new int[rows * time], rows, time));
    }

    /** Logits {@code [rows, time, vocab]} of the tokens of the responses alone. */
    Tensor logits(Decoder decoder, Scope step) {
        Tensor hidden = decoder.hidden(step, tokens);
        return decoder.head(
                step, hidden.reshape(hidden.shape().dim(1), hidden.shape().dim(2)).embedding(predictions));
    }

    void set(PackedBatch batch) {
        int count = tokens.ids().shape().dim(1);
        tokens.ids().set(Arrays.copyOf(batch.ids(), count));
        tokens.positions().set(Arrays.copyOf(batch.positions(), count));
        tokens.segments().set(batch.segments());
        predictions.set(batch.predictions());
        targets.set(batch.targets());
    }
}
