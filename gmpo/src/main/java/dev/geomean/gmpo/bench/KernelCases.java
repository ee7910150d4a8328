package dev.geomean.gmpo.bench;

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
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGlu;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGluBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.Unary;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryFunction;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.IndexKernel.ScatterAddRows;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.LossKernel.TokenLogProb;
import dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward;
import dev.geomean.engine.kernel.NormKernel.LayerNorm;
import dev.geomean.engine.kernel.NormKernel.LayerNormBackward;
import dev.geomean.engine.kernel.NormKernel.RmsNorm;
import dev.geomean.engine.kernel.NormKernel.RmsNormBackward;
import dev.geomean.engine.kernel.OptimizerKernel;
import dev.geomean.engine.kernel.OptimizerKernel.AdamW;
import dev.geomean.engine.kernel.OptimizerKernel.PrepareUpdate;
import dev.geomean.engine.kernel.OptimizerKernel.ReduceGradients;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;
import dev.geomean.engine.kernel.SamplingKernel.SampleTokens;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.gmpo.bench.KernelCase.Work;
import dev.geomean.gmpo.objective.PolicyLoss;
import dev.geomean.gmpo.objective.PolicyMetrics;
import dev.geomean.gmpo.objective.Preset;
import java.util.Arrays;
import java.util.List;

/** Every kernel that training and generation spend time in, at the sizes of a decoder. */
public final class KernelCases {
    private static final float EPSILON = 1e-5f;

    private KernelCases() {}

    /**
     * All of them.
     *
     * @return cases with different names
     */
    public static List<KernelCase> all() {
        return List.of(
                new KernelCase("linear", (o, w) -> linear(o, w, MatMulShape.Transposed.RIGHT)),
                new KernelCase("linear_backward_input", (o, w) -> linear(o, w, MatMulShape.Transposed.NONE)),
                new KernelCase("linear_backward_weight", (o, w) -> linear(o, w, MatMulShape.Transposed.LEFT)),
                new KernelCase("attention", (o, w) -> attention(o, w, false)),
                new KernelCase("attention_backward", (o, w) -> attention(o, w, true)),
                new KernelCase("attention_decode", KernelCases::decode),
                new KernelCase("cache_write", KernelCases::cacheWrite),
                new KernelCase("rotary", KernelCases::rotary),
                new KernelCase("rms_norm", (o, w) -> rmsNorm(o, w, false)),
                new KernelCase("rms_norm_backward", (o, w) -> rmsNorm(o, w, true)),
                new KernelCase("layer_norm", (o, w) -> layerNorm(o, w, false)),
                new KernelCase("layer_norm_backward", (o, w) -> layerNorm(o, w, true)),
                new KernelCase("softmax", (o, w) -> softmax(o, w, false)),
                new KernelCase("softmax_backward", (o, w) -> softmaxBackward(o, w, false)),
                new KernelCase("log_softmax", (o, w) -> softmax(o, w, true)),
                new KernelCase("log_softmax_backward", (o, w) -> softmaxBackward(o, w, true)),
                new KernelCase("token_log_prob", (o, w) -> tokenLogProb(o, w, true, false)),
                new KernelCase("token_log_prob_backward", (o, w) -> tokenLogProb(o, w, false, true)),
                new KernelCase("token_log_prob_both", (o, w) -> tokenLogProb(o, w, true, true)),
                new KernelCase("policy_loss", KernelCases::policyLoss),
                new KernelCase("add", KernelCases::add),
                new KernelCase("add_bias", KernelCases::addBias),
                new KernelCase("scale", KernelCases::scale),
                new KernelCase("transpose", KernelCases::transpose),
                new KernelCase("exp", (o, w) -> unary(o, w, UnaryFunction.EXP)),
                new KernelCase("gelu", (o, w) -> unary(o, w, UnaryFunction.GELU_TANH)),
                new KernelCase("gelu_backward", KernelCases::geluBackward),
                new KernelCase("swiglu", (o, w) -> swiGlu(o, w, false)),
                new KernelCase("swiglu_backward", (o, w) -> swiGlu(o, w, true)),
                new KernelCase("sum_rows", (o, w) -> sum(o, 1, w.tokens(), w.dim())),
                new KernelCase("sum_columns", (o, w) -> sum(o, w.tokens(), w.dim(), 1)),
                new KernelCase("reduce_gradients", KernelCases::reduceGradients),
                new KernelCase("adamw", KernelCases::adamW),
                new KernelCase("sample", (o, w) -> sample(o, w, 0, 1)),
                new KernelCase("sample_filtered", (o, w) -> sample(o, w, 50, 0.95f)),
                new KernelCase("embedding", KernelCases::embedding),
                new KernelCase("embedding_backward", KernelCases::embeddingBackward));
    }

