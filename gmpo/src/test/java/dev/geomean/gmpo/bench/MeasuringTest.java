package dev.geomean.gmpo.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttention;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.model.Decoder;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Measuring")
class MeasuringTest {

    @Test
    void quantiles_are_those_of_numpy() {
        // numpy.quantile([7, 1, 3, 9, 4], [0, .1, .5, .9, 1])
        var quantiles = new Quantiles(new double[] {7, 1, 3, 9, 4});
        assertThat(quantiles.at(0)).isEqualTo(1);
        assertThat(quantiles.at(0.1)).isEqualTo(1.8, within(1e-12));
        assertThat(quantiles.median()).isEqualTo(4);
        assertThat(quantiles.at(0.9)).isEqualTo(8.2, within(1e-12));
        assertThat(quantiles.at(1)).isEqualTo(9);
        assertThat(new Quantiles(new double[] {5}).at(0.3)).isEqualTo(5);
        assertThatIllegalArgumentException().isThrownBy(() -> new Quantiles(new double[0]));
        assertThatIllegalArgumentException().isThrownBy(() -> quantiles.at(1.1));
    }

    @Test
    void timings_repeat_the_work_and_count_what_it_allocates() {
        int[] runs = {0};
        byte[][] kept = new byte[1][];
        Timings timings = Timings.measure(
                () -> {
                    runs[0]++;
                    kept[0] = new byte[100_000];
                },
                new Timings.Budget(0, 0, 5));
        assertThat(runs[0]).isGreaterThanOrEqualTo(10);
        assertThat(timings.allocatedBytes()).isBetween(100_000.0, 150_000.0);
        assertThat(timings.seconds().at(0)).isPositive();
    }

    @Test
    void memory_is_read_from_the_status_of_the_process() {
        String status = "Name:\tjava\nVmHWM:\t  123456 kB\nVmRSS:\t   1000 kB\n";
        assertThat(ProcessMemory.parse(status, "VmHWM:")).hasValue(123456L * 1024);
        assertThat(ProcessMemory.parse(status, "VmRSS:")).hasValue(1000L * 1024);
        assertThat(ProcessMemory.parse(status, "VmSwap:")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"4, 4", "4, 2", "4, 1"})
    void a_decoders_operations_are_those_of_its_kernels(int heads, int kvHeads) {
        var work = new DecoderWork(2, 32, heads, kvHeads, 48, 40, 3, 12);
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.zeros(engine, work.config());
                var inputs = engine.persistent("inputs")) {
            Tensor ids = inputs.ints(new int[work.tokens()], work.batch(), work.seq());
            try (Program<Tensor> program =
                    engine.capture("forward", step -> step.keep(decoder.logits(step, ids)))) {
                assertThat(program.kernels().stream().mapToDouble(MeasuringTest::flops).sum())
                        .isEqualTo(work.forwardFlops());
            }
        }
        assertThat(work.trainingFlops()).isEqualTo(3 * work.forwardFlops());
    }

    private static double flops(Kernel kernel) {
        return switch (kernel) {
            case MatMul product -> 2.0 * product.batch() * product.m() * product.n() * product.k();
            case CausalAttention attention -> {
                var shape = attention.shape();
                int pairs = shape.time() * (shape.time() + 1) / 2;
                yield 2 * 2.0 * shape.batch() * shape.heads() * shape.headDim() * pairs;
            }
            default -> 0;
        };
    }

    @Test
    void generating_all_but_the_first_token_costs_a_forward_pass_without_its_last_position() {
        var work = new DecoderWork(2, 32, 4, 2, 48, 40, 3, 12);
        var shorter = new DecoderWork(2, 32, 4, 2, 48, 40, 3, 11);
        assertThat(work.generationFlops(1)).isEqualTo(shorter.forwardFlops());
        double head = 2.0 * 32 * 40;
        assertThat(work.generationFlops(5)).isEqualTo(shorter.forwardFlops() - 3 * 4 * head);
    }

    @ParameterizedTest
    @EnumSource(MatMulShape.Transposed.class)
    void a_product_split_over_threads_is_the_product(MatMulShape.Transposed transposed) {
        for (MatMulShape shape : List.of(
                new MatMulShape(70, 33, 19), new MatMulShape(5, 90, 8), new MatMulShape(3, 2, 4))) {
            try (var operands = new Operands(); Engine engine = Engine.cpu(3)) {
                MatMulWork work = MatMulWork.random(shape, transposed, operands);
                try (var kernels = new ParallelKernels(engine, work.kernels(3))) {
                    kernels.run();
                }
                float[] a = work.a().toFloats();
                float[] b = work.b().toFloats();
                float[] out = work.out().toFloats();
                for (int i = 0; i < shape.m(); i++) {
                    for (int j = 0; j < shape.n(); j++) {
                        double sum = 0;
                        for (int l = 0; l < shape.k(); l++) {
                            double left = work.isLeftTransposed() ? a[l * shape.m() + i] : a[i * shape.k() + l];
                            double right = work.isRightTransposed() ? b[j * shape.k() + l] : b[l * shape.n() + j];
                            sum += left * right;
                        }
                        assertThat(out[i * shape.n() + j]).isCloseTo((float) sum, within(1e-4f));
                    }
                }
            }
        }
    }

    @Test
    void parts_of_a_product_cover_it_once() {
        for (int size = 1; size < 200; size += 7) {
            for (int threads = 1; threads < 9; threads++) {
                int nextRow = 0;
                int nextColumn = 0;
                for (int i = 0; i < threads; i++) {
                    MatMulShape.Part rows = new MatMulShape(size + 1, size, 1).part(i, threads);
                    assertThat(rows).isEqualTo(new MatMulShape.Part(nextRow, rows.rows(), 0, size));
                    assertThat(rows.rows()).isNotNegative();
                    nextRow += rows.rows();
                    MatMulShape.Part columns = new MatMulShape(size, size, 1).part(i, threads);
                    assertThat(columns).isEqualTo(new MatMulShape.Part(0, size, nextColumn, columns.columns()));
                    assertThat(columns.columns()).isNotNegative();
                    nextColumn += columns.columns();
                }
                assertThat(nextRow).isEqualTo(size + 1);
                assertThat(nextColumn).isEqualTo(size);
            }
        }
    }

    @Test
    void kernels_split_over_threads_share_the_sequences() {
        var work = new DecoderWork(1, 16, 2, 2, 24, 12, 5, 8);
        KernelCase attention = KernelCases.all().stream()
                .filter(each -> each.name().equals("attention"))
                .findFirst()
                .orElseThrow();
        try (var operands = new Operands()) {
            double whole = attention.make(operands, work, 1).getFirst().flops();
            double parts = attention.make(operands, work, 3).stream().mapToDouble(KernelCase.Work::flops).sum();
            assertThat(whole).isEqualTo(2 * 2.0 * 5 * 16 * (8 * 9 / 2)).isEqualTo(parts);
            assertThatIllegalArgumentException().isThrownBy(() -> attention.make(operands, work, 6));
        }
    }

    @Test
    void every_right_character_is_rewarded() {
        var task = new PartialCredit(Tasks.byName("addition:digits=2"));
        var problem = new Problem("12+34=", "640", "640");
        assertThat(task.score(problem, "640")).isEqualTo(1);
        assertThat(task.score(problem, "610")).isEqualTo(2 / 3.0);
        assertThat(task.score(problem, "64")).isEqualTo(2 / 3.0);
        assertThat(task.score(problem, "640000")).isEqualTo(0.5);
        assertThat(task.score(problem, "")).isEqualTo(0);
    }
}
