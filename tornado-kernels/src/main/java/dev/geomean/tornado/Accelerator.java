package dev.geomean.tornado;

import dev.geomean.engine.device.DeviceActivity;
import dev.geomean.engine.device.DeviceException;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.MatMul;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.WorkerGrid3D;
import uk.ac.manchester.tornado.api.common.Access;
import uk.ac.manchester.tornado.api.memory.DeviceBufferState;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;
import uk.ac.manchester.tornado.runtime.TornadoAcceleratorBackend;
import uk.ac.manchester.tornado.runtime.TornadoCoreRuntime;
import uk.ac.manchester.tornado.runtime.common.KernelStackFrame;
import uk.ac.manchester.tornado.runtime.common.TornadoInstalledCode;
import uk.ac.manchester.tornado.runtime.common.TornadoXPUDevice;
import uk.ac.manchester.tornado.runtime.common.XPUDeviceBufferState;
import uk.ac.manchester.tornado.runtime.library.spi.TornadoNativeStreamSupport;
import uk.ac.manchester.tornado.runtime.profiler.EmptyProfiler;
import uk.ac.manchester.tornado.runtime.sketcher.SketchRequest;
import uk.ac.manchester.tornado.runtime.tasks.CompilableTask;
import uk.ac.manchester.tornado.runtime.tasks.meta.ScheduleContext;
import uk.ac.manchester.tornado.runtime.tasks.meta.TaskDataContext;

/**
 * One device of TornadoVM: memory, compiled kernels, and launches in order. Used by one thread at a time.
 *
 * <p>This class and {@link TornadoDevice} are all that knows TornadoVM's runtime; they use its device interface directly
 * and none of its task graphs.
 */
final class Accelerator {
    private final String name;
    private final TornadoXPUDevice device;
    private final long memoryBytes;
    private final boolean isTimed;
    private final boolean recordsGraphs;
    private final @Nullable CudaLibrary library;
    /** TornadoVM looks for properties that begin with the name, "geomean.device" among them if it were "geomean". */
    private final ScheduleContext schedule = new ScheduleContext("dev-geomean-tornado");
    /** A queue of our own among those of the process. */
    private final long queue = ThreadLocalRandom.current().nextLong(1L << 40, 1L << 41);
    private final KernelStackFrame frame;
    private final Map<KernelMethod, TornadoInstalledCode> code = new HashMap<>();
    private long allocatedBytes;
    private long mostAllocatedBytes;
    private long launches;
    private long uploads;
    private long downloads;
    private long enqueueNanos;
    private long kernelNanos;
    private long productNanos;

    /** Number of commands handed over, and of those known to be done. */
    private long enqueued;
    private long finished;

    /**
     * Takes a device.
     *
     * @param name the name by which it was chosen
     * @param device what TornadoVM calls it
     * @param memoryBytes memory that may be taken, or 0 if nobody knows
     * @param settings how programs run
     */
    Accelerator(String name, TornadoXPUDevice device, long memoryBytes, DeviceSettings settings) {
        this.name = name;
        this.device = device;
        this.memoryBytes = memoryBytes;
        schedule.setDevice(device);
        device.ensureLoaded(queue);
        device.enableThreadSharing();
        frame = device.createKernelStackFrame(queue, 20, Access.READ_WRITE);
        isTimed = settings.isTimed();
        recordsGraphs = settings.graphs() && device.supportsExecutionGraphs();
        library = settings.products() != DeviceSettings.Products.OWN && device instanceof TornadoNativeStreamSupport
                ? new CudaLibrary(name, device, queue, settings.products())
                : null;
    }

    String name() {
        return name;
    }

    String description() {
        return device.getPhysicalDevice().getDeviceName().strip() + ", " + device.getPlatformName().strip();
    }

    /** What happened so far. */
    DeviceActivity activity() {
        return new DeviceActivity(
                launches, uploads, downloads, allocatedBytes, mostAllocatedBytes, enqueueNanos, kernelNanos,
                productNanos);
    }

    // ---- memory

