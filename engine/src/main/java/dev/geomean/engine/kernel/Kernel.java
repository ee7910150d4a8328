package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;

/**
 * One step of a tensor program, as data: a record that names buffers and static parameters.
 *
 * <p>Kernels are the intermediate representation of the engine. They know nothing about tensors, gradients or threads;
 * a {@link dev.geomean.engine.Backend} gives them meaning with one exhaustive {@code switch}, so a back end that misses
 * one does not compile. Values that change from one run of a program to the next (learning rate, step number, lengths,
 * positions, random counters) are never record components: they live in buffers.
 *
 * <p>Conventions shared by all kernels:
 * <ul>
 *   <li>data is row-major; a <em>row stride</em> is the distance in elements between the starts of two rows, so that a
 *       kernel can work on a column range of a wider matrix (the buffer then starts at the first element of the range);
 *   <li>{@code accumulate} adds the result to what the output holds; otherwise the old content is never read;
 *   <li>outputs do not overlap inputs unless the kernel's documentation allows it;
 *   <li>arithmetic is float32; reductions may use wider accumulators and any fixed order.
 * </ul>
 */
public sealed interface Kernel
        permits MatMul,
        ElementwiseKernel,
        ReductionKernel,
        NormKernel,
        IndexKernel,
        AttentionKernel,
        LossKernel,
        OptimizerKernel,
        SamplingKernel,
        CustomKernel {

    /**
     * Buffers whose content the kernel reads, including outputs it accumulates into.
     *
     * @return the inputs
     */
    List<Buffer> reads();

    /**
     * Buffers that the kernel writes.
     *
     * @return the outputs
     */
    List<Buffer> writes();

    /**
     * Cuts the kernel into others that can run side by side and together do the same, bit for bit.
     *
     * @param pieces number of parts wanted, at least 1
     * @return at most so many; this kernel alone where it cannot be cut or is too small
     */
    default List<? extends Kernel> parts(int pieces) {
        return List.of(this);
    }
}
