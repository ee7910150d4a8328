package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.memory.Buffer;
import java.util.Arrays;
import java.util.List;

/**
 * Joins tensors along an axis; each gets its range of the gradient.
 *
 * @param parts the tensors
 * @param out the whole
 * @param axis the axis
 */
public record ConcatOp(List<Tensor> parts, Tensor out, int axis) implements Operation {

    /**
     * Joins.
     *
     * @param axis the axis
     * @param parts one or more tensors, of equal shape except along the axis
     * @return the whole
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public static Tensor apply(int axis, List<Tensor> parts) {
        Checks.that(!parts.isEmpty(), "concat", "nothing to join");
        Tensor first = parts.getFirst();
        Shape shape = first.shape();
        int resolved = shape.axis(axis);
        Scope scope = Checks.common("concat", first, parts.toArray(Tensor[]::new));
        int size = 0;
        for (Tensor part : parts) {
            Checks.that(
                    part.shape().rank() == shape.rank()
                            && part.shape().with(resolved, 0).equals(shape.with(resolved, 0))
                            && part.type() == first.type(),
                    "concat",
                    "shapes or types differ outside axis " + resolved,
                    shape,
                    part.shape());
            size += part.shape().dim(resolved);
        }
        Tensor out = scope.allocate("concat", first.type(), shape.with(resolved, size));
        int start = 0;
        for (Tensor part : parts) {
            if (part.shape().size() > 0) {
                scope.run(new Copy(
                        part.buffer(),
                        part.layout(),
                        range(out.buffer(), out.shape(), resolved, start),
                        rangeLayout(out.shape(), part.shape()),
                        false));
            }
            start += part.shape().dim(resolved);
        }
        scope.record(new ConcatOp(List.copyOf(parts), out, resolved), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return parts;
    }

    @Override
    public void backward(Gradients gradients) {
        int start = 0;
        for (Tensor part : parts) {
            if (gradients.wants(part) && part.shape().size() > 0) {
                Buffer gradOut = range(gradients.buffer(out), out.shape(), axis, start);
                var target = gradients.target(part);
                gradients.scope().run(new Copy(
                        gradOut,
                        rangeLayout(out.shape(), part.shape()),
                        target.buffer(),
                        Layout.contiguous(part.shape().toArray()),
                        target.accumulate()));
            }
            start += part.shape().dim(axis);
        }
    }

    private static Buffer range(Buffer whole, Shape shape, int axis, int start) {
        long from = (long) start * shape.size(axis + 1, shape.rank());
        return whole.slice(from, whole.length() - from);
    }

    private static Layout rangeLayout(Shape whole, Shape part) {
        Layout plain = Layout.contiguous(whole.toArray());
        int[] strides = new int[whole.rank()];
        Arrays.setAll(strides, plain::stride);
        return Layout.of(part.toArray(), strides);
    }
}
