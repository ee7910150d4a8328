package dev.geomean.gmpo.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Problems that can be counted")
class PromptTaskTest {
    private static final Reward SAME = (problem, completion) -> completion.equals(problem.answer()) ? 1 : 0;

    private static List<Problem> problems(int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> new Problem(i + "?", "" + i, "" + i)).toList();
    }

    private static Set<String> prompts(List<Problem> problems) {
        Set<String> prompts = new HashSet<>();
        problems.forEach(problem -> prompts.add(problem.prompt()));
        return prompts;
    }

    @Test
    @DisplayName("say what alphabet and lengths are needed")
    void texts() {
        var task = new PromptTask("list",
                List.of(new Problem("a?", "bc", "bc"), new Problem("\uD83D\uDE00d?", "e", "eee")), SAME);
        assertThat(task.alphabet().codePoints().sorted().toArray())
                .isEqualTo("?abcde\uD83D\uDE00".codePoints().sorted().toArray());
        assertThat(task.maxPromptLength()).isEqualTo(3);
        assertThat(task.maxCompletionLength()).isEqualTo(3);
        assertThat(task.sample(5)).isEqualTo(task.sample(5));
        assertThat(task.score(new Problem("a?", "bc", null), "bc")).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 16, 17, 64, 100, 1000, 4097})
    @DisplayName("have one place each in every order")
    void permutation(int size) {
        for (long seed = 0; seed < 3; seed++) {
            var order = new Shuffle(seed, size);
            assertThat(IntStream.range(0, size).map(order::at).sorted().toArray())
                    .isEqualTo(IntStream.range(0, size).toArray());
        }
    }

    @Test
    @DisplayName("come in another order for each seed, and in none that is nearly sorted")
    void orders() {
        int[] first = IntStream.range(0, 1000).map(new Shuffle(1, 1000)::at).toArray();
        int[] second = IntStream.range(0, 1000).map(new Shuffle(2, 1000)::at).toArray();
        assertThat(IntStream.range(0, 1000).filter(i -> first[i] == second[i]).count()).isLessThan(10);
        assertThat(IntStream.range(1, 1000).filter(i -> first[i] > first[i - 1]).count()).isBetween(450L, 550L);
        assertThatThrownBy(() -> new Shuffle(1, 0)).hasMessageContaining("at least 1, not 0");
        assertThatThrownBy(() -> new Shuffle(1, 5).at(5)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    @DisplayName("are all drawn before any is drawn again, by position")
    void epochs() {
        var split = new TaskSplit(new PromptTask("list", problems(0, 100), SAME), 0.2);
        List<Problem> heldOut = new ArrayList<>();
        List<Problem> training = new ArrayList<>();
        for (Problem problem : problems(0, 100)) {
            (split.isHeldOut(problem) ? heldOut : training).add(problem);
        }
        assertThat(heldOut).hasSizeBetween(8, 35);
        int count = training.size();
        for (int epoch = -1; epoch < 3; epoch++) {
            List<Problem> drawn = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                drawn.add(split.training(7, (long) epoch * count + i));
            }
            assertThat(drawn).containsExactlyInAnyOrderElementsOf(training).isNotEqualTo(training);
        }
        assertThat(IntStream.range(0, count).mapToObj(i -> split.training(7, i)).toList())
                .isNotEqualTo(IntStream.range(0, count).mapToObj(i -> split.training(7, count + i)).toList())
                .isNotEqualTo(IntStream.range(0, count).mapToObj(i -> split.training(8, i)).toList())
                .isEqualTo(IntStream.range(0, count).mapToObj(i -> split.training(7, i)).toList());
        assertThat(prompts(split.heldOutSet(3, heldOut.size()))).isEqualTo(prompts(heldOut));
        assertThatThrownBy(() -> split.heldOutSet(3, heldOut.size() + 1)).isInstanceOf(IllegalStateException.class)
                .hasMessage("there are only " + heldOut.size() + " different held-out prompts of list, not "
                        + (heldOut.size() + 1));
    }

    @Test
    @DisplayName("are not trained on if they are among those that are given to measure on")
    void given() {
        var texts = PromptTask.Texts.of(problems(0, 60));
        var task = new PromptTask(
                "list", Problems.of(problems(0, 50)), Problems.of(problems(40, 60)), SAME, texts);
        var split = new TaskSplit(task, 0.1);
        List<Problem> epoch = IntStream.range(0, 40).mapToObj(i -> split.training(1, i)).toList();
        assertThat(epoch).containsExactlyInAnyOrderElementsOf(problems(0, 40));
        assertThat(split.heldOutSet(1, 20)).containsExactlyInAnyOrderElementsOf(problems(40, 60));
        assertThat(split.isHeldOut(problems(45, 46).getFirst())).isTrue();
        assertThat(split.isHeldOut(problems(5, 6).getFirst())).isFalse();
        var same = new PromptTask("list", Problems.of(problems(0, 5)), Problems.of(problems(0, 5)), SAME, texts);
        assertThatThrownBy(() -> new TaskSplit(same, 0.1).training(0, 0)).isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("there is no training problem of list");
    }

    @Test
    @DisplayName("find the n-th of some numbers")
    void numbers() {
        var set = new NumberSet(1000, i -> i % 7 == 3 || (i > 128 && i < 400));
        int[] members = IntStream.range(0, 1000).filter(i -> i % 7 == 3 || (i > 128 && i < 400)).toArray();
        assertThat(set.count()).isEqualTo(members.length);
        assertThat(IntStream.range(0, set.count()).map(set::get).toArray()).isEqualTo(members);
        assertThat(new NumberSet(64, i -> false).count()).isZero();
        assertThatThrownBy(() -> set.get(members.length)).isInstanceOf(IndexOutOfBoundsException.class);
    }
}
