package dev.geomean.engine.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.optim.LearningRateSchedule.Decay;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LearningRateScheduleTest {

    @ParameterizedTest(name = "{0}")
    @EnumSource
    void risesInAStraightLineDuringTheWarmUp(Decay decay) {
        var schedule = new LearningRateSchedule(2, 4, 10, 1, decay);
        assertThat(schedule.at(0)).isEqualTo(0.5f);
        assertThat(schedule.at(1)).isEqualTo(1);
        assertThat(schedule.at(2)).isEqualTo(1.5f);
        assertThat(schedule.at(3)).isEqualTo(2);
        assertThat(schedule.at(4)).isEqualTo(2);
    }

    @Test
    void staysAtThePeak() {
        var schedule = new LearningRateSchedule(2, 1, 10, 0, Decay.CONSTANT);
        assertThat(schedule.at(5)).isEqualTo(2);
        assertThat(schedule.at(10)).isEqualTo(2);
        assertThat(schedule.at(1000)).isEqualTo(2);
        assertThat(LearningRateSchedule.constant(0.25f).at(0)).isEqualTo(0.25f);
        assertThat(LearningRateSchedule.constant(0.25f).at(99)).isEqualTo(0.25f);
    }

    @Test
    void fallsInAStraightLineToTheFloor() {
        var schedule = new LearningRateSchedule(2, 2, 10, 1, Decay.LINEAR);
        assertThat(schedule.at(2)).isEqualTo(2);
        assertThat(schedule.at(6)).isEqualTo(1.5f);
        assertThat(schedule.at(10)).isEqualTo(1);
        assertThat(schedule.at(11)).isEqualTo(1);
    }

    @Test
    void fallsAlongHalfACosineToTheFloor() {
        var schedule = new LearningRateSchedule(2, 0, 8, 1, Decay.COSINE);
        assertThat(schedule.at(0)).isEqualTo(2);
        assertThat(schedule.at(2)).isCloseTo((float) (1.5 + 0.5 * Math.sqrt(0.5)), within(1e-6f));
        assertThat(schedule.at(4)).isCloseTo(1.5f, within(1e-6f));
        assertThat(schedule.at(8)).isEqualTo(1);
        assertThat(schedule.at(80)).isEqualTo(1);
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    void mayConsistOfTheWarmUpAlone(Decay decay) {
        var schedule = new LearningRateSchedule(2, 3, 3, 1, decay);
        assertThat(schedule.at(2)).isEqualTo(2);
        assertThat(schedule.at(3)).isEqualTo(decay == Decay.CONSTANT ? 2 : 1);
    }

    @Test
    void refusesValuesOutsideTheirRange() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LearningRateSchedule(Float.NaN, 0, 1, 0, Decay.LINEAR))
                .withMessageContaining("NaN");
        assertThatIllegalArgumentException().isThrownBy(() -> new LearningRateSchedule(-1, 0, 1, 0, Decay.LINEAR));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LearningRateSchedule(1, 5, 4, 0, Decay.LINEAR))
                .withMessageContaining("5")
                .withMessageContaining("4");
        assertThatIllegalArgumentException().isThrownBy(() -> new LearningRateSchedule(1, -1, 4, 0, Decay.LINEAR));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LearningRateSchedule(1, 0, 4, 2, Decay.LINEAR))
                .withMessageContaining("2.0");
    }
}
