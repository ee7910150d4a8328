package dev.geomean.engine.device;

import java.util.List;

/** Finds the devices of one kind of back end. Implementations are found through {@link java.util.ServiceLoader}. */
public interface DeviceProvider {

    /**
     * The kinds of devices, which are also the first part of their names.
     *
     * @return for example {@code ["opencl", "cuda"]}
     */
    List<String> kinds();

    /**
     * The devices that are there.
     *
     * @return in order of their names; empty if there are none, see {@link #status}
     */
    List<Device> devices();

    /**
     * What it runs on, or what is missing.
     *
     * @return one line for people, and how to install what is missing in further ones
     */
    String status();
}
