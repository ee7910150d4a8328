import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.data.DataSpec;
import dev.geomean.gmpo.data.PromptData;
import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.SurrogateCheck;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.gmpo.source.Sources;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.TaskCheck;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The example")
class ExamplesTest {

    @TempDir
    private Path folder;

    /** A program's entry point. */
    interface Program {
        void main(String... arguments) throws IOException;
    }

    /** What a program prints. */
    static String output(Program program, String... arguments) throws IOException {
        PrintStream standard = System.out;
        var bytes = new ByteArrayOutputStream();
        try (var captured = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
            System.setOut(captured);
            program.main(arguments);
        } finally {
            System.setOut(standard);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    @DisplayName("Tour shows losses and gradients of both objectives, 0 where a token is clipped or masked")
    void tour() throws IOException {
        String[] lines = output(Tour::main).split("\\R");
        assertThat(lines).hasSize(6);
        assertThat(lines[0]).startsWith("grpo loss ");
        assertThat(lines[1]).contains("[0.0, ").endsWith(", 0.0]");
        assertThat(lines[3]).startsWith("gmpo loss ");
        assertThat(lines[4]).contains("[0.0, ").endsWith(", 0.0]");
    }

    @Test
    @DisplayName("Brackets keeps what a task promises, and closes the innermost first")
    void brackets() {
        var task = new Brackets();
        TaskCheck.check(task);
        for (long seed = 0; seed < 2000; seed++) {
            Problem problem = task.sample(seed);
            String whole = problem.prompt().replace("=", "") + problem.answer();
            for (String before = ""; !before.equals(whole);) {
                before = whole;
                whole = whole.replace("()", "").replace("[]", "").replace("{}", "").replace("<>", "");
            }
            assertThat(whole).isEmpty();
            assertThat(problem.prompt()).hasSizeLessThanOrEqualTo(task.maxPromptLength());
        }
    }

    @Test
    @DisplayName("PowerMean has the gradient of its value, between the arithmetic and the harmonic mean")
    void powerMean() {
        for (double p : new double[] {1, 0.5, 0.01, -1}) {
            CustomSurrogate surrogate = new PowerMean(p, 0.4);
            assertThat(SurrogateCheck.check(surrogate, 7).largestError()).isLessThan(1e-6);
        }
    }

    @Test
    @DisplayName("Distance is worth less the farther a number is from the answer")
    void distance() {
        var reward = new Distance();
        var problem = new Problem("6*7=", "42", null);
        assertThat(reward.score(problem, "42")).isEqualTo(1);
        assertThat(reward.score(problem, "41")).isEqualTo(0.5);
        assertThat(reward.score(problem, "9999999")).isZero();
        assertThat(reward.score(problem, "")).isZero();
    }

    @Test
    @DisplayName("files compile as files of the user's")
    void files() throws IOException {
        Path examples = Path.of(System.getProperty("geomean.root"), "examples");
        SourceFile brackets = SourceFile.read(examples.resolve("Brackets.java"));
        assertThat(Sources.task(brackets).sample(5)).isEqualTo(new Brackets().sample(5));
        assertThat(Sources.surrogate(SourceFile.read(examples.resolve("PowerMean.java"))))
                .hasToString("PowerMean.java");
        SourceFile products = SourceFile.read(examples.resolve("products.jsonl"));
        var reward = Sources.reward(SourceFile.read(examples.resolve("Distance.java")));
        var data = PromptData.read(DataSpec.of(products.reference(), "exact-match"), products, null, reward);
        assertThat(data.task().maxPromptLength()).isEqualTo(6);
    }

    @Test
    @DisplayName("OwnProgram trains an own task with an own objective")
    void ownProgram() throws IOException {
        Path run = folder.resolve("run");
        String printed = output(arguments -> OwnProgram.main(arguments), run.toString(), "1", "1");
        assertThat(printed).startsWith("round 0: accuracy 0.");
        assertThat(new RunFolder(run).isComplete()).isTrue();
        assertThat(new RunFolder(run).readConfig().task()).isEqualTo("Brackets");
    }

    @Test
    @DisplayName("GmpoVersusGrpo shows that an outlier grows with its ratio in GRPO and with the root of it in GMPO")
    void outliers() throws IOException {
        try (Engine engine = Engine.cpu(1)) {
            var grpo = GmpoVersusGrpo.Outcome.of(engine, "grpo", -1, 2);
            var gmpo = GmpoVersusGrpo.Outcome.of(engine, "gmpo", -1, 2);
            assertThat(grpo.outlier()).isEqualTo(-Math.exp(2) / 8, within(1e-6));
            assertThat(gmpo.outlier()).isEqualTo(-Math.exp(2.0 / 8) / 8, within(1e-6)).isEqualTo(gmpo.other());
        }
    }

    @Test
    @DisplayName("GmpoVersusGrpo draws a picture")
    void picture() throws IOException {
        Path file = folder.resolve("picture.png");
        output(GmpoVersusGrpo::main, file.toString());
        BufferedImage image = ImageIO.read(file.toFile());
        assertThat(image.getWidth()).isEqualTo(1040);
        assertThat(image.getHeight()).isEqualTo(680);
        long colours = java.util.stream.IntStream.range(0, 1040 * 680)
                .map(i -> image.getRGB(i % 1040, i / 1040) & 0xFFFFFF)
                .filter(colour -> colour == 0x0072B2 || colour == 0xD55E00)
                .distinct()
                .count();
        assertThat(colours).isEqualTo(2);
    }
}
