package dev.geomean.tornado;

import dev.geomean.engine.device.DeviceException;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.MatMul;
import java.util.List;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.runtime.common.TornadoXPUDevice;
import uk.ac.manchester.tornado.runtime.library.LibraryRegistry;
import uk.ac.manchester.tornado.runtime.library.spi.LibraryContext;
import uk.ac.manchester.tornado.runtime.library.spi.LibraryInvocation;
import uk.ac.manchester.tornado.runtime.library.spi.TornadoLibraryProvider;

/** cuBLAS on the queue of a CUDA device, through the provider that comes with TornadoVM's {@code cuda} SDK. */
final class CudaLibrary {
    private static final String NAME = "nvidia/cublas";

    private final String deviceName;
    private final TornadoXPUDevice device;
    private final long queue;
    private final TornadoLibraryProvider provider;
    private final LibraryContext context;
    private final @Nullable Object options;

    /**
     * Opens the library.
     *
     * @param deviceName for messages
     * @param device a device of the {@code cuda} back end
     * @param queue whose order the products keep
     * @param products {@code FLOAT32} or {@code TF32}
     * @throws DeviceException if the library is not there
     */
    CudaLibrary(String deviceName, TornadoXPUDevice device, long queue, DeviceSettings.Products products) {
        this.deviceName = deviceName;
        this.device = device;
        this.queue = queue;
        try {
            provider = LibraryRegistry.findProvider(NAME, device);
            context = LibraryRegistry.getOrCreateContext(provider, device, queue);
            options =
                    products == DeviceSettings.Products.TF32 ? tensorCores(provider.getClass().getClassLoader()) : null;
        } catch (RuntimeException | LinkageError | ReflectiveOperationException e) {
            throw new DeviceException(deviceName + " cannot use cuBLAS: " + e.getMessage() + " (-D"
                    + DeviceSettings.PRODUCTS + "=own does without)", e);
        }
    }

    /** The provider's options for TF32. Only SDKs for CUDA have their class, so the build cannot name it. */
    private static Object tensorCores(ClassLoader loader) throws ReflectiveOperationException {
        Class<?> options = loader.loadClass("uk.ac.manchester.tornado.cublas.CuBlasOptions");
        Class<?> modes = loader.loadClass("uk.ac.manchester.tornado.cublas.enums.CuBlasMathMode");
        Object mode = modes.getField("CUBLAS_TF32_TENSOR_OP_MATH").get(null);
        return options.getMethod("withMathMode", modes).invoke(options.getConstructor().newInstance(), mode);
    }

    /**
     * Prepares a product.
     *
     * @param kernel what it is part of, for messages
     * @param call its arguments
     */
    Launch prepare(MatMul kernel, BlasCall call) {
        Object[] arguments = call.arguments();
        long[] addresses = call.addresses();
        boolean[] isAddress = new boolean[addresses.length];
        for (int i : List.of(BlasCall.FIRST_ADDRESS, BlasCall.SECOND_ADDRESS, BlasCall.RESULT_ADDRESS)) {
            isAddress[i] = true;
        }
        var invocation = new LibraryInvocation(arguments, addresses, isAddress, device, queue, context, options);
        return new Launch() {
            @Override
            public Kernel kernel() {
                return kernel;
            }

            @Override
            public void run() {
                try {
                    provider.dispatch(BlasCall.FUNCTION, invocation);
                } catch (RuntimeException e) {
                    throw new DeviceException(deviceName + " does not run " + BlasCall.FUNCTION + " of " + kernel + ": "
                            + e.getMessage(), e);
                }
            }
        };
    }
}
