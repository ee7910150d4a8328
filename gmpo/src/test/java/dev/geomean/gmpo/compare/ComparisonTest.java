package dev.geomean.gmpo.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A comparison")
class ComparisonTest {

    private static final RunConfig CONFIG = RunConfig.defaults("gmpo");
    private static final int ROUNDS = CONFIG.rounds();
    private static final TrainingListener SILENT = new TrainingListener() {};

    @TempDir
    private Path folder;

    /** Writes down what it is told to do, and stops where it is told to. */
    private static final class Script implements Comparison.Runner {
        private final List<String> calls = new ArrayList<>();
        private final String stopAt;

        Script(String stopAt) {
            this.stopAt = stopAt;
        }

        @Override
        public boolean start(RunConfig config, Path path, Path warmStart, TrainingListener listener)
                throws IOException {
            calls.add("start " + path.getFileName() + " " + config.objective().preset() + " " + config.seed() + " "
                    + config.rounds() + (warmStart == null ? "" : " from " + warmStart.getFileName()));
            Files.createDirectories(path);
            new RunFolder(path).writeConfig(config);
            return end(path);
        }

        @Override
        public boolean resume(Path path, TrainingListener listener) throws IOException {
            calls.add("resume " + path.getFileName());
            return end(path);
        }

        private boolean end(Path path) throws IOException {
            if (path.getFileName().toString().equals(stopAt)) {
                return false;
            }
            Files.createDirectory(new RunFolder(path).result());
            return true;
        }
    }

    private static Comparison.Plan plan() {
        return new Comparison.Plan(CONFIG, List.of("grpo", "gmpo"), List.of(0L, 7L));
    }

    @Test
    @DisplayName("warms up once per seed and starts every objective from there")
    void order() throws IOException {
        var script = new Script("");
        boolean isComplete = Comparison.create(folder, plan()).run(script, (run, isContinued) -> SILENT);
        assertThat(isComplete).isTrue();
        assertThat(script.calls).containsExactly(
                "start warmup-seed0 grpo 0 0",
                "start grpo-seed0 grpo 0 " + ROUNDS + " from warmup-seed0",
                "start gmpo-seed0 gmpo 0 " + ROUNDS + " from warmup-seed0",
                "start warmup-seed7 grpo 7 0",
                "start grpo-seed7 grpo 7 " + ROUNDS + " from warmup-seed7",
                "start gmpo-seed7 gmpo 7 " + ROUNDS + " from warmup-seed7");
    }

    @Test
    @DisplayName("goes on where it stopped")
    void resume() throws IOException {
        boolean isComplete = Comparison.create(folder, plan()).run(new Script("gmpo-seed0"), (run, was) -> SILENT);
        assertThat(isComplete).isFalse();

        var script = new Script("");
        List<String> heard = new ArrayList<>();
        Comparison opened = Comparison.open(folder);
        assertThat(opened.plan()).isEqualTo(plan());
        assertThat(opened.run(script, (run, isContinued) -> {
            heard.add(run.name() + (isContinued ? " continued" : ""));
            return SILENT;
        })).isTrue();
        assertThat(script.calls).startsWith("resume gmpo-seed0", "start warmup-seed7 grpo 7 0").hasSize(4);
        assertThat(heard).startsWith("gmpo-seed0 continued", "warmup-seed7");
        assertThat(opened.folders()).extracting(path -> path.getFileName().toString())
                .containsExactly("grpo-seed0", "grpo-seed7", "gmpo-seed0", "gmpo-seed7");

        var nothing = new Script("");
        assertThat(opened.run(nothing, (run, was) -> SILENT)).isTrue();
        assertThat(nothing.calls).isEmpty();
    }

    @Test
    @DisplayName("is refused if a run of it would be")
    void refused() {
        assertThatThrownBy(() -> new Comparison.Plan(CONFIG, List.of("grpo", "ppo"), List.of(0L)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("unknown objective 'ppo'");
        assertThatThrownBy(() -> new Comparison.Plan(CONFIG, List.of(), List.of(0L)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at least one objective");
        assertThatThrownBy(() -> new Comparison.Plan(CONFIG, List.of("grpo"), List.of(1L, 1L)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("named twice");
    }

    @Test
    @DisplayName("says which file is malformed")
    void malformed() throws IOException {
        Files.writeString(folder.resolve(Comparison.FILE_NAME), "{\"config\":");
        assertThatThrownBy(() -> Comparison.open(folder))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(Comparison.FILE_NAME)
                .hasMessageNotContaining("\n");
    }
}
