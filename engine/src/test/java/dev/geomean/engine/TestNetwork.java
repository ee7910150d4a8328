package dev.geomean.engine;

import dev.geomean.engine.op.RotaryOp;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

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

        @Override
        int classes() {
            return 5;
        }
    },

    /** A small {@link Block}, whose sizes are no multiples of a vector. */
    BLOCK(new Block(13, 6, 2, 6, 10)),

    /** A larger {@link Block}, whose sizes are multiples of every vector. */
    WIDE_BLOCK(new Block(64, 16, 4, 16, 96));

    private final @Nullable Block block;

    TestNetwork() {
        this(null);
    }

    TestNetwork(@Nullable Block block) {
        this.block = block;
    }

    /** A transformer block with rotary positions, one key/value head, a gated layer and tied embeddings. */
    private record Block(int vocab, int time, int heads, int headDim, int hidden) {
        Parameters.Builder shapes() {
            int width = heads * headDim;
            return new Parameters.Builder()
                    .add("embedding", vocab, width)
                    .add("norm", width)
                    .add("qkv.weight", width + 2 * headDim, width)
                    .add("qkv.bias", width + 2 * headDim)
                    .add("out.weight", width, width)
                    .add("norm2", width)
                    .add("up.weight", 2 * hidden, width)
                    .add("down.weight", width, hidden);
        }

        Tensor logits(Scope scope, Parameters parameters, Tensor inputs) {
            int batch = inputs.shape().dim(0);
            int width = heads * headDim;
            Tensor table = RotaryOp.table(scope, time, headDim, 1000);
            Tensor x = parameters.get("embedding").embedding(inputs);
            List<Tensor> qkv = x.rmsNorm(parameters.get("norm"), 1e-6f)
                    .linear(parameters.get("qkv.weight"), parameters.get("qkv.bias"))
                    .split(width, headDim, headDim);
            Tensor query = qkv.get(0).reshape(batch, time, heads, headDim).rotary(table, null);
            Tensor key = qkv.get(1).reshape(batch, time, 1, headDim).rotary(table, null);
            Tensor value = qkv.get(2).reshape(batch, time, 1, headDim);
            Tensor mixed = query.causalAttention(key, value, null).reshape(batch, time, width);
            x = x.add(mixed.linear(parameters.get("out.weight"), null));
            Tensor gated = x.rmsNorm(parameters.get("norm2"), 1e-6f)
                    .linear(parameters.get("up.weight"), null)
                    .swiGlu();
            x = x.add(gated.linear(parameters.get("down.weight"), null));
            return x.linear(parameters.get("embedding"), null);
        }
    }

    Parameters.Builder shapes() {
        return block.shapes();
    }

    int[] inputShape(int batch) {
        return new int[] {batch, block.time};
    }

    Tensor logits(Scope scope, Parameters parameters, Tensor inputs) {
        return block.logits(scope, parameters, inputs);
    }

    int classes() {
        return block.vocab;
    }

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
        int[] targets = block != null ? shape : new int[] {size};
        Tensor inputs = block != null
                ? scope.ints(new int[Doubles.sizeOf(shape)], shape)
                : scope.tensor(new float[Doubles.sizeOf(shape)], shape);
        return new Batch(inputs, scope.ints(new int[Doubles.sizeOf(targets)], targets));
    }

    /** Fills a batch with the data of a step. */
    public void fill(Batch batch, int step) {
        var random = new Random(step);
        int classes = classes();
        if (block != null) {
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
