package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.train.PolicyUpdater.Batch;
import dev.geomean.gmpo.train.PolicyUpdater.Sample;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A policy updater")
class PolicyUpdaterTest {
    private static final PolicyObjective GMPO = Preset.named("gmpo").objective();
    private static final RunConfig.Update SETTINGS = RunConfig.defaults("gmpo").update();
    private static final DecoderConfig SHAPE = DecoderConfig.llama(7, 16, 1, 2, 1, 24, 12, 0);

    private static Sample sample(double advantage, int... response) {
        float[] oldLogProbs = new float[response.length];
        Arrays.fill(oldLogProbs, (float) -Math.log(7));
        return new Sample(new int[] {1, 2}, response, oldLogProbs, advantage);
    }

    @Test
    void raises_the_log_probability_of_what_was_good_whatever_the_number_of_shards() {
        double[] losses = new double[2];
        for (int shards = 1; shards <= 2; shards++) {
            try (Engine engine = Engine.cpu(2);
                    Decoder decoder = Decoder.random(engine, SHAPE, 5);
                    var updater = new PolicyUpdater(decoder, GMPO, SETTINGS, 1, shards)) {
                Batch batch = Batch.of(List.of(sample(1, 3, 4, 5), sample(-1, 6, 0)));
                PolicyUpdater.Result first = updater.update(batch, 1e-2f);
                assertThat(first.applied()).isTrue();
                assertThat(first.gradNorm()).isPositive();
                losses[shards - 1] = first.loss();
                double last = first.loss();
                for (int i = 0; i < 5; i++) {
                    last = updater.update(batch, 1e-2f).loss();
                }
                assertThat(last).isLessThan(first.loss() - 0.05);
            }
        }
        assertThat(losses[0]).isEqualTo(losses[1], within(1e-6));
    }

    @Test
    void refuses_what_it_cannot_use() {
        assertThatIllegalArgumentException().isThrownBy(() -> Batch.of(List.of()));
        assertThatIllegalArgumentException().isThrownBy(() -> Batch.of(List.of(sample(1, -1))));
        assertThatIllegalArgumentException().isThrownBy(
                () -> new Sample(new int[] {1}, new int[] {1, 2}, new float[] {0}, 1));
        try (Engine engine = Engine.cpu(1); Decoder decoder = Decoder.zeros(engine, SHAPE)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new PolicyUpdater(decoder, GMPO, SETTINGS, 1, 0));
            try (var updater = new PolicyUpdater(decoder, GMPO, SETTINGS, 1, 1)) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> updater.update(Batch.of(List.of(sample(1, 7))), 1e-3f))
                        .withMessageContaining("7");
            }
        }
    }
}
