package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.load;

import jdk.incubator.vector.FloatVector;

/**
 * Functions of the form {@code x · weight(x)}, whose weight is a sigmoid or a normal distribution: SiLU, GELU and the gated
 * product of a feed-forward layer. A chunk's exponentials are taken first; one loop for all would be too large to be
 * compiled well, see {@link VectorMath}.
 */
final class Gates {
    private final Exponentials exponentials = new Exponentials();
    private final float[] chunk = new float[Rows.CHUNK + LANES];

    private static int length(long count, long done) {
        return (int) Math.min(Rows.CHUNK, count - done);
    }

    private FloatVector exponential(int i) {
        return FloatVector.fromArray(FLOATS, chunk, i);
    }

    /** {@code out = silu(in)}. */
    void silu(long in, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            exponentials.of(in + 4 * done, length, 0, -1, chunk);
            siluChunk(in + 4 * done, out + 4 * done, length);
        }
    }

    private void siluChunk(long in, long out, int count) {
        for (int i = 0; i < count; i += LANES) {
            Vectors.storeUpTo(count - i, VectorMath.silu(load(in + 4L * i), exponential(i)), out + 4L * i);
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
        for (int i = 0; i < count; i += LANES) {
            FloatVector s = VectorMath.ONE.div(exponential(i).add(VectorMath.ONE));
            FloatVector slope = VectorMath.siluSlope(load(in + 4L * i), s);
            Vectors.putUpTo(count - i, slope.mul(load(gradOut + 4L * i)), gradIn + 4L * i, accumulate);
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
        for (int i = 0; i < count; i += LANES) {
            FloatVector gated = VectorMath.silu(load(gate + 4L * i), exponential(i)).mul(load(up + 4L * i));
            Vectors.storeUpTo(count - i, gated, out + 4L * i);
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
        for (int i = 0; i < count; i += LANES) {
            FloatVector silu = VectorMath.silu(load(gate + 4L * i), exponential(i));
            Vectors.putUpTo(count - i, silu.mul(load(gradOut + 4L * i)), gradUp + 4L * i, accumulate);
        }
    }

    private void gradGateChunk(long gate, long up, long gradOut, long gradGate, int count, boolean accumulate) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector s = VectorMath.ONE.div(exponential(i).add(VectorMath.ONE));
            FloatVector slope = VectorMath.siluSlope(load(gate + 4L * i), s).mul(load(up + 4L * i));
            Vectors.putUpTo(count - i, slope.mul(load(gradOut + 4L * i)), gradGate + 4L * i, accumulate);
        }
    }

    /** {@code out = gelu(in)} in the tanh form. */
    void geluTanh(long in, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            geluTanhExponents(in + 4 * done, length);
            exponentials.inPlace(chunk, length);
            geluTanhChunk(in + 4 * done, out + 4 * done, length);
        }
    }

    private void geluTanhExponents(long in, int count) {
        for (int i = 0; i < count; i += LANES) {
            VectorMath.geluTanhExponent(load(in + 4L * i)).intoArray(chunk, i);
        }
    }

    private void geluTanhChunk(long in, long out, int count) {
        for (int i = 0; i < count; i += LANES) {
            Vectors.storeUpTo(count - i, VectorMath.geluTanh(load(in + 4L * i), exponential(i)), out + 4L * i);
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
        for (int i = 0; i < count; i += LANES) {
            FloatVector slope = VectorMath.geluTanhSlope(load(in + 4L * i), exponential(i));
            Vectors.putUpTo(count - i, slope.mul(load(gradOut + 4L * i)), gradIn + 4L * i, accumulate);
        }
    }

    /** {@code out = gelu(in)} in the exact form. */
    void geluErf(long in, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            geluErfExponents(in + 4 * done, length);
            exponentials.inPlace(chunk, length);
            geluErfChunk(in + 4 * done, out + 4 * done, length);
        }
    }

    private void geluErfExponents(long in, int count) {
        for (int i = 0; i < count; i += LANES) {
            VectorMath.geluErfExponent(load(in + 4L * i)).intoArray(chunk, i);
        }
    }

    private void geluErfChunk(long in, long out, int count) {
        for (int i = 0; i < count; i += LANES) {
            Vectors.storeUpTo(count - i, VectorMath.geluErf(load(in + 4L * i), exponential(i)), out + 4L * i);
        }
    }

    /** {@code gradIn (+)= gradOut · gelu'(in)} in the exact form. */
    void geluErfBackward(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = length(count, done);
            long at = 4 * done;
            geluErfExponents(in + at, length);
            exponentials.inPlace(chunk, length);
            geluErfBackwardChunk(in + at, gradOut + at, gradIn + at, length, accumulate);
        }
    }

    private void geluErfBackwardChunk(long in, long gradOut, long gradIn, int count, boolean accumulate) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector slope = VectorMath.geluErfSlope(load(in + 4L * i), exponential(i));
            Vectors.putUpTo(count - i, slope.mul(load(gradOut + 4L * i)), gradIn + 4L * i, accumulate);
        }
    }
}
