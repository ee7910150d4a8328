package dev.geomean.tornado;

import java.util.Locale;

/**
 * What is used of CUDA where a device is one of TornadoVM's {@code cuda} back end. Other devices have nothing of it.
 *
 * @param graphs whether a program is recorded as a CUDA graph and replayed
 * @param products who multiplies matrices
 */
record CudaSettings(boolean graphs, Products products) {
    static final String GRAPHS = "geomean.cuda.graphs";
    static final String PRODUCTS = "geomean.cuda.products";

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
     * The settings of this process: the properties {@value #GRAPHS} and {@value #PRODUCTS}.
     *
     * @throws IllegalArgumentException if a property has a value that means nothing
     */
    static CudaSettings ofProcess() {
        return of(System.getProperty(GRAPHS, "true"), System.getProperty(PRODUCTS, "float32"));
    }

    static CudaSettings of(String graphs, String products) {
        if (!graphs.equals("true") && !graphs.equals("false")) {
            throw new IllegalArgumentException(GRAPHS + " is true or false, not '" + graphs + "'");
        }
        for (Products known : Products.values()) {
            if (known.name().toLowerCase(Locale.ROOT).equals(products)) {
                return new CudaSettings(graphs.equals("true"), known);
            }
        }
        throw new IllegalArgumentException(PRODUCTS + " is float32, tf32 or own, not '" + products + "'");
    }
}
