package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * Where tensors live and operations happen: a memory region, a way to execute kernels, and the tape that automatic
 * differentiation reads backwards.
 *
 * <p>An operation on several tensors happens in the scope of those that are not merely data (parameters are data): a
 * step's scope. A tensor of an ended scope throws when it is used.
 */
public final class Scope implements AutoCloseable {
    private final Engine engine;
    private final Region region;
    private final Executor executor;
    private final List<Recorded> tape = new ArrayList<>();
    private int noGrad;
    private boolean captured;

    /** What happens to a kernel that an operation issues. */
    sealed interface Executor {}

    /** Runs it at once; a large matrix product on all workers. */
    record Eager(Workers workers) implements Executor {
        /** Multiplications below which handing over costs more than it saves. */
        private static final long LARGE = 1 << 20;

        void run(Kernel kernel) {
            if (kernel instanceof MatMul product
                    && workers.count() > 1
                    && !workers.isBusy()
                    && (double) product.batch() * product.m() * product.n() * product.k() >= LARGE) {
                // Two pieces for each worker, so that one that is slowed down by something else can leave some to the others.
                List<MatMul> pieces = product.parts(2 * workers.count());
                workers.forEach(pieces.size(), (index, lane) -> lane.run(pieces.get(index)));
            } else {
                workers.callerLane().run(kernel);
            }
        }
    }

    /** Refuses it. */
    record DataOnly(String name) implements Executor {}

    /** Keeps it for a {@link Program}. */
    record Recorder(Region.Persistent constants, List<Kernel> kernels, Set<Storage> kept) implements Executor {
        Recorder(Region.Persistent constants) {
            this(constants, new ArrayList<>(), Collections.newSetFromMap(new IdentityHashMap<>()));
        }
    }

    /** One entry of the tape. */
    record Recorded(Operation operation, List<Tensor> outputs) {}

    /** Ends a stretch without gradients. */
    public interface NoGrad extends AutoCloseable {
        @Override
        void close();
    }

    Scope(Engine engine, Region region, Executor executor) {
        this.engine = engine;
        this.region = region;
        this.executor = executor;
    }

    /**
     * The engine this scope belongs to.
     *
     * @return the engine
     */
    public Engine engine() {
        return engine;
    }

    /**
     * Whether this scope only holds data and runs no operations.
     *
     * @return true for a scope from {@link Engine#persistent}
     */
    public boolean isDataOnly() {
        return executor instanceof DataOnly;
    }

    /**
     * Native memory reserved by this scope.
     *
     * @return bytes
     */
    public long reservedBytes() {
        return region.reservedBytes();
    }

    // ---- creating tensors ----------------------------------------------------------------------------------------

    /**
     * A float32 tensor with the given values.
     *
     * @param values row-major, as many as the shape has elements
     * @param dims the shape
     * @return a new tensor
     * @throws IllegalArgumentException if the number of values is not that of the shape
     */
    public Tensor tensor(float[] values, int... dims) {
        Shape shape = Shape.of(dims);
        checkCount(values.length, shape);
        Tensor tensor = data(DType.FLOAT32, shape, "tensor");
        tensor.buffer().set(values);
        return tensor;
    }

    /**
     * An int32 tensor with the given values.
     *
     * @param values row-major, as many as the shape has elements
     * @param dims the shape
     * @return a new tensor
     * @throws IllegalArgumentException if the number of values is not that of the shape
     */
    public Tensor ints(int[] values, int... dims) {
        Shape shape = Shape.of(dims);
        checkCount(values.length, shape);
        Tensor tensor = data(DType.INT32, shape, "ints");
        tensor.buffer().set(values);
        return tensor;
    }

    /**
     * A scalar.
     *
     * @param value its value
     * @return a new tensor of shape {@code []}
     */
    public Tensor scalar(float value) {
        return tensor(new float[] {value});
    }

    /**
     * A float32 tensor of zeros.
     *
     * @param dims the shape
     * @return a new tensor
     */
    public Tensor zeros(int... dims) {
        return full(0, dims);
    }

    /**
     * A float32 tensor with one value everywhere.
     *
     * @param value the value
     * @param dims the shape
     * @return a new tensor
     */
    public Tensor full(float value, int... dims) {
        Tensor tensor = data(DType.FLOAT32, Shape.of(dims), "full");
        tensor.fill(value);
        return tensor;
    }

    /**
     * A tensor whose content is undefined, for an operation to write. In a captured program its memory is shared with
     * other temporaries.
     *
     * @param name name used in messages
     * @param type element type
     * @param shape the shape
     * @return a new contiguous tensor
     */
    public Tensor allocate(String name, DType type, Shape shape) {
        Storage storage = region.allocate(type, shape.size(), name);
        return new Tensor(this, Buffer.of(storage), shape, Layout.contiguous(shape.toArray()), new Object());
    }

    /**
     * A float32 tensor whose content is undefined, see {@link #allocate(String, DType, Shape)}.
     *
     * @param name name used in messages
     * @param shape the shape
     * @return a new contiguous tensor
     */
    public Tensor allocate(String name, Shape shape) {
        return allocate(name, DType.FLOAT32, shape);
    }

