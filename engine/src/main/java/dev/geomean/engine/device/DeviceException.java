package dev.geomean.engine.device;

import org.jspecify.annotations.Nullable;

/** A device did not do what it was asked for: its memory is exhausted, a kernel does not compile for it, or it is lost. */
public final class DeviceException extends RuntimeException {

    /**
     * A failure.
     *
     * @param message one line that names the device, and the kernel with its sizes if there is one
     * @param cause what the device's runtime reported, or null
     */
    public DeviceException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
