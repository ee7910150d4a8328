package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.FrozenWeights;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import dev.geomean.model.lora.LoraAdapters;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The memory estimate")
class MemoryEstimateTest {
    private static final double FACTOR = 1.4;

    @TempDir
    private Path folder;

    private static final MachineMemory LAPTOP = new MachineMemory(8L << 30, 2L << 30);

    private static RunConfig config(
            String task, RunConfig.Model model, int prompts, int samples, int miniBatches, int shards) {
        return new RunConfig(
                task, 3, model, new RunConfig.Warmup(0, 32, 3e-2, 2, 1),
                new RunConfig.Rollout(prompts, samples, 1, 0, 1, 0), RunConfig.Objective.of("gmpo"),
                new RunConfig.Update(miniBatches, 1, 1e-3, "constant", 0, 0.9, 0.95, 1e-8, 0, 1),
                new RunConfig.Evaluation(1, 40, 4, 2, 0.2), 1, shards);
    }

    @ParameterizedTest
    @CsvSource({
        "addition:digits=3, gpt2,  2, 64, 4, 4, 256, 16, 4, 2, 4",
        "addition:digits=3, gpt2,  1, 32, 2, 2, 128, 40, 8, 7, 3",
        "addition:digits=2, llama, 3, 48, 4, 2, 160, 16, 8, 1, 2",
        "addition:digits=9, llama, 1, 96, 8, 8,  64, 24, 4, 4, 1",
        "countdown,         llama, 2, 16, 2, 1, 512, 12, 6, 3, 5",
    })
    @DisplayName("is within a factor of 1.4 of what a round takes")
    void round(
            String name, String architecture, int layers, int dim, int heads, int kvHeads, int ffnDim, int prompts,
            int samples, int miniBatches, int shards) {
        var model = new RunConfig.Model(architecture, layers, dim, heads, kvHeads, ffnDim);
        RunConfig config = config(name, model, prompts, samples, miniBatches, shards);
        Task task = Tasks.byName(name);
        int workers = 2;
        try (Engine engine = Engine.cpu(workers);
                Policy policy = Policy.create(engine, task, model, 1);
                Decoder reference = policy.decoder().copy();
                var trainer = new Trainer(config, task, policy, reference)) {
            trainer.round(0);
            MemoryEstimate estimate = MemoryEstimate.of(config, task, workers);
            Trainer.Memory real = trainer.memory();
            assertNear(estimate, real.state(), "parameters", "optimizer", "gradients");
            assertNear(estimate, real.updates(), "activations of policy updates");
            assertNear(estimate, real.scoring(), "activations of scoring");
            assertNear(estimate, real.generation(), "key/value caches");
        }
    }

    @ParameterizedTest(name = "{0}, adapters of rank {1}, checkpointing {2}")
    @CsvSource({
        "addition:digits=3, 8, none,   2, 64, 4, 4, 256, 16, 4, 2, 4",
        "addition:digits=9, 0, layers, 6, 96, 8, 8, 256, 24, 4, 4, 1",
        "addition:digits=2, 4, layers, 8, 48, 4, 2, 160, 16, 8, 1, 2",
    })
    @DisplayName("is near with adapters and gradient checkpointing too")
    void options(
            String name, int rank, String checkpointing, int layers, int dim, int heads, int kvHeads, int ffnDim,
            int prompts, int samples, int miniBatches, int shards) {
        var model = new RunConfig.Model("llama", layers, dim, heads, kvHeads, ffnDim);
        RunConfig config = config(name, model, prompts, samples, miniBatches, shards)
                .withLora(new LoraSettings(rank, 8, "all-linear"))
                .withMemory(new MemorySettings(checkpointing));
        Task task = Tasks.byName(name);
        int workers = 2;
        try (Engine engine = Engine.cpu(workers);
                Policy policy = Policy.create(engine, task, model, 1);
                Decoder copy = policy.decoder().copy()) {
            Policy trained = rank == 0 ? policy
                    : new Policy(policy.decoder().withAdapters(LoraAdapters.random(
                            engine, copy.config(), config.lora().config(), 1)), policy.tokenizer());
            Decoder reference = rank == 0 ? copy : policy.decoder();
            try (var trainer = new Trainer(config, task, trained, reference)) {
                trainer.round(0);
                MemoryEstimate estimate = MemoryEstimate.of(config, task, workers);
                Trainer.Memory real = trainer.memory();
                assertNear(estimate, real.state(), "parameters", "optimizer", "gradients");
                assertNear(estimate, real.updates(), "activations of policy updates");
                assertNear(estimate, real.scoring(), "activations of scoring");
            }
            trained.close();
        }
    }