    /** A square layer: forward, or one of its two gradients. */
    private static Work linear(Operands operands, DecoderWork work, MatMulShape.Transposed transposed) {
        MatMulShape shape = transposed == MatMulShape.Transposed.LEFT
                ? new MatMulShape(work.dim(), work.dim(), work.tokens())
                : new MatMulShape(work.tokens(), work.dim(), work.dim());
        Kernel kernel = MatMulWork.random(shape, transposed, operands).kernels(1).getFirst().getFirst();
        return Work.of(shape.flops(), kernel);
    }

    private static AttentionShape shape(DecoderWork work, int time) {
        int kvWidth = work.kvHeads() * work.headDim();
        return new AttentionShape(
                work.batch(), time, work.heads(), work.kvHeads(), work.headDim(), work.dim(), kvWidth, kvWidth,
                (float) (1 / Math.sqrt(work.headDim())));
    }

    private static Work attention(Operands operands, DecoderWork work, boolean backward) {
        AttentionShape shape = shape(work, work.seq());
        long queries = (long) work.tokens() * work.dim();
        long keys = (long) work.tokens() * work.kvHeads() * work.headDim();
        Buffer query = operands.normal(queries);
        Buffer key = operands.normal(keys);
        Buffer value = operands.normal(keys);
        Buffer out = operands.zeros(queries);
        Buffer logSumExp = operands.all(work.tokens() * work.heads(), (float) Math.log(work.seq()));
        // Scores and weighted sums of all pairs: two products.
        double product = 2.0 * work.batch() * work.dim() * work.seq() * (work.seq() + 1) / 2.0;
        if (!backward) {
            return Work.of(2 * product, new CausalAttention(query, key, value, null, null, out, logSumExp, shape));
        }
        // The scores again, and the gradients of weights, values, queries and keys.
        return Work.of(5 * product, new CausalAttentionBackward(
                query, key, value, null, null, out, logSumExp, operands.normal(queries), operands.zeros(queries),
                operands.zeros(keys), operands.zeros(keys), shape, shape.queryRowStride(), shape.keyRowStride(),
                shape.valueRowStride(), false, false, false));
    }

    /** One new token of each sequence over a full cache. */
    private static Work decode(Operands operands, DecoderWork work) {
        long cache = (long) work.tokens() * work.kvHeads() * work.headDim();
        return Work.of(4.0 * work.tokens() * work.dim(), new CachedAttention(
                operands.normal((long) work.batch() * work.dim()),
                operands.normal(cache),
                operands.normal(cache),
                upTo(operands, work.batch()),
                all(operands, work.batch(), work.seq() - 1),
                operands.zeros((long) work.batch() * work.dim()),
                shape(work, 1),
                work.batch(),
                work.seq()));
    }

    private static Work cacheWrite(Operands operands, DecoderWork work) {
        int width = work.kvHeads() * work.headDim();
        var kernel = new CacheWrite(
                operands.normal((long) work.batch() * width),
                upTo(operands, work.batch()),
                all(operands, work.batch(), work.seq() - 1),
                operands.zeros((long) work.tokens() * width),
                work.batch(), 1, width, width, work.batch(), work.seq(), true);
        return new Work(List.of(kernel), 0, 2.0 * Float.BYTES * work.batch() * width);
    }

    private static Work rotary(Operands operands, DecoderWork work) {
        long count = (long) work.tokens() * work.dim();
        return Work.of(0, new Rotary(
                operands.normal(count),
                operands.normal((long) work.seq() * work.headDim()),
                null,
                operands.zeros(count),
                work.batch(), work.seq(), work.heads(), work.headDim(), work.seq(), work.dim(), work.dim(),
                false, false));
    }

    private static Work rmsNorm(Operands operands, DecoderWork work, boolean backward) {
        long count = (long) work.tokens() * work.dim();
        Buffer in = operands.normal(count);
        Buffer weight = operands.normal(work.dim());
        Buffer inverseRms = operands.all(work.tokens(), 1);
        if (!backward) {
            return Work.of(
                    0,
                    new RmsNorm(in, weight, operands.zeros(count), inverseRms, work.tokens(), work.dim(), EPSILON));
        }
        return Work.of(0, new RmsNormBackward(
                in, weight, inverseRms, operands.normal(count), operands.zeros(count), operands.zeros(work.dim()),
                work.tokens(), work.dim(), false));
    }

