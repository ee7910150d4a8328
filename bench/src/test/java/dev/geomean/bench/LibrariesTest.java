package dev.geomean.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.bench.KernelCase;
import dev.geomean.gmpo.bench.KernelCases;
import dev.geomean.gmpo.bench.MatMulShape;
import dev.geomean.gmpo.bench.MatMulWork;
import dev.geomean.gmpo.bench.Operands;
import dev.geomean.gmpo.bench.ParallelKernels;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openjdk.jmh.annotations.Param;
import tools.jackson.databind.json.JsonMapper;

@DisplayName("What the benchmarks compare with")
class LibrariesTest {
    private static final MatMulShape SHAPE = new MatMulShape(37, 21, 50);

    /** The product by the engine's own kernel. */
    private static float[] product(MatMulWork work) {
        try (Engine engine = Engine.cpu(1); var kernels = new ParallelKernels(engine, work.kernels(1))) {
            kernels.run();
            return work.out().toFloats();
        }
    }

    @ParameterizedTest
    @EnumSource(MatMulShape.Transposed.class)
    void netlib_computes_the_same_product(MatMulShape.Transposed transposed) {
        try (var operands = new Operands()) {
            MatMulWork work = MatMulWork.random(SHAPE, transposed, operands);
            var netlib = new Netlib(work);
            netlib.multiply();
            assertThat(netlib.result()).containsExactly(product(work), within(1e-4f));
        }
    }

    @ParameterizedTest
    @EnumSource(MatMulShape.Transposed.class)
    void open_blas_computes_the_same_product_where_it_is_installed(MatMulShape.Transposed transposed) {
        OpenBlas blas;
        try {
            blas = new OpenBlas(1);
        } catch (IllegalStateException e) {
            assertThat(e).hasMessageContaining("OpenBLAS is not installed");
            Assumptions.abort(e.getMessage());
            return;
        }
        try (var operands = new Operands()) {
            MatMulWork work = MatMulWork.random(SHAPE, transposed, operands);
            blas.multiply(work);
            float[] result = work.out().toFloats();
            assertThat(result).containsExactly(product(work), within(1e-4f));
        }
    }

    @Test
    void the_kernel_benchmark_knows_every_kernel() throws ReflectiveOperationException {
        String[] named = KernelBenchmark.class.getField("kernel").getAnnotation(Param.class).value();
        assertThat(List.of(named)).containsExactlyElementsOf(
                KernelCases.all().stream().map(KernelCase::name).toList());
    }

    @Test
    void the_plot_has_every_row_in_which_more_is_better() {
        String rows = """
                [{"label": "gemm, one thread", "ratio": 1.1, "must": 1.0, "less_is_better": false},
                 {"label": "gemm, 2 threads", "ratio": 0.9, "must": 1.0, "less_is_better": false},
                 {"label": "memory nano", "ratio": 0.4, "must": 0.6, "less_is_better": true},
                 {"label": "train nano compiled", "ratio": 2, "must": null, "less_is_better": false}]
                """;
        var chart = ComparisonChart.chart(new JsonMapper().readTree(rows));
        assertThat(chart.getSeries("measured").getXData()).hasSize(2);
        assertThat(chart.getSeries("measured").getYData()).containsExactly(1.1, 0.9);
    }
}
