package dev.geomean.gmpo.train;

import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.op.TokenLogProbsOp;
import dev.geomean.model.Decoder;
import dev.geomean.model.PackedTokens;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Input tensors of a program that takes packed sequences.
 *
 * @param tokens what goes through the network
 * @param targets int32 {@code [rows, time]}: the tokens of the responses, -1 beyond their end
 * @param predictions int32 {@code [rows, time]}: the token that predicts each token of a response; or those within
 *     responses alone, {@code [predicted]}
 * @param places int32 {@code [rows, time]}: where in {@code predictions} each token is; null if they are all there
 * @param predicted int32 {@code [predicted]}: those of the targets that are in {@code predictions}, -1 beyond the last one; null
 *     if they are all there
 */
record PackedInputs(
        PackedTokens tokens,
        Tensor targets,
        Tensor predictions,
        @Nullable Tensor places,
        @Nullable Tensor predicted) {

    static PackedInputs of(Scope inputs, PackedBatch.Size size) {
        int rows = size.rows();
        int time = size.time();
        int count = size.tokens();
        int predicted = size.predicted();
        return new PackedInputs(
                new PackedTokens(
                        inputs.ints(new int[count], 1, count),
                        inputs.ints(new int[count], 1, count),
                        inputs.ints(new int[8 * rows], 2 * rows, 4)),
                inputs.ints(new int[rows * time], rows, time),
                predicted == 0
                        ? inputs.ints(new int[rows * time], rows, time)
                        : inputs.ints(new int[predicted], predicted),
                predicted == 0 ? null : inputs.ints(new int[rows * time], rows, time),
                predicted == 0 ? null : inputs.ints(new int[predicted], predicted));
    }

    /**
     * Log-probabilities and entropies {@code [rows, time]} of the tokens of the responses. Those beyond the ends of responses
     * mean nothing.
     */
    TokenLogProbsOp.Result score(
            Decoder decoder, Scope step, float temperature, Decoder.Activations activations) {
        Tensor hidden = decoder.hidden(step, tokens, activations);
        Tensor predicting = hidden.reshape(hidden.shape().dim(1), hidden.shape().dim(2)).embedding(predictions);
        Tensor at = places;
        if (at == null || predicted == null) {
            return decoder.tokenLogProbs(step, predicting, targets, temperature);
        }
        TokenLogProbsOp.Result result = decoder.tokenLogProbs(step, predicting, predicted, temperature);
        return new TokenLogProbsOp.Result(spread(result.logProbs(), at), spread(result.entropy(), at));
    }

    private static Tensor spread(Tensor values, Tensor places) {
        return values.reshape(values.shape().dim(0), 1).embedding(places).reshape(places.shape().toArray());
    }

    void set(PackedBatch batch) {
        int count = tokens.ids().shape().dim(1);
        tokens.ids().set(Arrays.copyOf(batch.ids(), count));
        tokens.positions().set(Arrays.copyOf(batch.positions(), count));
        tokens.segments().set(batch.segments());
        targets.set(batch.targets());
        if (places == null || predicted == null) {
            predictions.set(batch.predictions());
            return;
        }
        int[] from = new int[predictions.shape().dim(0)];
        int[] to = new int[from.length];
        Arrays.fill(to, -1);
        int[] at = new int[batch.targets().length];
        int[] within = batch.predicted();
        for (int i = 0; i < within.length; i++) {
            from[i] = batch.predictions()[within[i]];
            to[i] = batch.targets()[within[i]];
            at[within[i]] = i;
        }
        predictions.set(from);
        predicted.set(to);
        places.set(at);
    }
}
