package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.reference.ReferenceBackend;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class WorkersTest {

    private static Engine engine(int workers) {
        return Engine.of(new ReferenceBackend(), workers);
    }

    @Nested
    class HandingOver {
        @ParameterizedTest(name = "{0} workers")
        @ValueSource(ints = {1, 2, 3, 4})
        void runsEveryPieceOnce(int workers) {
            try (Engine engine = engine(workers)) {
                for (int count : new int[] {0, 1, 2, 3, 7, 1000}) {
                    var done = new AtomicIntegerArray(count);
                    engine.workers().forEach(count, (index, lane) -> done.incrementAndGet(index));
                    for (int i = 0; i < count; i++) {
                        assertThat(done.get(i)).isEqualTo(1);
                    }
                }
            }
        }

        @ParameterizedTest(name = "{0} workers")
        @ValueSource(ints = {1, 2, 4})
        void givesEachThreadALaneOfItsOwn(int workers) {
            try (Engine engine = engine(workers)) {
                var threads = new ConcurrentHashMap<Thread, Set<Backend.Lane>>();
                engine.workers().forEach(500, (index, lane) -> {
                    threads.computeIfAbsent(Thread.currentThread(),
                            t -> Collections.newSetFromMap(new IdentityHashMap<>()))
                            .add(lane);
                    Thread.onSpinWait();
                });
                assertThat(threads.keySet()).hasSizeBetween(1, workers);
                assertThat(threads.values()).allSatisfy(lanes -> assertThat(lanes).hasSize(1));
                Set<Backend.Lane> all = Collections.newSetFromMap(new IdentityHashMap<>());
                threads.values().forEach(all::addAll);
                assertThat(all).hasSameSizeAs(threads.keySet());
                assertThat(engine.workers().count()).isEqualTo(workers);
            }
        }

        @Test
        void usesAllWorkersAtOnce() throws InterruptedException {
            try (Engine engine = engine(4)) {
                var together = new CountDownLatch(4);
                var met = new AtomicInteger();
                engine.workers().forEach(4, (index, lane) -> {
                    together.countDown();
                    try {
                        met.addAndGet(together.await(20, TimeUnit.SECONDS) ? 1 : 0);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
                assertThat(met).hasValue(4);
            }
        }

        @ParameterizedTest(name = "{0} workers")
        @ValueSource(ints = {2, 4})
        void survivesManyTinyPieces(int workers) {
            try (Engine engine = engine(workers)) {
                var sum = new AtomicLong();
                Workers.Task task = (index, lane) -> sum.addAndGet(index + 1);
                long expected = 0;
                for (int round = 0; round < 100_000; round++) {
                    int count = 2 + round % 3;
                    engine.workers().forEach(count, task);
                    expected += count * (count + 1L) / 2;
                }
                assertThat(sum).hasValue(expected);
            }
        }

        @Test
        void lastsUntilTheLastPieceIsDoneThoughTheCallerIsInterruptedAndWaitsAsleep() {
            try (Engine engine = engine(2)) {
                Thread caller = Thread.currentThread();
                var isOtherAtWork = new AtomicBoolean();
                var isOtherDone = new AtomicBoolean();
                caller.interrupt();
                engine.workers().forEach(2, (index, lane) -> {
                    if (Thread.currentThread() == caller) {
                        await(isOtherAtWork::get);
                    } else {
                        isOtherAtWork.set(true);
                        await(() -> caller.getState() == Thread.State.WAITING);
                        isOtherDone.set(true);
                    }
                });
                assertThat(Thread.interrupted()).isTrue();
                assertThat(isOtherDone).isTrue();
            }
        }

        /** Waits without being interrupted; the class's time limit ends it. */
        private static void await(BooleanSupplier condition) {
            while (!condition.getAsBoolean()) {
                Thread.onSpinWait();
            }
        }

        @Test
        void wakesWorkersThatWentToSleep() throws InterruptedException {
            try (Engine engine = engine(3)) {
                for (int round = 0; round < 20; round++) {
                    Thread.sleep(2);
                    var together = new CountDownLatch(3);
                    engine.workers().forEach(3, (index, lane) -> {
                        together.countDown();
                        try {
                            assertThat(together.await(20, TimeUnit.SECONDS)).isTrue();
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                    });
                }
            }
        }

        @ParameterizedTest(name = "{0} workers")
        @ValueSource(ints = {2, 4})
        void showsThePiecesWhatWasWrittenBeforeAndTheCallerWhatTheyWrote(int workers) {
            try (Engine engine = engine(workers)) {
                int[] plain = new int[8];
                for (int round = 0; round < 20_000; round++) {
                    engine.workers().forEach(8, (index, lane) -> plain[index]++);
                }
                assertThat(plain).containsOnly(20_000);
            }
        }
    }

    @Nested
    class AnException {
        @ParameterizedTest(name = "{0} workers")
        @ValueSource(ints = {1, 2, 4})
        void reachesTheCallerAndLeavesTheCrewUsable(int workers) {
            try (Engine engine = engine(workers)) {
                for (int round = 0; round < 200; round++) {
                    var broken = new IllegalArgumentException("piece 3");
                    assertThatThrownBy(() -> engine.workers().forEach(6, (index, lane) -> {
                        if (index == 3) {
                            throw broken;
                        }
                    }))
                            .isSameAs(broken);
                    var done = new AtomicInteger();
                    engine.workers().forEach(6, (index, lane) -> done.incrementAndGet());
                    assertThat(done).hasValue(6);
                }
            }
        }

        @Test
        void mayBeAnError() {
            try (Engine engine = engine(2)) {
                assertThatThrownBy(() -> engine.workers().forEach(6, (index, lane) -> {
                    throw new AssertionError("no");
                }))
                        .isInstanceOf(AssertionError.class)
                        .hasMessage("no");
            }
        }

        @Test
        void ofOnePieceDoesNotStopTheOthers() {
            try (Engine engine = engine(2)) {
                var done = new AtomicInteger();
                assertThatThrownBy(() -> engine.workers().forEach(50, (index, lane) -> {
                    done.incrementAndGet();
                    throw new IllegalStateException("piece " + index);
                }))
                        .isInstanceOf(IllegalStateException.class);
                assertThat(done).hasValue(50);
            }
        }
    }

    @Nested
    class TheCrew {
        @ParameterizedTest(name = "{0} workers, {0} pieces")
        @ValueSource(ints = {1, 2, 3})
        void refusesAHandOverFromWithinAPiece(int size) {
            try (Engine engine = engine(size)) {
                for (int count = 1; count < 4; count++) {
                    int pieces = count;
                    assertThatIllegalStateException()
                            .isThrownBy(() -> engine.workers()
                                    .forEach(pieces, (index, lane) -> engine.workers().forEach(1, (i, l) -> {})))
                            .withMessageContaining("busy");
                }
                engine.workers().forEach(2, (index, lane) -> {});
            }
        }

        @Test
        void refusesWorkOnceItIsClosed() {
            Engine engine = engine(2);
            engine.close();
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.workers().forEach(1, (index, lane) -> {}))
                    .withMessageContaining("closed");
            assertThatIllegalStateException().isThrownBy(engine::scope).withMessageContaining("closed");
            engine.workers().close();
        }

        @Test
        void endsItsThreadsAndClosesItsLanes() {
            var closed = new AtomicInteger();
            Backend backend = new Backend() {
                @Override
                public String name() {
                    return "counting";
                }

                @Override
                public Lane openLane() {
                    return new Lane() {
                        @Override
                        public void run(Kernel kernel) {}

                        @Override
                        public void close() {
                            closed.incrementAndGet();
                        }
                    };
                }
            };
            List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
            Engine engine = Engine.of(backend, 3);
            var together = new CountDownLatch(3);
            engine.workers().forEach(3, (index, lane) -> {
                threads.add(Thread.currentThread());
                together.countDown();
                while (together.getCount() != 0) {
                    Thread.onSpinWait();
                }
            });
            engine.close();
            assertThat(closed).hasValue(3);
            assertThat(threads)
                    .filteredOn(thread -> thread != Thread.currentThread())
                    .hasSize(2)
                    .noneMatch(Thread::isAlive);
        }

        @Test
        void needsAMember() {
            assertThatIllegalArgumentException().isThrownBy(() -> engine(0)).withMessageContaining("not 0");
        }

        @Test
        void keepsTheInterruptOfItsCallerWhileItCloses() {
            Engine engine = engine(2);
            Thread.currentThread().interrupt();
            engine.close();
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    @Nested
    class AKernelList {
        @ParameterizedTest(name = "{0} workers")
        @ValueSource(ints = {1, 2, 4})
        void runsStageAfterStage(int workers) {
            try (Engine engine = engine(workers);
                    Scope data = engine.persistent("data")) {
                int width = 37;
                Tensor x = data.full(1, width);
                // The second stage reads across what the pieces of the first one wrote, in reverse.
                Tensor y = data.zeros(width);
                List<List<Kernel>> first = new ArrayList<>();
                List<List<Kernel>> second = new ArrayList<>();
                for (int i = 0; i < width; i++) {
                    var at = x.buffer().slice(i, 1);
                    first.add(List.of(new Affine(at, at, 1, i, false), new Affine(at, at, 2, 0, false)));
                    second.add(List.of(
                            new Affine(x.buffer().slice(width - 1 - i, 1), y.buffer().slice(i, 1), 1, 0, false)));
                }
                var list = new KernelList(engine, List.of(first, second));
                for (int round = 0; round < 200; round++) {
                    x.fill(1);
                    list.run();
                    for (int i = 0; i < width; i++) {
                        assertThat(y.buffer().getFloat(i)).isEqualTo(2f * (width - i));
                    }
                }
                assertThat(list.kernels()).hasSize(3 * width);
            }
        }

        @Test
        void mayBeEmpty() {
            try (Engine engine = engine(2)) {
                new KernelList(engine, List.of()).run();
                new KernelList(engine, List.of(List.of(), List.of(List.of()))).run();
            }
        }

        @Test
        void listsItsKernelsInOrder() {
            try (Engine engine = engine(1);
                    Scope data = engine.persistent("data")) {
                var buffer = data.zeros(1).buffer();
                Kernel a = new Affine(buffer, buffer, 1, 1, false);
                Kernel b = new Affine(buffer, buffer, 1, 2, false);
                Kernel c = new Affine(buffer, buffer, 1, 3, false);
                var list = new KernelList(engine, List.of(List.of(List.of(a), List.of(b)), List.of(List.of(c))));
                assertThat(list.kernels()).containsExactly(a, b, c);
            }
        }
    }
}
