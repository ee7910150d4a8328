package dev.geomean.gmpo.train;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Engine;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.Parameters;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.engine.optim.ParameterGroup;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.model.Decoder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the steps of one training phase share: gradients of each shard, and the optimizer that adds them up and moves the
 * parameters. The rows of a batch are cut into as many shards as configured, of equal size but for padding.
 */
final class ParameterUpdate implements AutoCloseable {
    private final Engine engine;
    private final Parameters parameters;
    private final List<ParameterGradients> gradients = new ArrayList<>();
    private final List<Fill> clearing = new ArrayList<>();
    private final Optimizer optimizer;

    /**
     * What one update did.
     *
     * @param loss the loss before it
     * @param gradNorm global gradient norm before clipping
     * @param applied false if the update was skipped because the gradient was zero, or something was not finite
     * @param nonFinite what was NaN or infinite, or null
     */
    record Result(double loss, float gradNorm, boolean applied, @Nullable String nonFinite) {}

    ParameterUpdate(Decoder decoder, int shards, UpdateRule rule, float maxGradNorm) {
        this.engine = decoder.engine();
        this.parameters = decoder.trainable();
        for (int i = 0; i < shards; i++) {
            ParameterGradients own = decoder.trainable().newGradients();
            gradients.add(own);
            clearing.add(new Fill(own.buffer(), 0));
        }
        // As usual for transformers, weight decay applies to matrices only.
        var undecayed = new ParameterGroup(
                name -> decoder.trainable().get(name).shape().rank() < 2
                        || name.equals("embed")
                        || name.equals("positions"),
                0,
                1);
        this.optimizer =
                new Optimizer(engine, decoder.trainable(), gradients, rule, List.of(undecayed), maxGradNorm);
    }

    Engine engine() {
        return engine;
    }

    int shards() {
        return gradients.size();
    }

    ParameterGradients gradients(int shard) {
        return gradients.get(shard);
    }

    Optimizer optimizer() {
        return optimizer;
    }

    /**
     * Moves the parameters along the gradients of all shards, unless the loss or the gradient is not finite.
     *
     * @param loss the loss that the gradients are of
     * @param learningRate learning rate
     */
    Result apply(double loss, float learningRate) {
        Optimizer.Outcome outcome = optimizer.step(learningRate, Double.isFinite(loss));
        boolean isFinite = Double.isFinite(loss) && Float.isFinite(outcome.gradNorm());
        return new Result(
                loss, outcome.gradNorm(), outcome.applied(), isFinite ? null : nonFinite(loss, outcome.gradNorm()));
    }

    private String nonFinite(double loss, float gradNorm) {
        String lossText = Double.isFinite(loss) ? "" : "the loss is " + loss;
        String and = lossText.isEmpty() ? "" : lossText + " and ";
        for (String name : parameters.names()) {
            float value = FiniteGuard.firstNonFinite(gradients.getFirst().get(name).buffer());
            if (value != 0) {
                return and + "the gradient of " + name + " is " + value;
            }
        }
        return lossText.isEmpty() ? "the norm of the gradient is " + gradNorm : lossText;
    }

    /** Clears the gradients of a shard. */
    void clear(int shard, Backend.Lane lane) {
        lane.run(clearing.get(shard));
    }

    @Override
    public void close() {
        optimizer.close();
    }
}
