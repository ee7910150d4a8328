package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.ElementwiseKernel.Select;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** {@link Select}, by rows as {@link CpuBinary}. */
final class CpuSelect {
    private final StridedLoop loop = new StridedLoop();

    void run(Select k) {
        Require.sameDims(k, k.conditionLayout(), k.aLayout());
        Require.sameDims(k, k.conditionLayout(), k.bLayout());
        Require.layout(k, "condition", k.condition(), k.conditionLayout());
        Require.layout(k, "a", k.a(), k.aLayout());
        Require.layout(k, "b", k.b(), k.bLayout());
        long size = k.conditionLayout().size();
        Require.ints(k, "condition", k.condition(), 0);
        Require.floats(k, "a", k.a(), 0);
        Require.floats(k, "b", k.b(), 0);
        Require.floats(k, "out", k.out(), size);
        if (size == 0) {
            return;
        }
        long condition = k.condition().address();
        long a = k.a().address();
        long b = k.b().address();
        long out = k.out().address();
        loop.setUp(k.conditionLayout(), k.aLayout(), k.bLayout());
        long rowBytes = 4L * loop.length();
        do {
            row(
                    condition + 4 * loop.offset0(),
                    a + 4 * loop.offset1(),
                    b + 4 * loop.offset2(),
                    out,
                    k.accumulate());
            out += rowBytes;
        } while (loop.next());
    }

    private void row(long condition, long a, long b, long out, boolean accumulate) {
        int count = loop.length();
        int aStep = loop.step1();
        int bStep = loop.step2();
        if (loop.step0() == 0) {
            boolean chosen = Native.getInt(condition) != 0;
            one(chosen ? a : b, chosen ? aStep : bStep, out, count, accumulate);
        } else if (loop.step0() == 1 && aStep == 1 && bStep == 1) {
            select(condition, a, b, out, count, accumulate);
        } else if (loop.step0() == 1 && aStep == 1 && bStep == 0) {
            select(condition, a, Native.get(b), out, count, accumulate);
        } else if (loop.step0() == 1 && aStep == 0 && bStep == 1) {
            select(condition, Native.get(a), b, out, count, accumulate);
        } else {
            strided(condition, 4L * loop.step0(), a, 4L * aStep, b, 4L * bStep, out, count, accumulate);
        }
    }

    private static void one(long in, int step, long out, int count, boolean accumulate) {
        if (step == 1) {
            CpuCopy.copy(in, out, count, accumulate);
            return;
        }
        for (int i = 0; i < count; i++) {
            Vectors.put(Native.get(in + 4L * step * i), out + 4L * i, accumulate);
        }
    }

    private static void strided(
            long condition,
            long conditionStep,
            long a,
            long aStep,
            long b,
            long bStep,
            long out,
            int count,
            boolean accumulate) {
        for (int i = 0; i < count; i++) {
            boolean chosen = Native.getInt(condition + i * conditionStep) != 0;
            Vectors.put(Native.get(chosen ? a + i * aStep : b + i * bStep), out + 4L * i, accumulate);
        }
    }

    private static void select(
            long condition, long a, long b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            VectorMask<Integer> zero = IntVector.fromMemorySegment(Native.INTS, ALL, condition + at, ORDER)
                    .compare(VectorOperators.EQ, 0);
            FloatVector value = fromMemorySegment(FLOATS, ALL, a + at, ORDER)
                    .blend(fromMemorySegment(FLOATS, ALL, b + at, ORDER), zero.cast(FLOATS));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            value.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            VectorMask<Integer> zero = IntVector.fromMemorySegment(Native.INTS, ALL, condition + end, ORDER)
                    .compare(VectorOperators.EQ, 0);
            FloatVector last = fromMemorySegment(FLOATS, ALL, a + end, ORDER)
                    .blend(fromMemorySegment(FLOATS, ALL, b + end, ORDER), zero.cast(FLOATS));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void select(
            long condition, long a, float b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            VectorMask<Integer> zero = IntVector.fromMemorySegment(Native.INTS, ALL, condition + at, ORDER)
                    .compare(VectorOperators.EQ, 0);
            FloatVector value = fromMemorySegment(FLOATS, ALL, a + at, ORDER).blend(b, zero.cast(FLOATS));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            value.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            VectorMask<Integer> zero = IntVector.fromMemorySegment(Native.INTS, ALL, condition + end, ORDER)
                    .compare(VectorOperators.EQ, 0);
            FloatVector last = fromMemorySegment(FLOATS, ALL, a + end, ORDER).blend(b, zero.cast(FLOATS));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void select(
            long condition, float a, long b, long out, int count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            VectorMask<Integer> zero = IntVector.fromMemorySegment(Native.INTS, ALL, condition + at, ORDER)
                    .compare(VectorOperators.EQ, 0);
            FloatVector value = FloatVector.broadcast(FLOATS, a).blend(fromMemorySegment(FLOATS, ALL, b + at, ORDER),
                    zero.cast(FLOATS));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            value.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            VectorMask<Integer> zero = IntVector.fromMemorySegment(Native.INTS, ALL, condition + end, ORDER)
                    .compare(VectorOperators.EQ, 0);
            FloatVector last = FloatVector.broadcast(FLOATS, a).blend(fromMemorySegment(FLOATS, ALL, b + end, ORDER),
                    zero.cast(FLOATS));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }
}
