package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.ElementwiseKernel;
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
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.random.Philox;

/** {@link ElementwiseKernel}s, one element at a time. */
final class ReferenceElementwise {
    private ReferenceElementwise() {}

    static void run(ElementwiseKernel kernel) {
        switch (kernel) {
            case Fill k -> fill(k);
            case Copy k -> copy(k);
            case Affine k -> affine(k);
            case Unary k -> unary(k);
            case UnaryBackward k -> unaryBackward(k);
            case Binary k -> binary(k);
            case Select k -> select(k);
            case Dropout k -> dropout(k);
            case SwiGlu k -> swiGlu(k);
            case SwiGluBackward k -> swiGluBackward(k);
        }
    }

    private static void fill(Fill kernel) {
        Values out = Values.of(kernel.out());
        for (long i = 0; i < kernel.out().length(); i++) {
            out.set(i, kernel.value());
        }
    }

    private static void copy(Copy kernel) {
        Values in = Values.of(kernel.in());
        Values out = Values.of(kernel.out());
        for (long i = 0; i < kernel.outLayout().size(); i++) {
            long from = offset(kernel.inLayout(), i);
            long to = offset(kernel.outLayout(), i);
            if (kernel.accumulate()) {
                out.add(to, in.get(from));
            } else {
                // As bits, since the elements may be int32.
                out.setInt(to, in.getInt(from));
            }
        }
    }

    private static void affine(Affine kernel) {
        Values in = Values.of(kernel.in());
        Values out = Values.of(kernel.out());
        for (long i = 0; i < kernel.out().length(); i++) {
            out.put(i, kernel.scale() * in.get(i) + kernel.shift(), kernel.accumulate());
        }
    }

    private static void unary(Unary kernel) {
        Values in = Values.of(kernel.in());
        Values out = Values.of(kernel.out());
        for (long i = 0; i < kernel.out().length(); i++) {
            out.set(i, value(kernel.function(), in.get(i)));
        }
    }

    private static void unaryBackward(UnaryBackward kernel) {
        Values in = Values.of(kernel.in());
        Values gradOut = Values.of(kernel.gradOut());
        Values gradIn = Values.of(kernel.gradIn());
        for (long i = 0; i < kernel.gradIn().length(); i++) {
            // Not a product: relu stops any gradient, even an infinite one.
            boolean stopped = kernel.function() == UnaryFunction.RELU && !(in.get(i) > 0);
            double gradient = stopped ? 0 : gradOut.get(i) * derivative(kernel.function(), in.get(i));
            gradIn.put(i, gradient, kernel.accumulate());
        }
    }

    private static void binary(Binary kernel) {
        Values a = Values.of(kernel.a());
        Values b = Values.of(kernel.b());
        Values out = Values.of(kernel.out());
        for (long i = 0; i < kernel.aLayout().size(); i++) {
            double left = a.get(offset(kernel.aLayout(), i));
            double right = b.get(offset(kernel.bLayout(), i));
            out.put(i, value(kernel.function(), left, right), kernel.accumulate());
        }
    }

    private static void select(Select kernel) {
        Values condition = Values.of(kernel.condition());
        Values a = Values.of(kernel.a());
        Values b = Values.of(kernel.b());
        Values out = Values.of(kernel.out());
        for (long i = 0; i < kernel.conditionLayout().size(); i++) {
            boolean chosen = condition.getInt(offset(kernel.conditionLayout(), i)) != 0;
            double value = chosen ? a.get(offset(kernel.aLayout(), i)) : b.get(offset(kernel.bLayout(), i));
            out.put(i, value, kernel.accumulate());
        }
    }

    private static void dropout(Dropout kernel) {
        Values in = Values.of(kernel.in());
        Values out = Values.of(kernel.out());
        Values counter = Values.of(kernel.counter());
        int k0 = counter.getInt(0);
        int k1 = counter.getInt(1);
        int low = counter.getInt(2);
        int high = counter.getInt(3);
        for (long i = 0; i < kernel.out().length(); i++) {
            int bits = Philox.word((int) (i % 4), (int) (i / 4), low, high, kernel.stream(), k0, k1);
            boolean keep = Philox.uniform(bits) >= kernel.probability();
            out.put(i, keep ? in.get(i) / (1.0 - kernel.probability()) : 0, kernel.accumulate());
        }
    }

    private static void swiGlu(SwiGlu kernel) {
        Values gate = Values.of(kernel.gate());
        Values up = Values.of(kernel.up());
        Values out = Values.of(kernel.out());
        for (long row = 0; row < kernel.rows(); row++) {
            for (long col = 0; col < kernel.cols(); col++) {
                long at = row * kernel.inRowStride() + col;
                out.set(row * kernel.cols() + col, value(UnaryFunction.SILU, gate.get(at)) * up.get(at));
            }
        }
    }