    /**
     * Reserves memory on the device.
     *
     * @param host the host's side of it, header included
     * @param what it is, and which kernel needs it, for messages
     * @throws DeviceException if the device has not enough memory
     */
    DeviceArray allocate(TornadoNativeArray host, String what) {
        long bytes = host.getNumBytesOfSegmentWithHeader();
        long largest = device.getPhysicalDevice().getDeviceMaxAllocationSize();
        if ((memoryBytes > 0 && allocatedBytes + bytes > memoryBytes) || (largest > 0 && bytes > largest)) {
            throw new DeviceException(outOfMemory(bytes, what) + String.format(Locale.ROOT,
                    ", of %,d in all and at most %,d in one piece", memoryBytes, largest), null);
        }
        var state = new XPUDeviceBufferState();
        try {
            device.allocateObjects(
                    new Object[] {host}, 0, new DeviceBufferState[] {state}, new Access[] {Access.READ_WRITE});
        } catch (RuntimeException e) {
            throw new DeviceException(outOfMemory(bytes, what) + ": " + oneLine(e), e);
        }
        state.setLockBuffer(true);
        allocatedBytes += bytes;
        mostAllocatedBytes = Math.max(mostAllocatedBytes, allocatedBytes);
        return new DeviceArray(host, state);
    }

    private String outOfMemory(long bytes, String what) {
        return String.format(Locale.ROOT, "%s is out of memory: %,d bytes for %s, beside %,d in use", name, bytes, what,
                allocatedBytes);
    }

    /** Gives memory back. */
    void free(DeviceArray array) {
        allocatedBytes -= array.bytes();
        array.state().setLockBuffer(false);
        device.deallocate(array.state());
    }

    /**
     * Starts to copy to the device. The host's side must stay as it is until {@link #isFinished} says so.
     *
     * @return a ticket
     */
    long upload(DeviceArray array) {
        guarded("copy to the device", () -> {
            device.streamIn(queue, array.host(), 0, 0, array.state(), null);
        });
        uploads++;
        return ++enqueued;
    }

    /** Copies to the host, after everything that was started before. */
    void download(DeviceArray array) {
        guarded("copy from the device", () -> {
            device.streamOutBlocking(queue, array.host(), 0, array.state(), null);
        });
        downloads++;
        finished = enqueued;
    }

    /** Whether a copy to the device is certainly done. */
    boolean isFinished(long ticket) {
        return ticket <= finished;
    }

    /** Waits for everything that was started. */
    void finish() {
        guarded("wait", () -> device.sync(queue));
        finished = enqueued;
    }

    // ---- kernels

    /** The vendor's matrix products, where there are some. */
    @Nullable
    CudaLibrary library() {
        return library;
    }

    /**
     * A recording of launches, where the device can make one.
     *
     * @param launches starts them all
     */
    @Nullable
    CudaGraph graph(Runnable launches) {
        return recordsGraphs ? new CudaGraph(device, queue, launches) : null;
    }

    /**
     * Starts launches in order, or runs one after the other where kernels are timed.
     *
     * @param all the launches
     */
    void run(List<Launch> all) {
        if (isTimed) {
            finish();
            all.forEach(this::time);
        } else {
            all.forEach(Launch::run);
        }
    }

    private void time(Launch launch) {
        long start = System.nanoTime();
        launch.run();
        finish();
        long nanos = System.nanoTime() - start;
        kernelNanos += nanos;
        productNanos += launch.kernel() instanceof MatMul ? nanos : 0;
    }

    /**
     * Hands over a program, and takes down how long that takes.
     *
     * @param program starts its launches
     */
    void enqueue(Runnable program) {
        long start = System.nanoTime();
        program.run();
        enqueueNanos += System.nanoTime() - start;
    }

    /**
     * Runs a recording.
     *
     * @param graph the recording
     * @param count number of its launches
     */
    void run(CudaGraph graph, int count) {
        boolean isReplay;
        try {
            isReplay = graph.run();
        } catch (DeviceException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new DeviceException(name + " (" + description() + ") failed in a CUDA graph of " + count
                    + " launches: " + oneLine(e) + " (-D" + DeviceSettings.GRAPHS + "=false does without)", e);
        }
        if (isReplay) {
            launches += count;
            finished = enqueued;
        }
    }

    /** A kernel that is ready to go. */
    private final class KernelLaunch implements Launch {
        private final Call call;
        private final TornadoInstalledCode code;
        private final List<DeviceArray> arrays;
        private final TaskDataContext meta;
        private final HashMap<Integer, Integer> threads = new HashMap<>();

