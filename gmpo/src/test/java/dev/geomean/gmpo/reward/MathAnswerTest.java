package dev.geomean.gmpo.reward;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Two answers")
class MathAnswerTest {

    private static void compare(String a, String b, boolean isSame) {
        assertThat(MathAnswer.isSame(a, b)).as("%s and %s", a, b).isEqualTo(isSame);
        assertThat(MathAnswer.isSame(b, a)).as("%s and %s", b, a).isEqualTo(isSame);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            # whole numbers and signs
            42 | 42
            42 | +42
            42 | 042
            42 | 42.
            42 | 42.0
            -3 | −3
            -3 | -3.00
            0 | -0
            $5$ | 5
            $$5$$ | 5
            \\(5\\) | 5
            \\[5\\] | 5
            # thousands separators
            1234 | 1,234
            1234567 | 1,234,567
            1234567.5 | 1,234,567.5
            1234 | 1{,}234
            1234 | 1\\,234
            1234 | 1,\\!234
            1000000 | 1 000 000
            # decimals and powers of ten
            0.5 | .5
            0.5 | 0.50
            1.5e3 | 1500
            1.5E-3 | 0.0015
            1.2 \\times 10^{3} | 1200
            3 \\cdot 10^5 | 300000
            2*10^-2 | 0.02
            5 million | 5000000
            2.5 thousand | 2,500
            3 billion dollars | $3,000,000,000
            # fractions
            1/2 | 0.5
            2/4 | 1/2
            \\frac{1}{2} | 1/2
            \\dfrac{1}{2} | \\frac{2}{4}
            \\tfrac34 | 0.75
            \\frac12 | .5
            \\frac1{4} | 0.25
            -\\frac{1}{2} | \\frac{-1}{2}
            -\\frac{1}{2} | \\frac{1}{-2}
            -1/2 | −0.5
            7/1 | 7
            (1/3) | 1/3
            \\left(\\frac{1}{3}\\right) | \\frac{1}{3}
            22/7 | 3 1/7
            ½ | 0.5
            2½ | 2.5
            # mixed numbers
            1 1/2 | 3/2
            1\\frac{1}{2} | 1.5
            2\\frac12 | 5/2
            -1 1/2 | -1.5
            # percentages
            50% | 50\\%
            50% | 50 percent
            50% | 0.5
            50% | 50
            12.5\\% | 1/8
            # roots and π
            \\sqrt{4} | 2
            \\sqrt2 | \\sqrt{2}
            √2 | \\sqrt{2}
            \\sqrt{8} | 2\\sqrt{2}
            2\\sqrt{3} | \\sqrt{12}
            \\frac{1}{\\sqrt{2}} | \\frac{\\sqrt{2}}{2}
            \\sqrt{\\frac{1}{4}} | 0.5
            \\sqrt{\\frac{3}{4}} | \\frac{\\sqrt3}{2}
            \\sqrt[3]{27} | 3
            \\frac{1+\\sqrt{5}}{2} | \\frac{\\sqrt{5}+1}{2}
            \\frac{1+\\sqrt{5}}{2} | \\frac12+\\frac{\\sqrt5}{2}
            (1+\\sqrt{2})^2 | 3+2\\sqrt{2}
            \\sqrt{2}\\cdot\\sqrt{3} | \\sqrt{6}
            2\\pi | 2π
            \\frac{\\pi}{2} | \\pi/2
            3\\pi + 1 | 1+3\\pi
            2^{10} | 1024
            2^3 | 8
            2^{-1} | 1/2
            # units
            5 cm | 5
            5 cm | 5cm
            5\\text{ cm} | 5 centimeters
            5 \\mathrm{cm}^2 | 5 cm²
            10 \\text{ m/s}^2 | 10
            $18 | 18
            \\$18 | $18.00
            \\$18 | 18 dollars
            18 dollars | 18 dollars per day
            -$5 | -5
            12 apples | 12
            1,200 m | 1200 meters
            3 hours | 3 hrs
            25 mph | 25
            4th | 4
            90^\\circ | 90
            90^{\\circ} | 90 degrees
            90° | 90
            45\\degree | 45^\\circ
            # variables and words around
            x=5 | 5
            x = 5 | x=5
            x \\in [1,2] | [1,2]
            The answer is 5 | 5
            the final answer is: 5. | 5
            # tuples, intervals, sets, lists
            (1,2) | (1, 2)
            (1, \\frac{1}{2}) | (1.0, 0.5)
            \\left(3, \\frac{\\pi}{2}\\right) | (3,\\pi/2)
            [0,1) | [0, 1.0)
            (-\\infty, 5] | (-\\infty,5]
            (-∞, 2) \\cup (3, ∞) | (3,\\infty)\\cup(-\\infty,2)
            \\{1,2,3\\} | \\{3, 2, 1\\}
            1, 2 | 2, 1
            1 and 2 | 1, 2
            1, 2, and 3 | 3,2,1
            \\{1,2\\} | 1, 2
            x = \\pm 2 | 2, -2
            1 \\pm \\sqrt{2} | 1-\\sqrt{2}, 1+\\sqrt{2}
            # text
            \\text{Tuesday} | tuesday
            Yes | yes.
            (A) | A
            \\textbf{(B)} | b
            \\text{no solution} | No Solution
            x^2+1 | x^{2} + 1
            x^2 + 1 | $x^2+1$
            \\frac{x}{2} | \\dfrac{x}{2}
            y=2x+1 | 2x + 1
            """)
    @DisplayName("are the same, however they are written")
    void same(String a, String b) {
        compare(a, b, true);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            # numbers
            42 | 43
            42 | -42
            42 | 4.2
            42 | 420
            1234 | 1.234
            1,234 | 1,235
            0.333 | 1/3
            0.33333333 | 1/3
            3.14 | \\pi
            1.41421356 | \\sqrt{2}
            1e3 | 100
            # fractions
            1/2 | 2/1
            \\frac{1}{2} | \\frac{1}{3}
            1\\frac{1}{2} | 1/2
            1 1/2 | 11/2
            1/0 | 2/0
            # percentages
            50% | 5
            50% | 0.05
            50% | 500%
            50% | 5000
            0.5% | 0.5%%
            # roots
            \\sqrt{2} | \\sqrt{3}
            \\sqrt{2} | 2
            2\\sqrt{2} | \\sqrt{2}
            \\sqrt{-1} | 1
            1+\\sqrt{2} | 1-\\sqrt{2}
            2\\pi | \\pi
            \\pi^2 | \\pi
            2^3 | 23
            # units
            5 cm | 5 m
            5 cm | 6 cm
            5 cm | 5 cm^2
            5 cats | 5 dogs
            $5 | €5
            5 dollars | 5 cents
            5 hours | 5 minutes
            90° | 90 meters
            5 million | 5
            5 dozen | 5
            5x | 5
            5 x | 5
            5xy | 5
            5 or more | 5
            5 to 6 | 5
            # variables
            x=5 | y=5
            x=5 | x=6
            # tuples, intervals, sets, lists
            (1,2) | (2,1)
            (1,2) | [1,2]
            (1,2) | [1,2)
            (1,2) | (1,2,3)
            (1,2) | 1, 2
            (3,100) | 3100
            \\{1,2\\} | \\{1,2,3\\}
            \\{1,1\\} | \\{1,2\\}
            1, 2 | 1, 3
            1, 2 | 1
            (-\\infty, 5] | (-\\infty, 5)
            (-\\infty, 5] | (\\infty, 5]
            [1,2] \\cup [3,4] | [1,2]
            \\pm 2 | 2
            # text
            Tuesday | Wednesday
            yes | no
            (A) | (B)
            x^2 | x^3
            x^2 | x2
            5! | 5
            12:30 | 12
            42 | forty-two
            10_2 | 10
            """)
    @DisplayName("are not the same, however alike they look")
    void different(String a, String b) {
        compare(a, b, false);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "1e999999999", "9^9^9^9", "10^{999999999}", "2^{2^{2^{2^{2^2}}}}", "1e-999999999", "0.5e99999999999999999999",
        "\\sqrt[64]{2}", "\\sqrt[999999999]{2}", "\\sqrt{999999999999999999999999}", "1/0", "0/0", "((((((((((",
        "}}}}{{{{",
        "\\frac", "\\frac{1}", "\\frac{}{}", "\\sqrt", "\\sqrt[", "\\sqrt[3", "±±±", "∪", "∪∪", ",", ",,,", "()", "[]",
        "\\{\\}",
        "^", "^^^", "-", "--", "+-+-", "1+", "1*", "1/", "$", "$$", "$$$", "%", "°", "\\", "\\\\", "{,}", "1,", ",1",
        "1,,2", ".",
        "..", "e5", "1e", "1e+", "√", "√√√√", "π^π", "\\text{", "\\text{}", "\\left", "x=", "=", "=5"
    })
    @DisplayName("that nobody would write are read in no time, and are the same only as themselves")
    void hostile(String text) {
        Assertions.assertTimeoutPreemptively(Duration.ofSeconds(5), () -> {
            assertThat(MathAnswer.isSame(text, "42")).isFalse();
            assertThat(MathAnswer.isSame("42", text)).isFalse();
            MathAnswer.isSame(text, text);
        });
    }

    @Test
    @DisplayName("of any length and any characters are compared in bounded time")
    void random() {
        String[] parts = {
            "1", "9", "0.", ",", "(", ")", "[", "]", "{", "}", "\\{", "\\}", "\\frac", "\\sqrt", "^", "π", "√", "+",
            "-", "*",
            "/", "±", "∪", "%", "°", "$", " ", "e", "e9", "x=", "cm", "\\text{", "\\left(", "and", "10^", "^{99}",
            "(1+√2+√3+π)^6"
        };
        var random = new SplittableRandom(7);
        for (int i = 0; i < 3000; i++) {
            var a = new StringBuilder();
            int length = random.nextInt(1, 150);
            while (a.length() < length) {
                a.append(parts[random.nextInt(parts.length)]);
            }
            String text = a.toString();
            Assertions.assertTimeoutPreemptively(Duration.ofSeconds(10), () -> MathAnswer.isSame(text, "1"), text);
        }
        for (String part : parts) {
            String most = part.repeat(MathText.LONGEST / part.length());
            Assertions.assertTimeoutPreemptively(Duration.ofSeconds(10), () -> MathAnswer.isSame(most, "1"), part);
        }
        String million = "(".repeat(1_000_000);
        assertThat(MathAnswer.isSame(million, million)).isTrue();
        assertThat(MathAnswer.isSame(million, million + "1")).isFalse();
    }
}
