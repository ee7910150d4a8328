package dev.geomean.engine.cpu;

import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CacheWrite;
import dev.geomean.engine.kernel.AttentionKernel.CachedAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward;
import dev.geomean.engine.kernel.AttentionKernel.Rotary;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Binary;
import dev.geomean.engine.kernel.ElementwiseKernel.BinaryFunction;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.ElementwiseKernel.Dropout;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.ElementwiseKernel.Select;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGlu;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGluBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.Unary;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryFunction;
import dev.geomean.engine.kernel.IndexKernel.Gather;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.IndexKernel.Increment;
import dev.geomean.engine.kernel.IndexKernel.ScatterAdd;
import dev.geomean.engine.kernel.IndexKernel.ScatterAddRows;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihood;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihoodBackward;
import dev.geomean.engine.kernel.LossKernel.TokenLogProb;
import dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.kernel.NormKernel.LayerNorm;
import dev.geomean.engine.kernel.NormKernel.LayerNormBackward;
import dev.geomean.engine.kernel.NormKernel.RmsNorm;
import dev.geomean.engine.kernel.NormKernel.RmsNormBackward;
import dev.geomean.engine.kernel.OptimizerKernel;
import dev.geomean.engine.kernel.OptimizerKernel.AdamW;
import dev.geomean.engine.kernel.OptimizerKernel.PrepareUpdate;
import dev.geomean.engine.kernel.OptimizerKernel.ReduceGradients;
import dev.geomean.engine.kernel.OptimizerKernel.Sgd;
import dev.geomean.engine.kernel.ReductionKernel.MaxBackward;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;
import dev.geomean.engine.kernel.SamplingKernel.SampleTokens;
import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Kernels of every kind, each in several sizes: shorter than a vector, whole vectors, and whole vectors with a rest, with
 * and without accumulation.
 */
final class EveryKernel {
    private static final boolean[] BOTH = {false, true};
    private static final int[] LENGTHS = {3, 64, 301};

    private final Kernels memory;
    private final List<Kernel> all = new ArrayList<>();

    private EveryKernel(Kernels memory) {
        this.memory = memory;
    }

    static List<Kernel> in(Kernels memory) {
        var kernels = new EveryKernel(memory);
        kernels.products();
        for (int length : LENGTHS) {
            kernels.elementwise(length);
            kernels.binary(length);
            kernels.select(length);
        }
        kernels.copies();
        kernels.gates();
        kernels.reductions();
        kernels.norms();
        kernels.indices();
        kernels.attention(2, 6, 2, 1, 6, 0);
        kernels.attention(1, 37, 4, 2, 16, 8);
        kernels.attention(1, 9, 3, 3, 40, 1);
        // More keys than one left operand of a tile is long.
        kernels.attention(1, Tiles.DEPTH + 20, 1, 1, 8, 0);
        kernels.losses(2, 13);
        kernels.losses(3, 64);
        kernels.losses(2, Rows.CHUNK + 5);
        kernels.optimizers(13);
        kernels.optimizers(Rows.CHUNK + 64);
        kernels.samples(13);
        kernels.samples(1003);
        return kernels.all;
    }

    private void add(Kernel kernel) {
        all.add(kernel);
    }

    private Buffer floats(long length) {
        return memory.normal(length);
    }

    private Buffer counted(int length, int bound) {
        int[] values = new int[length];
        for (int i = 0; i < length; i++) {
            values[i] = i % bound;
        }
        return memory.ints(values);
    }

    private void products() {
        int[][] sizes =
                {{1, 40, 24}, {2, 70, 131}, {5, 7, 9}, {8, 20, 130}, {33, 45, 70}, {12, 40, 300}};
        int turn = 0;
        for (int[] size : sizes) {
            for (boolean transposeA : BOTH) {
                for (boolean transposeB : BOTH) {
                    for (boolean accumulate : BOTH) {
                        turn++;
                        product(size[0], size[1], size[2], transposeA, transposeB, turn % 3 == 0, accumulate);
                        product(size[1], size[0], size[2], transposeA, transposeB, turn % 3 == 1, accumulate);
                    }
                }
            }
        }
    }

    private void product(
            int m, int n, int k, boolean transposeA, boolean transposeB, boolean withBias, boolean accumulate) {
        Buffer bias = withBias ? floats(n) : null;
        add(new MatMul(
                floats((long) m * k),
                floats((long) k * n),
                bias,
                floats((long) m * n),
                1,
                m,
                n,
                k,
                transposeA,
                transposeB,
                transposeA ? m : k,
                transposeB ? k : n,
                n,
                0,
                0,
                0,
                accumulate));
    }

