package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;
import java.util.stream.IntStream;

/** Kernels that treat every element alike. */
public sealed interface ElementwiseKernel extends Kernel {

    /** Function of one number. Formulas are those of PyTorch's operations of the same name. */
    enum UnaryFunction {
        /** {@code -x}. */
        NEGATE,
        /** {@code e^x}. */
        EXP,
        /** Natural logarithm. */
        LOG,
        /** {@code √x}. */
        SQRT,
        /** Hyperbolic tangent. */
        TANH,
        /** {@code 1 / (1 + e^-x)}. */
        SIGMOID,
        /** {@code max(x, 0)}; its derivative at 0 is 0. */
        RELU,
        /** {@code x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))}. */
        GELU_TANH,
        /** {@code x/2 · (1 + erf(x/√2))}. */
        GELU_ERF,
        /** {@code x · sigmoid(x)}. */
        SILU
    }

    /** Function of two numbers. */
    enum BinaryFunction {
        /** {@code a + b}. */
        ADD,
        /** {@code a - b}. */
        SUBTRACT,
        /** {@code a · b}. */
        MULTIPLY,
        /** {@code a / b}. */
        DIVIDE
    }

    /**
     * Sets every element to one value.
     *
     * @param out the buffer, float32
     * @param value the value
     */
    record Fill(Buffer out, float value) implements ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return List.of();
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * Copies between layouts: {@code out[i] (+)= in[i]} for every index {@code i}. A stride of 0 in the input repeats it;
     * the output's layout names every element at most once. Also copies int32 when not accumulating.
     *
     * @param in source
     * @param inLayout where its elements lie
     * @param out destination
     * @param outLayout where the elements go; same dimensions
     * @param accumulate whether to add to {@code out}
     */
    record Copy(Buffer in, Layout inLayout, Buffer out, Layout outLayout, boolean accumulate)
            implements
                ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, accumulate ? out : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code out (+)= scale · in + shift}, contiguous. {@code out} may be {@code in}.
     *
     * @param in source
     * @param out destination, same length
     * @param scale factor
     * @param shift summand
     * @param accumulate whether to add to {@code out}
     */
    record Affine(Buffer in, Buffer out, float scale, float shift, boolean accumulate) implements ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, accumulate ? out : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code out = f(in)}, contiguous.
     *
     * @param function f
     * @param in source
     * @param out destination, same length
     */
    record Unary(UnaryFunction function, Buffer in, Buffer out) implements ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(in);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code gradIn (+)= gradOut · f'(in)}, contiguous.
     *
     * @param function f
     * @param in input of the forward kernel
     * @param out its output, {@code f(in)}
     * @param gradOut gradient with respect to {@code out}
     * @param gradIn gradient with respect to {@code in}
     * @param accumulate whether to add to {@code gradIn}
     */
    record UnaryBackward(
            UnaryFunction function, Buffer in, Buffer out, Buffer gradOut, Buffer gradIn, boolean accumulate)
            implements
                ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, out, gradOut, accumulate ? gradIn : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(gradIn);
        }
    }

    /**
     * {@code out[i] (+)= f(a[i], b[i])} with broadcasting: both layouts have the dimensions of the result and a stride of
     * 0 where an operand is repeated. The result is contiguous.
     *
     * @param function f
     * @param a left operand
     * @param aLayout where its elements lie
     * @param b right operand
     * @param bLayout where its elements lie
     * @param out result
     * @param accumulate whether to add to {@code out}
     */
    record Binary(
            BinaryFunction function,
            Buffer a,
            Layout aLayout,
            Buffer b,
            Layout bLayout,
            Buffer out,
            boolean accumulate)
            implements
                ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(a, b, accumulate ? out : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code out[i] (+)= condition[i] != 0 ? a[i] : b[i]} with broadcasting as in {@link Binary}. The operand that is not
     * chosen never influences the result, whatever it holds.
     *
     * @param condition int32
     * @param conditionLayout where its elements lie
     * @param a value where the condition holds
     * @param aLayout where its elements lie
     * @param b value elsewhere
     * @param bLayout where its elements lie
     * @param out result, contiguous
     * @param accumulate whether to add to {@code out}
     */
    record Select(
            Buffer condition,
            Layout conditionLayout,
            Buffer a,
            Layout aLayout,
            Buffer b,
            Layout bLayout,
            Buffer out,
            boolean accumulate)
            implements
                ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(condition, a, b, accumulate ? out : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * {@code out[i] (+)= keep(i) ? in[i] / (1 - probability) : 0}, where {@code keep(i)} holds iff uniform number
     * {@code i} of the stream is at least {@code probability}. The same kernel applied to a gradient is its own
     * backward pass: the mask is drawn again, not stored.
     *
     * <p>Uniform number {@code i} is word {@code i % 4} of Philox4x32-10 with key {@code (counter[0], counter[1])} and
     * block {@code (i / 4, counter[2], counter[3], stream)}, as {@code (word >>> 8) · 2^-24}.
     *
     * @param in source, contiguous
     * @param out destination, same length
     * @param counter int32 {@code [4]}: seed (low, high) and a counter (low, high) that changes from run to run
     * @param stream number that tells apart the dropouts of one program
     * @param probability chance that an element is dropped, in [0, 1)
     * @param accumulate whether to add to {@code out}
     */
    record Dropout(Buffer in, Buffer out, Buffer counter, int stream, float probability, boolean accumulate)
            implements
                ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, counter, accumulate ? out : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * Gated activation {@code out[r, c] = silu(gate[r, c]) · up[r, c]} (Shazeer, arXiv:2002.05202).
     *
     * @param gate {@code [rows, cols]} with row stride {@code inRowStride}
     * @param up {@code [rows, cols]} with row stride {@code inRowStride}
     * @param out {@code [rows, cols]}, contiguous
     * @param rows number of rows
     * @param cols number of columns
     * @param inRowStride row stride of {@code gate} and {@code up}
     */
    record SwiGlu(Buffer gate, Buffer up, Buffer out, int rows, int cols, int inRowStride)
            implements
                ElementwiseKernel {
        /** Ranges of rows. */
        @Override
        public List<SwiGlu> parts(int pieces) {
            int count = Math.min(pieces, rows);
            return IntStream.range(0, count)
                    .mapToObj(i -> range(Buffers.cut(rows, i, count), Buffers.cut(rows, i + 1, count)))
                    .toList();
        }

        private SwiGlu range(int from, int to) {
            long first = (long) from * inRowStride;
            return new SwiGlu(
                    Buffers.from(gate, first), Buffers.from(up, first), Buffers.from(out, (long) from * cols),
                    to - from, cols, inRowStride);
        }

        @Override
        public List<Buffer> reads() {
            return List.of(gate, up);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * Backward pass of {@link SwiGlu}: {@code gradGate (+)= gradOut · up · silu'(gate)},
     * {@code gradUp (+)= gradOut · silu(gate)}.
     *
     * @param gate as in the forward kernel
     * @param up as in the forward kernel
     * @param gradOut {@code [rows, cols]}, contiguous
     * @param gradGate {@code [rows, cols]} with row stride {@code gradRowStride}
     * @param gradUp {@code [rows, cols]} with row stride {@code gradRowStride}
     * @param rows number of rows
     * @param cols number of columns
     * @param inRowStride row stride of {@code gate} and {@code up}
     * @param gradRowStride row stride of {@code gradGate} and {@code gradUp}
     * @param accumulateGate whether to add to {@code gradGate}
     * @param accumulateUp whether to add to {@code gradUp}
     */
    record SwiGluBackward(
            Buffer gate,
            Buffer up,
            Buffer gradOut,
            Buffer gradGate,
            Buffer gradUp,
            int rows,
            int cols,
            int inRowStride,
            int gradRowStride,
            boolean accumulateGate,
            boolean accumulateUp)
            implements
                ElementwiseKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(gate, up, gradOut, accumulateGate ? gradGate : null, accumulateUp ? gradUp : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(gradGate, gradUp);
        }
    }
}
