package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;

@OnEveryBackend
class ParametersTest {
    @Parameter
    TestBackend backend;

    private Engine engine;
    private Parameters parameters;

    @BeforeEach
    void open() {
        engine = backend.engine();
        parameters = new Parameters.Builder()
                .add("a", 3, 5)
                .add("scalar")
                .add("empty", 0, 4)
                .add("b", 17)
                .build(engine);
    }

    @AfterEach
    void close() {
        parameters.close();
        engine.close();
    }

    @Nested
    class TheSet {
        @Test
        void liesInOneBufferEachAtAMultipleOf64Bytes() {
            assertThat(parameters.names()).containsExactly("a", "scalar", "empty", "b");
            assertThat(parameters.values().length()).isEqualTo(16 + 16 + 32);
            assertThat(parameters.count()).isEqualTo(15 + 1 + 17);
            for (String name : parameters.names()) {
                assertThat(parameters.get(name).buffer().address() % 64).isZero();
                assertThat(parameters.get(name).buffer().storage()).isSameAs(parameters.values().storage());
                assertThat(parameters.get(name).requiresGrad()).isTrue();
                assertThat(parameters.contains(name)).isTrue();
            }
            assertThat(parameters.get("b").buffer().offset()).isEqualTo(32);
            assertThat(parameters.get("scalar").shape().rank()).isZero();
            assertThat(parameters).hasToString("Parameters[4 tensors, 33 numbers]");
        }

        @Test
        void isZeroAtFirst() {
            assertThat(parameters.values().toFloats()).containsOnly(0);
        }

        @Test
        void sharesMemoryWithItsViews() {
            parameters.get("b").fill(3);
            assertThat(parameters.values().toFloats()).startsWith(new float[32]).contains(3);
            assertThat(parameters.values().getFloat(32 + 16)).isEqualTo(3);
            assertThat(parameters.values().getFloat(32 + 17)).isZero();
        }

