package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * Compares an operation with a plain implementation in double precision: its value, and the gradient of every input with
 * central differences of the plain implementation. Then captures the same computation as a program and expects the very
 * same bits from it, also if every temporary holds NaN whenever the plan says that nobody needs it.
 *
 * <p>The gradient checked is that of {@code sum(output · w)} for fixed random {@code w}. Differences over 2·10⁻⁵ in double
 * precision have an error near 10⁻¹⁰; what remains is the rounding of float32, some 10⁻⁷ per operation, which
 * {@link #TOLERANCE} leaves room for.
 */
public final class GradientCheck {
    /** Largest relative error in the l2 norm. */
    public static final double TOLERANCE = 1e-5;

    private static final double STEP = 1e-5;
    /** Norm below which an error counts as absolute. */
    private static final double FLOOR = 1e-2;

    private final Engine engine;
    private Placement placement = Placement.CONTIGUOUS;
    private List<Integer> contiguous = List.of();
    private double tolerance = TOLERANCE;

    /** The operation under test. */
    @FunctionalInterface
    public interface TensorFunction {
        Tensor apply(Scope scope, List<Tensor> inputs);
    }

    private GradientCheck(Engine engine) {
        this.engine = engine;
    }

    public static GradientCheck on(Engine engine) {
        return new GradientCheck(engine);
    }

    /** Where the inputs lie. */
    public GradientCheck placed(Placement inputs) {
        this.placement = inputs;
        return this;
    }

    /** Inputs that are contiguous whatever the placement, since the operation asks for it. */
    public GradientCheck contiguous(Integer... inputs) {
        this.contiguous = List.of(inputs);
        return this;
    }

    public GradientCheck tolerance(double relative) {
        this.tolerance = relative;
        return this;
    }

    /** What one evaluation gave, as float32. */
    private record Result(Tensor value, List<Tensor> gradients) {}

    private record Evaluation(float[] value, List<float[]> gradients) {
        static Evaluation of(Result result) {
            return new Evaluation(
                    result.value.toFloats(),
                    result.gradients.stream().map(Tensor::toFloats).toList());
        }

        void assertSameBits(Evaluation other, String what) {
            assertThat(bits(other.value)).as("value, " + what).isEqualTo(bits(value));
            for (int i = 0; i < gradients.size(); i++) {
                assertThat(bits(other.gradients.get(i)))
                        .as("gradient of input " + i + ", " + what)
                        .isEqualTo(bits(gradients.get(i)));
            }
        }
    }

    public void check(TensorFunction operation, Function<List<Doubles>, Doubles> expected, Doubles... inputs) {
        Doubles value = expected.apply(List.of(inputs));
        Doubles weights = Doubles.random(4242, value.shape());
        Evaluation eager;
        try (Scope scope = engine.scope()) {
            List<Placement.Placed> placed = new ArrayList<>();
            Result result = evaluate(scope, operation, weights, inputs, placed);
            assertThat(result.value.shape()).isEqualTo(Shape.of(value.shape()));
            eager = Evaluation.of(result);
            assertClose("value", eager.value, value.values());
            for (int i = 0; i < inputs.length; i++) {
                double[] numeric = differences(expected, weights, inputs, i);
                assertGradient(i, eager.gradients.get(i), numeric, placed.get(i));
            }
        }
        try (Program<Result> program =
                engine.capture("check", scope -> keepAll(scope, evaluate(scope, operation, weights, inputs, null)))) {
            program.run();
            eager.assertSameBits(Evaluation.of(program.outputs()), "captured");
            new PoisonedRun(engine, program.kernels(), kept(program.outputs())).run();
            eager.assertSameBits(Evaluation.of(program.outputs()), "captured, with poisoned temporaries");
        }
    }

    private Result evaluate(
            Scope scope, TensorFunction operation, Doubles weights, Doubles[] inputs, List<Placement.Placed> out) {
        List<Placement.Placed> placed = out == null ? new ArrayList<>() : out;
        for (int i = 0; i < inputs.length; i++) {
            Placement where = contiguous.contains(i) ? Placement.CONTIGUOUS : placement;
            placed.add(where.place(scope, inputs[i]));
        }
        Tensor value = operation.apply(scope, placed.stream().map(Placement.Placed::view).toList());
        Tensor loss = value.mul(scope.tensor(weights.toFloats(), weights.shape())).sum();
        Gradients gradients = loss.backward();
        return new Result(
                value, placed.stream().map(input -> gradients.of(input.leaf())).toList());
    }

    private static Result keepAll(Scope scope, Result result) {
        kept(result).forEach(scope::keep);
        return result;
    }

    private static List<Tensor> kept(Result result) {
        List<Tensor> all = new ArrayList<>(result.gradients);
        all.add(result.value);
        return all;
    }

    private static double[] differences(
            Function<List<Doubles>, Doubles> function, Doubles weights, Doubles[] inputs, int input) {
        double[] gradient = new double[inputs[input].size()];
        for (int i = 0; i < gradient.length; i++) {
            double at = inputs[input].values()[i];
            double high = loss(function, weights, inputs, input, i, at + STEP);
            double low = loss(function, weights, inputs, input, i, at - STEP);
            gradient[i] = (high - low) / (2 * STEP);
        }
        return gradient;
    }

    private static double loss(
            Function<List<Doubles>, Doubles> function,
            Doubles weights,
            Doubles[] inputs,
            int input,
            int element,
            double value) {
        Doubles[] moved = inputs.clone();
        moved[input] = inputs[input].withValue(element, value);
        double[] out = function.apply(Arrays.asList(moved)).values();
        double sum = 0;
        for (int i = 0; i < out.length; i++) {
            sum += out[i] * weights.values()[i];
        }
        return sum;
    }

    private void assertGradient(int input, float[] leaf, double[] expected, Placement.Placed placed) {
        float[] shown = new float[expected.length];
        float[] hidden = leaf.clone();
        for (int i = 0; i < shown.length; i++) {
            int position = placed.position().applyAsInt(i);
            shown[i] = leaf[position];
            hidden[position] = 0;
        }
        for (float gradient : hidden) {
            assertThat(gradient).as("gradient of what input " + input + " does not show").isZero();
        }
        assertClose("gradient of input " + input, shown, expected);
    }

    private void assertClose(String what, float[] actual, double[] expected) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        assertThat(relativeError(actual, expected))
                .as("relative error of %s: %s, expected %s", what, Arrays.toString(actual), Arrays.toString(expected))
                .isLessThanOrEqualTo(tolerance);
    }

    /** {@code |actual - expected| / |expected|} in the l2 norm. */
    public static double relativeError(float[] actual, double[] expected) {
        double error = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return Math.sqrt(error) / Math.max(Math.sqrt(norm), FLOOR);
    }

    /** The values as bits, so that NaN and the sign of zero count. */
    public static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
        return bits;
    }
}
