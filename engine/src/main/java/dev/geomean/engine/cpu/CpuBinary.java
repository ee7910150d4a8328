package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.ElementwiseKernel.Binary;
import dev.geomean.engine.kernel.ElementwiseKernel.BinaryFunction;
import jdk.incubator.vector.FloatVector;

/**
 * {@link Binary}: one small loop per function and per kind of row. An operand's row either has its elements side by side
 * or repeats one element; any other stride goes element by element.
 */
final class CpuBinary {
    private final StridedLoop loop = new StridedLoop();

    void run(Binary k) {
        Require.sameDims(k, k.aLayout(), k.bLayout());
        Require.layout(k, "a", k.a(), k.aLayout());
        Require.layout(k, "b", k.b(), k.bLayout());
        long size = k.aLayout().size();
        Require.floats(k, "a", k.a(), 0);
        Require.floats(k, "b", k.b(), 0);
        Require.floats(k, "out", k.out(), size);
        if (size == 0) {
            return;
        }
        long a = k.a().address();
        long b = k.b().address();
        long out = k.out().address();
        loop.setUp(k.aLayout(), k.bLayout());
        long rowBytes = 4L * loop.length();
        do {
            row(k.function(), a + 4 * loop.offset0(), b + 4 * loop.offset1(), out, k.accumulate());
            out += rowBytes;
        } while (loop.next());
    }

    private void row(BinaryFunction function, long a, long b, long out, boolean accumulate) {
        int count = loop.length();
        int aStep = loop.step0();
        int bStep = loop.step1();
        if (aStep == 1 && bStep == 1) {
            switch (function) {
                case ADD -> add(a, b, out, count, accumulate);
                case SUBTRACT -> subtract(a, b, out, count, accumulate);
                case MULTIPLY -> multiply(a, b, out, count, accumulate);
                case DIVIDE -> divide(a, b, out, count, accumulate);
            }
        } else if (aStep == 1 && bStep == 0) {
            float value = Native.get(b);
            switch (function) {
                case ADD -> add(a, value, out, count, accumulate);
                case SUBTRACT -> add(a, -value, out, count, accumulate);
                case MULTIPLY -> multiply(a, value, out, count, accumulate);
                case DIVIDE -> divide(a, value, out, count, accumulate);
            }
        } else if (aStep == 0 && bStep == 1) {
            float value = Native.get(a);
            switch (function) {
                case ADD -> add(b, value, out, count, accumulate);
                case SUBTRACT -> subtractFrom(value, b, out, count, accumulate);
                case MULTIPLY -> multiply(b, value, out, count, accumulate);
                case DIVIDE -> divideBy(value, b, out, count, accumulate);
            }
        } else {
            strided(function, a, 4L * aStep, b, 4L * bStep, out, count, accumulate);
        }
    }

    private static void strided(
            BinaryFunction function, long a, long aStep, long b, long bStep, long out, int count, boolean accumulate) {
        for (int i = 0; i < count; i++) {
            float left = Native.get(a + i * aStep);
            float right = Native.get(b + i * bStep);
            float value = switch (function) {
                case ADD -> left + right;
                case SUBTRACT -> left - right;
                case MULTIPLY -> left * right;
                case DIVIDE -> left / right;
            };
            Vectors.put(value, out + 4L * i, accumulate);
        }
    }

    private static void add(long a, long b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result =
                    fromMemorySegment(FLOATS, ALL, a + at, ORDER).add(fromMemorySegment(FLOATS, ALL, b + at, ORDER));
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last =
                    fromMemorySegment(FLOATS, ALL, a + end, ORDER).add(fromMemorySegment(FLOATS, ALL, b + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void subtract(long a, long b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result =
                    fromMemorySegment(FLOATS, ALL, a + at, ORDER).sub(fromMemorySegment(FLOATS, ALL, b + at, ORDER));
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last =
                    fromMemorySegment(FLOATS, ALL, a + end, ORDER).sub(fromMemorySegment(FLOATS, ALL, b + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void multiply(long a, long b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result =
                    fromMemorySegment(FLOATS, ALL, a + at, ORDER).mul(fromMemorySegment(FLOATS, ALL, b + at, ORDER));
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last =
                    fromMemorySegment(FLOATS, ALL, a + end, ORDER).mul(fromMemorySegment(FLOATS, ALL, b + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void divide(long a, long b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result =
                    fromMemorySegment(FLOATS, ALL, a + at, ORDER).div(fromMemorySegment(FLOATS, ALL, b + at, ORDER));
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last =
                    fromMemorySegment(FLOATS, ALL, a + end, ORDER).div(fromMemorySegment(FLOATS, ALL, b + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void add(long a, float value, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result = fromMemorySegment(FLOATS, ALL, a + at, ORDER).add(value);
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last = fromMemorySegment(FLOATS, ALL, a + end, ORDER).add(value);
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void multiply(long a, float value, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result = fromMemorySegment(FLOATS, ALL, a + at, ORDER).mul(value);
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last = fromMemorySegment(FLOATS, ALL, a + end, ORDER).mul(value);
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void divide(long a, float value, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result = fromMemorySegment(FLOATS, ALL, a + at, ORDER).div(value);
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last = fromMemorySegment(FLOATS, ALL, a + end, ORDER).div(value);
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void subtractFrom(float value, long b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result =
                    FloatVector.broadcast(FLOATS, value).sub(fromMemorySegment(FLOATS, ALL, b + at, ORDER));
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last = FloatVector.broadcast(FLOATS, value).sub(fromMemorySegment(FLOATS, ALL, b + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void divideBy(float value, long b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector result =
                    FloatVector.broadcast(FLOATS, value).div(fromMemorySegment(FLOATS, ALL, b + at, ORDER));
            if (accumulate) {
                result = result.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            result.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            FloatVector last = FloatVector.broadcast(FLOATS, value).div(fromMemorySegment(FLOATS, ALL, b + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }
}
