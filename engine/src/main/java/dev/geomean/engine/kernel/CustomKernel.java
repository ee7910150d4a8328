package dev.geomean.engine.kernel;

/**
 * The open branch of {@link Kernel}: a kernel defined outside the engine, which brings its own host implementation.
 * Other back ends find their lowering through {@link java.util.ServiceLoader}.
 */
public non-sealed interface CustomKernel extends Kernel {

    /**
     * Computes the kernel on host memory. Called by one thread; must not allocate native memory, and should not allocate
     * on the heap, since captured programs promise not to.
     */
    void runOnHost();
}
