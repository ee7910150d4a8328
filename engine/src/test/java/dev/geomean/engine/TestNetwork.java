package dev.geomean.engine;

import dev.geomean.engine.op.RotaryOp;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Small networks with parameters, data and a loss, for tests of whole training steps. */
public enum TestNetwork {
    /** Two layers on rows of numbers. */
    PERCEPTRON {
        @Override
        Parameters.Builder shapes() {
            return new Parameters.Builder()
                    .add("first.weight", 11, 7)
                    .add("first.bias", 11)
                    .add("second.weight", 5, 11)
                    .add("second.bias", 5);
        }

        @Override
        int[] inputShape(int batch) {
            return new int[] {batch, 7};
        }

        @Override
        Tensor logits(Scope scope, Parameters parameters, Tensor inputs) {
            return inputs.linear(parameters.get("first.weight"), parameters.get("first.bias"))
                    .gelu()
                    .linear(parameters.get("second.weight"), parameters.get("second.bias"));
        }
    },

    /** A transformer block with rotary positions, grouped heads, a gated layer and tied embeddings. */
    BLOCK {
        @Override
        Parameters.Builder shapes() {
            return new Parameters.Builder()
                    .add("embedding", 13, 12)
                    .add("norm", 12)
                    .add("qkv.weight", 24, 12)
                    .add("qkv.bias", 24)
                    .add("out.weight", 12, 12)
                    .add("norm2", 12)
                    .add("up.weight", 20, 12)
                    .add("down.weight", 12, 10);
        }

        @Override
        int[] inputShape(int batch) {
            return new int[] {batch, 6};
        }

        @Override
        Tensor logits(Scope scope, Parameters parameters, Tensor inputs) {
            int batch = inputs.shape().dim(0);
            int time = inputs.shape().dim(1);
            Tensor table = RotaryOp.table(scope, time, 6, 1000);
            Tensor x = parameters.get("embedding").embedding(inputs);
            List<Tensor> qkv = x.rmsNorm(parameters.get("norm"), 1e-6f)
                    .linear(parameters.get("qkv.weight"), parameters.get("qkv.bias"))
                    .split(12, 6, 6);
            Tensor query = qkv.get(0).reshape(batch, time, 2, 6).rotary(table, null);
            Tensor key = qkv.get(1).reshape(batch, time, 1, 6).rotary(table, null);
            Tensor value = qkv.get(2).reshape(batch, time, 1, 6);
            Tensor mixed = query.causalAttention(key, value, null).reshape(batch, time, 12);
            x = x.add(mixed.linear(parameters.get("out.weight"), null));
            Tensor gated = x.rmsNorm(parameters.get("norm2"), 1e-6f)
                    .linear(parameters.get("up.weight"), null)
                    .swiGlu();
            x = x.add(gated.linear(parameters.get("down.weight"), null));
            return x.linear(parameters.get("embedding"), null);
        }
    };

    abstract Parameters.Builder shapes();

    abstract int[] inputShape(int batch);

    abstract Tensor logits(Scope scope, Parameters parameters, Tensor inputs);

    /** Parameters with random values that depend on nothing but their names. */
    public Parameters parameters(Engine engine) {
        Parameters parameters = shapes().build(engine);
        for (String name : parameters.names()) {
            Tensor parameter = parameters.get(name);
            parameter.set(Doubles.random(name.hashCode(), -0.5, 0.5, parameter.shape().toArray())
                    .toFloats());
        }
        return parameters;
    }

    /** Inputs and targets of one batch. */
    public record Batch(Tensor inputs, Tensor targets) {}

    /** Memory for a batch. */
    public Batch batch(Scope scope, int size) {
        int[] shape = inputShape(size);
        int[] targets = this == BLOCK ? shape : new int[] {size};
        Tensor inputs = this == BLOCK
                ? scope.ints(new int[Doubles.sizeOf(shape)], shape)
                : scope.tensor(new float[Doubles.sizeOf(shape)], shape);
        return new Batch(inputs, scope.ints(new int[Doubles.sizeOf(targets)], targets));
    }

    /** Fills a batch with the data of a step. */
    public void fill(Batch batch, int step) {
        var random = new Random(step);
        int classes = this == BLOCK ? 13 : 5;
        if (this == BLOCK) {
            batch.inputs().set(random.ints(batch.inputs().shape().size(), 0, classes).toArray());
        } else {
            batch.inputs()
                    .set(Doubles.random(step, batch.inputs().shape().toArray()).toFloats());
        }
        int[] targets = new int[batch.targets().shape().size()];
        Arrays.setAll(targets, i -> random.nextInt(classes + 1) - 1);
        batch.targets().set(targets);
    }

    /** Forward and backward pass, whose gradients start from zero. */
    public Tensor step(Scope scope, Parameters parameters, ParameterGradients gradients, Batch batch) {
        gradients.zero(scope);
        Tensor loss = logits(scope, parameters, scope.use(batch.inputs())).crossEntropy(batch.targets());
        loss.backward(gradients);
        return loss;
    }
}