    private static Work layerNorm(Operands operands, DecoderWork work, boolean backward) {
        long count = (long) work.tokens() * work.dim();
        Buffer in = operands.normal(count);
        Buffer weight = operands.normal(work.dim());
        Buffer statistics = operands.all(2 * work.tokens(), 1);
        if (!backward) {
            return Work.of(0, new LayerNorm(
                    in, weight, operands.normal(work.dim()), operands.zeros(count), statistics, work.tokens(),
                    work.dim(), EPSILON));
        }
        return Work.of(0, new LayerNormBackward(
                in, weight, statistics, operands.normal(count), operands.zeros(count), operands.zeros(work.dim()),
                operands.zeros(work.dim()), work.tokens(), work.dim(), false));
    }

    private static Work softmax(Operands operands, DecoderWork work, boolean logarithm) {
        long count = (long) work.tokens() * work.vocab();
        return Work.of(0, new Softmax(
                operands.normal(count), operands.zeros(count), work.tokens(), work.vocab(), logarithm));
    }

    private static Work softmaxBackward(Operands operands, DecoderWork work, boolean logarithm) {
        long count = (long) work.tokens() * work.vocab();
        return Work.of(0, new SoftmaxBackward(
                operands.zeros(count), operands.normal(count), operands.zeros(count), work.tokens(), work.vocab(),
                logarithm, false));
    }

    /** Log-probabilities and entropies of chosen tokens, and the gradient with respect to the logits. */
    private static Work tokenLogProb(Operands operands, DecoderWork work, boolean forward, boolean backward) {
        int rows = work.tokens();
        long count = (long) rows * work.vocab();
        Buffer logits = operands.normal(count);
        Buffer targets = operands.below(rows, work.vocab());
        Buffer logProbs = operands.zeros(rows);
        Buffer entropy = operands.zeros(rows);
        Buffer logSumExp = operands.all(rows, (float) Math.log(work.vocab()) + 0.5f);
        var forwardKernel = new TokenLogProb(logits, targets, logProbs, entropy, logSumExp, rows, work.vocab(), 1);
        if (!backward) {
            return Work.of(0, forwardKernel);
        }
        var backwardKernel = new TokenLogProbBackward(
                logits, targets, logSumExp, entropy, operands.normal(rows), operands.normal(rows),
                operands.zeros(count), rows, work.vocab(), 1, false);
        return forward ? Work.of(0, forwardKernel, backwardKernel) : Work.of(0, backwardKernel);
    }

    private static Work policyLoss(Operands operands, DecoderWork work) {
        int count = work.tokens();
        return Work.of(0, new PolicyLoss(
                Preset.named("gmpo").objective(),
                operands.all(count, -1),
                operands.all(count, -1.1f),
                null,
                all(operands, count, 1),
                operands.normal(work.batch()),
                null,
                operands.zeros(2),
                operands.zeros(1),
                operands.zeros(count),
                null,
                operands.zeros(PolicyMetrics.SIZE),
                work.batch(),
                work.seq()));
    }

    private static Work add(Operands operands, DecoderWork work) {
        int count = work.tokens() * work.dim();
        Layout layout = Layout.contiguous(count);
        return Work.of(0, new Binary(
                BinaryFunction.ADD, operands.normal(count), layout, operands.normal(count), layout,
                operands.zeros(count), false));
    }

    private static Work addBias(Operands operands, DecoderWork work) {
        int[] dims = {work.tokens(), work.dim()};
        long count = (long) work.tokens() * work.dim();
        return Work.of(0, new Binary(
                BinaryFunction.ADD, operands.normal(count), Layout.contiguous(dims), operands.normal(work.dim()),
                Layout.of(dims, new int[] {0, 1}), operands.zeros(count), false));
    }

    private static Work scale(Operands operands, DecoderWork work) {
        long count = (long) work.tokens() * work.dim();
        return Work.of(0, new Affine(operands.normal(count), operands.zeros(count), 0.5f, 1, false));
    }

    /** Heads before time: {@code [batch, seq, heads, headDim]} to {@code [batch, heads, seq, headDim]}. */
    private static Work transpose(Operands operands, DecoderWork work) {
        long count = (long) work.tokens() * work.dim();
        int[] dims = {work.batch(), work.heads(), work.seq(), work.headDim()};
        int[] strides = {work.seq() * work.dim(), work.headDim(), work.dim(), 1};
        return Work.of(0, new Copy(
                operands.normal(count), Layout.of(dims, strides), operands.zeros(count), Layout.contiguous(dims),
                false));
    }

    private static Work unary(Operands operands, DecoderWork work, UnaryFunction function) {
        long count = (long) work.tokens() * work.ffn();
        return Work.of(0, new Unary(function, operands.normal(count), operands.zeros(count)));
    }