        private KernelLaunch(Call call, TornadoInstalledCode code, List<DeviceArray> arrays) {
            this.call = call;
            this.code = code;
            this.arrays = arrays;
            this.meta = TaskDataContext.create(schedule, call.method().toString(), call.method().resolve());
            var grid = new WorkerGrid3D((int) call.global()[0], (int) call.global()[1], (int) call.global()[2]);
            grid.setLocalWork(call.local()[0], call.local()[1], call.local()[2]);
            meta.setGridScheduler(new GridScheduler(meta.getId(), grid));
            meta.attachProfiler(new EmptyProfiler());
            for (int axis = 0; axis < 3; axis++) {
                threads.put(axis, (int) call.global()[axis]);
            }
        }

        @Override
        public Kernel kernel() {
            return call.kernel();
        }

        @Override
        public void run() {
            frame.reset();
            frame.setKernelContext(threads);
            frame.addCallArgument(new KernelStackFrame.KernelContextArgument(), false);
            for (DeviceArray array : arrays) {
                frame.addCallArgument(array.handle(), true);
            }
            try {
                code.launchWithoutDependencies(queue, frame, null, meta, 0);
            } catch (RuntimeException e) {
                throw new DeviceException(name + " does not run " + describe(call) + ": " + oneLine(e), e);
            }
            launches++;
            enqueued++;
        }
    }

    /**
     * Prepares a launch.
     *
     * @param call what to run
     * @param arrays the method's buffers, in order, its integers and floats included
     * @throws DeviceException if the method does not compile
     */
    Launch prepare(Call call, List<DeviceArray> arrays) {
        TornadoInstalledCode installed = code.get(call.method());
        if (installed == null) {
            installed = compile(call);
            code.put(call.method(), installed);
        }
        return new KernelLaunch(call, installed, arrays);
    }

    private TornadoInstalledCode compile(Call call) {
        try {
            Method method = call.method().resolve();
            Object[] arguments = Arrays.stream(method.getParameterTypes()).map(Accelerator::example).toArray();
            var task = new CompilableTask(schedule, call.method().toString(), method, arguments);
            var runtime = TornadoCoreRuntime.getTornadoRuntime();
            TornadoAcceleratorBackend backend = runtime.getBackend(task.meta().getBackendIndex());
            new SketchRequest(
                    runtime.resolveMethod(method),
                    backend.getProviders(),
                    backend.getSuitesProvider().getGraphBuilderSuite(),
                    backend.getSuitesProvider().getSketchTier(),
                    task.meta().getBackendIndex(),
                    task.meta().getDeviceIndex())
                    .run();
            var grid = new WorkerGrid3D((int) call.global()[0], (int) call.global()[1], (int) call.global()[2]);
            grid.setLocalWork(call.local()[0], call.local()[1], call.local()[2]);
            task.setUseGridScheduler(true);
            task.setGridScheduler(new GridScheduler(task.getId(), grid));
            task.attachProfiler(new EmptyProfiler());
            task.forceCompilation();
            TornadoInstalledCode installed = device.installCode(queue, task);
            if (installed == null || !installed.isValid()) {
                throw new DeviceException(cannotCompile(call), null);
            }
            return installed;
        } catch (DeviceException e) {
            throw e;
        } catch (RuntimeException | Error e) {
            throw new DeviceException(cannotCompile(call) + ": " + oneLine(e), e);
        }
    }

    private String cannotCompile(Call call) {
        return "a kernel does not compile for " + name + " (" + description() + "): " + describe(call);
    }

    private static String describe(Call call) {
        return call.method() + " of " + call.kernel();
    }

    /** An argument that stands for all of its type. */
    private static Object example(Class<?> type) {
        if (type == KernelContext.class) {
            return new KernelContext();
        } else if (type == IntArray.class) {
            return new IntArray(1);
        } else if (type == FloatArray.class) {
            return new FloatArray(1);
        } else if (type == DoubleArray.class) {
            return new DoubleArray(1);
        }
        throw new IllegalArgumentException("a kernel has no argument of " + type);
    }

    private void guarded(String what, Runnable action) {
        try {
            action.run();
        } catch (RuntimeException e) {
            throw new DeviceException(name + " (" + description() + ") failed: " + what + ": " + oneLine(e), e);
        }
    }

    private static String oneLine(Throwable thrown) {
        @Nullable
        String message = thrown.getMessage();
        String text = message == null || message.isBlank() ? thrown.toString() : message;
        // Colours are for terminals.
        return text.replaceAll("\u001B\\[[0-9;]*m", "").strip().lines().findFirst().orElse(thrown.toString());
    }
}