    /**
     * A tensor over memory of someone else that is only read, such as a section of a mapped file. Nothing is copied.
     *
     * @param name name used in messages
     * @param type element type
     * @param data native memory in this machine's byte order, with {@link Region#SLACK} readable bytes behind it; it must stay
     *     alive until this scope is closed
     * @param dims the shape
     * @return a new contiguous tensor
     * @throws IllegalStateException if this scope runs operations, or is closed
     * @throws IllegalArgumentException if the memory is not native, or not of the size of the shape
     */
    public Tensor adopt(String name, DType type, MemorySegment data, int... dims) {
        if (!(region instanceof Region.Persistent persistent)) {
            throw new IllegalStateException("adopt: only a scope that holds data can take '" + name + "'");
        }
        Shape shape = Shape.of(dims);
        if (data.byteSize() != (long) shape.size() * type.bytes()) {
            throw new IllegalArgumentException("adopt: '" + name + "' has " + data.byteSize() + " bytes, not those of "
                    + shape + " of " + type.label());
        }
        Storage storage = persistent.adopt(type, data, name);
        return new Tensor(this, Buffer.of(storage), shape, Layout.contiguous(dims), new Object());
    }

    /**
     * The same tensor, bound to this scope, so that operations on it alone happen here.
     *
     * @param tensor usually a parameter
     * @return an alias that shares memory and gradient
     */
    public Tensor use(Tensor tensor) {
        return new Tensor(this, tensor.buffer(), tensor.shape(), tensor.layout(), tensor.gradientKey())
                .withRequiresGrad(tensor.requiresGrad());
    }

    private Tensor data(DType type, Shape shape, String name) {
        Region target = executor instanceof Recorder recorder ? recorder.constants() : region;
        Storage storage = target.allocate(type, shape.size(), name);
        return new Tensor(this, Buffer.of(storage), shape, Layout.contiguous(shape.toArray()), new Object());
    }

    private static void checkCount(int count, Shape shape) {
        if (count != shape.size()) {
            throw new IllegalArgumentException("tensor: " + count + " values for shape " + shape);
        }
    }

    // ---- running -------------------------------------------------------------------------------------------------

    /**
     * Throws unless operations may happen in this scope.
     *
     * @throws IllegalStateException if this scope only holds data
     */
    public void checkExecutes() {
        if (executor instanceof DataOnly data) {
            throw new IllegalStateException("scope '" + data.name()
                    + "' only holds data: bind a tensor to a step with scope.use(tensor)");
        }
    }

    /**
     * Executes a kernel: at once in an eager scope, on every run of the program in a capturing one.
     *
     * @param kernel the kernel
     * @throws IllegalStateException if a buffer's memory is gone, this scope only holds data, or its program is captured
     * @throws IllegalArgumentException if the kernel writes what may only be read
     */
    public void run(Kernel kernel) {
        for (Buffer buffer : kernel.writes()) {
            if (buffer.storage().isReadOnly()) {
                throw new IllegalArgumentException("tensor '" + buffer.storage().label() + "' can only be read");
            }
        }
        switch (executor) {
            case Eager eager -> eager.run(kernel);
            case Recorder recorder -> {
                if (captured) {
                    throw new IllegalStateException("program '" + region.name() + "' is already captured");
                }
                kernel.reads().forEach(buffer -> buffer.storage().checkAlive());
                kernel.writes().forEach(buffer -> buffer.storage().checkAlive());
                recorder.kernels().add(kernel);
            }
            case DataOnly data -> checkExecutes();
        }
    }

    /**
     * Keeps a tensor of a capturing scope readable after the program ran; otherwise its memory is reused. Does nothing in
     * an eager scope.
     *
     * @param tensor a tensor of this scope
     * @return the same tensor
     */
    public Tensor keep(Tensor tensor) {
        if (executor instanceof Recorder recorder) {
            recorder.kept().add(tensor.buffer().storage());
        }
        return tensor;
    }

    // ---- differentiation -----------------------------------------------------------------------------------------

    /**
     * Switches recording off until the returned handle is closed: results then need no gradient. Stretches may nest.
     *
     * @return a handle for try-with-resources
     */
    public NoGrad noGrad() {
        noGrad++;
        return new Stretch();
    }

    private final class Stretch implements NoGrad {
        private boolean ended;

        @Override
        public void close() {
            noGrad -= ended ? 0 : 1;
            ended = true;
        }
    }

    /**
     * Puts an operation on the tape if one of its inputs needs a gradient and gradients are not switched off.
     *
     * @param operation knows its inputs and how to compute their gradients
     * @param outputs what it computed
     * @throws IllegalStateException if this scope only holds data: a view of a parameter alone needs
     *     {@link #use} first, or its gradient would be lost
     */
    public void record(Operation operation, Tensor... outputs) {
        if (noGrad == 0 && operation.inputs().stream().anyMatch(Tensor::requiresGrad)) {
            checkExecutes();
            for (Tensor output : outputs) {
                output.markRequiresGrad();
            }
            tape.add(new Recorded(operation, List.of(outputs)));
        }
    }

    /** Ends a capture: the tape has served, and the program takes no more kernels. */
    void endCapture() {
        captured = true;
        tape.clear();
    }

    List<Recorded> tape() {
        return tape;
    }

    boolean gradientsOn() {
        return noGrad == 0;
    }

    // ---- end of life ---------------------------------------------------------------------------------------------

    /**
     * Ends the life of every tensor of this scope and empties the tape; the memory is kept for the next step.
     *
     * @throws IllegalStateException if this is not an eager scope
     */
    public void reset() {
        if (!(region instanceof Region.Pooled pool)) {
            throw new IllegalStateException("only an eager scope can be reset, not '" + region.name() + "'");
        }
        tape.clear();
        pool.reset();
    }

    /** Ends the life of every tensor of this scope and frees its memory. */
    @Override
    public void close() {
        tape.clear();
        region.close();
    }

    @Override
    public String toString() {
        return "Scope[" + region.name() + ", " + reservedBytes() + " bytes]";
    }
}