    private static Work geluBackward(Operands operands, DecoderWork work) {
        long count = (long) work.tokens() * work.ffn();
        return Work.of(0, new UnaryBackward(
                UnaryFunction.GELU_TANH, operands.normal(count), operands.normal(count), operands.normal(count),
                operands.zeros(count), false));
    }

    private static Work swiGlu(Operands operands, DecoderWork work, boolean backward) {
        int rows = work.tokens();
        int cols = work.ffn();
        long count = (long) rows * cols;
        Buffer gateUp = operands.normal(2 * count);
        Buffer gate = gateUp.slice(0, 2 * count - cols);
        Buffer up = gateUp.slice(cols, 2 * count - cols);
        if (!backward) {
            var kernel = new SwiGlu(gate, up, operands.zeros(count), rows, cols, 2 * cols);
            return new Work(List.of(kernel), 0, 3.0 * Float.BYTES * count);
        }
        Buffer grad = operands.zeros(2 * count);
        var kernel = new SwiGluBackward(
                gate, up, operands.normal(count), grad.slice(0, 2 * count - cols), grad.slice(cols, 2 * count - cols),
                rows, cols, 2 * cols, 2 * cols, false, false);
        return new Work(List.of(kernel), 0, 5.0 * Float.BYTES * count);
    }

    private static Work sum(Operands operands, int outer, int count, int inner) {
        return Work.of(0, new Reduce(
                ReduceFunction.SUM, operands.normal((long) outer * count * inner),
                operands.zeros((long) outer * inner), outer, count, inner, false));
    }

    /** The gradients of two shards. */
    private static Work reduceGradients(Operands operands, DecoderWork work) {
        long count = parameters(work);
        return Work.of(0, new ReduceGradients(
                List.of(operands.normal(count), operands.normal(count)), operands.zeros(count), operands.zeros(1)));
    }

    private static Work adamW(Operands operands, DecoderWork work) {
        long count = parameters(work);
        float[] values = new float[OptimizerKernel.CONTROL_SIZE];
        values[OptimizerKernel.LEARNING_RATE] = 1e-6f;
        values[OptimizerKernel.ENABLED] = 1;
        Buffer control = operands.zeros(values.length);
        control.set(values);
        Buffer sumOfSquares = operands.all(1, (float) count);
        return Work.of(
                0,
                new PrepareUpdate(sumOfSquares, control, 1),
                new AdamW(
                        operands.normal(count), operands.normal(count), operands.zeros(count), operands.zeros(count),
                        control, 0.9f, 0.999f, 1e-8f, 0.01f, 1));
    }

    /** Each thread's part of the parameters of a layer. */
    private static long parameters(DecoderWork work) {
        return (long) work.dim() * (4L * work.dim() + 3L * work.ffn());
    }

    private static Work sample(Operands operands, DecoderWork work, int topK, float topP) {
        int rows = work.batch();
        return Work.of(0, new SampleTokens(
                operands.normal((long) rows * work.vocab()),
                operands.ints(1, 2),
                operands.below(2 * rows, 1 << 20),
                all(operands, rows, 0),
                all(operands, rows, 0),
                operands.zeros(rows),
                rows,
                work.vocab(),
                1,
                Math.min(topK, work.vocab()),
                topP,
                0));
    }

    private static Work embedding(Operands operands, DecoderWork work) {
        int rows = work.tokens();
        long count = (long) rows * work.dim();
        var kernel = new GatherRows(
                operands.normal((long) work.vocab() * work.dim()), operands.below(rows, work.vocab()),
                operands.zeros(count), rows, work.vocab(), work.dim(), work.dim());
        return new Work(List.of(kernel), 0, 2.0 * Float.BYTES * count);
    }

    private static Work embeddingBackward(Operands operands, DecoderWork work) {
        int rows = work.tokens();
        long count = (long) rows * work.dim();
        var kernel = new ScatterAddRows(
                operands.normal(count), operands.below(rows, work.vocab()),
                operands.zeros((long) work.vocab() * work.dim()), rows, work.vocab(), work.dim(), work.dim());
        return new Work(List.of(kernel), 0, 3.0 * Float.BYTES * count);
    }

    private static Buffer upTo(Operands operands, int count) {
        int[] values = new int[count];
        Arrays.setAll(values, i -> i);
        return operands.ints(values);
    }

    private static Buffer all(Operands operands, int count, int value) {
        int[] values = new int[count];
        Arrays.fill(values, value);
        return operands.ints(values);
    }
}
