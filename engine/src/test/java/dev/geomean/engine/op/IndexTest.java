package dev.geomean.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.Placement;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@OnEveryBackend
class IndexTest {
    @Parameter
    TestBackend backend;

    private Engine engine;

    @BeforeEach
    void open() {
        engine = backend.engine();
    }

    @AfterEach
    void close() {
        engine.close();
    }

    /** Indices that repeat, into an axis of a given size. */
    private static int[] indices(int bound, int... shape) {
        return new Random(99).ints(Doubles.sizeOf(shape), 0, bound).toArray();
    }

    private static int[] shapeWith(int[] shape, int axis, int dim) {
        int[] copy = shape.clone();
        copy[axis] = dim;
        return copy;
    }

    private static Doubles gather(Doubles x, int axis, int[] indices, int count) {
        int[] shape = shapeWith(x.shape(), axis, count);
        return Doubles.generate(shape, i -> {
            int[] from = i.clone();
            from[axis] = indices[Doubles.flat(shape, i)];
            return x.at(from);
        });
    }

    private static Doubles scatterAdd(Doubles x, int axis, int[] indices, Doubles values) {
        double[] out = x.values().clone();
        for (int j = 0; j < values.size(); j++) {
            int[] to = Doubles.index(values.shape(), j);
            to[axis] = indices[j];
            out[Doubles.flat(x.shape(), to)] += values.values()[j];
        }
        return Doubles.of(out, x.shape());
    }

    @Nested
    class Gathering {
        @ParameterizedTest(name = "along axis {0}")
        @ValueSource(ints = {0, 1, 2, -1, -3})
        void takesElementsAndAddsUpTheirGradients(int axis) {
            int resolved = Math.floorMod(axis, 3);
            int[] shape = {3, 4, 5};
            int[] at = shapeWith(shape, resolved, 7);
            int[] indices = indices(shape[resolved], at);
            for (Placement placement : Placement.values()) {
                GradientCheck.on(engine)
                        .placed(placement)
                        .check(
                                (scope, in) -> in.get(0).gather(axis, scope.ints(indices, at)),
                                in -> gather(in.get(0), resolved, indices, 7),
                                Doubles.random(1, shape));
            }
        }

        @Test
        void readsIndicesThatAreAView() {
            int[] indices = {0, 2, 1, 1, 3, 0};
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).gather(1, scope.ints(indices, 3, 2).transpose(0, 1)),
                            in -> Doubles.generate(
                                    new int[] {2, 3}, i -> in.get(0).at(i[0], indices[i[1] * 2 + i[0]])),
                            Doubles.random(1, 2, 4));
        }

        @Test
        void ofNothingIsEmpty() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).gather(1, scope.ints(new int[0], 2, 0)),
                            in -> Doubles.of(new double[0], 2, 0),
                            Doubles.random(1, 2, 4));
        }

        @ParameterizedTest(name = "{0}")
        @ValueSource(ints = {-1, 4, Integer.MIN_VALUE, Integer.MAX_VALUE})
        @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+",
                disabledReason = "a device does not check")
        void refusesAnIndexOutsideTheAxis(int index) {
            try (Scope scope = engine.scope()) {
                assertThatThrownBy(() -> scope.zeros(2, 4).gather(1, scope.ints(new int[] {0, index}, 2, 1)))
                        .isInstanceOf(IndexOutOfBoundsException.class)
                        .hasMessageContaining(Integer.toString(index));
            }
        }
    }

    @Nested
    class Scattering {
        @ParameterizedTest(name = "along axis {0}")
        @ValueSource(ints = {0, 1, 2, -2})
        void addsElementsToACopy(int axis) {
            int resolved = Math.floorMod(axis, 3);
            int[] shape = {3, 4, 5};
            int[] at = shapeWith(shape, resolved, 6);
            int[] indices = indices(shape[resolved], at);
            for (Placement placement : Placement.values()) {
                GradientCheck.on(engine)
                        .placed(placement)
                        .check(
                                (scope, in) -> in.get(0).scatterAdd(axis, scope.ints(indices, at), in.get(1)),
                                in -> scatterAdd(in.get(0), resolved, indices, in.get(1)),
                                Doubles.random(1, shape),
                                Doubles.random(2, at));
            }
        }

        @Test
        void mayAddATensorToItself() {
            int[] indices = {1, 0, 1, 1, 2, 2};
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).scatterAdd(1, scope.ints(indices, 2, 3), in.get(0)),
                            in -> scatterAdd(in.get(0), 1, indices, in.get(0)),
                            Doubles.random(1, 2, 3));
        }

        @Test
        void leavesItsInputAlone() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(1, 3);
                x.scatterAdd(1, scope.ints(new int[] {1}, 1, 1), scope.full(5, 1, 1));
                assertThat(x.toFloats()).containsOnly(0);
            }
        }

        @ParameterizedTest(name = "{0}")
        @ValueSource(ints = {-1, 4})
        @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+",
                disabledReason = "a device does not check")
        void refusesAnIndexOutsideTheAxis(int index) {
            try (Scope scope = engine.scope()) {
                assertThatThrownBy(() -> scope.zeros(2, 4)
                        .scatterAdd(1, scope.ints(new int[] {0, index}, 2, 1), scope.zeros(2, 1)))
                        .isInstanceOf(IndexOutOfBoundsException.class)
                        .hasMessageContaining(Integer.toString(index));
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource(Placement.class)
    void gatheringWhatWasScatteredGivesItBack(Placement placement) {
        int[] indices = {2, 0, 1};
        GradientCheck.on(engine)
                .placed(placement)
                .check(
                        (scope, in) -> {
                            Tensor at = scope.ints(indices, 1, 3);
                            return scope.zeros(1, 3).scatterAdd(1, at, in.get(0)).gather(1, at);
                        },
                        in -> in.get(0),
                        Doubles.random(1, 1, 3));
    }
}