    private void elementwise(int length) {
        Buffer in = memory.uniform(length, 0.5, 1.5);
        Buffer gradOut = floats(length);
        Buffer counter = memory.ints(1, 2, 3, 4);
        add(new Fill(floats(length), 2));
        for (UnaryFunction function : UnaryFunction.values()) {
            Buffer out = floats(length);
            add(new Unary(function, in, out));
            for (boolean accumulate : BOTH) {
                add(new UnaryBackward(function, in, out, gradOut, floats(length), accumulate));
            }
        }
        for (boolean accumulate : BOTH) {
            add(new Affine(in, floats(length), 0.5f, 1, accumulate));
            add(new Dropout(in, floats(length), counter, 7, 0.3f, accumulate));
        }
    }

    /** The layouts of a matrix: all of it, a row, a column, one number, and the transpose of another. */
    private static List<Layout> layouts(int rows, int cols) {
        int[] dims = {rows, cols};
        return List.of(
                Layout.contiguous(dims),
                Layout.of(dims, new int[] {0, 1}),
                Layout.of(dims, new int[] {1, 0}),
                Layout.of(dims, new int[] {0, 0}),
                Layout.of(dims, new int[] {1, rows}));
    }

    private void binary(int cols) {
        int rows = 3;
        Layout whole = Layout.contiguous(rows, cols);
        Buffer a = floats((long) rows * cols);
        Buffer b = memory.uniform((long) rows * cols, 0.5, 1.5);
        for (BinaryFunction function : BinaryFunction.values()) {
            for (Layout layout : layouts(rows, cols)) {
                for (boolean accumulate : BOTH) {
                    Buffer out = floats((long) rows * cols);
                    add(new Binary(function, a, whole, b, layout, out, accumulate));
                    add(new Binary(function, a, layout, b, whole, out, accumulate));
                }
            }
        }
    }

    private void select(int cols) {
        int rows = 3;
        Buffer condition = counted(rows * cols, 2);
        Buffer a = floats((long) rows * cols);
        Buffer b = floats((long) rows * cols);
        Layout whole = Layout.contiguous(rows, cols);
        for (Layout layout : layouts(rows, cols)) {
            for (boolean accumulate : BOTH) {
                Buffer out = floats((long) rows * cols);
                add(new Select(condition, layout, a, whole, b, whole, out, accumulate));
                add(new Select(condition, whole, a, layout, b, whole, out, accumulate));
                add(new Select(condition, whole, a, whole, b, layout, out, accumulate));
                // A row that is chosen as a whole, from one number.
                Layout row = Layout.of(new int[] {rows, cols}, new int[] {1, 0});
                add(new Select(condition, row, a, layout, b, layout, out, accumulate));
            }
        }
    }

    private void copies() {
        for (int[] size : new int[][] {{3, 5}, {16, 32}, {5, 300}, {50, 19}}) {
            int rows = size[0];
            int cols = size[1];
            Layout whole = Layout.contiguous(rows, cols);
            for (Layout layout : layouts(rows, cols)) {
                for (boolean accumulate : BOTH) {
                    add(new Copy(
                            floats((long) rows * cols), layout, floats((long) rows * cols), whole, accumulate));
                }
            }
            Layout turned = Layout.of(new int[] {rows, cols}, new int[] {1, rows});
            Layout apart = Layout.of(new int[] {rows, cols}, new int[] {2 * cols, 2});
            add(new Copy(floats((long) rows * cols), whole, floats((long) rows * cols), turned, true));
            add(new Copy(floats((long) rows * cols), whole, floats(2L * rows * cols), apart, true));
            add(new Copy(
                    counted(rows * cols, 9), whole, memory.ints(new int[rows * cols]), whole, false));
        }
    }

    private void gates() {
        for (int cols : new int[] {5, 64, Rows.CHUNK + 21}) {
            int stride = 2 * cols;
            Buffer both = floats(3L * stride);
            Buffer gate = both.slice(0, 3L * stride - cols);
            Buffer up = both.slice(cols, 3L * stride - cols);
            add(new SwiGlu(gate, up, floats(3L * cols), 3, cols, stride));
            for (boolean accumulate : BOTH) {
                Buffer gradients = floats(3L * stride);
                add(new SwiGluBackward(
                        gate,
                        up,
                        floats(3L * cols),
                        gradients.slice(0, 3L * stride - cols),
                        gradients.slice(cols, 3L * stride - cols),
                        3,
                        cols,
                        stride,
                        stride,
                        accumulate,
                        !accumulate));
            }
        }
    }

