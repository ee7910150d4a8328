package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.load;

import jdk.incubator.vector.FloatVector;

/** GELU with the error function, in two loops: one would be too large to be compiled well, see {@link VectorMath}. */
final class CpuGeluErf {
    /** {@code e^(-x²/2)} of a chunk. */
    private final float[] bells = new float[Rows.CHUNK];

    /** {@code out = gelu(in)}. */
    void forward(long in, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = (int) Math.min(Rows.CHUNK, count - done);
            bells(in + 4 * done, length);
            forwardChunk(in + 4 * done, out + 4 * done, length);
        }
    }

    /** {@code gradIn (+)= gradOut · gelu'(in)}. */
    void backward(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = (int) Math.min(Rows.CHUNK, count - done);
            long at = 4 * done;
            bells(in + at, length);
            backwardChunk(in + at, gradOut + at, gradIn + at, length, accumulate);
        }
    }

    private void bells(long in, int count) {
        for (int i = 0; i < count; i += LANES) {
            VectorMath.bell(load(in + 4L * i)).intoArray(bells, i);
        }
    }

    private void forwardChunk(long in, long out, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector value = VectorMath.geluErf(load(in + 4L * i), FloatVector.fromArray(FLOATS, bells, i));
            Vectors.storeUpTo(count - i, value, out + 4L * i);
        }
    }

    private void backwardChunk(long in, long gradOut, long gradIn, int count, boolean accumulate) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector slope = VectorMath.geluErfSlope(load(in + 4L * i), FloatVector.fromArray(FLOATS, bells, i));
            Vectors.putUpTo(count - i, slope.mul(load(gradOut + 4L * i)), gradIn + 4L * i, accumulate);
        }
    }
}
