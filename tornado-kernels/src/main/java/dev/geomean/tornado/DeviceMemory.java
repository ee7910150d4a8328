package dev.geomean.tornado;

import dev.geomean.engine.device.DeviceException;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Mirror;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import java.lang.foreign.MemorySegment;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Where operands of launches lie on a device. Host memory of tensors is wrapped as it is, never copied. */
final class DeviceMemory {
    private final Accelerator accelerator;
    private final DeviceArray noFloats;
    private final DeviceArray noInts;
    private final DeviceArray noDoubles;

    DeviceMemory(Accelerator accelerator) {
        if (TornadoNativeArray.ARRAY_HEADER > Region.HEADER) {
            throw new IllegalStateException("TornadoVM's array header has " + TornadoNativeArray.ARRAY_HEADER
                    + " bytes; tensors have room for " + Region.HEADER);
        }
        this.accelerator = accelerator;
        noFloats = accelerator.allocate(new FloatArray(1), "nothing");
        noInts = accelerator.allocate(new IntArray(1), "nothing");
        noDoubles = accelerator.allocate(new DoubleArray(1), "nothing");
    }

    Accelerator accelerator() {
        return accelerator;
    }

    /** The copy of a tensor's memory, made at the first call, for a kernel. */
    DeviceMirror mirror(Storage storage, Kernel user) {
        Mirror known = storage.mirror();
        if (known == null) {
            var mirror = new DeviceMirror(accelerator, allocate(storage, user), hasContent(storage));
            storage.attach(mirror);
            return mirror;
        }
        if (known instanceof DeviceMirror mirror && mirror.accelerator() == accelerator) {
            return mirror;
        }
        throw new IllegalStateException(
                "tensor '" + storage.label() + "' is on " + known + ", not on " + accelerator.name());
    }

    /** Whether the host may have written: not into the memory of a program. */
    private static boolean hasContent(Storage storage) {
        return !(storage.region() instanceof Region.Planned);
    }

    /** Device memory of a storage's size, with the storage's own memory as the host's side, for a kernel. */
    DeviceArray allocate(Storage storage, Kernel user) {
        if (storage.type() == DType.BFLOAT16 || storage.isReadOnly()) {
            throw new DeviceException(accelerator.name() + " cannot hold '" + storage.label() + "': "
                    + (storage.isReadOnly() ? "it lies in a mapped file" : "bfloat16 is for the CPU only"), null);
        }
        if (storage.length() > Integer.MAX_VALUE - 64) {
            throw new DeviceException(accelerator.name() + " cannot hold '" + storage.label() + "': "
                    + storage.length() + " elements are more than an index of 32 bits counts, for " + user, null);
        }
        boolean isFloats = storage.type() == DType.FLOAT32;
        TornadoNativeArray host;
        if (storage.length() == 0) {
            // It has an address that may be another's, and the one element that a device needs would be copied there.
            host = isFloats ? new FloatArray(1) : new IntArray(1);
        } else {
            MemorySegment withHeader = segment(
                    storage.address() - TornadoNativeArray.ARRAY_HEADER,
                    TornadoNativeArray.ARRAY_HEADER + storage.byteSize());
            host = isFloats ? FloatArray.fromSegmentShallow(withHeader) : IntArray.fromSegmentShallow(withHeader);
        }
        return accelerator.allocate(host, "'" + storage.label() + "' of " + user);
    }

    @SuppressWarnings("restricted") // the memory of a storage and the header in front of it
    private static MemorySegment segment(long address, long bytes) {
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    /** Device memory for intermediate results of a kernel. */
    DeviceArray allocate(Operand.Scratch scratch, Kernel user) {
        int length = Math.toIntExact(Math.max(scratch.length(), 1));
        TornadoNativeArray host =
                switch (scratch.type()) {
                    case FLOATS -> new FloatArray(length);
                    case INTS -> new IntArray(length);
                    case DOUBLES -> new DoubleArray(length);
                };
        return accelerator.allocate(host, "intermediate results of " + user);
    }

    /** Integers of a kernel on the device. */
    DeviceArray constant(Kernel user, int... values) {
        DeviceArray array = accelerator.allocate(IntArray.fromArray(values), "sizes of " + user);
        accelerator.upload(array);
        return array;
    }

    /** Floats of a kernel on the device. */
    DeviceArray constant(Kernel user, float... values) {
        DeviceArray array = accelerator.allocate(FloatArray.fromArray(values), "factors of " + user);
        accelerator.upload(array);
        return array;
    }

    /** What stands for a buffer that is missing. */
    DeviceArray absent(Operand.Type type) {
        return switch (type) {
            case FLOATS -> noFloats;
            case INTS -> noInts;
            case DOUBLES -> noDoubles;
        };
    }

    /** Frees what {@link #constant} and {@link #allocate} gave. */
    void free(DeviceArray array) {
        accelerator.free(array);
    }
}
