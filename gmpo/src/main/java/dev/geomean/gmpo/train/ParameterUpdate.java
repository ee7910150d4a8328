package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.engine.optim.ParameterGroup;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.model.Decoder;
import java.util.ArrayList;
import java.util.List;

/**
 * What the steps of one training phase share: gradients of each shard, and the optimizer that adds them up and moves the
 * parameters. The rows of a batch are cut into as many shards as configured, of equal size but for padding.
 */
final class ParameterUpdate implements AutoCloseable {
    private final Engine engine;
    private final List<ParameterGradients> gradients = new ArrayList<>();
    private final Optimizer optimizer;

    ParameterUpdate(Decoder decoder, int shards, UpdateRule rule, float maxGradNorm) {
        this.engine = decoder.engine();
        for (int i = 0; i < shards; i++) {
            gradients.add(decoder.parameters().newGradients());
        }
        // As usual for transformers, weight decay applies to matrices only.
        var undecayed = new ParameterGroup(
                name -> decoder.parameters().get(name).shape().rank() < 2
                        || name.equals("embed")
                        || name.equals("positions"),
                0,
                1);
        this.optimizer =
                new Optimizer(engine, decoder.parameters(), gradients, rule, List.of(undecayed), maxGradNorm);
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

    /** Rows of each shard for a batch of some rows. */
    int rowsPerShard(int rows) {
        return (rows + shards() - 1) / shards();
    }

    @Override
    public void close() {
        optimizer.close();
    }
}
