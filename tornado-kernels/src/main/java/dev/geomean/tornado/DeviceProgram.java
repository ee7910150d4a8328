package dev.geomean.tornado;

import dev.geomean.engine.Backend;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.Storage;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A list of kernels as launches with all their arguments in place.
 *
 * <p>Tensors that other programs or the host may see are the copies that all programs of the device share, and so stay there
 * from one program to the next; a run copies to the device only what the host has written since the last one. What nobody
 * else sees lives in {@link Temporaries}.
 */
final class DeviceProgram implements Backend.Plan {
    private final DeviceMemory memory;
    private final List<Launch> launches = new ArrayList<>();
    private final Set<DeviceMirror> used = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Set<DeviceMirror> written = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<DeviceArray> own = new ArrayList<>();
    private final @Nullable CudaGraph graph;

    /**
     * Lays out a program.
     *
     * @param memory where operands lie
     * @param lowering what makes launches of kernels
     * @param kernels the kernels in order
     * @param kept storages of the program's memory that are read after a run
     */
    DeviceProgram(DeviceMemory memory, Lowering lowering, List<Kernel> kernels, Set<Storage> kept) {
        this.memory = memory;
        this.graph = memory.accelerator().graph(this::launch);
        try {
            var temporaries = new Temporaries(memory, kernels, kept);
            own.addAll(temporaries.arrays());
            var scratch = new IdentityHashMap<Operand.Scratch, DeviceArray>();
            for (Kernel kernel : kernels) {
                CudaLibrary library = memory.accelerator().library();
                boolean isLibrarys = library != null && kernel instanceof MatMul product && BlasCall.does(product);
                for (Call call : isLibrarys ? lowering.bias((MatMul) kernel) : lowering.lower(kernel)) {
                    launches.add(memory.accelerator().prepare(call, arrays(call, temporaries, scratch)));
                }
                if (library != null && isLibrarys) {
                    addProduct(library, (MatMul) kernel, temporaries);
                }
                for (Buffer buffer : kernel.writes()) {
                    if (temporaries.of(buffer.storage()) == null) {
                        // What no launch writes, because there is nothing to compute, must be there all the same.
                        DeviceMirror mirror = memory.mirror(buffer.storage(), kernel);
                        used.add(mirror);
                        written.add(mirror);
                    }
                }
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private List<DeviceArray> arrays(
            Call call, Temporaries temporaries, IdentityHashMap<Operand.Scratch, DeviceArray> scratch) {
        List<DeviceArray> arrays = new ArrayList<>();
        arrays.add(
                call.ints().length == 0
                        ? memory.absent(Operand.Type.INTS)
                        : kept(memory.constant(call.kernel(), call.ints())));
        arrays.add(
                call.floats().length == 0
                        ? memory.absent(Operand.Type.FLOATS)
                        : kept(memory.constant(call.kernel(), call.floats())));
        for (Operand operand : call.operands()) {
            arrays.add(
                    switch (operand) {
                        case Operand.Stored stored -> array(stored.storage(), call.kernel(), temporaries);
                        case Operand.Scratch s -> scratch.computeIfAbsent(s,
                                key -> kept(memory.allocate(key, call.kernel())));
                        case Operand.Absent absent -> memory.absent(absent.type());
                    });
        }
        return arrays;
    }

    private DeviceArray array(Storage storage, Kernel user, Temporaries temporaries) {
        DeviceArray temporary = temporaries.of(storage);
        if (temporary != null) {
            return temporary;
        }
        DeviceMirror mirror = memory.mirror(storage, user);
        used.add(mirror);
        return mirror.array();
    }

    private void addProduct(CudaLibrary library, MatMul kernel, Temporaries temporaries) {
        BlasCall call = BlasCall.of(
                kernel,
                address(kernel.a(), kernel, temporaries),
                address(kernel.b(), kernel, temporaries),
                address(kernel.out(), kernel, temporaries));
        launches.add(library.prepare(kernel, call));
    }

    private long address(Buffer buffer, Kernel user, Temporaries temporaries) {
        return array(buffer.storage(), user, temporaries).handle() + TornadoNativeArray.ARRAY_HEADER
                + buffer.offset() * Float.BYTES;
    }

    private DeviceArray kept(DeviceArray array) {
        own.add(array);
        return array;
    }

    @Override
    public void run(Backend.Lane lane) {
        used.forEach(DeviceMirror::beforeDeviceUses);
        written.forEach(DeviceMirror::deviceWrites);
        memory.accelerator().enqueue(this::start);
    }

    private void start() {
        if (graph != null) {
            memory.accelerator().run(graph, launches.size());
        } else {
            launch();
        }
    }

    private void launch() {
        memory.accelerator().run(launches);
    }

    @Override
    public void close() {
        memory.accelerator().finish();
        if (graph != null) {
            graph.close();
        }
        own.forEach(memory::free);
        own.clear();
        launches.clear();
    }
}