        @Test
        void saysWhichParametersThereAre() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> parameters.get("c"))
                    .withMessage("no parameter 'c'; there are [a, scalar, empty, b]");
            assertThat(parameters.contains("c")).isFalse();
        }

        @Test
        void refusesANameTwice() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Parameters.Builder().add("x", 1).add("x", 2))
                    .withMessageContaining("'x'");
        }

        @Test
        void mayBeEmpty() {
            try (Parameters none = new Parameters.Builder().build(engine)) {
                assertThat(none.count()).isZero();
                assertThat(none.names()).isEmpty();
                assertThat(none.newGradients().buffer().length()).isZero();
            }
        }

        @Test
        void endsWithItsGradientsAndBuffers() {
            Tensor moment = parameters.newBuffer("moment");
            Tensor gradient = parameters.newGradients().get("a");
            Tensor a = parameters.get("a");
            parameters.close();
            parameters.close();
            assertThatIllegalStateException().isThrownBy(a::toFloats).withMessageContaining("'parameters#0'");
            assertThatIllegalStateException().isThrownBy(moment::toFloats).withMessageContaining("'moment#1'");
            assertThatIllegalStateException().isThrownBy(gradient::toFloats).withMessageContaining("'gradients#2'");
        }
    }

    @Nested
    class ABufferOfTheSameLayout {
        @Test
        void hasAViewPerParameter() {
            Tensor moment = parameters.newBuffer("moment");
            assertThat(moment.buffer().length()).isEqualTo(parameters.values().length());
            assertThat(moment.toFloats()).containsOnly(0);
            assertThat(moment.requiresGrad()).isFalse();
            Tensor view = parameters.view(moment, "a");
            view.fill(2);
            assertThat(view.shape().toArray()).containsExactly(3, 5);
            assertThat(moment.toFloats()).startsWith(2, 2, 2).endsWith(new float[49]);
            assertThat(parameters.values().toFloats()).containsOnly(0);
        }
    }

    @Nested
    class Copying {
        @Test
        void takesAllValues() {
            try (Parameters other = new Parameters.Builder()
                    .add("a", 3, 5)
                    .add("scalar")
                    .add("empty", 0, 4)
                    .add("b", 17)
                    .build(engine)) {
                other.get("a").set(Doubles.random(1, 15).toFloats());
                other.get("b").set(Doubles.random(2, 17).toFloats());
                parameters.get("scalar").fill(7);
                parameters.copyFrom(other);
                assertThat(parameters.values().toFloats()).isEqualTo(other.values().toFloats());
                other.get("a").fill(0);
                assertThat(parameters.get("a").toFloats()).isEqualTo(Doubles.random(1, 15).toFloats());
            }
        }

        @Test
        void refusesASetWithOtherNamesShapesOrOrder() {
            for (Parameters.Builder builder : List.of(
                    new Parameters.Builder().add("a", 3, 5),
                    new Parameters.Builder().add("a", 5, 3).add("scalar").add("empty", 0, 4).add("b", 17),
                    new Parameters.Builder().add("a", 3, 5).add("scalar").add("empty", 0, 4).add("c", 17),
                    new Parameters.Builder().add("scalar").add("a", 3, 5).add("empty", 0, 4).add("b", 17))) {
                try (Parameters other = builder.build(engine)) {
                    assertThatIllegalArgumentException()
                            .isThrownBy(() -> parameters.copyFrom(other))
                            .withMessageContaining("a[3, 5]");
                }
            }
        }
    }

    @Nested
    class Gradients {
        @Test
        void areAddedToTheBufferOfTheBackwardPass() {
            ParameterGradients first = parameters.newGradients();
            ParameterGradients second = parameters.newGradients();
            try (Scope scope = engine.scope()) {
                Tensor loss = parameters.get("b").mul(scope.full(2, 17)).sum();
                loss.backward(first);
                loss.backward(first);
                loss.backward(second);
            }
            assertThat(first.get("b").toFloats()).containsOnly(4);
            assertThat(second.get("b").toFloats()).containsOnly(2);
            assertThat(first.get("a").toFloats()).containsOnly(0);
            assertThat(first.buffer().toFloats()).startsWith(new float[32]).endsWith(new float[15]);
        }

        @Test
        void startFromZeroAgain() {
            ParameterGradients gradients = parameters.newGradients();
            try (Scope scope = engine.scope()) {
                parameters.get("b").mul(scope.full(2, 17)).sum().backward(gradients);
                gradients.zero(scope);
                assertThat(gradients.buffer().toFloats()).containsOnly(0);
            }
        }

        @Test
        void ofAParameterUsedTwiceAreAddedUp() {
            ParameterGradients gradients = parameters.newGradients();
            try (Scope scope = engine.scope()) {
                Tensor b = scope.use(parameters.get("b"));
                Tensor loss = b.mul(b).sum().add(parameters.get("b").add(scope.zeros(17)).sum());
                parameters.get("b").fill(3);
                var result = loss.backward(gradients);
                assertThat(gradients.get("b").toFloats()).containsOnly(2 * 3 + 1);
                assertThat(result.of(parameters.get("b")).toFloats()).containsOnly(2 * 3 + 1);
            }
        }

        @Test
        void mayBeAskedForWithoutABuffer() {
            try (Scope scope = engine.scope()) {
                Tensor loss = parameters.get("b").mul(scope.full(2, 17)).sum();
                assertThat(loss.backward().of(parameters.get("b")).toFloats()).containsOnly(2);
                assertThat(loss.backward().of(parameters.get("a")).toFloats()).containsOnly(0);
            }
        }

        @Test
        void ofAPieceOfAParameterGoToItsColumns() {
            ParameterGradients gradients = parameters.newGradients();
            try (Scope scope = engine.scope()) {
                Tensor a = scope.use(parameters.get("a"));
                a.split(2, 3).get(1).exp().sum().backward(gradients);
                a.slice(0, 1, 2).sum().backward(gradients);
                assertThat(gradients.get("a").toFloats())
                        .containsExactly(0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 0, 0, 1, 1, 1);
            }
        }

        @Test
        void areNotLostIfTheParameterIsOnePassAndResidual() {
            // The sum would pass its memory on to its left operand, which has memory of its own here.
            ParameterGradients gradients = parameters.newGradients();
            try (Scope scope = engine.scope()) {
                Tensor b = scope.use(parameters.get("b"));
                b.add(b.mul(2)).add(b).sum().backward(gradients);
                assertThat(gradients.get("b").toFloats()).containsOnly(4);
            }
        }

        @Test
        void ofALossThatIsTheParameterAreAddedToo() {
            ParameterGradients gradients = parameters.newGradients();
            try (Scope scope = engine.scope()) {
                Tensor scalar = scope.use(parameters.get("scalar"));
                scalar.mul(3).backward(gradients);
                scalar.backward(gradients);
                scalar.reshape(1, 1).backward(gradients);
                assertThat(gradients.get("scalar").item()).isEqualTo(5);
            }
        }

        @Test
        void areViewsByName() {
            ParameterGradients gradients = parameters.newGradients();
            assertThat(gradients.get("a").shape().toArray()).containsExactly(3, 5);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> gradients.get("nobody"))
                    .withMessageContaining("'nobody'");
        }
    }
}
