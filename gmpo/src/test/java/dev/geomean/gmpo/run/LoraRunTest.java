package dev.geomean.gmpo.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.engine.io.TensorType;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.gmpo.train.LoraSettings;
import dev.geomean.gmpo.train.MemorySettings;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.Tiny;
import dev.geomean.gmpo.train.TrainingListener;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.lora.AdapterFolder;
import dev.geomean.model.lora.LoraAdapters;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A run that trains adapters")
class LoraRunTest {
    /** 10 warm-up steps, which train all weights, and 4 rounds. */
    private static final RunConfig CONFIG =
            penalised(Tiny.config("gmpo")).withLora(new LoraSettings(2, 4, "q_proj,down_proj"));

    @TempDir
    private static Path shared;

    @TempDir
    private Path temporary;

    private static Map<String, String> complete = Map.of();

    /** With a KL penalty, so that the reference counts. */
    private static RunConfig penalised(RunConfig config) {
        var objective = new RunConfig.Objective("gmpo", null, null, null, null, null, null, 0.1, "k3", null, null);
        return new RunConfig(
                config.task(), config.seed(), config.model(), config.warmup(), config.rollout(), objective,
                config.update(), config.evaluation(), config.rounds(), config.shards());
    }

    @BeforeAll
    static void runOnce() throws IOException {
        assertThat(start(2, CONFIG, shared.resolve("run"), new TrainingListener() {})).isTrue();
        complete = content(shared.resolve("run"));
    }

    private static boolean start(int workers, RunConfig config, Path folder, TrainingListener listener)
            throws IOException {
        try (Engine engine = Engine.cpu(workers)) {
            return TrainingRun.start(engine, config, folder, null, listener);
        }
    }

