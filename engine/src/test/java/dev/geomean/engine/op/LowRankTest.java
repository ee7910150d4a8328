package dev.geomean.engine.op;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.Placement;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import dev.geomean.engine.op.LowRankOp.Piece;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Low-rank updates of a linear map")
@OnEveryBackend
class LowRankTest {
    private static final int IN = 7;
    private static final int OUT = 11;
    private static final int RANK = 2;
    private static final float SCALE = 1.5f;
    /** Not all outputs have an update, and not in order. */
    private static final List<Piece> PIECES = List.of(new Piece(6, 4), new Piece(1, 3));

    @Parameter
    TestBackend backend;

    private Engine engine;

    @BeforeEach
    void open() {
        engine = backend.engine();
    }

    @AfterEach
    void close() {
        engine.close();
    }

    /** {@code W + scale·B·A}, piece by piece. */
    private static Doubles merged(Doubles weight, Doubles down, Doubles up, List<Piece> pieces) {
        return Doubles.generate(weight.shape(), i -> {
            double sum = weight.at(i);
            int firstRow = 0;
            for (int p = 0; p < pieces.size(); p++) {
                Piece piece = pieces.get(p);
                int row = i[0] - piece.firstColumn();
                for (int r = 0; r < RANK && row >= 0 && row < piece.width(); r++) {
                    sum += SCALE * up.at(firstRow + row, r) * down.at(p * RANK + r, i[1]);
                }
                firstRow += piece.width();
            }
            return sum;
        });
    }

    @ParameterizedTest(name = "are those of the merged map, {0}")
    @EnumSource
    void merged(Placement placement) {
        GradientCheck.on(engine)
                .placed(placement)
                .contiguous(1, 2, 3, 4)
                .check(
                        (scope, in) -> LowRankOp.apply(
                                in.get(0), in.get(0).linear(in.get(1), in.get(2)), in.get(3), in.get(4), PIECES,
                                SCALE),
                        in -> MatMulTest.linear(
                                in.get(0), merged(in.get(1), in.get(3), in.get(4), PIECES), in.get(2)),
                        Doubles.random(1, 2, 5, IN),
                        Doubles.random(2, OUT, IN),
                        Doubles.random(3, OUT),
                        Doubles.random(4, 2 * RANK, IN),
                        Doubles.random(5, 7, RANK));
    }

    @Test
    @DisplayName("have gradients where the map itself has none")
    void frozen() {
        Doubles weight = Doubles.random(2, OUT, IN);
        List<Piece> whole = List.of(new Piece(0, OUT));
        GradientCheck.on(engine)
                .check(
                        (scope, in) -> {
                            Tensor frozen = scope.tensor(weight.toFloats(), OUT, IN);
                            Tensor x = scope.tensor(Doubles.random(1, 5, IN).toFloats(), 5, IN);
                            Tensor first =
                                    LowRankOp.apply(x, x.linear(frozen, null), in.get(0), in.get(1), whole, SCALE);
                            Tensor y = first.tanh().slice(1, 0, IN).contiguous();
                            return LowRankOp.apply(y, y.linear(frozen, null), in.get(0), in.get(1), whole, SCALE);
                        },
                        in -> {
                            Doubles map = merged(weight, in.get(0), in.get(1), whole);
                            Doubles first = MatMulTest.linear(Doubles.random(1, 5, IN), map, null);
                            Doubles y = Doubles.generate(
                                    new int[] {5, IN}, i -> Math.tanh(first.at(i[0], i[1])));
                            return MatMulTest.linear(y, map, null);
                        },
                        Doubles.random(4, RANK, IN),
                        Doubles.random(5, OUT, RANK));
    }

    @Test
    @DisplayName("must fit the map")
    void shapes() {
        try (Scope scope = engine.scope()) {
            Tensor x = scope.zeros(3, IN);
            Tensor base = scope.zeros(3, OUT);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> LowRankOp.apply(x, base, scope.zeros(2, IN), scope.zeros(7, 2), PIECES, 1))
                    .withMessageContaining("low_rank: expected")
                    .withMessageContaining("[7, 2]");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> LowRankOp.apply(
                            x, base, scope.zeros(2, IN), scope.zeros(4, 2), List.of(new Piece(8, 4)), 1))
                    .withMessageContaining("outside the outputs");
        }
    }
}
