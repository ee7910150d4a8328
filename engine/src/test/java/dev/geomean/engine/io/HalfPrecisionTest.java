package dev.geomean.engine.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class HalfPrecisionTest {

    @Test
    void everyBfloat16SurvivesWideningAndNarrowing() {
        for (int bits = 0; bits <= 0xffff; bits++) {
            float value = HalfPrecision.bfloat16ToFloat((short) bits);
            short back = HalfPrecision.floatToBfloat16(value);
            if (Float.isNaN(value)) {
                assertThat(HalfPrecision.bfloat16ToFloat(back)).isNaN();
            } else {
                assertThat(back).isEqualTo((short) bits);
            }
        }
    }

    @Test
    void narrowingRoundsToTheNearestBfloat16AndTiesToEven() {
        var random = new Random(1);
        for (int i = 0; i < 200_000; i++) {
            float value = Float.intBitsToFloat(random.nextInt());
            if (!Float.isFinite(value) || Math.abs(value) > 3.0e38f) {
                continue;
            }
            int bits = Float.floatToRawIntBits(value);
            float below = Float.intBitsToFloat(bits & 0xffff_0000);
            float above = Float.intBitsToFloat((bits & 0xffff_0000) + 0x1_0000);
            double toBelow = Math.abs((double) value - below);
            double toAbove = Math.abs((double) above - value);
            boolean belowIsEven = (bits & 0x1_0000) == 0;
            float expected = toBelow < toAbove || (toBelow == toAbove && belowIsEven) ? below : above;
            assertThat(HalfPrecision.bfloat16ToFloat(HalfPrecision.floatToBfloat16(value))).isEqualTo(expected);
        }
        assertThat(HalfPrecision.floatToBfloat16(Float.intBitsToFloat(0x3f80_8000))).isEqualTo((short) 0x3f80);
        assertThat(HalfPrecision.floatToBfloat16(Float.intBitsToFloat(0x3f81_8000))).isEqualTo((short) 0x3f82);
    }

    @Test
    void valuesBeyondTheLargestBfloat16BecomeInfinite() {
        assertThat(HalfPrecision.floatToBfloat16(Float.MAX_VALUE)).isEqualTo((short) 0x7f80);
        assertThat(HalfPrecision.floatToBfloat16(-Float.MAX_VALUE)).isEqualTo((short) 0xff80);
        assertThat(HalfPrecision.floatToBfloat16(Float.POSITIVE_INFINITY)).isEqualTo((short) 0x7f80);
    }

    @Test
    void notANumberStaysNotANumber() {
        for (int bits : new int[] {0x7f80_0001, 0x7fff_ffff, 0xff80_0001, 0xffff_ffff, 0x7fc0_0000}) {
            short narrow = HalfPrecision.floatToBfloat16(Float.intBitsToFloat(bits));
            assertThat(HalfPrecision.bfloat16ToFloat(narrow)).isNaN();
            assertThat(narrow < 0).isEqualTo(bits < 0);
        }
    }
}