    private static Map<String, String> content(Path folder) throws IOException {
        var content = new TreeMap<String, String>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String name = folder.relativize(file).toString();
                if (!name.equals("timings.jsonl") && !name.equals(".lock")) {
                    content.put(name, HexFormat.of().formatHex(Files.readAllBytes(file)));
                }
            }
        }
        return content;
    }

    /** Stops at the n-th question, counted from 1. */
    private static final class StopAt implements TrainingListener {
        private int left;

        StopAt(int number) {
            left = number;
        }

        @Override
        public boolean stopRequested() {
            return --left == 0;
        }
    }

    @Test
    @DisplayName("writes adapters alone, which name the weights they belong to")
    void files() throws IOException {
        Path run = shared.resolve("run");
        for (String name : complete.keySet()) {
            if (name.endsWith("/model.safetensors")) {
                assertThat(name).matches("reference/.*|checkpoints/warmup-.*");
            }
        }
        assertThat(AdapterFolder.model(run.resolve("final"))).isEqualTo(run.resolve("reference"));
        Path last = run.resolve("checkpoints/policy-000004");
        assertThat(AdapterFolder.model(last)).isEqualTo(run.resolve("reference"));
        long expected;
        try (Engine engine = Engine.cpu(1);
                Policy policy = Policy.load(engine, last)) {
            LoraAdapters adapters = policy.decoder().adapters();
            assertThat(adapters).isNotNull();
            assertThat(adapters.targets()).containsExactly("q_proj", "down_proj");
            assertThat(adapters.parameters().values().toFloats()).doesNotContain(Float.NaN);
            expected = adapters.parameters().values().length();
        }
        try (var moments = Safetensors.open(last.resolve("optimizer.safetensors"))) {
            for (String name : new String[] {"first_moment", "second_moment"}) {
                TensorInfo info = moments.info(name);
                assertThat(info.elementCount()).isEqualTo(expected);
            }
        }
        try (var adapters = Safetensors.open(run.resolve("final").resolve(AdapterFolder.WEIGHTS))) {
            assertThat(adapters.readFloats("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"))
                    .as("was zero at the start").doesNotContain(0);
        }
    }

    @Test
    @DisplayName("gives the same bytes for any number of workers")
    void workers() throws IOException {
        Path run = temporary.resolve("run");
        start(1, CONFIG, run, new TrainingListener() {});
        Map<String, String> content = content(run);
        content.remove("environment.json");
        var expected = new TreeMap<>(complete);
        expected.remove("environment.json");
        assertThat(content).isEqualTo(expected);
    }

    @ParameterizedTest(name = "goes on after question {0} as if it had not stopped")
    @ValueSource(ints = {5, 11, 13})
    void resume(int question) throws IOException {
        Path run = temporary.resolve("run");
        assertThat(start(2, CONFIG, run, new StopAt(question))).isFalse();
        try (Engine engine = Engine.cpu(2)) {
            assertThat(TrainingRun.resume(engine, run, new TrainingListener() {})).isTrue();
        }
        Map<String, String> content = content(run);
        assertThat(content).containsAllEntriesOf(without(complete, "checkpoints/"));
        String last = "checkpoints/policy-000004";
        assertThat(content.get(last + "/" + AdapterFolder.WEIGHTS)).isEqualTo(
                complete.get(last + "/" + AdapterFolder.WEIGHTS));
        assertThat(content.get(last + "/optimizer.safetensors")).isEqualTo(
                complete.get(last + "/optimizer.safetensors"));
    }

    private static Map<String, String> without(Map<String, String> files, String prefix) {
        var rest = new TreeMap<>(files);
        rest.keySet().removeIf(name -> name.startsWith(prefix));
        return rest;
    }

    @Test
    @DisplayName("can be verified")
    void verify() throws IOException {
        Path scratch = Files.createDirectory(temporary.resolve("scratch"));
        try (Engine engine = Engine.cpu(1)) {
            Verification found =
                    Verification.of(engine, shared.resolve("run"), 2, scratch, new TrainingListener() {})
                            .orElseThrow();
            assertThat(found.parts()).allSatisfy(part -> assertThat(part.difference()).isNull());
            assertThat(found.firstRound()).isEqualTo(2);
        }
    }

    @Test
    @DisplayName("gives the same bytes with gradient checkpointing")
    void checkpointing() throws IOException {
        Path run = temporary.resolve("run");
        start(2, CONFIG.withMemory(new MemorySettings("layers")), run, new TrainingListener() {});
        Map<String, String> content = content(run);
        for (String file : new String[] {
            "metrics.jsonl", "samples.jsonl", "final/" + AdapterFolder.WEIGHTS, "reference/model.safetensors"}) {
            assertThat(content.get(file)).as(file).isNotNull().isEqualTo(complete.get(file));
        }
    }

    @Test
    @DisplayName("reads a published model where it lies in the run's folder")
    void mapped() throws IOException {
        Path maps = Path.of("/proc/self/maps");
        assumeThat(maps).exists();
        Path model = temporary.resolve("model");
        try (Engine engine = Engine.cpu(1);
                Policy policy = Policy.create(engine, Tasks.byName(CONFIG.task()), CONFIG.model(), 1)) {
            ModelFolder.save(
                    policy.decoder(), policy.tokenizer(), policy.description(), TensorType.BF16, model);
        }
        var config = new RunConfig(
                CONFIG.task(), 0, CONFIG.model(), new RunConfig.Warmup(0, 1, 1e-3, 1, 1), CONFIG.rollout(),
                CONFIG.objective(), CONFIG.update(), CONFIG.evaluation(), 1, 1, CONFIG.safety(),
                new RunConfig.Base(model.toString(), "text", null, 0, "auto"), CONFIG.lora(), CONFIG.memory());
        Path run = temporary.resolve("run");
        var listed = new StringBuilder();
        start(1, config, run, new TrainingListener() {
            @Override
            public void finished(RoundMetrics metrics) {
                try {
                    listed.append(Files.readString(maps));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        });
        assertThat(listed.toString())
                .contains(run.resolve("reference/model.safetensors").toString())
                .doesNotContain(model.resolve("model.safetensors").toString());
    }

    @Test
    @DisplayName("saves float32 and refuses to be asked for another type")
    void saveType() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new RunConfig(
                        CONFIG.task(), 0, CONFIG.model(), CONFIG.warmup(), CONFIG.rollout(), CONFIG.objective(),
                        CONFIG.update(), CONFIG.evaluation(), 1, 1, CONFIG.safety(),
                        new RunConfig.Base("model", "text", null, 0, "bfloat16"), CONFIG.lora(), CONFIG.memory()))
                .withMessageContaining("base saveType is for whole models");
    }

    @Test
    @DisplayName("is no start for another")
    void warmStart() throws IOException {
        try (Engine engine = Engine.cpu(1)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TrainingRun.start(
                            engine, CONFIG, temporary.resolve("run"), shared.resolve("run"),
                            new TrainingListener() {}))
                    .withMessageContaining("holds adapters");
        }
    }
}
