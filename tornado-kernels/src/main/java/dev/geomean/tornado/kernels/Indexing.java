package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link dev.geomean.engine.kernel.IndexKernel}s. A device cannot throw: what is read at an index outside its axis is NaN, and
 * nothing is written there.
 */
public final class Indexing {
    private Indexing() {}

    /**
     * {@code out[i, :] = table[indices[i], :]}.
     *
     * @param context a thread an element of out
     * @param p count, columns, rows and row stride of the table, starts of table, indices and out
     * @param s NaN
     * @param table read
     * @param indices read
     * @param out written
     */
    public static void gatherRows(KernelContext context, IntArray p, FloatArray s, FloatArray table, IntArray indices,
            FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int row = i / p.get(1);
            int index = indices.get(p.get(5) + row);
            float value = s.get(0);
            if (index >= 0 && index < p.get(2)) {
                value = table.get(p.get(4) + index * p.get(3) + i - row * p.get(1));
            }
            out.set(p.get(6) + i, value);
        }
    }

    /**
     * Links equal indices: {@code next[i]} is the next place with the index of place {@code i}, or -1; {@code next[count + i]} is
     * 1 if no place before {@code i} has its index, which also must be inside the axis.
     *
     * @param context a thread an index
     * @param p count, start of indices, size of the axis
     * @param s unused
     * @param indices read
     * @param next written
     */
    public static void link(KernelContext context, IntArray p, FloatArray s, IntArray indices, IntArray next) {
        int i = context.globalIdx;
        int count = p.get(0);
        if (i < count) {
            int at = p.get(1);
            int index = indices.get(at + i);
            int first = index >= 0 && index < p.get(2) ? 1 : 0;
            for (int j = 0; j < i && first != 0; j++) {
                if (indices.get(at + j) == index) {
                    first = 0;
                }
            }
            int following = -1;
            for (int j = i + 1; j < count && following < 0; j++) {
                if (indices.get(at + j) == index) {
                    following = j;
                }
            }
            next.set(i, following);
            next.set(count + i, first);
        }
    }

    /**
     * {@code out[indices[i], :] += in[i, :]}, in order of {@code i}: the thread of the first place of an index adds up all of
     * them.
     *
     * @param context a thread an element of in
     * @param p count of elements, columns, number of indices, row stride of out, starts of in, indices and out
     * @param s unused
     * @param in read
     * @param indices read
     * @param next as {@link #link} wrote it
     * @param out updated
     */
    public static void scatterAddRows(KernelContext context, IntArray p, FloatArray s, FloatArray in, IntArray indices,
            IntArray next, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int cols = p.get(1);
            int row = i / cols;
            int column = i - row * cols;
            if (next.get(p.get(2) + row) != 0) {
                int to = p.get(6) + indices.get(p.get(5) + row) * p.get(3) + column;
                float sum = out.get(to);
                int place = row;
                while (place >= 0) {
                    sum += in.get(p.get(4) + place * cols + column);
                    place = next.get(place);
                }
                out.set(to, sum);
            }
        }
    }

    /**
     * {@code out[o, j, i] = in[o, indices[o, j, i], i]}.
     *
     * @param context a thread an element of out
     * @param p count, size of the axis, number of indices along it, inner, starts of in, indices and out
     * @param s NaN
     * @param in read
     * @param indices read
     * @param out written
     */
    public static void gather(KernelContext context, IntArray p, FloatArray s, FloatArray in, IntArray indices,
            FloatArray out) {
        int element = context.globalIdx;
        if (element < p.get(0)) {
            int inner = p.get(3);
            int line = element / inner;
            int outer = line / p.get(2);
            int index = indices.get(p.get(5) + element);
            float value = s.get(0);
            if (index >= 0 && index < p.get(1)) {
                value = in.get(p.get(4) + (outer * p.get(1) + index) * inner + element - line * inner);
            }
            out.set(p.get(6) + element, value);
        }
    }

    /**
     * {@code out[o, indices[o, j, i], i] += in[o, j, i]}, in order of {@code j}.
     *
     * @param context a thread for each {@code (o, i)}
     * @param p count of threads, size of the axis, number of indices along it, inner, starts of in, indices and out
     * @param s unused
     * @param in read
     * @param indices read
     * @param out updated
     */
    public static void scatterAdd(KernelContext context, IntArray p, FloatArray s, FloatArray in, IntArray indices,
            FloatArray out) {
        int thread = context.globalIdx;
        if (thread < p.get(0)) {
            int inner = p.get(3);
            int outer = thread / inner;
            int i = thread - outer * inner;
            for (int j = 0; j < p.get(2); j++) {
                int from = (outer * p.get(2) + j) * inner + i;
                int index = indices.get(p.get(5) + from);
                if (index >= 0 && index < p.get(1)) {
                    int to = p.get(6) + (outer * p.get(1) + index) * inner + i;
                    out.set(to, out.get(to) + in.get(p.get(4) + from));
                }
            }
        }
    }

    /**
     * {@code values[i] += amount}.
     *
     * @param context a thread an element
     * @param p count, start of values, amount
     * @param s unused
     * @param values updated
     */
    public static void increment(KernelContext context, IntArray p, FloatArray s, IntArray values) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int at = p.get(1) + i;
            values.set(at, values.get(at) + p.get(2));
        }
    }
}
