package dev.geomean.gmpo.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class RunFolderTest {
    @TempDir
    private Path folder;

    private Path file() {
        return new RunFolder(folder).configFile();
    }

    private ObjectNode written() throws IOException {
        new RunFolder(folder).writeConfig(RunConfig.defaults("gmpo"));
        return (ObjectNode) JsonMapper.shared().readTree(Files.readString(file()));
    }

    private void rewrite(JsonNode json) throws IOException {
        Files.writeString(file(), json.toString());
    }

    private void assertRefused(String field, String problem) {
        assertThatThrownBy(() -> new RunFolder(folder).readConfig())
                .isInstanceOf(IOException.class)
                .message()
                .startsWith(file() + ": ")
                .contains(field)
                .contains(problem)
                .doesNotContain("\n");
    }

    @Nested
    class AConfiguration {

        static Stream<RunConfig> configurations() {
            return Stream.concat(
                    Preset.names().stream().map(RunConfig::defaults), Stream.of(RunFolderTest.everythingSet()));
        }

        @ParameterizedTest
        @MethodSource("configurations")
        void readsBackAsItWasWritten(RunConfig config) throws IOException {
            new RunFolder(folder).writeConfig(config);
            byte[] bytes = Files.readAllBytes(file());
            RunConfig read = new RunFolder(folder).readConfig();
            assertThat(read).isEqualTo(config);
            new RunFolder(folder).writeConfig(read);
            assertThat(Files.readAllBytes(file())).isEqualTo(bytes);
        }

        @Test
        void mayLeaveOutWhatIsNull() throws IOException {
            ObjectNode json = written();
            ((ObjectNode) json.get("objective")).remove(List.of("clipLow", "clipHigh", "importanceCap"));
            rewrite(json);
            assertThat(new RunFolder(folder).readConfig()).isEqualTo(RunConfig.defaults("gmpo"));
        }
    }

    private static RunConfig everythingSet() {
        return new RunConfig(
                "countdown:numbers=4",
                Long.MIN_VALUE,
                new RunConfig.Model("llama", 2, 24, 6, 3, 40),
                new RunConfig.Warmup(3, 5, 0.1, 2, 0.75),
                new RunConfig.Rollout(3, 4, 0.7, 5, 0.9, 0.05),
                new RunConfig.Objective(
                        "grpo", 0.1, Double.POSITIVE_INFINITY, "seq-mean-token-sum-norm", 7.5, 3.0, 2.0, 0.01, "k2",
                        "rloo", 2.0),
                new RunConfig.Update(2, 3, 1e-4, "cosine", 4, 0.8, 0.9, 1e-6, 0.1, 0.5),
                new RunConfig.Evaluation(2, 10, 4, 2, 0.25),
                9,
                3);
    }

    @Nested
    class AFileIsRefusedInOneLineThatNamesIt {

        @Test
        void ifItIsMissing() {
            assertThatThrownBy(() -> new RunFolder(folder).readConfig())
                    .isInstanceOf(NoSuchFileException.class)
                    .hasMessageContaining(file().toString());
        }

        @Test
        void ifItIsNoJson() throws IOException {
            Files.writeString(file(), "{\n  \"task\": \"addition\",\n  oops\n}");
            assertRefused("line 3", "Unexpected character ('o'");
        }

        @Test
        void ifItIsCutShort() throws IOException {
            written();
            String text = Files.readString(file());
            Files.writeString(file(), text.substring(0, text.length() / 2));
            assertRefused("", "end-of-input");
        }

        @Test
        void ifSomethingFollows() throws IOException {
            written();
            Files.writeString(file(), Files.readString(file()) + "{}");
            assertRefused("", "Trailing");
        }

        @Test
        void ifAFieldAppearsTwice() throws IOException {
            written();
            Files.writeString(file(), Files.readString(file()).replaceFirst("\\{", "{\"seed\": 1,"));
            assertRefused("", "Duplicate");
        }

        @ParameterizedTest
        @MethodSource("dev.geomean.gmpo.run.RunFolderTest#unknown")
        void ifAFieldIsUnknown(String path) throws IOException {
            ObjectNode json = written();
            set(json, path, "1");
            rewrite(json);
            assertRefused(path, "there is no '" + path + "'");
        }

        @ParameterizedTest
        @MethodSource("dev.geomean.gmpo.run.RunFolderTest#required")
        void ifAFieldIsMissing(String path) throws IOException {
            ObjectNode json = written();
            int dot = path.lastIndexOf('.');
            ObjectNode parent = dot < 0 ? json : (ObjectNode) json.get(path.substring(0, dot));
            parent.remove(path.substring(dot + 1));
            rewrite(json);
            assertRefused(path.substring(dot + 1), "");
        }

        @ParameterizedTest(name = "{0} = {1}")
        @MethodSource("dev.geomean.gmpo.run.RunFolderTest#wrongTypes")
        void ifAValueHasTheWrongType(String path, String value) throws IOException {
            ObjectNode json = written();
            set(json, path, value);
            rewrite(json);
            assertRefused(path, "");
        }

        @Test
        void ifThereAreMoreMiniBatchesThanResponses() throws IOException {
            ObjectNode json = written();
            set(json, "update.miniBatches", "513");
            rewrite(json);
            assertRefused("miniBatches", "at most the 512 responses of a round, not 513");
        }

        @ParameterizedTest(name = "{0} = {1}: {2}")
        @MethodSource("dev.geomean.gmpo.run.RunFolderTest#outOfRange")
        void ifAValueIsOutOfRange(String path, String value, String problem) throws IOException {
            ObjectNode json = written();
            set(json, path, value);
            rewrite(json);
            int dot = path.lastIndexOf('.');
            assertRefused(dot < 0 ? "" : path.substring(0, dot) + ": ", problem);
        }
    }

    private static void set(ObjectNode json, String path, String value) {
        int dot = path.lastIndexOf('.');
        ObjectNode parent = dot < 0 ? json : (ObjectNode) json.get(path.substring(0, dot));
        parent.set(path.substring(dot + 1), JsonMapper.shared().readTree(value));
    }

    static Stream<String> unknown() {
        return Stream.of("epochs", "model.layer", "warmup.lr", "rollout.top_k", "objective.clip", "update.betas",
                "evaluation.n");
    }

    static Stream<String> required() {
        return Stream.of(
                "task", "seed", "model", "warmup", "rollout", "objective", "update", "evaluation", "rounds", "shards",
                "model.architecture", "model.layers", "warmup.steps", "rollout.temperature", "objective.preset",
                "objective.klEstimator", "update.schedule", "update.beta2", "evaluation.heldOutFraction");
    }

    static Stream<Arguments> wrongTypes() {
        return Stream.of(
                Arguments.of("rounds", "\"many\""),
                Arguments.of("rounds", "\"3\""),
                Arguments.of("rounds", "2.5"),
                Arguments.of("rounds", "true"),
                Arguments.of("rounds", "[1]"),
                Arguments.of("rounds", "null"),
                Arguments.of("rounds", "3000000000"),
                Arguments.of("seed", "1e30"),
                Arguments.of("model", "3"),
                Arguments.of("model.layers", "{}"),
                Arguments.of("update.learningRate", "\"fast\""),
                Arguments.of("update.learningRate", "null"),
                Arguments.of("objective.clipLow", "\"low\""),
                Arguments.of("task", "{}"));
    }

    static Stream<Arguments> outOfRange() {
        return Stream.of(
                Arguments.of("rounds", "-1", "at least 0, not -1"),
                Arguments.of("shards", "0", "at least 1, not 0"),
                Arguments.of("rounds", "2000000000", "too many"),
                Arguments.of("model.architecture", "\"rnn\"", "unknown architecture 'rnn'; known are llama, gpt2"),
                Arguments.of("model.heads", "5", "kvHeads must equal heads with gpt2: 4 and 5"),
                Arguments.of("model.dim", "97", "heads must divide dim: 4 and 97"),
                Arguments.of("model.layers", "0", "at least 1, not 0"),
                Arguments.of("warmup.steps", "-1", "at least 0, not -1"),
                Arguments.of("warmup.batch", "0", "at least 1, not 0"),
                Arguments.of("warmup.learningRate", "0", "positive and finite, not 0.0"),
                Arguments.of("rollout.samples", "1", "at least 2, not 1"),
                Arguments.of("rollout.temperature", "0", "positive and finite, not 0.0"),
                Arguments.of("rollout.temperature", "\"NaN\"", "positive and finite, not NaN"),
                Arguments.of("rollout.topP", "1.5", "topP must be in (0, 1], not 1.5"),
                Arguments.of("objective.preset", "\"ppo\"", "unknown objective 'ppo'"),
                Arguments.of("objective.clipLow", "0.2", "clipLow and clipHigh must be given together"),
                Arguments.of("objective.dualClip", "3", "dualClip applies to GRPO's surrogate only"),
                Arguments.of("objective.aggregation", "\"token-mean\"", "does not apply"),
                Arguments.of("objective.klEstimator", "\"k4\"", "unknown KL estimator 'k4'"),
                Arguments.of("objective.klCoefficient", "-1", "klCoefficient must be zero or more"),
                Arguments.of("objective.importanceCap", "0", "positive and finite, not 0.0"),
                Arguments.of("objective.advantages", "\"gae\"", "unknown advantages 'gae'"),
                Arguments.of("update.epochs", "0", "at least 1, not 0"),
                Arguments.of("update.schedule", "\"step\"", "unknown schedule 'step'"),
                Arguments.of("update.beta1", "1", "beta1 must be in [0, 1)"),
                Arguments.of("update.beta2", "-0.1", "beta2 must be in [0, 1)"),
                Arguments.of("update.epsilon", "0", "epsilon must be positive"),
                Arguments.of("update.weightDecay", "-1", "weightDecay must not be negative"),
                Arguments.of("update.maxGradNorm", "\"Infinity\"", "positive and finite, not Infinity"),
                Arguments.of("evaluation.every", "0", "at least 1, not 0"),
                Arguments.of("evaluation.k", "9", "pass@9 needs at least 9 samples, not 8"),
                Arguments.of("evaluation.heldOutFraction", "1", "heldOutFraction must be in (0, 1), not 1.0"));
    }
}
