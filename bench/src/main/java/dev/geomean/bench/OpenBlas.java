package dev.geomean.bench;

import dev.geomean.gmpo.bench.MatMulShape;
import dev.geomean.gmpo.bench.MatMulWork;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;

/** Matrix products of OpenBLAS, the native library of the system, called without wrappers. */
final class OpenBlas {
    private static final List<String> FILES =
            List.of("libopenblas.so.0", "libopenblas.so", "libopenblas.dylib", "libopenblas.dll");
    private static final int ROW_MAJOR = 101;
    private static final int NO_TRANSPOSE = 111;
    private static final int TRANSPOSE = 112;

    private final MethodHandle sgemm;

    /**
     * Loads the library.
     *
     * @param threads threads that it may use
     * @throws IllegalStateException if it is not installed
     */
    @SuppressWarnings("restricted") // calls native code
    OpenBlas(int threads) {
        SymbolLookup library = FILES.stream()
                .flatMap(file -> load(file).stream())
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(
                        "OpenBLAS is not installed (Debian: apt-get install libopenblas0-pthread)"));
        Linker linker = Linker.nativeLinker();
        var number = ValueLayout.JAVA_INT;
        var real = ValueLayout.JAVA_FLOAT;
        var matrix = ValueLayout.ADDRESS;
        this.sgemm = linker.downcallHandle(
                library.findOrThrow("cblas_sgemm"),
                FunctionDescriptor.ofVoid(
                        number, number, number, number, number, number, real, matrix, number, matrix, number, real,
                        matrix, number));
        MethodHandle setThreads = linker.downcallHandle(
                library.findOrThrow("openblas_set_num_threads"), FunctionDescriptor.ofVoid(number));
        try {
            setThreads.invokeExact(threads);
        } catch (Throwable e) {
            throw new IllegalStateException("OpenBLAS does not take a number of threads", e);
        }
    }

    @SuppressWarnings("restricted") // loads a native library
    private static List<SymbolLookup> load(String file) {
        try {
            return List.of(SymbolLookup.libraryLookup(file, Arena.global()));
        } catch (IllegalArgumentException notThere) {
            return List.of();
        }
    }

    /**
     * Computes a product.
     *
     * @param work operands and result
     */
    void multiply(MatMulWork work) {
        MatMulShape shape = work.shape();
        MemorySegment a = work.a().segment();
        MemorySegment b = work.b().segment();
        MemorySegment out = work.out().segment();
        try {
            sgemm.invokeExact(
                    ROW_MAJOR,
                    work.isLeftTransposed() ? TRANSPOSE : NO_TRANSPOSE,
                    work.isRightTransposed() ? TRANSPOSE : NO_TRANSPOSE,
                    shape.m(),
                    shape.n(),
                    shape.k(),
                    1f,
                    a,
                    work.isLeftTransposed() ? shape.m() : shape.k(),
                    b,
                    work.isRightTransposed() ? shape.k() : shape.n(),
                    0f,
                    out,
                    shape.n());
        } catch (Throwable e) {
            throw new IllegalStateException("OpenBLAS failed", e);
        }
    }
}
