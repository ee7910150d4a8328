package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.op.RotaryOp;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How gradients travel: through pieces of splits, memory that is passed on, and tensors used more than once. */
@OnEveryBackend
class GradientFlowTest {
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

    private static Doubles map(Doubles x, DoubleUnaryOperator f) {
        return Doubles.generate(x.shape(), i -> f.applyAsDouble(x.at(i)));
    }

    @Nested
    class APieceOfASplit {
        private static final int[] SHAPE = {2, 3, 8};

        /** Rotation of {@code x[b, t, from..from+4]} as one head. */
        private static double rotated(Doubles x, int from, int[] i) {
            double angle = i[1] * Math.pow(100, -2.0 * (i[2] % 2) / 4);
            double x1 = x.at(i[0], i[1], from + i[2] % 2);
            double x2 = x.at(i[0], i[1], from + i[2] % 2 + 2);
            return i[2] < 2 ? x1 * Math.cos(angle) - x2 * Math.sin(angle) : x2 * Math.cos(angle) + x1 * Math.sin(angle);
        }

        /** An operation that writes its gradient as rows. */
        private static Tensor rotate(Scope scope, Tensor piece) {
            return piece.reshape(2, 3, 1, 4).rotary(RotaryOp.table(scope, 3, 4, 100), null).reshape(2, 3, 4);
        }