    @ParameterizedTest(name = "in {0}")
    @EnumSource(value = TensorType.class, names = {"BF16", "F32"})
    @DisplayName("is near with adapters over weights that stay in their files, also of generation alone")
    void mapped(TensorType type) throws IOException {
        var model = new RunConfig.Model("llama", 4, 128, 8, 2, 512);
        RunConfig config =
                config("addition:digits=3", model, 8, 4, 2, 2).withLora(new LoraSettings(4, 8, "all-linear"));
        Task task = Tasks.byName(config.task());
        DType frozen = type == TensorType.BF16 ? DType.BFLOAT16 : null;
        try (Engine engine = Engine.cpu(2)) {
            try (Policy policy = Policy.create(engine, task, model, 1)) {
                ModelFolder.save(policy.decoder(), policy.tokenizer(), policy.description(), type, folder);
            }
            assertThat(Policy.WeightType.AUTO.frozen(folder)).isEqualTo(frozen);
            try (Policy policy = Policy.loadForSampling(
                    engine, folder, RunConfig.Base.NONE, Policy.WeightType.AUTO)) {
                var trained = new Policy(policy.decoder().withAdapters(LoraAdapters.random(
                        engine, policy.decoder().config(), config.lora().config(), 1)), policy.tokenizer());
                DecoderConfig shape = policy.decoder().config();
                TokenLimits limits = TokenLimits.of(task);
                try (var trainer = new Trainer(config, task, trained, policy.decoder())) {
                    trainer.round(0);
                    MemoryEstimate estimate = MemoryEstimate.of(
                            config, shape, frozen, limits.prompt(), limits.completion(), 2);
                    Trainer.Memory real = trainer.memory();
                    assertNear(estimate, real.state(), "parameters", "optimizer", "gradients");
                    assertNear(estimate, real.updates(), "activations of policy updates");
                    assertNear(estimate, real.scoring(), "activations of scoring");
                    assertNear(estimate, real.generation(), "key/value caches");
                }
                var prompt = new Prompt(new int[] {3, 4, 5, 6, 7}, 0);
                try (var generator = new Generator(
                        policy.decoder(),
                        new Generator.Limits(5, 10, SamplingOptions.temperature(1), List.of()))) {
                    assertThat(generator.generate(Collections.nCopies(16, prompt), 1)).hasSize(16);
                    FrozenWeights weights = policy.decoder().frozenWeights();
                    long real = policy.decoder().parameters().memoryBytes() + generator.memoryBytes()
                            + (weights == null ? 0 : weights.storedBytes());
                    MemoryEstimate estimate = MemoryEstimate.ofSampling(shape, frozen, 5, 10, 1, 16, 2, "less");
                    assertThat((double) estimate.tensorBytes() / real).isBetween(1 / FACTOR, FACTOR);
                }
                trained.close();
            }
        }
    }

    @ParameterizedTest(name = "checkpointing {0}")
    @ValueSource(strings = {"none", "layers"})
    @DisplayName("is near with a vocabulary whose logits come in chunks")
    void largeVocabulary(String checkpointing) {
        DecoderConfig shape = DecoderConfig.llama(60_000, 32, 3, 4, 2, 96, 100, 1);
        int prompt = 8;
        int answer = 80;
        RunConfig config = config("addition", RunConfig.defaults("gmpo").model(), 2, 4, 1, 2)
                .withMemory(new MemorySettings(checkpointing));
        List<SequenceBatch.Sequence> sequences = new ArrayList<>();
        for (int row = 0; row < 8; row++) {
            int first = row / 4;
            sequences.add(new SequenceBatch.Sequence(
                    IntStream.range(first, first + prompt).toArray(), IntStream.range(0, answer).toArray()));
        }
        SequenceBatch batch = SequenceBatch.of(sequences);
        try (Engine engine = Engine.cpu(2);
                Decoder decoder = Decoder.random(engine, shape, 1);
                var update = new ParameterUpdate(decoder, 2, new UpdateRule.Sgd(0, 0), 1);
                var step = new PolicyStep(
                        decoder, update, config.objective().policyObjective(), 1, false, false,
                        config.memory().activations());
                var scorer = new LogProbScorer(decoder, 2, 1)) {
            float[] old = scorer.score(batch).logProbs();
            step.run(new PolicyStep.Scored(batch, old, null, null, new double[8]),
                    IntStream.range(0, 8).toArray(), 8, 1);
            MemoryEstimate estimate = MemoryEstimate.of(config, shape, null, prompt, answer, 2);
            assertNear(estimate, step.memoryBytes(), "activations of policy updates");
            assertNear(estimate, 2 * scorer.memoryBytes(), "activations of scoring");
        }
    }

