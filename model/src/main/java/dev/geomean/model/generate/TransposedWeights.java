package dev.geomean.model.generate;

import dev.geomean.engine.Program;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.DType;
import dev.geomean.model.Decoder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The weight matrices of a decoder once more, stored {@code [in, out]}: a product with a few rows can read them as they lie,
 * where one with {@code [out, in]} would turn them at every step. Each copy is as old as the last {@link #refresh}.
 */
final class TransposedWeights implements AutoCloseable {
    private final Decoder decoder;
    private final Scope scope;
    private final Map<String, Tensor> copies = new HashMap<>();
    private final List<Program<Tensor>> programs = new ArrayList<>();

    TransposedWeights(Decoder decoder) {
        this.decoder = decoder;
        this.scope = decoder.engine().persistent("transposed weights");
        for (String name : decoder.projections()) {
            Tensor weight = decoder.parameters().get(name);
            int out = weight.shape().dim(0);
            int in = weight.shape().dim(1);
            Tensor copy = scope.zeros(in, out);
            copies.put(name, copy);
            programs.add(decoder.engine().capture("transpose " + name, step -> {
                step.run(new Copy(
                        step.use(weight).buffer(),
                        Layout.of(new int[] {in, out}, new int[] {1, in}),
                        copy.buffer(),
                        Layout.contiguous(in, out),
                        false));
                return copy;
            }));
        }
    }

    /** Copies the weights as they are now. */
    void refresh() {
        decoder.engine().workers().forEach(programs.size(), (i, lane) -> programs.get(i).run(lane));
    }

    /** Products with the copies, without gradients. */
    Decoder.Projection projection(Scope step) {
        return (x, weight, bias) -> project(step, x, copies.get(weight), bias);
    }

    private static Tensor project(Scope step, Tensor x, @Nullable Tensor weight, @Nullable Tensor bias) {
        if (weight == null) {
            throw new IllegalStateException("no such weight matrix");
        }
        Tensor in = x.contiguous();
        int inner = weight.shape().dim(0);
        int width = weight.shape().dim(1);
        Shape shape = in.shape().with(-1, width);
        Tensor out = step.allocate("projection", DType.FLOAT32, shape);
        step.run(new MatMul(
                in.buffer(),
                weight.buffer(),
                bias == null ? null : bias.buffer(),
                out.buffer(),
                1,
                shape.size() / width,
                width,
                inner,
                false,
                false,
                inner,
                width,
                width,
                0,
                0,
                0,
                false));
        return out;
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
