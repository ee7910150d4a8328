package dev.geomean.engine.device;

import dev.geomean.engine.Backend;

/** Something that can compute. */
public interface Device {

    /**
     * The name by which it is chosen.
     *
     * @return for example {@code "cpu"}, {@code "opencl:0"} or {@code "cuda:1"}
     */
    String name();

    /**
     * What it is, for people.
     *
     * @return for example {@code "NVIDIA H100 80GB HBM3, NVIDIA CUDA"}
     */
    String description();

    /**
     * Whether it is made for such work, so that {@code auto} takes it before the CPU.
     *
     * @return true for a GPU; false for the CPU, also under another name
     */
    boolean isAccelerator();

    /**
     * Memory for tensors.
     *
     * @return bytes, or -1 if it is not known
     */
    long memoryBytes();

    /**
     * A back end that computes on it.
     *
     * @return a new back end
     * @throws DeviceException if the device does not answer
     */
    Backend open();
}