    private static void assertNear(MemoryEstimate estimate, long real, String... parts) {
        double estimated = 0;
        for (MemoryEstimate.Part part : estimate.parts()) {
            estimated += Stream.of(parts).anyMatch(part.name()::startsWith) ? part.bytes() : 0;
        }
        assertThat(estimated / real).as(String.join(", ", parts)).isBetween(1 / FACTOR, FACTOR);
    }

    @Test
    @DisplayName("is within a factor of 1.4 of what sampling takes")
    void sampling() {
        DecoderConfig shape = DecoderConfig.llama(40, 64, 3, 4, 2, 256, 64, 1);
        try (Engine engine = Engine.cpu(2);
                Decoder decoder = Decoder.random(engine, shape, 1);
                var generator = new Generator(
                        decoder, new Generator.Limits(10, 30, SamplingOptions.temperature(1), List.of(1)))) {
            var prompt = new Prompt(new int[] {3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 0);
            List<Completion> completions = generator.generate(Collections.nCopies(300, prompt), 1);
            assertThat(completions).hasSize(300);
            long real = decoder.parameters().memoryBytes() + generator.memoryBytes();
            MemoryEstimate estimate = MemoryEstimate.ofSampling(shape, null, 10, 30, 1, 300, 2, "less");
            assertThat((double) estimate.tensorBytes() / real).isBetween(1 / FACTOR, FACTOR);
        }
    }

    @Test
    @DisplayName("lets the default run pass on a small machine")
    void defaults() {
        RunConfig config = RunConfig.defaults("gmpo");
        MemoryEstimate estimate = MemoryEstimate.of(config, Tasks.byName(config.task()), 4);
        estimate.check(new MachineMemory(2L << 30, 512L << 20));
        assertThat(estimate.lines()).first().asString().startsWith("memory: about ");
        assertThat(estimate.lines()).hasSize(estimate.parts().size() + 1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "8000 | 64 | 8 | 8 | 1 | GiB of memory, and there are 8.0 GiB; most goes to parameters | take a smaller --dim",
        "2000 | 64 | 8 | 8 | 400 | most goes to gradients of each shard | take fewer --shards",
        "32 | 200000 | 16 | 20000 | 4 | a Java heap | take fewer --prompts or --samples",
        "32 | 1000000000 | 2 | 1 | 1 | is too large | take fewer --prompts or --samples",
    })
    @DisplayName("refuses what cannot fit and says what to change")
    void refuses(int dim, int prompts, int samples, int miniBatches, int shards, String problem, String remedy) {
        var model = new RunConfig.Model("gpt2", 2, dim, 4, 4, 4 * dim);
        RunConfig config = config("addition", model, prompts, samples, miniBatches, shards);
        MemoryEstimate estimate = MemoryEstimate.of(config, Tasks.byName("addition"), 2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> estimate.check(LAPTOP))
                .withMessageContaining(problem)
                .withMessageContaining(remedy);
    }

    @Test
    @DisplayName("does not overflow")
    void huge() {
        DecoderConfig shape = DecoderConfig.llama(
                Integer.MAX_VALUE, 1 << 20, Integer.MAX_VALUE, 1 << 10, 1 << 10, Integer.MAX_VALUE / 2,
                Integer.MAX_VALUE, 0);
        MemoryEstimate estimate =
                MemoryEstimate.ofSampling(shape, null, 1 << 30, 1 << 30, Integer.MAX_VALUE, Integer.MAX_VALUE, 1024,
                        "less");
        assertThat(estimate.totalBytes()).isEqualTo(Long.MAX_VALUE);
        assertThat(estimate.tensorBytes()).isEqualTo(Long.MAX_VALUE);
        assertThatIllegalArgumentException().isThrownBy(() -> estimate.check(LAPTOP));
    }

    @Test
    @DisplayName("knows the memory of this machine")
    void machine() {
        MachineMemory memory = MachineMemory.ofThisProcess();
        assertThat(memory.heapBytes()).isPositive();
        assertThat(memory.totalBytes()).isGreaterThanOrEqualTo(memory.heapBytes());
    }
}
