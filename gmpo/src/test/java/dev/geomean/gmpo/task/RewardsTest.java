package dev.geomean.gmpo.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Rewards")
class RewardsTest {

    @ParameterizedTest
    @CsvSource(quoteCharacter = '"', value = {
        "exact-match,42,42,1", "exact-match,42,\" 42 \",1", "exact-match,42,42.0,0", "exact-match,42,\"\",0",
        "numeric,42,the answer is 42,1", "numeric,42,42 or 43,0", "numeric,2.5,2.50,1", "numeric,-3,x = -3,1",
        "numeric,1200,\"1,200\",1", "numeric,\"so 7 #### 1,200\",1200,1", "numeric,42,none,0", "numeric,none,42,0",
        "numeric,12,\"1,2\",0"
    })
    @DisplayName("compare completions with the answer")
    void built_in(String name, String answer, String completion, double score) {
        assertThat(Rewards.named(name).score(new Problem("?", answer, null), completion)).isEqualTo(score);
    }

    @Test
    @DisplayName("are 0 where a problem has no answer")
    void withoutAnswer() {
        for (String name : Rewards.names()) {
            assertThat(Rewards.named(name).score(new Problem("?", null, null), "42")).isZero();
        }
    }

    @Test
    @DisplayName("read a million digits in no time")
    void long_numbers() {
        Problem problem = new Problem("?", "42", null);
        assertThat(Rewards.named("numeric").score(problem, "9".repeat(1_000_000))).isZero();
    }

    @Test
    @DisplayName("are known by name")
    void unknown() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Rewards.named("exact"))
                .withMessage("unknown reward 'exact'; known are exact-match, numeric");
    }

    @Test
    @DisplayName("score the problems of a list, which say what alphabet and lengths are needed")
    void prompts() {
        var task = new PromptTask("list",
                List.of(new Problem("a?", "bc", "bc"), new Problem("\uD83D\uDE00d?", "e", "eee")),
                Rewards.named("exact-match"));
        assertThat(task.alphabet().codePoints().sorted().toArray())
                .isEqualTo("?abcde\uD83D\uDE00".codePoints().sorted().toArray());
        assertThat(task.maxPromptLength()).isEqualTo(3);
        assertThat(task.maxCompletionLength()).isEqualTo(3);
        assertThat(task.sample(5)).isEqualTo(task.sample(5));
        assertThat(task.score(new Problem("a?", "bc", null), "bc")).isEqualTo(1);
    }
}
