package dev.geomean.model.generate;

import dev.geomean.engine.Program;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.model.Decoder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The weight matrices of a decoder once more, as products with few rows want them: panels of as many outputs as the back end
 * reads together, each {@code [in, columns]}, one after the other, then one of what outputs remain. A product reads a panel from
 * its first byte to its last, where one with {@code [out, in]} would turn it at every step. Each copy is as old as the last
 * {@link #refresh}.
 */
final class PanelWeights implements AutoCloseable {
    private final Decoder decoder;
    private final Scope scope;
    private final Map<String, Panels> matrices = new HashMap<>();
    private final List<Program<Panels>> programs = new ArrayList<>();

    /**
     * A matrix.
     *
     * @param data all panels
     * @param in inputs
     * @param out outputs
     * @param columns outputs of a panel
     */
    private record Panels(Tensor data, int in, int out, int columns) {
        int panels() {
            return out / columns;
        }

        /** The outputs that fill no panel. */
        int rest() {
            return out % columns;
        }

        Buffer restData() {
            return data.buffer().slice((long) in * (out - rest()), (long) in * rest());
        }

        /** Copies from {@code [out, in]}. */
        void copyFrom(Scope step, Buffer weight) {
            if (panels() > 0) {
                step.run(new Copy(
                        weight,
                        Layout.of(new int[] {panels(), in, columns}, new int[] {columns * in, 1, in}),
                        data.buffer(),
                        Layout.contiguous(panels(), in, columns),
                        false));
            }
            if (rest() > 0) {
                long before = (long) in * (out - rest());
                step.run(new Copy(
                        weight.slice(before, (long) in * rest()),
                        Layout.of(new int[] {in, rest()}, new int[] {1, in}),
                        restData(),
                        Layout.contiguous(in, rest()),
                        false));
            }
        }

        /** {@code result = x · weightᵀ + bias}, {@code x} of so many rows. */
        void multiply(Scope step, Buffer x, int rows, @Nullable Buffer bias, Buffer result) {
            if (bias != null) {
                step.run(new Copy(
                        bias,
                        Layout.of(new int[] {rows, out}, new int[] {0, 1}),
                        result,
                        Layout.contiguous(rows, out),
                        false));
            }
            if (panels() > 0) {
                step.run(product(x, rows, data.buffer(), result, panels(), columns, bias != null));
            }
            if (rest() > 0) {
                int first = out - rest();
                step.run(product(
                        x, rows, restData(), result.slice(first, (long) rows * out - first), 1, rest(), bias != null));
            }
        }

        private MatMul product(
                Buffer x, int rows, Buffer weights, Buffer result, int panels, int width, boolean accumulate) {
            return new MatMul(
                    x, weights, null, result, panels, rows, width, in, false, false, in, width, out, 0,
                    (long) in * width, width, accumulate);
        }
    }

    PanelWeights(Decoder decoder) {
        this.decoder = decoder;
        this.scope = decoder.engine().persistent("weights in panels");
        int columns = decoder.engine().backend().panelColumns();
        for (String name : decoder.projections()) {
            Tensor weight = decoder.parameters().get(name);
            int out = weight.shape().dim(0);
            int in = weight.shape().dim(1);
            var panels = new Panels(scope.zeros(in, out), in, out, columns);
            matrices.put(name, panels);
            programs.add(decoder.engine().capture("panels of " + name, step -> {
                panels.copyFrom(step, step.use(weight).buffer());
                return panels;
            }));
        }
    }

    /** Copies the weights as they are now. */
    void refresh() {
        decoder.engine().workers().forEach(programs.size(), (i, lane) -> programs.get(i).run(lane));
    }

    /** Products with the copies, without gradients. */
    Decoder.Projection projection(Scope step) {
        return (x, weight, bias) -> {
            Panels panels = matrices.get(weight);
            if (panels == null) {
                throw new IllegalStateException("no weight matrix is named '" + weight + "'");
            }
            Tensor in = x.contiguous();
            Shape shape = in.shape().with(-1, panels.out());
            Tensor out = step.allocate("projection", DType.FLOAT32, shape);
            panels.multiply(
                    step, in.buffer(), shape.size() / panels.out(), bias == null ? null : bias.buffer(), out.buffer());
            return out;
        };
    }

    long memoryBytes() {
        return scope.reservedBytes() + programs.stream().mapToLong(Program::memoryBytes).sum();
    }

    @Override
    public void close() {
        programs.forEach(Program::close);
        scope.close();
    }
}
