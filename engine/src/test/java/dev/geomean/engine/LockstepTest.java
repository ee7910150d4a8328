package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CacheWrite;
import dev.geomean.engine.kernel.AttentionKernel.CachedAttention;
import dev.geomean.engine.kernel.CustomKernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.random.CounterRandom;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs that all workers run together. */
@Timeout(60)
class LockstepTest {
    private static final int ROWS = 7;
    private static final int HEADS = 4;
    private static final int HEAD_DIM = 8;
    private static final int WIDTH = HEADS * HEAD_DIM;
    private static final int CAPACITY = 20;

    private static Tensor random(Scope scope, long stream, int... dims) {
        Tensor tensor = scope.zeros(dims);
        var random = new CounterRandom(1, stream);
        float[] values = new float[tensor.shape().size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.normal(i);
        }
        tensor.set(values);
        return tensor;
    }

    /** Products, whole and in panels, that depend on one another, and attention to a cache. */
    private static Program<Tensor> decoding(Engine engine, Scope data) {
        Tensor x = random(data, 1, ROWS, WIDTH);
        Tensor wide = random(data, 2, 130, WIDTH);
        Tensor back = random(data, 3, WIDTH, 130);
        Tensor keys = random(data, 4, ROWS, CAPACITY, WIDTH);
        Tensor values = random(data, 5, ROWS, CAPACITY, WIDTH);
        Tensor slots = data.ints(new int[] {3, 1, 0, 6, 5, 2, 4}, ROWS);
        Tensor starts = data.ints(new int[] {0, 19, 3, 8, 7, 16, 5}, ROWS);
        return engine.capture("decoding", scope -> {
            Tensor query = scope.use(x).linear(scope.use(wide), null).gelu().linear(scope.use(back), null);
            scope.run(write(query, slots, starts, keys, true));
            scope.run(write(query, slots, starts, values, false));
            Tensor attended = scope.allocate("attended", DType.FLOAT32, query.shape());
            scope.run(new CachedAttention(
                    query.buffer(), keys.buffer(), values.buffer(), slots.buffer(), starts.buffer(), attended.buffer(),
                    new AttentionShape(ROWS, 1, HEADS, HEADS, HEAD_DIM, WIDTH, WIDTH, WIDTH, 0.3f), ROWS, CAPACITY));
            return scope.keep(attended.linear(scope.use(wide), null));
        });
    }

    private static CacheWrite write(Tensor in, Tensor slots, Tensor starts, Tensor cache, boolean transposed) {
        return new CacheWrite(
                in.buffer(), slots.buffer(), starts.buffer(), cache.buffer(), ROWS, 1, WIDTH, WIDTH, ROWS, CAPACITY,
                transposed);
    }

    /** One row, and three weights whose products need not wait for one another, but what follows for all of them. */
    private static Program<Tensor> oneRow(Engine engine, Scope data) {
        Tensor x = random(data, 1, 1, 200);
        List<Tensor> weights = List.of(random(data, 2, 300, 200), random(data, 3, 140, 200), random(data, 4, 161, 200));
        Tensor back = random(data, 5, 200, 601);
        return engine.capture("one row", scope -> {
            Tensor y = scope.use(x);
            for (int i = 0; i < 3; i++) {
                y = y.linear(weights.stream().map(scope::use).toList(), null).linear(scope.use(back), null);
                y = y.mul(scope.scalar(1e-3f));
            }
            return scope.keep(y);
        });
    }

    @ParameterizedTest(name = "{0} workers")
    @ValueSource(ints = {2, 3})
    void neighboursWithoutCommonResultsDoNotWaitAndWhatNeedsThemDoes(int workers) {
        float[] expected;
        try (Engine alone = Engine.cpu(1);
                Scope data = alone.persistent("data");
                Program<Tensor> program = oneRow(alone, data)) {
            program.run();
            expected = program.outputs().toFloats();
        }
        try (Engine engine = Engine.cpu(workers);
                Scope data = engine.persistent("data");
                Program<Tensor> program = oneRow(engine, data)) {
            for (int run = 0; run < 50; run++) {
                program.runTogether();
                assertThat(program.outputs().toFloats()).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest(name = "{0} workers")
    @ValueSource(ints = {1, 2, 3, 5})
    void giveTheBitsOfOneWorker(int workers) {
        float[] expected;
        try (Engine alone = Engine.cpu(1);
                Scope data = alone.persistent("data");
                Program<Tensor> program = decoding(alone, data)) {
            program.run();
            expected = program.outputs().toFloats();
        }
        try (Engine engine = Engine.cpu(workers);
                Scope data = engine.persistent("data");
                Program<Tensor> program = decoding(engine, data)) {
            for (int run = 0; run < 50; run++) {
                program.runTogether();
                assertThat(program.outputs().toFloats()).isEqualTo(expected);
            }
        }
    }

    /** Fails on demand, and counts. */
    private record Faulty(AtomicInteger runs, AtomicInteger failAt, Buffer buffer) implements CustomKernel {
        @Override
        public List<Buffer> reads() {
            return List.of();
        }

        @Override
        public List<Buffer> writes() {
            return List.of(buffer);
        }

        @Override
        public List<Faulty> parts(int pieces) {
            return Collections.nCopies(pieces, this);
        }

        @Override
        public void runOnHost() {
            if (runs.incrementAndGet() == failAt.get()) {
                throw new IllegalStateException("number " + failAt);
            }
        }
    }

    @Test
    void passOnWhatAPartThrowsAndRunAgain() {
        var runs = new AtomicInteger();
        var failAt = new AtomicInteger();
        try (Engine engine = Engine.cpu(3);
                Program<Tensor> program = engine.capture("faulty", scope -> {
                    Tensor tensor = scope.zeros(4);
                    for (int i = 0; i < 10; i++) {
                        scope.run(new Faulty(runs, failAt, tensor.buffer()));
                    }
                    return scope.keep(tensor);
                })) {
            for (int fail = 1; fail <= 30; fail++) {
                runs.set(0);
                failAt.set(fail);
                assertThatThrownBy(program::runTogether).hasMessage("number " + fail);
            }
            runs.set(0);
            failAt.set(0);
            program.runTogether();
            assertThat(runs).hasValue(30);
        }
    }

    @Test
    void refuseToRunOnceClosed() {
        try (Engine engine = Engine.cpu(2);
                Scope data = engine.persistent("data")) {
            Program<Tensor> program = decoding(engine, data);
            program.close();
            assertThatIllegalStateException().isThrownBy(program::runTogether).withMessageContaining("closed");
        }
    }
}
