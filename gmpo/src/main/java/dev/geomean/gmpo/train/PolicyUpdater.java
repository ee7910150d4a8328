package dev.geomean.gmpo.train;

import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.objective.SequenceDenominator;
import dev.geomean.model.Decoder;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The update of a round alone, for responses that come from elsewhere: forward pass, policy loss, backward pass, clipping
 * of the gradient and AdamW, with the very programs that {@link Trainer} runs for one mini-batch.
 */
public final class PolicyUpdater implements AutoCloseable {
    private final Decoder decoder;
    private final PolicyObjective objective;
    private final ParameterUpdate update;
    private final PolicyStep step;

    /**
     * A response with what the update needs to know about it.
     *
     * @param prompt tokens before the response, at least one
     * @param response tokens of the response, at least one
     * @param oldLogProbs log-probability of each token of the response under the policy that drew it
     * @param advantage advantage of the response
     */
    public record Sample(int[] prompt, int[] response, float[] oldLogProbs, double advantage) {
        /**
         * Checks lengths.
         *
         * @throws IllegalArgumentException if there is no prompt or no response, or the lengths differ
         */
        public Sample {
            if (prompt.length == 0 || response.length == 0 || response.length != oldLogProbs.length) {
                throw new IllegalArgumentException("sample: a prompt, a response and one log-probability for each of"
                        + " its tokens are needed, not " + prompt.length + ", " + response.length + " and "
                        + oldLogProbs.length);
            }
        }
    }

    /** A mini-batch, laid out for updates. */
    public static final class Batch {
        private final PolicyStep.Scored scored;
        private final int[] rows;
        private final int largestToken;

        private Batch(PolicyStep.Scored scored, int largestToken) {
            this.scored = scored;
            this.rows = IntStream.range(0, scored.batch().rows()).toArray();
            this.largestToken = largestToken;
        }

        /**
         * Lays out responses.
         *
         * @param samples at least one
         * @return the mini-batch
         * @throws IllegalArgumentException if there are none, or a token is negative
         */
        public static Batch of(List<Sample> samples) {
            if (samples.isEmpty()) {
                throw new IllegalArgumentException("a mini-batch must have at least one sample");
            }
            int smallest = 0;
            int largest = 0;
            for (Sample sample : samples) {
                for (int[] tokens : new int[][] {sample.prompt(), sample.response()}) {
                    for (int token : tokens) {
                        smallest = Math.min(smallest, token);
                        largest = Math.max(largest, token);
                    }
                }
            }
            if (smallest < 0) {
                throw new IllegalArgumentException("a token must not be negative: " + smallest);
            }
            SequenceBatch batch = SequenceBatch.of(samples.stream()
                    .map(sample -> new SequenceBatch.Sequence(sample.prompt(), sample.response()))
                    .toList());
            float[] oldLogProbs = new float[batch.rows() * batch.time()];
            for (int row = 0; row < samples.size(); row++) {
                Sample sample = samples.get(row);
                int start = row * batch.time() + sample.prompt().length - 1;
                System.arraycopy(sample.oldLogProbs(), 0, oldLogProbs, start, sample.oldLogProbs().length);
            }
            double[] advantages = samples.stream().mapToDouble(Sample::advantage).toArray();
            return new Batch(new PolicyStep.Scored(batch, oldLogProbs, null, null, advantages), largest);
        }
    }

    /**
     * What an update did.
     *
     * @param loss the objective's loss before the update
     * @param gradNorm global gradient norm before clipping
     * @param applied whether the parameters were moved
     */
    public record Result(double loss, double gradNorm, boolean applied) {}

    /**
     * Prepares updates; memory is reserved at the first one.
     *
     * @param decoder what is trained
     * @param objective the loss; without a KL penalty, which would need a reference policy
     * @param settings AdamW's settings and the largest gradient norm; the rest is not used
     * @param temperature temperature that the responses were drawn at
     * @param shards parts that a mini-batch is cut into, at least 1
     * @throws IllegalArgumentException if the objective has a KL penalty or there are no shards
     */
    public PolicyUpdater(
            Decoder decoder, PolicyObjective objective, RunConfig.Update settings, float temperature, int shards) {
        if (objective.kl().isActive()) {
            throw new IllegalArgumentException("policy updater: a KL penalty needs a reference policy");
        }
        if (shards < 1) {
            throw new IllegalArgumentException("policy updater: shards must be at least 1, not " + shards);
        }
        this.decoder = decoder;
        this.objective = objective;
        this.update = new ParameterUpdate(
                decoder,
                shards,
                new UpdateRule.AdamW(
                        (float) settings.beta1(),
                        (float) settings.beta2(),
                        (float) settings.epsilon(),
                        (float) settings.weightDecay()),
                (float) settings.maxGradNorm());
        this.step = new PolicyStep(decoder, update, objective, temperature, false, false, Decoder.Activations.KEPT);
    }

    /**
     * Takes one step.
     *
     * @param batch the mini-batch
     * @param learningRate learning rate
     * @return what happened
     * @throws IllegalArgumentException if a token is outside the decoder's vocabulary or a sequence is longer than its
     *     positions
     */
    public Result update(Batch batch, float learningRate) {
        if (batch.largestToken >= decoder.config().vocabSize()) {
            throw new IllegalArgumentException("policy updater: token " + batch.largestToken
                    + " is outside the vocabulary of " + decoder.config().vocabSize());
        }
        SequenceBatch responses = batch.scored.batch();
        if (responses.longest() > decoder.config().maxPositions()) {
            throw new IllegalArgumentException("policy updater: a sequence of " + responses.longest()
                    + " tokens is longer than the " + decoder.config().maxPositions() + " positions");
        }
        int sequences = objective.sequenceDenominator() == SequenceDenominator.ALL
                ? batch.rows.length
                : responses.nonEmpty(batch.rows);
        PolicyStep.Result result = step.run(batch.scored, batch.rows, sequences, learningRate);
        ParameterUpdate.Result done = result.update();
        return new Result(done.loss(), done.gradNorm(), done.applied());
    }

    @Override
    public void close() {
        step.close();
        update.close();
    }
}
