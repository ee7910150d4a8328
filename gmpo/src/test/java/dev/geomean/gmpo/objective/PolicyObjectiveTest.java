package dev.geomean.gmpo.objective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.gmpo.advantage.AdvantageEstimator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A policy objective")
class PolicyObjectiveTest {

    @Test
    @DisplayName("exists under every name")
    void presets() {
        assertThat(Preset.names()).hasSize(11).doesNotHaveDuplicates();
        for (String name : Preset.names()) {
            assertThat(Preset.named(name).name()).isEqualTo(name);
            assertThat(Preset.named(name).objective().kl().isActive()).isFalse();
        }
        assertThat(Preset.named("dr_grpo").advantages()).isEqualTo(AdvantageEstimator.GROUP_MEAN);
        assertThat(Preset.named("gmpo").objective().surrogate()).isEqualTo(new Surrogate.Gmpo(0.4, 0.4));
        assertThat(Preset.named("dapo").objective().aggregation()).isEqualTo(Aggregation.TOKEN_MEAN);
    }

    @Test
    @DisplayName("of an unknown name is refused with the known ones")
    void unknownNames() {
        assertThatThrownBy(() -> Preset.named("ppo"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'ppo'")
                .hasMessageContaining("grpo, dr_grpo, dapo, gspo, gmpo, gmpo_seqclip, gmpo_noclip, gmpo_nonorm, hmpo");
        assertThatThrownBy(() -> Aggregation.named("mean", 1))
                .hasMessageContaining("'mean'")
                .hasMessageContaining("token-mean, seq-mean-token-mean, seq-mean-token-sum, seq-mean-token-sum-norm");
    }

    @Test
    @DisplayName("changes one part at a time")
    void withers() {
        PolicyObjective gmpo = Preset.named("gmpo_nonorm").objective();
        assertThat(gmpo.withClip(0.2, 0.3).surrogate())
                .isEqualTo(new Surrogate.Gmpo(Surrogate.ClipLevel.TOKEN, 0.2, 0.3, false));
        PolicyObjective grpo = Preset.named("grpo").objective();
        assertThat(grpo.withDualClip(3).withClip(0.1, 0.2).surrogate()).isEqualTo(new Surrogate.Grpo(0.1, 0.2, 3));
        assertThat(grpo.withLogRatioClamp(20).logRatioClamp()).isEqualTo(20);
        assertThat(grpo.withAggregation(Aggregation.named("seq-mean-token-sum-norm", 64)).aggregation())
                .isEqualTo(Aggregation.seqMeanTokenSumNorm(64));
    }

    @Test
    @DisplayName("refuses values out of range, naming them")
    void ranges() {
        refuses(() -> new Surrogate.Grpo(1.5, 0.2), "grpo: clipLow must be in [0.0, 1.0], not 1.5");
        refuses(() -> new Surrogate.Grpo(0.2, Double.NaN), "grpo: clipHigh", "NaN");
        refuses(() -> new Surrogate.Grpo(0.2, 0.2, 1), "grpo: dualClip must be greater than 1.0, not 1.0");
        refuses(() -> new Surrogate.Gspo(-1, 0.2), "gspo: clipLow", "-1.0");
        refuses(() -> new Surrogate.Gmpo(-0.4, 0.4), "gmpo: clipLow", "-0.4");
        refuses(() -> new Surrogate.Hmpo(0.4, -0.4), "hmpo: clipHigh", "-0.4");
        refuses(() -> new Surrogate.Cispo(2, 1), "cispo: clipLow", "2.0");
        refuses(() -> new Surrogate.Sapo(0, 1), "sapo: tauPositive must be greater than 0.0, not 0.0");
        refuses(() -> new Surrogate.Sapo(1, Double.POSITIVE_INFINITY), "sapo: tauNegative must be finite");
        refuses(() -> new KlPenalty(KlPenalty.Estimator.K3, -0.1), "kl: coefficient", "-0.1");
        refuses(() -> new KlPenalty(KlPenalty.Estimator.K3, 1, 0, 1), "kl: inputClamp", "0.0");
        refuses(() -> Aggregation.seqMeanTokenSumNorm(0), "normConstant must be greater than 0.0, not 0.0");
        refuses(() -> new Aggregation(Aggregation.Mode.TOKEN_MEAN, 64), "token-mean has no normConstant", "64.0");
    }

    @Test
    @DisplayName("refuses options that would do nothing")
    void optionsWithoutEffect() {
        refuses(
                () -> Preset.named("gmpo").objective().withAggregation(Aggregation.TOKEN_MEAN),
                "aggregation token-mean does not apply to Gmpo");
        refuses(() -> Preset.named("gspo").objective().withDualClip(3), "dualClip applies to GRPO's surrogate only");
        refuses(() -> Preset.named("sapo").objective().withClip(0.2, 0.2), "clip bounds do not apply to Sapo");
        refuses(() -> Preset.named("grpo").objective().withLogRatioClamp(0), "logRatioClamp", "0.0");
    }

    private static void refuses(Runnable construction, String... parts) {
        assertThatThrownBy(construction::run)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(parts);
    }
}