    private void reductions() {
        for (int count : new int[] {3, 64, Rows.CHUNK + 5}) {
            for (int inner : count > 64 ? new int[] {1} : new int[] {1, 5, 64, 77}) {
                for (boolean accumulate : BOTH) {
                    Buffer in = floats(2L * count * inner);
                    Buffer out = floats(2L * inner);
                    for (ReduceFunction function : ReduceFunction.values()) {
                        add(new Reduce(function, in, out, 2, count, inner, accumulate));
                    }
                    add(new MaxBackward(
                            in, out, floats(2L * inner), floats(2L * count * inner), 2, count, inner, accumulate));
                }
            }
        }
        for (int cols : new int[] {3, 64, Rows.CHUNK + 5}) {
            for (boolean logarithm : BOTH) {
                Buffer out = floats(2L * cols);
                add(new Softmax(floats(2L * cols), out, 2, cols, logarithm));
                for (boolean accumulate : BOTH) {
                    add(new SoftmaxBackward(
                            out, floats(2L * cols), floats(2L * cols), 2, cols, logarithm, accumulate));
                }
            }
        }
    }

    private void norms() {
        for (int cols : new int[] {5, 64, 301, Rows.CHUNK + 21}) {
            Buffer in = floats(3L * cols);
            Buffer weight = floats(cols);
            Buffer statistics = memory.uniform(6, 0.5, 1.5);
            Buffer gradOut = floats(3L * cols);
            add(new LayerNorm(in, weight, null, floats(3L * cols), floats(6), 3, cols, 1e-5f));
            add(new LayerNorm(in, weight, floats(cols), floats(3L * cols), floats(6), 3, cols, 1e-5f));
            add(new RmsNorm(in, weight, floats(3L * cols), floats(3), 3, cols, 1e-6f));
            for (boolean accumulate : BOTH) {
                Buffer gradIn = floats(3L * cols);
                Buffer gradWeight = floats(cols);
                add(new LayerNormBackward(
                        in, weight, statistics, gradOut, gradIn, gradWeight, floats(cols), 3, cols, accumulate));
                add(new LayerNormBackward(
                        in, weight, statistics, gradOut, accumulate ? gradIn : null, null, null, 3, cols, accumulate));
                add(new RmsNormBackward(in, weight, statistics, gradOut, gradIn, gradWeight, 3, cols, accumulate));
                add(new RmsNormBackward(in, weight, statistics, gradOut, null, gradWeight, 3, cols, accumulate));
            }
        }
    }

    private void indices() {
        for (int cols : LENGTHS) {
            Buffer table = floats(7L * cols);
            add(new GatherRows(table, counted(9, 7), floats(9L * cols), 9, 7, cols, cols));
            add(new ScatterAddRows(floats(9L * cols), counted(9, 7), table, 9, 7, cols, cols));
            Buffer picked = counted(2 * 4 * cols, 7);
            add(new Gather(floats(2L * 7 * cols), picked, floats(2L * 4 * cols), 2, 7, 4, cols));
            add(new ScatterAdd(floats(2L * 4 * cols), picked, floats(2L * 7 * cols), 2, 7, 4, cols));
            add(new Increment(counted(cols, 9), 1));
        }
    }

    private enum Tokens {
        ALL,
        PADDED,
        SEGMENTS
    }

    /** A prompt and two responses that continue it, with gaps between them. */
    private Buffer segments(int time) {
        int length = time / 4;
        return memory.ints(new int[] {
            0, length, 0, 0, length + 1, length, 0, length, 2 * length + 1, length, 0, length
        });
    }

    private void attention(int batch, int time, int heads, int kvHeads, int headDim, int gap) {
        int width = heads * headDim;
        int kvWidth = kvHeads * headDim;
        long rows = (long) batch * time;
        float scale = (float) (1 / Math.sqrt(headDim));
        var shape = new AttentionShape(
                batch, time, heads, kvHeads, headDim, width + gap, kvWidth + gap, kvWidth + gap, scale);
        Buffer query = floats(rows * (width + gap));
        Buffer key = floats(rows * (kvWidth + gap));
        Buffer value = floats(rows * (kvWidth + gap));
        Buffer out = floats(rows * width);
        Buffer logSumExp = floats(rows * heads);
        for (Tokens tokens : Tokens.values()) {
            if (tokens == Tokens.SEGMENTS && batch != 1) {
                continue;
            }
            Buffer lengths = tokens == Tokens.PADDED ? counted(batch, time) : null;
            Buffer segments = tokens == Tokens.SEGMENTS ? segments(time) : null;
            add(new CausalAttention(query, key, value, lengths, segments, out, logSumExp, shape));
            for (boolean accumulate : BOTH) {
                add(new CausalAttentionBackward(
                        query,
                        key,
                        value,
                        lengths,
                        segments,
                        out,
                        logSumExp,
                        floats(rows * width),
                        floats(rows * width),
                        floats(rows * kvWidth),
                        floats(rows * kvWidth),
                        shape,
                        width,
                        kvWidth,
                        kvWidth,
                        accumulate,
                        accumulate,
                        !accumulate));
            }
        }
        for (boolean inverse : BOTH) {
            Buffer table = floats((long) (time + 3) * headDim);
            Buffer starts = inverse ? counted(batch, 3) : null;
            add(new Rotary(
                    query,
                    table,
                    starts,
                    floats(rows * width),
                    batch,
                    time,
                    heads,
                    headDim,
                    time + 3,
                    width + gap,
                    width,
                    inverse,
                    inverse));
        }
        cached(batch, 1, time, shape);
        cached(batch, 2, time, shape);
        cached(batch, time, 0, shape);
    }

