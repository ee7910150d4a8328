package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.device.DeviceException;
import dev.geomean.engine.kernel.AttentionKernel;
import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CacheWrite;
import dev.geomean.engine.kernel.AttentionKernel.CachedAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward;
import dev.geomean.engine.kernel.AttentionKernel.Rotary;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.tornado.kernels.Attention;
import dev.geomean.tornado.kernels.AttentionGradients;
import org.jspecify.annotations.Nullable;

/** Launches of {@link AttentionKernel}s. */
final class AttentionLowering {
    private AttentionLowering() {}

    static void lower(AttentionKernel kernel, Calls calls, String device) {
        switch (kernel) {
            case Rotary k -> calls.call(Attention.class, "rotary")
                    .ints(k.batch() * k.time() * k.heads() * (k.headDim() / 2), k.time(), k.heads(), k.headDim() / 2,
                            k.positions(), k.inRowStride(), k.outRowStride(), at(k.in()), at(k.table()),
                            at(k.starts()), at(k.out()), flag(k.starts() != null), flag(k.inverse()),
                            flag(k.accumulate()))
                    .floats(Float.NaN)
                    .on(k.in(), k.table())
                    .maybeInts(k.starts())
                    .on(k.out())
                    .threads((long) k.batch() * k.time() * k.heads() * (k.headDim() / 2));
            case CacheWrite k -> calls.call(Attention.class, "cacheWrite")
                    .ints(k.batch() * k.time() * k.width(), k.time(), k.width(), k.inRowStride(), k.slotCount(),
                            k.capacity(), flag(k.transposed()), at(k.in()), at(k.slots()), at(k.starts()),
                            at(k.cache()))
                    .on(k.in(), k.slots(), k.starts(), k.cache())
                    .threads((long) k.batch() * k.time() * k.width());
            case CausalAttention k -> forward(k, calls, device);
            case CausalAttentionBackward k -> backward(k, calls, device);
            case CachedAttention k -> cached(k, calls, device);
        }
    }

    private static void check(AttentionKernel kernel, AttentionShape shape, String device) {
        if (shape.headDim() > Attention.MAX_HEAD) {
            throw new DeviceException(
                    "attention on " + device + " has heads of at most " + Attention.MAX_HEAD + " elements, not "
                            + shape.headDim() + ": " + kernel,
                    null);
        }
    }

    private static int tokens(AttentionShape shape) {
        return shape.batch() * shape.time();
    }

    private static int shared(AttentionShape shape) {
        return shape.heads() / shape.kvHeads();
    }

    private static Operand.Scratch spans(
            AttentionShape shape, @Nullable Buffer lengths, @Nullable Buffer segments, Calls calls) {
        int tokens = tokens(shape);
        var spans = new Operand.Scratch(Operand.Type.INTS, (long) tokens * Attention.SPAN);
        if (segments != null) {
            calls.call(Attention.class, "spansOfSegments")
                    .ints(tokens, (int) segments.length() / 4, at(segments), shape.window())
                    .on(segments)
                    .on(spans)
                    .threads(tokens);
        } else {
            calls.call(Attention.class, "spansOfLengths")
                    .ints(tokens, shape.time(), at(lengths), flag(lengths != null), shape.window())
                    .maybeInts(lengths)
                    .on(spans)
                    .threads(tokens);
        }
        return spans;
    }

    private static void forward(CausalAttention k, Calls calls, String device) {
        AttentionShape shape = k.shape();
        check(k, shape, device);
        Operand.Scratch spans = spans(shape, k.lengths(), k.segments(), calls);
        calls.call(Attention.class, "forward")
                .ints(
                        shape.heads(),
                        shared(shape),
                        shape.headDim(),
                        shape.time(),
                        shape.queryRowStride(),
                        at(k.query()),
                        at(k.key()),
                        at(k.value()),
                        at(k.out()),
                        at(k.logSumExp()),
                        0,
                        shape.headDim(),
                        shape.keyRowStride(),
                        1,
                        0,
                        shape.headDim(),
                        shape.valueRowStride(),
                        1,
                        1)
                .floats(shape.scale())
                .on(k.query(), k.key(), k.value())
                .on(spans)
                .on(k.out(), k.logSumExp())
                .groups((long) tokens(shape) * shape.heads(), Attention.GROUP);
    }

    private static void cached(CachedAttention k, Calls calls, String device) {
        AttentionShape shape = k.shape();
        check(k, shape, device);
        int tokens = tokens(shape);
        int width = shape.kvHeads() * shape.headDim();
        var spans = new Operand.Scratch(Operand.Type.INTS, (long) tokens * Attention.SPAN);
        calls.call(Attention.class, "spansOfCache")
                .ints(tokens, shape.time(), at(k.slots()), at(k.starts()), k.slotCount(), k.capacity(),
                        shape.window())
                .on(k.slots(), k.starts())
                .on(spans)
                .threads(tokens);
        calls.call(Attention.class, "forward")
                .ints(
                        shape.heads(),
                        shared(shape),
                        shape.headDim(),
                        shape.time(),
                        shape.queryRowStride(),
                        at(k.query()),
                        at(k.keyCache()),
                        at(k.valueCache()),
                        at(k.out()),
                        0,
                        width * k.capacity(),
                        shape.headDim() * k.capacity(),
                        1,
                        k.capacity(),
                        width * k.capacity(),
                        shape.headDim(),
                        width,
                        1,
                        0)
                .floats(shape.scale())
                .on(k.query(), k.keyCache(), k.valueCache())
                .on(spans)
                .on(k.out())
                .maybe(null)
                .groups((long) tokens * shape.heads(), Attention.GROUP);
    }

    private static void backward(CausalAttentionBackward k, Calls calls, String device) {
        AttentionShape shape = k.shape();
        check(k, shape, device);
        int tokens = tokens(shape);
        Operand.Scratch spans = spans(shape, k.lengths(), k.segments(), calls);
        var delta = new Operand.Scratch(Operand.Type.FLOATS, (long) tokens * shape.heads());
        calls.call(AttentionGradients.class, "queries")
                .ints(shape.heads(), shared(shape), shape.headDim(), shape.time(), shape.queryRowStride(),
                        shape.keyRowStride(), shape.valueRowStride(), at(k.query()), at(k.key()), at(k.value()),
                        at(k.out()), at(k.logSumExp()), at(k.gradOut()), at(k.gradQuery()), k.gradQueryRowStride(),
                        flag(k.accumulateQuery()))
                .floats(shape.scale())
                .on(k.query(), k.key(), k.value())
                .on(spans)
                .on(k.out(), k.logSumExp(), k.gradOut())
                .on(delta)
                .on(k.gradQuery())
                .groups((long) tokens * shape.heads(), AttentionGradients.GROUP);
        calls.call(AttentionGradients.class, "keys")
                .ints(shape.heads(), shared(shape), shape.headDim(), shape.time(), shape.queryRowStride(),
                        shape.keyRowStride(), shape.valueRowStride(), at(k.query()), at(k.key()), at(k.value()),
                        at(k.out()), at(k.logSumExp()), at(k.gradOut()), at(k.gradKey()), at(k.gradValue()),
                        k.gradKeyRowStride(), k.gradValueRowStride(), flag(k.accumulateKey()),
                        flag(k.accumulateValue()))
                .floats(shape.scale())
                .on(k.query(), k.key(), k.value())
                .on(spans)
                .on(k.logSumExp(), k.gradOut())
                .on(delta)
                .on(k.gradKey(), k.gradValue())
                .groups((long) tokens * shape.kvHeads(), AttentionGradients.GROUP);
    }
}
