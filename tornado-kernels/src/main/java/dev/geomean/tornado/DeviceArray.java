package dev.geomean.tornado;

import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;
import uk.ac.manchester.tornado.runtime.common.XPUDeviceBufferState;

/**
 * Device memory and the host memory that it is copied from and to. TornadoVM's arrays begin with a header, on both sides.
 *
 * @param host the host memory
 * @param state the device memory
 */
record DeviceArray(TornadoNativeArray host, XPUDeviceBufferState state) {

    /** What a kernel receives. */
    long handle() {
        return state.getXPUBuffer().toBuffer();
    }

    /** Size on the device, header included. */
    long bytes() {
        return host.getNumBytesOfSegmentWithHeader();
    }
}
