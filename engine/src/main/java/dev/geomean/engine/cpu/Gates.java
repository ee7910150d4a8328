package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Functions of the form {@code x · weight(x)}, whose weight is a sigmoid or a normal distribution: SiLU, GELU and the gated
 * product of a feed-forward layer. A chunk's exponentials are taken first; one loop for all would be too large to be
 * compiled well, see {@link VectorMath}.
 */
final class Gates {
    private final Exponentials exponentials = new Exponentials();
    /** Exponents, then exponentials. */
    private final float[] chunk = new float[Rows.CHUNK + LANES];

    private final float[] distribution = new float[Rows.CHUNK + LANES];

    private static int length(long count, long done) {
        return (int) Math.min(Rows.CHUNK, count - done);
    }

    /** {@code out = silu(in)}. */
    void silu(long in, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            exponentials.of(in + 4 * done, length, 0, -1, chunk);
            gateChunk(in + 4 * done, out + 4 * done, length);
        }
    }

    /** {@code out = in / (1 + chunk)}; 0 for negative infinity. */
    private void gateChunk(long in, long out, int count) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER);
            FloatVector weight = VectorMath.ONE.div(FloatVector.fromArray(FLOATS, chunk, i).add(VectorMath.ONE));
            FloatVector gated = x.mul(weight).blend(VectorMath.ZERO, x.compare(VectorOperators.LT, VectorMath.FAR));
            if (count - i >= LANES) {
                gated.intoMemorySegment(ALL, out + 4L * i, ORDER);
            } else {
                gated.intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code gradIn (+)= gradOut · silu'(in)}. */
    void siluBackward(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            long at = 4 * done;
            exponentials.of(in + at, length, 0, -1, chunk);
            siluBackwardChunk(in + at, gradOut + at, gradIn + at, length, accumulate);
        }
    }

    private void siluBackwardChunk(long in, long gradOut, long gradIn, int count, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER);
            FloatVector weight = VectorMath.ONE.div(FloatVector.fromArray(FLOATS, chunk, i).add(VectorMath.ONE));
            FloatVector spread = weight.mul(VectorMath.ONE.sub(weight));
            // Where the weight is 0 or 1 to the last bit, x may be infinite.
            FloatVector slope =
                    x.fma(spread, weight).blend(weight, spread.compare(VectorOperators.EQ, VectorMath.ZERO));
            FloatVector gradient = slope.mul(fromMemorySegment(FLOATS, ALL, gradOut + 4L * i, ORDER));
            if (accumulate) {
                gradient = gradient.add(fromMemorySegment(FLOATS, ALL, gradIn + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                gradient.intoMemorySegment(ALL, gradIn + 4L * i, ORDER);
            } else {
                gradient.intoMemorySegment(ALL, gradIn + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code out = silu(gate) · up}. */
    void swiGlu(long gate, long up, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            long at = 4 * done;
            exponentials.of(gate + at, length, 0, -1, chunk);
            swiGluChunk(gate + at, up + at, out + at, length);
        }
    }

    private void swiGluChunk(long gate, long up, long out, int count) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, gate + 4L * i, ORDER);
            FloatVector weight = VectorMath.ONE.div(FloatVector.fromArray(FLOATS, chunk, i).add(VectorMath.ONE));
            FloatVector gated = x.mul(weight).blend(VectorMath.ZERO, x.compare(VectorOperators.LT, VectorMath.FAR));
            gated = gated.mul(fromMemorySegment(FLOATS, ALL, up + 4L * i, ORDER));
            if (count - i >= LANES) {
                gated.intoMemorySegment(ALL, out + 4L * i, ORDER);
            } else {
                gated.intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code gradGate (+)= gradOut · up · silu'(gate)}, {@code gradUp (+)= gradOut · silu(gate)}. */
    void swiGluBackward(
            long gate,
            long up,
            long gradOut,
            long gradGate,
            long gradUp,
            long count,
            boolean accumulateGate,
            boolean accumulateUp) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            long at = 4 * done;
            exponentials.of(gate + at, length, 0, -1, chunk);
            gradUpChunk(gate + at, gradOut + at, gradUp + at, length, accumulateUp);
            gradGateChunk(gate + at, up + at, gradOut + at, gradGate + at, length, accumulateGate);
        }
    }

    private void gradUpChunk(long gate, long gradOut, long gradUp, int count, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, gate + 4L * i, ORDER);
            FloatVector weight = VectorMath.ONE.div(FloatVector.fromArray(FLOATS, chunk, i).add(VectorMath.ONE));
            FloatVector gated = x.mul(weight).blend(VectorMath.ZERO, x.compare(VectorOperators.LT, VectorMath.FAR));
            FloatVector gradient = gated.mul(fromMemorySegment(FLOATS, ALL, gradOut + 4L * i, ORDER));
            if (accumulate) {
                gradient = gradient.add(fromMemorySegment(FLOATS, ALL, gradUp + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                gradient.intoMemorySegment(ALL, gradUp + 4L * i, ORDER);
            } else {
                gradient.intoMemorySegment(ALL, gradUp + 4L * i, ORDER, tail);
            }
        }
    }

    private void gradGateChunk(long gate, long up, long gradOut, long gradGate, int count, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, gate + 4L * i, ORDER);
            FloatVector weight = VectorMath.ONE.div(FloatVector.fromArray(FLOATS, chunk, i).add(VectorMath.ONE));
            FloatVector spread = weight.mul(VectorMath.ONE.sub(weight));
            // Where the weight is 0 or 1 to the last bit, x may be infinite.
            FloatVector slope =
                    x.fma(spread, weight).blend(weight, spread.compare(VectorOperators.EQ, VectorMath.ZERO));
            FloatVector gradient = slope.mul(fromMemorySegment(FLOATS, ALL, up + 4L * i, ORDER))
                    .mul(fromMemorySegment(FLOATS, ALL, gradOut + 4L * i, ORDER));
            if (accumulate) {
                gradient = gradient.add(fromMemorySegment(FLOATS, ALL, gradGate + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                gradient.intoMemorySegment(ALL, gradGate + 4L * i, ORDER);
            } else {
                gradient.intoMemorySegment(ALL, gradGate + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code out = gelu(in)} in the tanh form. */
    void geluTanh(long in, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            geluTanhExponents(in + 4 * done, length);
            exponentials.inPlace(chunk, length);
            gateChunk(in + 4 * done, out + 4 * done, length);
        }
    }

    /** {@code -2u}, {@code u = √(2/π) (x + 0.044715 x³)}: GELU is {@code x · sigmoid(2u)}. */
    private void geluTanhExponents(long in, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER);
            x.mul(x).fma(VectorMath.MINUS_GELU_CUBIC, VectorMath.MINUS_GELU_LINEAR).mul(x).intoArray(chunk, i);
        }
    }

    /** {@code gradIn (+)= gradOut · gelu'(in)} in the tanh form. */
    void geluTanhBackward(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            long at = 4 * done;
            geluTanhExponents(in + at, length);
            exponentials.inPlace(chunk, length);
            geluTanhBackwardChunk(in + at, gradOut + at, gradIn + at, length, accumulate);
        }
    }

    private void geluTanhBackwardChunk(long in, long gradOut, long gradIn, int count, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER);
            FloatVector weight = VectorMath.ONE.div(FloatVector.fromArray(FLOATS, chunk, i).add(VectorMath.ONE));
            FloatVector spread = weight.mul(VectorMath.ONE.sub(weight));
            FloatVector slope = x.mul(x).fma(VectorMath.GELU_SQUARE, VectorMath.GELU_LINEAR).mul(x);
            // Where the weight is 0 or 1 to the last bit, x may be infinite.
            slope = slope.fma(spread, weight).blend(weight, spread.compare(VectorOperators.EQ, VectorMath.ZERO));
            FloatVector gradient = slope.mul(fromMemorySegment(FLOATS, ALL, gradOut + 4L * i, ORDER));
            if (accumulate) {
                gradient = gradient.add(fromMemorySegment(FLOATS, ALL, gradIn + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                gradient.intoMemorySegment(ALL, gradIn + 4L * i, ORDER);
            } else {
                gradient.intoMemorySegment(ALL, gradIn + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code out = gelu(in)} in the exact form. */
    void geluErf(long in, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            geluErfExponents(in + 4 * done, length);
            exponentials.inPlace(chunk, length);
            normalDistribution(in + 4 * done, length);
            geluErfChunk(in + 4 * done, out + 4 * done, length);
        }
    }

    private void geluErfExponents(long in, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER);
            x.mul(VectorMath.MINUS_HALF).mul(x).intoArray(chunk, i);
        }
    }

    /**
     * Distribution function of the standard normal distribution, {@code Φ(x) = (1 + erf(x/√2)) / 2}, with an absolute
     * error below 1e-7 and a small relative error in the lower tail, given {@code e^(-x²/2)} in {@link #chunk}.
     *
     * <p>Near 0 an odd polynomial; elsewhere {@code Φ(-|x|) = e^(-x²/2) q(t)}, {@code t = 1/(1 + 0.4 |x|)}.
     */
    private void normalDistribution(long in, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER);
            FloatVector distance = x.abs();
            FloatVector t = VectorMath.ONE.div(distance.fma(VectorMath.TAIL_SLOPE, VectorMath.ONE));
            FloatVector q = t.fma(VectorMath.TAIL_7, VectorMath.TAIL_6)
                    .fma(t, VectorMath.TAIL_5)
                    .fma(t, VectorMath.TAIL_4)
                    .fma(t, VectorMath.TAIL_3)
                    .fma(t, VectorMath.TAIL_2)
                    .fma(t, VectorMath.TAIL_1);
            FloatVector lower = q.mul(t).mul(FloatVector.fromArray(FLOATS, chunk, i));
            FloatVector far =
                    lower.blend(VectorMath.ONE.sub(lower), x.compare(VectorOperators.GT, VectorMath.ZERO));
            FloatVector square = x.mul(x);
            FloatVector near = square.fma(VectorMath.CDF_9, VectorMath.CDF_7)
                    .fma(square, VectorMath.CDF_5)
                    .fma(square, VectorMath.CDF_3)
                    .fma(square, VectorMath.CDF_1)
                    .fma(x, VectorMath.HALF);
            far.blend(near, distance.compare(VectorOperators.LT, VectorMath.ONE)).intoArray(distribution, i);
        }
    }

    private void geluErfChunk(long in, long out, int count) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER);
            FloatVector cdf = FloatVector.fromArray(FLOATS, distribution, i);
            FloatVector gated = x.mul(cdf).blend(VectorMath.ZERO, x.compare(VectorOperators.LT, VectorMath.FAR));
            if (count - i >= LANES) {
                gated.intoMemorySegment(ALL, out + 4L * i, ORDER);
            } else {
                gated.intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code gradIn (+)= gradOut · gelu'(in)} in the exact form. */
    void geluErfBackward(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            long at = 4 * done;
            geluErfExponents(in + at, length);
            exponentials.inPlace(chunk, length);
            normalDistribution(in + at, length);
            geluErfBackwardChunk(in + at, gradOut + at, gradIn + at, length, accumulate);
        }
    }

    private void geluErfBackwardChunk(long in, long gradOut, long gradIn, int count, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER);
            FloatVector bell = FloatVector.fromArray(FLOATS, chunk, i);
            FloatVector cdf = FloatVector.fromArray(FLOATS, distribution, i);
            // Where the bell is 0, x may be infinite.
            FloatVector slope = x.mul(VectorMath.DENSITY).fma(bell, cdf).blend(cdf,
                    bell.compare(VectorOperators.EQ, VectorMath.ZERO));
            FloatVector gradient = slope.mul(fromMemorySegment(FLOATS, ALL, gradOut + 4L * i, ORDER));
            if (accumulate) {
                gradient = gradient.add(fromMemorySegment(FLOATS, ALL, gradIn + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                gradient.intoMemorySegment(ALL, gradIn + 4L * i, ORDER);
            } else {
                gradient.intoMemorySegment(ALL, gradIn + 4L * i, ORDER, tail);
            }
        }
    }
}
