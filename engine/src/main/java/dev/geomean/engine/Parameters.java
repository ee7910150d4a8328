package dev.geomean.engine;

import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The trainable parameters of a model: named views of one contiguous buffer, so that norms, updates and checkpoints are
 * single passes. Each view starts at a multiple of 64 bytes; gaps are zero and stay zero.
 */
public final class Parameters implements AutoCloseable {
    private static final int ALIGNMENT_ELEMENTS = 16;

    private final Scope scope;
    private final Tensor values;
    private final Map<String, Tensor> views = new LinkedHashMap<>();
    private final IdentityHashMap<Object, Tensor> byKey = new IdentityHashMap<>();

    private Parameters(Engine engine, Map<String, Shape> shapes) {
        scope = engine.persistent("parameters");
        long length = 0;
        Map<String, Long> offsets = new LinkedHashMap<>();
        for (var entry : shapes.entrySet()) {
            offsets.put(entry.getKey(), length);
            length += (entry.getValue().size() + ALIGNMENT_ELEMENTS - 1L) / ALIGNMENT_ELEMENTS * ALIGNMENT_ELEMENTS;
        }
        values = scope.allocate("parameters", DType.FLOAT32, Shape.of(Math.toIntExact(length)));
        for (var entry : shapes.entrySet()) {
            long offset = offsets.getOrDefault(entry.getKey(), 0L);
            Shape shape = entry.getValue();
            Tensor view = values.viewOf(values.buffer().slice(offset, shape.size()), shape).withRequiresGrad(true);
            views.put(entry.getKey(), view);
            byKey.put(view.gradientKey(), view);
        }
    }

    /** Collects names and shapes before the memory is reserved. */
    public static final class Builder {
        private final Map<String, Shape> shapes = new LinkedHashMap<>();

        /** Starts without parameters. */
        public Builder() {}

        /**
         * Adds a parameter.
         *
         * @param name unique name
         * @param dims shape
         * @return this builder
         * @throws IllegalArgumentException if the name is taken
         */
        public Builder add(String name, int... dims) {
            if (shapes.putIfAbsent(name, Shape.of(dims)) != null) {
                throw new IllegalArgumentException("parameter '" + name + "' exists already");
            }
            return this;
        }

        /**
         * Reserves the memory, filled with zeros.
         *
         * @param engine the engine
         * @return the parameters
         */
        public Parameters build(Engine engine) {
            return new Parameters(engine, shapes);
        }
    }

    /**
     * A parameter.
     *
     * @param name its name
     * @return a view that requires a gradient
     * @throws IllegalArgumentException if there is no such parameter
     */
    public Tensor get(String name) {
        Tensor view = views.get(name);
        if (view == null) {
            throw new IllegalArgumentException("no parameter '" + name + "'; there are " + views.keySet());
        }
        return view;
    }

    /**
     * Whether a parameter exists.
     *
     * @param name a name
     * @return true if {@link #get} would find it
     */
    public boolean contains(String name) {
        return views.containsKey(name);
    }

    /**
     * All names in order of definition, which is also their order in memory.
     *
     * @return an unmodifiable view
     */
    public Set<String> names() {
        return java.util.Collections.unmodifiableSet(views.keySet());
    }

    /**
     * All parameters as one buffer, gaps included.
     *
     * @return the contiguous memory
     */
    public Buffer values() {
        return values.buffer();
    }

    /**
     * Number of trainable numbers, without gaps.
     *
     * @return the sum of all sizes
     */
    public long count() {
        return views.values().stream().mapToLong(view -> view.shape().size()).sum();
    }

    /**
     * Native memory of the parameters and of all gradients and buffers reserved with them.
     *
     * @return bytes
     */
    public long memoryBytes() {
        return scope.reservedBytes();
    }

    /**
     * Reserves memory for gradients, filled with zeros. It lives as long as the parameters.
     *
     * @return a new gradient buffer
     */
    public ParameterGradients newGradients() {
        return new ParameterGradients(this, newBuffer("gradients"));
    }

    /**
     * Reserves a tensor laid out like the parameters, filled with zeros, for example for an optimizer's moments.
     *
     * @param name used in messages
     * @return a tensor of shape {@code [values().length()]}
     */
    public Tensor newBuffer(String name) {
        return scope.allocate(name, values.shape());
    }

    /**
     * The part of a buffer from {@link #newBuffer} that belongs to one parameter.
     *
     * @param buffer a tensor laid out like the parameters
     * @param name the parameter's name
     * @return a view of the parameter's shape
     */
    public Tensor view(Tensor buffer, String name) {
        Tensor parameter = get(name);
        return buffer.viewOf(
                buffer.buffer().slice(parameter.buffer().offset() - values.buffer().offset(), parameter.shape().size()),
                parameter.shape());
    }

    /**
     * Copies all values from another set with the same names and shapes.
     *
     * @param source the other set
     * @throws IllegalArgumentException if names or shapes differ
     */
    public void copyFrom(Parameters source) {
        if (!describe().equals(source.describe())) {
            throw new IllegalArgumentException("copyFrom: parameter sets differ: " + describe() + " and "
                    + source.describe());
        }
        values().segment().copyFrom(source.values().segment());
    }

    @Nullable
    Buffer find(Tensor tensor, Buffer like) {
        Tensor view = byKey.get(tensor.gradientKey());
        return view == null
                ? null
                : like.slice(view.buffer().offset() - values.buffer().offset(), view.shape().size());
    }

    private List<String> describe() {
        List<String> all = new ArrayList<>();
        views.forEach((name, view) -> all.add(name + view.shape()));
        return all;
    }

    /** Frees parameters, gradients and optimizer state. */
    @Override
    public void close() {
        scope.close();
    }

    @Override
    public String toString() {
        return "Parameters[" + views.size() + " tensors, " + count() + " numbers]";
    }
}
