package dev.geomean.tornado;

import java.util.Locale;

/**
 * How programs run on a device. Only those of TornadoVM's {@code cuda} back end have graphs, and products that are not their own.
 *
 * @param graphs whether a program is recorded as a CUDA graph and replayed; not where kernels are timed
 * @param products who multiplies matrices
 * @param isTimed whether the host waits for each kernel, to measure how long it takes
 */
record DeviceSettings(boolean graphs, Products products, boolean isTimed) {
    static final String GRAPHS = "geomean.cuda.graphs";
    static final String PRODUCTS = "geomean.cuda.products";
    static final String TIMED = "geomean.device.timed";

    /** Who multiplies matrices. */
    enum Products {
        /** cuBLAS, in float32. */
        FLOAT32,
        /** cuBLAS on tensor cores, with operands rounded to 10 bits of mantissa. */
        TF32,
        /** The methods that run on all devices. */
        OWN
    }

    /**
     * The settings of this process: the properties {@value #GRAPHS}, {@value #PRODUCTS} and {@value #TIMED}.
     *
     * @throws IllegalArgumentException if a property has a value that means nothing
     */
    static DeviceSettings ofProcess() {
        return of(
                System.getProperty(GRAPHS, "true"), System.getProperty(PRODUCTS, "float32"),
                System.getProperty(TIMED, "false"));
    }

    static DeviceSettings of(String graphs, String products, String timed) {
        boolean isTimed = truth(TIMED, timed);
        boolean recordsGraphs = truth(GRAPHS, graphs) && !isTimed;
        for (Products known : Products.values()) {
            if (known.name().toLowerCase(Locale.ROOT).equals(products)) {
                return new DeviceSettings(recordsGraphs, known, isTimed);
            }
        }
        throw new IllegalArgumentException(PRODUCTS + " is float32, tf32 or own, not '" + products + "'");
    }

    private static boolean truth(String property, String value) {
        if (!value.equals("true") && !value.equals("false")) {
            throw new IllegalArgumentException(property + " is true or false, not '" + value + "'");
        }
        return value.equals("true");
    }
}