    private static void swiGluBackward(SwiGluBackward kernel) {
        Values gate = Values.of(kernel.gate());
        Values up = Values.of(kernel.up());
        Values gradOut = Values.of(kernel.gradOut());
        Values gradGate = Values.of(kernel.gradGate());
        Values gradUp = Values.of(kernel.gradUp());
        for (long row = 0; row < kernel.rows(); row++) {
            for (long col = 0; col < kernel.cols(); col++) {
                long at = row * kernel.inRowStride() + col;
                long to = row * kernel.gradRowStride() + col;
                double x = gate.get(at);
                double y = up.get(at);
                double g = gradOut.get(row * kernel.cols() + col);
                gradGate.put(to, g * y * derivative(UnaryFunction.SILU, x), kernel.accumulateGate());
                gradUp.put(to, g * value(UnaryFunction.SILU, x), kernel.accumulateUp());
            }
        }
    }

    /** Where element {@code index}, counted in row-major order, lies. */
    private static long offset(Layout layout, long index) {
        long offset = 0;
        for (int axis = layout.rank() - 1; axis >= 0; axis--) {
            offset += index % layout.dim(axis) * layout.stride(axis);
            index /= layout.dim(axis);
        }
        return offset;
    }

    private static double value(BinaryFunction function, double a, double b) {
        return switch (function) {
            case ADD -> a + b;
            case SUBTRACT -> a - b;
            case MULTIPLY -> a * b;
            case DIVIDE -> a / b;
        };
    }

    private static double value(UnaryFunction function, double x) {
        return switch (function) {
            case NEGATE -> -x;
            case EXP -> Math.exp(x);
            case LOG -> Math.log(x);
            case SQRT -> Math.sqrt(x);
            case TANH -> Math.tanh(x);
            case SIGMOID -> sigmoid(x);
            case RELU -> Math.max(x, 0);
            // x · weight, where the weight vanishes faster than any x grows.
            case GELU_TANH -> gate(x, sigmoid(2 * geluArgument(x)));
            case GELU_ERF -> gate(x, normalCdf(x));
            case SILU -> gate(x, sigmoid(x));
        };
    }

    private static double derivative(UnaryFunction function, double x) {
        return switch (function) {
            case NEGATE -> -1;
            case EXP -> Math.exp(x);
            case LOG -> 1 / x;
            case SQRT -> 0.5 / Math.sqrt(x);
            case TANH -> 1 - Math.tanh(x) * Math.tanh(x);
            case SIGMOID -> sigmoid(x) * sigmoid(-x);
            case RELU -> x > 0 ? 1 : 0;
            case GELU_TANH -> {
                double weight = sigmoid(2 * geluArgument(x));
                double slope = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
                yield weight + gate(x * slope, 2 * weight * sigmoid(-2 * geluArgument(x)));
            }
            case GELU_ERF -> normalCdf(x) + gate(x, Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI));
            case SILU -> sigmoid(x) + gate(x, sigmoid(x) * sigmoid(-x));
        };
    }

    /** {@code x · weight}, with a weight of 0 winning over an infinite {@code x}. */
    private static double gate(double x, double weight) {
        return weight == 0 ? 0 : x * weight;
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    private static double geluArgument(double x) {
        return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
    }

    /** Probability that a standard normal number is below {@code x}: {@code (1 + erf(x/√2)) / 2}. */
    private static double normalCdf(double x) {
        double z = Math.abs(x) / Math.sqrt(2);
        double upper = 0.5 * complementaryErrorFunction(z);
        return x > 0 ? 1 - upper : upper;
    }

    /**
     * {@code erfc(z)} for {@code z >= 0}: the Taylor series of erf for small arguments, the continued fraction of erfc
     * (Abramowitz and Stegun 7.1.6 and 7.1.14) for large ones.
     */
    static double complementaryErrorFunction(double z) {
        if (Double.isNaN(z)) {
            return z;
        }
        if (z < 2.5) {
            double term = z;
            double sum = z;
            for (int n = 1; n < 100; n++) {
                term *= 2 * z * z / (2 * n + 1);
                sum += term;
            }
            return 1 - 2 / Math.sqrt(Math.PI) * Math.exp(-z * z) * sum;
        }
        double fraction = z;
        for (int n = 60; n > 0; n--) {
            fraction = z + 0.5 * n / fraction;
        }
        return Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction);
    }
}