    /** New tokens after {@code start} older ones. */
    private void cached(int batch, int time, int start, AttentionShape shape) {
        int width = shape.heads() * shape.headDim();
        int kvWidth = shape.kvHeads() * shape.headDim();
        int capacity = start + time + 2;
        Buffer keys = floats((long) (batch + 1) * capacity * kvWidth);
        Buffer values = floats((long) (batch + 1) * capacity * kvWidth);
        Buffer slots = counted(batch, batch + 1);
        int[] positions = new int[batch];
        Arrays.fill(positions, start);
        Buffer starts = memory.ints(positions);
        Buffer in = floats((long) batch * time * kvWidth);
        for (boolean transposed : BOTH) {
            add(new CacheWrite(in, slots, starts, keys, batch, time, kvWidth, kvWidth, batch + 1, capacity,
                    transposed));
        }
        var step = new AttentionShape(
                batch, time, shape.heads(), shape.kvHeads(), shape.headDim(), width, kvWidth, kvWidth, shape.scale());
        Buffer query = floats((long) batch * time * width);
        Buffer out = floats((long) batch * time * width);
        add(new CachedAttention(query, keys, values, slots, starts, out, step, batch + 1, capacity));
    }

    private void losses(int rows, int vocab) {
        Buffer logits = floats((long) rows * vocab);
        Buffer targets = counted(rows, vocab);
        targets.setInt(0, -1);
        Buffer logSumExp = floats(rows);
        Buffer entropy = floats(rows);
        for (boolean withEntropy : BOTH) {
            Buffer given = withEntropy ? entropy : null;
            add(new TokenLogProb(logits, targets, floats(rows), given, logSumExp, rows, vocab, 0.7f));
            for (boolean accumulate : BOTH) {
                Buffer gradEntropy = withEntropy ? floats(rows) : null;
                Buffer gradLogits = floats((long) rows * vocab);
                add(new TokenLogProbBackward(
                        logits,
                        targets,
                        logSumExp,
                        given,
                        floats(rows),
                        gradEntropy,
                        gradLogits,
                        rows,
                        vocab,
                        0.7f,
                        accumulate));
            }
            Buffer denominator = withEntropy ? memory.floats(5) : null;
            add(new NegativeLogLikelihood(floats(rows), targets, denominator, floats(1), rows));
            add(new NegativeLogLikelihoodBackward(targets, denominator, floats(1), floats(rows), rows, withEntropy));
        }
    }

    private void optimizers(int length) {
        Buffer control = memory.floats(new float[OptimizerKernel.CONTROL_SIZE]);
        control.setFloat(OptimizerKernel.LEARNING_RATE, 1e-6f);
        control.setFloat(OptimizerKernel.ENABLED, 1);
        Buffer sum = floats(length);
        Buffer squares = floats(1);
        for (int parts = 1; parts <= 3; parts++) {
            List<Buffer> gradients = new ArrayList<>();
            for (int part = 0; part < parts; part++) {
                gradients.add(floats(length));
            }
            add(new ReduceGradients(gradients, sum, squares));
        }
        add(new PrepareUpdate(squares, control, 1));
        Buffer first = floats(length);
        Buffer second = memory.uniform(length, 0.5, 1.5);
        add(new AdamW(floats(length), sum, first, second, control, 0.9f, 0.99f, 1e-8f, 0.1f, 1));
        add(new Sgd(floats(length), sum, first, control, 0.9f, 0.1f, 1));
    }

    private void samples(int vocab) {
        sample(vocab, 0, 0, 1, 0);
        sample(vocab, 1, 0, 1, 0);
        sample(vocab, 0.8f, 5, 1, 0);
        sample(vocab, 0.8f, 0, 0.9f, 0);
        sample(vocab, 0.8f, 0, 1, 0.05f);
        sample(vocab, 1.3f, 7, 0.8f, 0.01f);
    }

    private void sample(int vocab, float temperature, int topK, float topP, float minP) {
        add(new SampleTokens(
                memory.normal(3L * vocab, 3),
                memory.ints(1, 2),
                memory.ints(1, 2, 3, 4, 5, 6),
                memory.ints(7, 8, 9),
                memory.ints(0, 0, 0),
                floats(3),
                3,
                vocab,
                temperature,
                topK,
                topP,
                minP));
    }
}
