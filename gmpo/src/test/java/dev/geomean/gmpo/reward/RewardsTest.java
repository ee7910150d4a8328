package dev.geomean.gmpo.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Rewards")
class RewardsTest {
    private static final Problem SUM = new Problem("6*7=", "42", null);

    private static double score(String reward, String answer, String completion) {
        return Rewards.named(reward).score(new Problem("?", answer, null), completion);
    }

    @ParameterizedTest
    @CsvSource({
        "exact-match,42,42,1",
        "exact-match,42,' 42 ',1",
        "exact-match,42,42.0,0",
        "exact-match,42,it is 42,0",
        "numeric,42,42.0,1",
        "numeric,42,'6*7 = 42',1",
        "numeric,42,'42, not 43',0",
        "numeric,'1,200',1200,1",
        "numeric,-3,'the result is -3.00!',1",
        "numeric,3,-3,0",
        "numeric,42,none,0",
        "numeric,1.5,.5,0",
        "numeric,12,'1,2',0"
    })
    @DisplayName("compare completions with the answer")
    void built_in(String name, String answer, String completion, double score) {
        assertThat(score(name, answer, completion)).isEqualTo(score);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            math | so 6*7=42\\n#### 42 | 42 | 1
            math | 1+1\\n#### 42 | so it is \\boxed{42} | 1
            math | #### 42 | thus\\n#### 42.0 | 1
            math | #### 42 | thus\\n#### 43 | 0
            math | #### 42 | #### 43\\n#### 42 | 1
            math | #### 42 | #### 42\\n#### 43 | 0
            math | #### 42 | it is 42 | 0
            math | \\boxed{\\frac{1}{2}} | \\boxed{0.5} | 1
            math | \\frac{1}{2} | first \\boxed{3}, then \\boxed{\\dfrac{1}{2}} | 1
            math | 5 | \\boxed{5 | 0
            math | 5 | \\boxed{} | 0
            math | 5 | \\fbox{5} | 1
            math | 5 | <think>6?</think><answer>5</answer> | 1
            math | 5 | <answer>6</answer><answer>\\boxed{5}</answer> | 1
            math | 5 | <answer>5 | 0
            math | \\{1,2\\} | \\boxed{\\{2,1\\}} | 1
            math:from=boxed | 5 | #### 5 | 0
            math:from=boxed | 5 | \\boxed{5} | 1
            math:from=hashes | 5 | \\boxed{5} | 0
            math:from=hashes | 5 | #### $5.00 | 1
            math:from=tags | 5 | 5 | 0
            math:from=tags | 5 | <answer> 5 </answer> | 1
            math:from=whole | 5 | 5.0 | 1
            math:from=whole | 5 | \\boxed{5} | 0
            final-answer | #### 1,200 | #### 1,200 | 1
            final-answer | #### 1,200 | #### 1200 | 0
            final-answer | Paris | \\boxed{Paris} | 1
            final-answer | Paris | \\boxed{paris} | 0
            final-answer:match=normalised | Paris | \\boxed{\\text{ paris}} | 1
            final-answer:match=normalised | 1/2 | \\boxed{0.5} | 0
            final-answer:match=math,from=boxed | 1/2 | \\boxed{0.5} | 1
            format | ? | <think>a</think><answer>b</answer> | 1
            format | ? | <think>a</think>\\n <answer>b</answer>\\n | 1
            format | ? | <think></think><answer></answer> | 1
            format | ? | x<think>a</think><answer>b</answer> | 0
            format | ? | <think>a</think>x<answer>b</answer> | 0
            format | ? | <think>a</think><answer>b</answer>x | 0
            format | ? | <think>a<answer>b</answer></think> | 0
            format | ? | <think>a<think></think><answer>b</answer> | 0
            format | ? | <answer>b</answer><think>a</think> | 0
            format | ? | <think>a</think><answer>b | 0
            format:style=boxed | ? | a \\boxed{b} c | 1
            format:style=boxed | ? | \\boxed{} | 0
            format:style=boxed | ? | boxed{b} | 0
            format:style=hashes | ? | a\\n#### -1,234.5 | 1
            format:style=hashes | ? | #### 3\\nmore | 0
            format:style=hashes | ? | #### three | 0
            regex:pattern="^[0-9]+$" | ? | 123 | 1
            regex:pattern="^[0-9]+$" | ? | 12a | 0
            regex:pattern="a, \\"b\\"" | ? | x a, "b" | 1
            """)
    @DisplayName("find the final answer, or look at the form alone")
    void places(String reward, String answer, String completion, double score) {
        assertThat(score(reward, answer.replace("\\n", "\n"), completion.replace("\\n", "\n"))).isEqualTo(score);
    }

    @ParameterizedTest
    @ValueSource(strings = {"exact-match", "numeric", "math", "final-answer"})
    @DisplayName("are 0 where a problem has no answer")
    void withoutAnswer(String name) {
        assertThat(Rewards.named(name).score(new Problem("?", null, null), "42")).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "9", "(", "\\boxed{", "####", "<think>", "<answer>", "</answer>", "\\", ",", " ", "1,", "\n", "-", "#### 1\n",
        "a"
    })
    @DisplayName("end soon on a million characters of anything")
    void long_completions(String part) {
        String text = part.repeat(1_000_000 / part.length());
        String[] rewards = {
            "exact-match", "numeric", "math", "final-answer:match=normalised", "math:from=boxed", "math:from=tags",
            "format", "format:style=boxed", "format:style=hashes", "regex:pattern=\"(a*)*b|(x+x+)+y\"", "length"
        };
        Assertions.assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            for (String reward : rewards) {
                assertThat(score(reward, "42", text)).as(reward).isBetween(0.0, 1.0);
            }
        });
    }

    @Test
    @DisplayName("add up with weights, and are solved by what looks at the answer")
    void weighted() {
        Reward reward = Rewards.named("2*math + 0.2*format:style=boxed - length:limit=100*0.5");
        Judgement right = reward.judge(SUM, new Attempt("\\boxed{42}", 10, 50, true));
        assertThat(right.reward()).isCloseTo(2 + 0.2 - 0.05, within(1e-12));
        assertThat(right.isSolved()).isTrue();
        Judgement wrong = reward.judge(SUM, new Attempt("\\boxed{43}", 10, 50, true));
        assertThat(wrong.reward()).isCloseTo(0.2 - 0.05, within(1e-12));
        assertThat(wrong.isSolved()).isFalse();
        Judgement unboxed = reward.judge(SUM, new Attempt("42", 2, 50, true));
        assertThat(unboxed.reward()).isCloseTo(2 - 0.01, within(1e-12));
        assertThat(unboxed.isSolved()).isTrue();
        // What was cut off is worth nothing, but its length counts.
        Judgement cut = reward.judge(SUM, new Attempt("\\boxed{42}", 50, 50, false));
        assertThat(cut.reward()).isCloseTo(-0.255, within(1e-12));
        assertThat(cut.isSolved()).isFalse();
        // Form alone: solved where all of it is right.
        assertThat(Rewards.named("0.5*format:style=boxed").judge(SUM, Attempt.of("\\boxed{1}")).isSolved()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"0,0", "60,0", "80,0", "85,-0.25", "90,-0.5", "100,-1", "101,-1", "500,-1"})
    @DisplayName("punish overlong answers softly, as DAPO does")
    void overlong(int tokens, double penalty) {
        Reward reward = Rewards.named("overlong:limit=100,buffer=20");
        assertThat(reward.judge(SUM, new Attempt("", tokens, 1000, true)).reward()).isCloseTo(penalty, within(1e-12));
        // Without a limit it is what the completion could have had.
        assertThat(Rewards.named("overlong:buffer=20").judge(SUM, new Attempt("", tokens, 100, true)).reward())
                .isCloseTo(penalty, within(1e-12));
    }

    @Test
    @DisplayName("count a text that was cut off as longer than the limit")
    void cutOff() {
        Reward reward = Rewards.named("overlong:buffer=20");
        assertThat(reward.judge(SUM, new Attempt("", 100, 100, false)).reward()).isEqualTo(-1);
        assertThat(Rewards.named("length").judge(SUM, new Attempt("", 100, 100, false)).reward()).isEqualTo(1);
        assertThat(Rewards.named("length").judge(SUM, new Attempt("", 25, 100, true)).reward()).isEqualTo(0.25);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "math | math", "1*math | math", "math*1.0 + format*0.2 + length*-0.1 | math + 0.2*format - 0.1*length",
        "-math | -1*math", "2 * math:from=boxed | 2*math:from=boxed",
        "math+format:style=boxed*2 | math + 2*format:style=boxed",
        "regex:pattern=\"a b\" - exact-match | regex:pattern=\"a b\" - exact-match", "1e-3*math | 0.001*math",
        "final-answer:match=math,from=tags | final-answer:match=math,from=tags",
        "\"my file.java#0\" | \"my file.java#0\"", "math-0.1*length+numeric | math - 0.1*length + numeric",
        "Own.java#0123456789abcdef*2 | 2*Own.java#0123456789abcdef"
    })
    @DisplayName("are written in one way, which reads back as the same")
    void canonical(String text, String canonical) {
        RewardExpression expression = RewardExpression.parse(text);
        assertThat(expression).hasToString(canonical);
        assertThat(RewardExpression.parse(canonical)).isEqualTo(expression);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "exact | unknown reward 'exact'; known are exact-match, numeric, math, final-answer, command, format,",
        "maths | unknown reward 'maths'; did you mean math? known are",
        "math + lenght | unknown reward 'lenght'; did you mean length?",
        "math:form=boxed | reward math has no option 'form'; did you mean from?; it has from",
        "math:from=boxes | unknown place of an answer 'boxes'; did you mean boxed?",
        "format:style=tag | unknown style of format 'tag'; did you mean tags?",
        "final-answer:match=normalized | unknown match 'normalized'; did you mean normalised?",
        "exact-match:from=tags | reward exact-match has no option 'from'",
        "`` | reward '', character 1: expected the name of a reward",
        "math + | reward 'math + ', character 8: expected the name",
        "math format | reward 'math format', character 6: expected + or -",
        "math * format | reward 'math * format', character 8: expected a number",
        "2*math*3 | reward '2*math*3', character 9: a reward has one weight",
        "1e999*math | reward '1e999*math', character 1: a weight is finite",
        "1.2.3*math | reward '1.2.3*math', character 1: '1.2.3' is not a number",
        "math:from | reward 'math:from', character 10: expected option=value",
        "math:from=a,from=b | reward 'math:from=a,from=b', character 19: option from given twice",
        "regex:pattern=\"a | reward 'regex:pattern=\"a', character 17: expected a closing quote",
        "regex | reward regex needs the option pattern",
        "regex:pattern=\"(\" | pattern '(' is no regular expression of RE2",
        "overlong | reward overlong needs the option buffer",
        "overlong:limit=5,buffer=9 | buffer must be from 0 to the limit",
        "length:limit=0 | reward length: limit must be at least 1, not 0",
        "length:limit=x | reward length: limit must be a whole number, not 'x'",
        "command | reward command needs the option run",
        "command:run=\"a 'b\" | command 'a 'b' has an open quote",
        "command:run=a,seconds=0 | reward command: seconds must be from 0.001 to 3600, not 0.0",
        "command:run=a,seconds=NaN | reward command: seconds must be from 0.001 to 3600, not NaN"
    })
    @DisplayName("that cannot be are refused with what is wrong")
    void refused(String text, String message) {
        assertThatIllegalArgumentException().isThrownBy(() -> Rewards.named(text.equals("math +") ? "math + " : text))
                .withMessageStartingWith(message);
    }

    private static Judgement judged(Reward own, String expression) {
        return RewardExpression.parse(expression)
                .reward(name -> name.equals("Own") ? Optional.of(own) : Optional.empty())
                .judge(SUM, Attempt.of("42"));
    }

    @Test
    @DisplayName("of one's own that throw or give no number fail, and so does the sum")
    void failing() {
        Judgement thrown = judged((problem, completion) -> {
            throw new IllegalStateException("no\nidea");
        }, "math + Own*0.5");
        assertThat(thrown.reward()).isNaN();
        assertThat(thrown.isSolved()).isFalse();
        assertThat(thrown.failure()).isEqualTo("Own: IllegalStateException: no");
        assertThat(judged((problem, completion) -> Double.NaN, "Own").failure()).isEqualTo("the reward is NaN");
        assertThat(judged((problem, completion) -> 1 / 0.0, "Own").failure()).isEqualTo("the reward is Infinity");
        assertThat(judged((problem, completion) -> endless(0), "Own").failure()).startsWith("StackOverflowError");
        assertThat(judged((problem, completion) -> 1, "math + Own*0.5").reward()).isEqualTo(1.5);
    }

    @SuppressWarnings("InfiniteRecursion")
    private static double endless(int depth) {
        return 1 + endless(depth + 1);
    }

    @Test
    @DisplayName("of one's own that do not come back fail, and are not called again while they hang")
    void hanging() throws InterruptedException {
        var release = new CountDownLatch(1);
        var reward = new LimitedReward((problem, completion) -> {
            boolean isReleased = false;
            while (!isReleased) {
                try {
                    release.await();
                    isReleased = true;
                } catch (InterruptedException e) {
                    // As code that does not care.
                }
            }
            return 1;
        }, Duration.ofMillis(20));
        for (int i = 0; i < 4; i++) {
            assertThat(reward.judge(SUM, Attempt.of("42")).failure()).isEqualTo("took longer than 0.02 s");
        }
        assertThat(reward.judge(SUM, Attempt.of("42")).failure()).startsWith("not called: 4 earlier calls");
        release.countDown();
        // The threads end now; how soon is up to the machine.
        Judgement judgement = reward.judge(SUM, Attempt.of("42"));
        while (judgement.failure() != null) {
            Thread.sleep(5);
            judgement = reward.judge(SUM, Attempt.of("42"));
        }
        assertThat(judgement.reward()).isEqualTo(1);
    }
}