        @Test
        void mayBeRead_byAnOperationThatWritesRows_andByOneThatDoesNot() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                List<Tensor> pieces = in.get(0).split(4, 4);
                                return rotate(scope, pieces.get(0)).add(pieces.get(1).exp());
                            },
                            in -> Doubles.generate(
                                    new int[] {2, 3, 4},
                                    i -> rotated(in.get(0), 0, i) + Math.exp(in.get(0).at(i[0], i[1], 4 + i[2]))),
                            Doubles.random(1, SHAPE));
        }

        @ParameterizedTest(name = "rows first: {0}")
        @ValueSource(booleans = {true, false})
        void mayBeReadByBothAtOnce(boolean rowsFirst) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor piece = in.get(0).split(4, 4).get(1);
                                if (rowsFirst) {
                                    Tensor turned = rotate(scope, piece);
                                    return turned.add(piece.exp());
                                }
                                Tensor exp = piece.exp();
                                return exp.add(rotate(scope, piece));
                            },
                            in -> Doubles.generate(
                                    new int[] {2, 3, 4},
                                    i -> rotated(in.get(0), 4, i) + Math.exp(in.get(0).at(i[0], i[1], 4 + i[2]))),
                            Doubles.random(1, SHAPE));
        }

        @Test
        void mayBeReadTwiceByOperationsThatWriteRows() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor piece = in.get(0).split(4, 4).get(0);
                                return rotate(scope, piece).mul(rotate(scope, piece));
                            },
                            in -> Doubles.generate(
                                    new int[] {2, 3, 4}, i -> Math.pow(rotated(in.get(0), 0, i), 2)),
                            Doubles.random(1, SHAPE));
        }

        @ParameterizedTest(name = "piece {0}")
        @ValueSource(ints = {0, 1, 2})
        void mayBeTheOnlyOneUsed(int used) {
            int from = List.of(0, 2, 6).get(used);
            int size = List.of(2, 4, 2).get(used);
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor piece = in.get(0).split(2, 4, 2).get(used);
                                return used == 1 ? rotate(scope, piece) : piece.exp();
                            },
                            in -> Doubles.generate(
                                    new int[] {2, 3, size},
                                    i -> used == 1
                                            ? rotated(in.get(0), 2, i)
                                            : Math.exp(in.get(0).at(i[0], i[1], from + i[2]))),
                            Doubles.random(1, SHAPE));
        }

        @ParameterizedTest(name = "base used {0}, piece {1}")
        @CsvSource({"before, rows", "after, rows", "before, plain", "after, plain"})
        void addsToTheGradientOfABaseThatIsUsedElsewhere(String when, String how) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor x = in.get(0);
                                Tensor early = when.equals("before") ? x.tanh() : null;
                                Tensor piece = x.split(4, 4).get(1);
                                Tensor y = how.equals("rows") ? rotate(scope, piece) : piece.exp();
                                Tensor whole = early == null ? x.tanh() : early;
                                return y.add(whole.slice(2, 0, 4)).add(whole.slice(2, 4, 8));
                            },
                            in -> Doubles.generate(new int[] {2, 3, 4}, i -> {
                                double high = in.get(0).at(i[0], i[1], 4 + i[2]);
                                double y = how.equals("rows") ? rotated(in.get(0), 4, i) : Math.exp(high);
                                return y + Math.tanh(in.get(0).at(i)) + Math.tanh(high);
                            }),
                            Doubles.random(1, SHAPE));
        }

        @Test
        void mayShareItsBaseWithAnotherSplit() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor x = in.get(0);
                                Tensor first = rotate(scope, x.split(4, 4).get(0));
                                Tensor second = rotate(scope, x.split(2, 4, 2).get(1));
                                Tensor third = rotate(scope, x.split(4, 4).get(1));
                                return first.mul(second).add(third);
                            },
                            in -> Doubles.generate(
                                    new int[] {2, 3, 4},
                                    i -> rotated(in.get(0), 0, i) * rotated(in.get(0), 2, i)
                                            + rotated(in.get(0), 4, i)),
                            Doubles.random(1, SHAPE));
        }

        @Test
        void mayBeWrittenWhileAnotherSplitOfItsBaseIsIncomplete() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                List<Tensor> halves = in.get(0).split(4, 4);
                                List<Tensor> middle = in.get(0).split(2, 4, 2);
                                Tensor first = rotate(scope, halves.get(0));
                                Tensor second = rotate(scope, middle.get(1));
                                return first.mul(second).mul(rotate(scope, halves.get(1)));
                            },
                            in -> Doubles.generate(
                                    new int[] {2, 3, 4},
                                    i -> rotated(in.get(0), 0, i) * rotated(in.get(0), 2, i)
                                            * rotated(in.get(0), 4, i)),
                            Doubles.random(1, SHAPE));
        }

        @ParameterizedTest(name = "inner pieces are read by operations that write {0}")
        @ValueSource(strings = {"rows", "no rows"})
        void mayBeSplitAgain(String how) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                List<Tensor> outer = in.get(0).split(2, 6);
                                List<Tensor> inner = outer.get(1).split(4, 2);
                                Tensor y = how.equals("rows")
                                        ? rotate(scope, inner.get(0))
                                        : inner.get(0).exp();
                                return Tensor.concat(2, List.of(y, inner.get(1).mul(outer.get(0))));
                            },
                            in -> Doubles.generate(new int[] {2, 3, 6}, i -> {
                                Doubles x = in.get(0);
                                if (i[2] < 4) {
                                    return how.equals("rows")
                                            ? rotated(x, 2, i)
                                            : Math.exp(x.at(i[0], i[1], 2 + i[2]));
                                }
                                return x.at(i[0], i[1], 2 + i[2]) * x.at(i[0], i[1], i[2] - 4);
                            }),
                            Doubles.random(1, SHAPE));
        }

        @Test
        void mayBeReshapedSlicedAndTransposed() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor piece = in.get(0).split(3, 4, 1).get(1);
                                Tensor a = piece.reshape(6, 4).exp().reshape(2, 3, 4);
                                Tensor b = piece.slice(1, 0, 3).transpose(0, 1).tanh().transpose(0, 1);
                                Tensor c = piece.reshape(2, 3, 2, 2).transpose(2, 3).contiguous().reshape(2, 3, 4);
                                return a.mul(b).add(c);
                            },
                            in -> Doubles.generate(new int[] {2, 3, 4}, i -> {
                                double x = in.get(0).at(i[0], i[1], 3 + i[2]);
                                int swapped = i[2] % 2 * 2 + i[2] / 2;
                                return Math.exp(x) * Math.tanh(x) + in.get(0).at(i[0], i[1], 3 + swapped);
                            }),
                            Doubles.random(1, SHAPE));
        }

        @Test
        void mayComeFromAResultWhoseMemoryIsPassedOn() {
            // The sum passes its gradient on to x, whose other use is a split.
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor x = in.get(0).add(in.get(1));
                                Tensor y = x.add(x.exp());
                                List<Tensor> pieces = y.split(4, 4);
                                return rotate(scope, pieces.get(0)).add(rotate(scope, pieces.get(1)));
                            },
                            in -> {
                                Doubles y = Doubles.generate(SHAPE, i -> {
                                    double x = in.get(0).at(i) + in.get(1).at(i);
                                    return x + Math.exp(x);
                                });
                                return Doubles.generate(
                                        new int[] {2, 3, 4}, i -> rotated(y, 0, i) + rotated(y, 4, i));
                            },
                            Doubles.random(1, SHAPE),
                            Doubles.random(2, SHAPE));
        }

        @Test
        void feedsQueriesKeysAndValuesFromOneProjection() {
            int[] shape = {1, 3, 6};
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                List<Tensor> qkv = in.get(0).split(2, 2, 2);
                                return qkv.get(0)
                                        .reshape(1, 3, 1, 2)
                                        .causalAttention(
                                                qkv.get(1).reshape(1, 3, 1, 2), qkv.get(2).reshape(1, 3, 1, 2), null)
                                        .reshape(1, 3, 2);
                            },
                            in -> attend(in.get(0), 0, 2, 4),
                            Doubles.random(1, shape));
        }

        @Test
        void mayPlayTwoRolesInAttention() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                List<Tensor> pieces = in.get(0).split(2, 2, 2);
                                Tensor q = pieces.get(0).reshape(1, 3, 1, 2);
                                Tensor k = pieces.get(2).reshape(1, 3, 1, 2);
                                return q.causalAttention(k, k, null).reshape(1, 3, 2);
                            },
                            in -> attend(in.get(0), 0, 4, 4),
                            Doubles.random(1, 1, 3, 6));
        }

        private static Doubles attend(Doubles x, int query, int key, int value) {
            return Doubles.generate(new int[] {1, 3, 2}, i -> {
                double sum = 0;
                double mixed = 0;
                for (int j = 0; j <= i[1]; j++) {
                    double score = 0;
                    for (int d = 0; d < 2; d++) {
                        score += x.at(0, i[1], query + d) * x.at(0, j, key + d) / Math.sqrt(2);
                    }
                    sum += Math.exp(score);
                    mixed += Math.exp(score) * x.at(0, j, value + i[2]);
                }
                return mixed / sum;
            });
        }

        @Test
        void mayBeTheLoss() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {3, 4}, 2).requireGrad();
                Gradients gradients = x.split(1, 1).get(1).backward();
                assertThat(gradients.of(x).toFloats()).containsExactly(0, 1);
            }
        }

        @Test
        void ofDataMayBecomeALeaf() {
            try (Scope scope = engine.scope()) {
                Tensor piece = scope.full(1, 2, 3, 8).split(4, 4).get(1).requireGrad();
                Gradients gradients = rotate(scope, piece).sum().backward();
                assertThat(gradients.of(piece).toFloats()).isNotEqualTo(new float[24]);
            }
        }

        @Test
        void refusesToGiveAGradientThatWentToTheWhole() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(1, 2, 3, 8).requireGrad();
                Tensor piece = x.split(4, 4).get(1);
                Gradients gradients = rotate(scope, piece).sum().backward();
                assertThatIllegalStateException()
                        .isThrownBy(() -> gradients.of(piece))
                        .withMessageContaining(piece.name());
            }
        }
    }

    @Nested
    class AResidualChain {
        @ParameterizedTest(name = "x on the {0}")
        @ValueSource(strings = {"left", "right"})
        void passesGradientsThroughEveryBlock(String side) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor x = in.get(0);
                                for (int block = 0; block < 3; block++) {
                                    x = side.equals("left") ? x.add(x.tanh()) : x.tanh().add(x);
                                }
                                return x;
                            },
                            in -> map(in.get(0), value -> {
                                double x = value;
                                for (int block = 0; block < 3; block++) {
                                    x = x + Math.tanh(x);
                                }
                                return x;
                            }),
                            Doubles.random(1, 3, 5));
        }

        @Test
        void mayAddATensorToItself() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor x = in.get(0).add(in.get(0));
                                return x.add(x).add(x);
                            },
                            in -> map(in.get(0), x -> 6 * x),
                            Doubles.random(1, 4));
        }

        @Test
        void mayReturnToAnEarlierValue() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor a = in.get(0).add(in.get(1));
                                Tensor b = a.add(in.get(0));
                                Tensor c = b.add(a).sub(in.get(1));
                                return c.add(b.exp()).add(a).sub(c.tanh());
                            },
                            in -> Doubles.generate(new int[] {5}, i -> {
                                double x = in.get(0).at(i);
                                double y = in.get(1).at(i);
                                double a = x + y;
                                double b = a + x;
                                double c = b + a - y;
                                return c + Math.exp(b) + a - Math.tanh(c);
                            }),
                            Doubles.random(1, 5),
                            Doubles.random(2, 5));
        }

        @Test
        void mayHaveAnOperandOfTheSameSizeAndAnotherShape() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).add(in.get(1)).add(in.get(0)),
                            in -> Doubles.generate(
                                    new int[] {1, 5}, i -> 2 * in.get(0).at(i[1]) + in.get(1).at(0, i[1])),
                            Doubles.random(1, 5),
                            Doubles.random(2, 1, 5));
        }

        @Test
        void mayGoThroughCopiesOfViews() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor x = in.get(0).transpose(0, 1);
                                Tensor y = x.contiguous();
                                return y.add(x).add(y.contiguous()).sub(x.contiguous());
                            },
                            in -> Doubles.generate(new int[] {4, 3}, i -> 2 * in.get(0).at(i[1], i[0])),
                            Doubles.random(1, 3, 4));
        }
    }

    @Nested
    class AGradient {
        @Test
        void ofALeafThatTheLossDoesNotDependOnIsZero() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 3).requireGrad();
                Tensor y = scope.full(2, 2, 2).requireGrad();
                assertThat(x.sum().backward().of(y).toFloats()).containsExactly(0, 0, 0, 0);
            }
        }

        @Test
        void ofAnIntermediateResultThatWasPassedOnIsRefused() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 3).requireGrad();
                Tensor y = x.add(scope.full(1, 3));
                Gradients gradients = y.mul(y).sum().backward();
                assertThatIllegalStateException().isThrownBy(() -> gradients.of(y)).withMessageContaining(y.name());
                assertThat(gradients.of(x).toFloats()).containsExactly(6, 6, 6);
            }
        }

        @Test
        void mayBeAskedForMoreThanOnce() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 3).requireGrad();
                Gradients gradients = x.mul(x).sum().backward();
                assertThat(gradients.of(x).toFloats()).isEqualTo(gradients.of(x).toFloats());
                assertThat(gradients.of(x).toFloats()).containsExactly(4, 4, 4);
            }
        }

        @Test
        void isComputedAnewByASecondBackwardPass() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 3).requireGrad();
                Tensor y = x.mul(x);
                Tensor first = y.sum();
                Tensor second = y.mul(3).sum();
                assertThat(second.backward().of(x).toFloats()).containsExactly(12, 12, 12);
                assertThat(first.backward().of(x).toFloats()).containsExactly(4, 4, 4);
                assertThat(second.backward().of(x).toFloats()).containsExactly(12, 12, 12);
            }
        }

        @Test
        void doesNotFlowThroughADetachedTensor() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 3).requireGrad();
                Gradients gradients = x.mul(x.detach()).sum().backward();
                assertThat(gradients.of(x).toFloats()).containsExactly(2, 2, 2);
                assertThat(x.detach().requiresGrad()).isFalse();
            }
        }

        @Test
        void isOneForALossThatIsALeaf() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.scalar(5).requireGrad();
                assertThat(x.backward().of(x).item()).isEqualTo(1);
            }
        }

        @Test
        void reachesATensorBoundFromAnotherScope() {
            try (Scope data = engine.persistent("data");
                    Scope scope = engine.scope()) {
                Tensor x = data.tensor(new float[] {1, 2}, 2).requireGrad();
                Gradients gradients = scope.use(x).exp().sum().add(scope.use(x).sum()).backward();
                assertThat(gradients.of(x).toFloats()[0]).isCloseTo((float) Math.E + 1, within(1e-5f));
            }
        }

        @Test
        void isNeededToStartFrom() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 3).requireGrad();
                assertThatIllegalArgumentException().isThrownBy(x::backward).withMessageContaining("[3]");
                Tensor y = scope.full(2, 3).sum();
                assertThatIllegalArgumentException().isThrownBy(y::backward).withMessageContaining(y.name());
                Gradients gradients = x.sum().backward();
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> gradients.of(y))
                        .withMessageContaining(y.name());
            }
        }
    }

    @Nested
    class WithoutGradients {
        @Test
        void nothingIsRecorded() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 3).requireGrad();
                try (var _ = scope.noGrad()) {
                    assertThat(x.exp().requiresGrad()).isFalse();
                    assertThat(x.reshape(3, 1).requiresGrad()).isFalse();
                    assertThat(x.split(1, 2).get(0).requiresGrad()).isFalse();
                    assertThat(x.requiresGrad()).isTrue();
                }
                assertThat(Inspect.tapeLength(scope)).isZero();
                assertThat(x.exp().requiresGrad()).isTrue();
            }
        }

        @Test
        void stretchesNestAndEndOnce() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 3).requireGrad();
                try (var _ = scope.noGrad()) {
                    var inner = scope.noGrad();
                    inner.close();
                    inner.close();
                    assertThat(x.exp().requiresGrad()).isFalse();
                }
                assertThat(x.exp().requiresGrad()).isTrue();
            }
        }

        @Test
        void aReshapedTensorIsALeafOfItsOwn() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(2, 4).requireGrad();
                Tensor y;
                try (var _ = scope.noGrad()) {
                    y = x.reshape(2, 2);
                }
                y.requireGrad();
                Gradients gradients = y.sum().backward();
                assertThat(gradients.of(x).toFloats()).containsOnly(0);
                assertThat(gradients.of(y).toFloats()).containsOnly(1);
            }
        }
    }
}
