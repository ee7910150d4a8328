package dev.geomean.gmpo.task;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The check of a task")
class TaskCheckTest {

    /** A task of one prompt whose parts can be broken. */
    private static class Echo implements Task {
        @Override
        public Problem sample(long seed) {
            return new Problem("ab", "ab", "ab");
        }

        @Override
        public double score(Problem problem, String completion) {
            return completion.equals(problem.answer()) ? 1 : 0;
        }

        @Override
        public String alphabet() {
            return "ab";
        }

        @Override
        public int maxPromptLength() {
            return 2;
        }

        @Override
        public int maxCompletionLength() {
            return 2;
        }
    }

    private static void refused(Task task, String message) {
        assertThatIllegalArgumentException().isThrownBy(() -> TaskCheck.check(task)).withMessageContaining(message);
    }

    @Test
    @DisplayName("accepts every built-in task")
    void builtIn() {
        for (String name : Tasks.names()) {
            assertThatCode(() -> TaskCheck.check(Tasks.byName(name))).doesNotThrowAnyException();
        }
    }

    @Test
    @DisplayName("refuses an alphabet that repeats a character or misses one")
    void alphabet() {
        refused(new Echo() {
            @Override
            public String alphabet() {
                return "aba";
            }
        }, "alphabet() holds 'a' twice");
        refused(new Echo() {
            @Override
            public String alphabet() {
                return "a";
            }
        }, "the prompt 'ab' holds 'b', which is not in alphabet()");
    }

    @Test
    @DisplayName("refuses prompts and demonstrations that are longer than they may be")
    void lengths() {
        refused(new Echo() {
            @Override
            public int maxPromptLength() {
                return 1;
            }
        }, "the prompt 'ab' has 2 characters, but maxPromptLength() is 1");
        refused(new Echo() {
            @Override
            public int maxCompletionLength() {
                return 1;
            }
        }, "the demonstration 'ab' has 2 characters, but maxCompletionLength() is 1");
        refused(new Echo() {
            @Override
            public int maxCompletionLength() {
                return 0;
            }
        }, "maxCompletionLength() must be at least 1, not 0");
    }

    @Test
    @DisplayName("refuses problems that do not follow from the seed")
    void randomness() {
        refused(new Echo() {
            private int calls;

            @Override
            public Problem sample(long seed) {
                return new Problem(calls++ % 2 == 0 ? "a" : "b", null, null);
            }
        }, "gives another problem each time; all randomness must come from the seed");
    }

    @Test
    @DisplayName("refuses scores out of range, and demonstrations without the full score")
    void scores() {
        refused(new Echo() {
            @Override
            public double score(Problem problem, String completion) {
                return completion.isEmpty() ? -1 : 1;
            }
        }, "score() gives -1.0 to '' after the prompt 'ab'; a score is from 0 to 1");
        refused(new Echo() {
            @Override
            public double score(Problem problem, String completion) {
                return 0.5;
            }
        }, "score() gives 0.5 to the demonstration 'ab' of the prompt 'ab'");
    }
}
