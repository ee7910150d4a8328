package dev.geomean.model.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.argumentSet;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.engine.reference.ReferenceBackend;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.Shapes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class GeneratorTest {
    private static final int LONGEST_PROMPT = 9;
    private static final int NEW_TOKENS = 12;
    private static final long SEED = 0x1234_5678_9ABCL;

    private Engine engine;

    @BeforeEach
    void open() {
        engine = Engine.cpu(2);
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private static Generator.Limits limits(SamplingOptions sampling, Integer... stopTokens) {
        return new Generator.Limits(LONGEST_PROMPT, NEW_TOKENS, sampling, List.of(stopTokens));
    }

    /** Prompts of all lengths from 1 to the longest. */
    private static List<Prompt> prompts(int count) {
        var random = new CounterRandom(5, 0);
        List<Prompt> prompts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int[] tokens = new int[1 + i * 5 % LONGEST_PROMPT];
            for (int t = 0; t < tokens.length; t++) {
                tokens[t] = 2 + (int) (21 * random.uniform(100L * i + t));
            }
            prompts.add(new Prompt(tokens, (1L << 40) + 3L * i));
        }
        return prompts;
    }

    private static List<Completion> generate(Decoder decoder, Generator.Limits limits, List<Prompt> prompts) {
        try (var generator = new Generator(decoder, limits)) {
            return generator.generate(prompts, SEED);
        }
    }

    private static void assertSame(List<Completion> actual, List<Completion> expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int row = 0; row < expected.size(); row++) {
            assertThat(actual.get(row).tokens()).as("tokens of row %d", row).isEqualTo(expected.get(row).tokens());
            assertThat(actual.get(row).stopped()).as("end of row %d", row).isEqualTo(expected.get(row).stopped());
            for (int i = 0; i < expected.get(row).tokens().length; i++) {
                assertThat((double) actual.get(row).logProbs()[i])
                        .as("log-probability %d of row %d", i, row)
                        .isCloseTo(expected.get(row).logProbs()[i], within(tolerance));
            }
        }
    }

    /** Logits after each prefix that ends in the prompt or the completion: {@code [tokens][vocab]}. */
    private static float[][] logits(Decoder decoder, Prompt prompt, int[] completion) {
        int[] ids = Arrays.copyOf(prompt.tokens(), prompt.tokens().length + completion.length - 1);
        System.arraycopy(completion, 0, ids, prompt.tokens().length, completion.length - 1);
        int vocab = decoder.config().vocabSize();
        try (Scope scope = decoder.engine().scope()) {
            float[] all = decoder.logits(scope, scope.ints(ids, 1, ids.length)).toFloats();
            float[][] rows = new float[completion.length][];
            for (int i = 0; i < rows.length; i++) {
                int from = (prompt.tokens().length - 1 + i) * vocab;
                rows[i] = Arrays.copyOfRange(all, from, from + vocab);
            }
            return rows;
        }
    }

    /** Log-probabilities of a completion by one pass over the whole sequence. */
    private static float[] scored(Decoder decoder, Prompt prompt, int[] completion, float temperature) {
        int start = prompt.tokens().length - 1;
        int[] ids = Arrays.copyOf(prompt.tokens(), start + completion.length);
        System.arraycopy(completion, 0, ids, start + 1, completion.length - 1);
        int[] targets = new int[ids.length];
        Arrays.fill(targets, -1);
        System.arraycopy(completion, 0, targets, start, completion.length);
        try (Scope scope = decoder.engine().scope()) {
            Tensor logProbs = decoder.logits(scope, scope.ints(ids, 1, ids.length))
                    .tokenLogProbs(scope.ints(targets, 1, targets.length), temperature)
                    .logProbs();
            return Arrays.copyOfRange(logProbs.toFloats(), start, start + completion.length);
        }
    }

    private static void assertMatchesFullPass(
            Decoder decoder, List<Prompt> prompts, List<Completion> completions, float temperature) {
        for (int row = 0; row < prompts.size(); row++) {
            Completion completion = completions.get(row);
            float[] expected = scored(decoder, prompts.get(row), completion.tokens(), temperature);
            for (int i = 0; i < expected.length; i++) {
                assertThat((double) completion.logProbs()[i])
                        .as("log-probability %d of row %d", i, row)
                        .isCloseTo(expected[i], within(1e-5));
            }
        }
    }

    @Nested
    class CachedDecoding {

        @ParameterizedTest
        @EnumSource
        void takesTheMostProbableTokenOfTheFullPass(Shapes shape) {
            try (Decoder decoder = shape.decoder(engine, 1)) {
                List<Prompt> prompts = prompts(11);
                List<Completion> completions = generate(decoder, limits(SamplingOptions.GREEDY), prompts);
                assertMatchesFullPass(decoder, prompts, completions, 1);
                Set<Integer> drawn = new HashSet<>();
                for (int row = 0; row < prompts.size(); row++) {
                    int[] tokens = completions.get(row).tokens();
                    float[][] logits = logits(decoder, prompts.get(row), tokens);
                    for (int i = 0; i < tokens.length; i++) {
                        float[] values = logits[i];
                        float best = values[IntStream.range(0, values.length)
                                .boxed()
                                .max(Comparator.comparingDouble(token -> values[token]))
                                .orElseThrow()];
                        assertThat(values[tokens[i]]).as("row %d, token %d", row, i).isCloseTo(best, within(1e-4f));
                        drawn.add(tokens[i]);
                    }
                }
                assertThat(drawn).hasSizeGreaterThan(4);
            }
        }

        @ParameterizedTest
        @EnumSource
        void givesSampledTokensTheLogProbabilitiesOfTheFullPass(Shapes shape) {
            try (Decoder decoder = shape.decoder(engine, 2)) {
                List<Prompt> prompts = prompts(13);
                for (float temperature : new float[] {1, 0.7f, 1.6f}) {
                    List<Completion> completions =
                            generate(decoder, limits(SamplingOptions.temperature(temperature)), prompts);
                    assertMatchesFullPass(decoder, prompts, completions, temperature);
                }
            }
        }

        @ParameterizedTest
        @EnumSource
        void givesPromptsOfDifferentLengthsWhatEachGetsAlone(Shapes shape) {
            try (Decoder decoder = shape.decoder(engine, 3)) {
                List<Prompt> prompts = prompts(19);
                var limits = limits(SamplingOptions.temperature(1), 7, 8);
                List<Completion> together = generate(decoder, limits, prompts);
                List<Completion> alone = prompts.stream()
                        .map(prompt -> generate(decoder, limits, List.of(prompt)).getFirst())
                        .toList();
                assertSame(together, alone, 5e-6); // products of few rows sum in another order
            }
        }

        @ParameterizedTest
        @EnumSource
        void usesAllPositions(Shapes shape) {
            try (Decoder decoder = shape.decoder(engine, 4)) {
                int positions = decoder.config().maxPositions();
                var limits = new Generator.Limits(7, positions - 7, SamplingOptions.temperature(1), List.of());
                List<Prompt> prompts = prompts(9).stream()
                        .map(prompt -> new Prompt(Arrays.copyOf(prompt.tokens(), Math.min(7, prompt.tokens().length)),
                                prompt.stream()))
                        .toList();
                List<Completion> completions = generate(decoder, limits, prompts);
                assertThat(completions).allSatisfy(completion -> assertThat(completion.tokens())
                        .hasSize(positions - 7));
                assertMatchesFullPass(decoder, prompts, completions, 1);
            }
        }
    }

    @Nested
    class StopTokens {
        /** 1, 2, 3, 5 rows of one shard each; shards of 10, 32, 33 and 75 rows; more pieces than one. */
        @ParameterizedTest(name = "{0} prompts")
        @ValueSource(ints = {1, 2, 3, 5, 37, 128, 129, 300})
        void endRowsWhileOthersContinue(int count) {
            Integer[] stopTokens = {3, 7, 11};
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 5)) {
                List<Prompt> prompts = prompts(count);
                List<Completion> endless = generate(decoder, limits(SamplingOptions.temperature(1)), prompts);
                List<Completion> expected = endless.stream()
                        .map(completion -> cut(completion, Set.of(stopTokens)))
                        .toList();
                assertSame(
                        generate(decoder, limits(SamplingOptions.temperature(1), stopTokens), prompts), expected,
                        1e-5);
                if (count > 30) {
                    assertThat(expected.stream().map(completion -> completion.tokens().length))
                            .as("lengths")
                            .contains(1, 2, 3, 4, 5, 6, 7, 8, NEW_TOKENS);
                    assertThat(expected.stream().map(Completion::stopped)).contains(true, false);
                }
            }
        }

        /** Over 128 rows of a shard the prompts are cut into several batches that share one cache. */
        @Test
        void endRowsInEveryBatchOfAShard() {
            try (Engine one = Engine.cpu(1);
                    Decoder decoder = Shapes.GPT2.decoder(one, 6)) {
                List<Prompt> prompts = prompts(700);
                var limits = limits(SamplingOptions.temperature(1), 3, 7, 11);
                List<Completion> all = generate(decoder, limits, prompts);
                assertSame(all.subList(0, 90), generate(decoder, limits, prompts.subList(0, 90)), 1e-5);
                assertSame(all.subList(600, 700), generate(decoder, limits, prompts.subList(600, 700)), 1e-5);
            }
        }

        @Test
        void endARowAtItsVeryFirstToken() {
            try (Decoder decoder = Shapes.QWEN3.decoder(engine, 7)) {
                Integer[] everything = IntStream.range(0, 23).boxed().toArray(Integer[]::new);
                List<Completion> completions =
                        generate(decoder, limits(SamplingOptions.temperature(1), everything), prompts(10));
                assertThat(completions).allSatisfy(completion -> {
                    assertThat(completion.tokens()).hasSize(1);
                    assertThat(completion.logProbs()).hasSize(1);
                    assertThat(completion.stopped()).isTrue();
                });
            }
        }

        @Test
        void countAsStoppedAtTheLimitToo() {
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 8)) {
                List<Prompt> prompts = prompts(20);
                var one = new Generator.Limits(LONGEST_PROMPT, 1, SamplingOptions.temperature(1), List.of());
                int first = generate(decoder, one, prompts).getFirst().tokens()[0];
                var stopping =
                        new Generator.Limits(LONGEST_PROMPT, 1, SamplingOptions.temperature(1), List.of(first));
                for (Completion completion : generate(decoder, stopping, prompts)) {
                    assertThat(completion.stopped()).isEqualTo(completion.tokens()[0] == first);
                }
            }
        }

        private Completion cut(Completion endless, Set<Integer> stopTokens) {
            for (int i = 0; i < endless.tokens().length; i++) {
                if (stopTokens.contains(endless.tokens()[i])) {
                    return new Completion(
                            Arrays.copyOf(endless.tokens(), i + 1), Arrays.copyOf(endless.logProbs(), i + 1), true);
                }
            }
            return endless;
        }
    }

    @Nested
    class Sampling {

        static Stream<Arguments> filters() {
            return Stream.of(
                    argumentSet("temperature 0.5", SamplingOptions.temperature(0.5f)),
                    argumentSet("top 1", new SamplingOptions(1, 1, 1, 0)),
                    argumentSet("top 3", new SamplingOptions(1, 3, 1, 0)),
                    argumentSet("top 100 of 23", new SamplingOptions(1, 100, 1, 0)),
                    argumentSet("top 60 %", new SamplingOptions(1.3f, 0, 0.6f, 0)),
                    argumentSet("a tenth of the best", new SamplingOptions(1, 0, 1, 0.1f)),
                    argumentSet("all filters", new SamplingOptions(0.8f, 6, 0.8f, 0.15f)));
        }

        @ParameterizedTest
        @MethodSource("filters")
        void drawsFromTheFilteredDistributionAndReportsItsLogProbabilities(SamplingOptions sampling) {
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 9)) {
                List<Prompt> prompts = prompts(12);
                List<Completion> completions = generate(decoder, limits(sampling), prompts);
                for (int row = 0; row < prompts.size(); row++) {
                    Completion completion = completions.get(row);
                    float[][] logits = logits(decoder, prompts.get(row), completion.tokens());
                    for (int i = 0; i < completion.tokens().length; i++) {
                        double[] filtered = filtered(logits[i], sampling);
                        assertThat((double) completion.logProbs()[i])
                                .as("row %d, token %d", row, i)
                                .isCloseTo(Math.log(filtered[completion.tokens()[i]]), within(2e-5));
                    }
                }
            }
        }

        /** The definition, step by step: keep the most probable, renormalise, again. */
        private double[] filtered(float[] logits, SamplingOptions sampling) {
            double best = IntStream.range(0, logits.length).mapToDouble(i -> logits[i]).max().orElseThrow();
            double[] p = IntStream.range(0, logits.length)
                    .mapToDouble(i -> Math.exp((logits[i] - best) / sampling.temperature()))
                    .toArray();
            normalise(p);
            List<Integer> order = IntStream.range(0, p.length)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer i) -> -p[i]))
                    .toList();
            for (int rank = 0; rank < p.length; rank++) {
                if (sampling.topK() > 0 && rank >= sampling.topK()) {
                    p[order.get(rank)] = 0;
                }
            }
            normalise(p);
            double sum = 0;
            for (int token : order) {
                double own = p[token];
                if (sum >= sampling.topP()) {
                    p[token] = 0;
                }
                sum += own;
            }
            normalise(p);
            for (int token : order) {
                if (p[token] < sampling.minP() * p[order.getFirst()]) {
                    p[token] = 0;
                }
            }
            normalise(p);
            return p;
        }

        private void normalise(double[] p) {
            double sum = Arrays.stream(p).sum();
            Arrays.setAll(p, i -> p[i] / sum);
        }

        @Test
        void followsTheDistributionOfTheFirstToken() {
            try (Decoder decoder = Shapes.GPT2.decoder(engine, 10)) {
                int draws = 4000;
                int[] tokens = {4, 5, 6};
                var limits = new Generator.Limits(3, 1, SamplingOptions.temperature(1), List.of());
                List<Prompt> prompts = IntStream.range(0, draws)
                        .mapToObj(stream -> new Prompt(tokens, stream))
                        .toList();
                double[] p = filtered(
                        logits(decoder, prompts.getFirst(), new int[] {0})[0], SamplingOptions.temperature(1));
                int[] counts = new int[p.length];
                generate(decoder, limits, prompts).forEach(completion -> counts[completion.tokens()[0]]++);
                double chiSquare = 0;
                for (int token = 0; token < p.length; token++) {
                    double expected = draws * p[token];
                    chiSquare += (counts[token] - expected) * (counts[token] - expected) / expected;
                }
                assertThat(chiSquare).as("chi-square with 22 degrees of freedom").isLessThan(48.3); // 99.9 %
            }
        }

        @Test
        void dependsOnSeedAndStreamButNotOnTheOrderOfPrompts() {
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 11);
                    var generator = new Generator(decoder, limits(SamplingOptions.temperature(1), 7))) {
                List<Prompt> prompts = prompts(24);
                List<Completion> once = generator.generate(prompts, SEED);
                assertSame(generator.generate(prompts, SEED), once, 0);
                assertSame(generator.generate(prompts.reversed(), SEED).reversed(), once, 1e-6);
                List<int[]> tokens = once.stream().map(Completion::tokens).toList();
                assertThat(tokensOf(generator.generate(prompts, SEED + 1))).isNotEqualTo(asLists(tokens));
                assertThat(tokensOf(generator.generate(prompts, SEED + (1L << 32)))).isNotEqualTo(asLists(tokens));
                List<Prompt> moved = prompts.stream()
                        .map(prompt -> new Prompt(prompt.tokens(), prompt.stream() + (1L << 32)))
                        .toList();
                assertThat(tokensOf(generator.generate(moved, SEED))).isNotEqualTo(asLists(tokens));
            }
        }

        private List<List<Integer>> tokensOf(List<Completion> completions) {
            return asLists(completions.stream().map(Completion::tokens).toList());
        }

        private List<List<Integer>> asLists(List<int[]> tokens) {
            return tokens.stream().map(row -> Arrays.stream(row).boxed().toList()).toList();
        }
    }

    @Nested
    class AnyEngine {

        @ParameterizedTest
        @EnumSource
        void givesTheSameBitsWithOneTwoAndFourWorkers(Shapes shape) {
            List<Completion> expected = List.of();
            for (int workers : new int[] {1, 2, 4}) {
                try (Engine own = Engine.cpu(workers);
                        Decoder decoder = shape.decoder(own, 12)) {
                    List<Completion> actual =
                            generate(decoder, limits(SamplingOptions.temperature(1), 3, 7), prompts(150));
                    if (workers == 1) {
                        expected = actual;
                    }
                    assertSame(actual, expected, 0);
                }
            }
        }

        /** Of a decoder that is large enough for all workers to decode one batch together. */
        @Test
        void givesTheSameBitsHoweverManyWorkersDecodeTogether() {
            var config = DecoderConfig.llama(37, 256, 3, 8, 4, 800, 24, 1);
            assertThat(config.parameterCount()).isGreaterThan(1 << 21);
            List<Prompt> prompts = prompts(21);
            List<Completion> expected = List.of();
            for (int workers : new int[] {1, 2, 3}) {
                try (Engine own = Engine.cpu(workers);
                        Decoder decoder = Decoder.random(own, config, 5)) {
                    List<Completion> actual = generate(decoder, limits(SamplingOptions.temperature(1), 3, 7), prompts);
                    if (workers == 1) {
                        expected = actual;
                        assertMatchesFullPass(decoder, prompts, actual, 1);
                    }
                    assertSame(actual, expected, 0);
                }
            }
        }

        @ParameterizedTest
        @EnumSource
        void givesWhatTheReferenceGivesUpToRounding(Shapes shape) {
            try (Engine slow = Engine.of(new ReferenceBackend(), 1);
                    Decoder expected = shape.decoder(slow, 13);
                    Decoder actual = shape.decoder(engine, 13)) {
                var limits = limits(SamplingOptions.temperature(1), 3, 7);
                assertSame(generate(actual, limits, prompts(40)), generate(expected, limits, prompts(40)), 2e-5);
            }
        }
    }

    @Nested
    class AGenerator {

        @Test
        void refusesAPromptThatIsTooLong() {
            try (Decoder decoder = Shapes.GPT2.decoder(engine, 14);
                    var generator = new Generator(decoder, limits(SamplingOptions.GREEDY))) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> generator.generate(List.of(new Prompt(new int[10], 0)), 0))
                        .withMessage("generator: prompt of 10 tokens exceeds the limit of 9");
            }
        }

        @ParameterizedTest
        @ValueSource(ints = {-1, 23})
        void refusesATokenOutsideTheVocabulary(int token) {
            try (Decoder decoder = Shapes.GPT2.decoder(engine, 14);
                    var generator = new Generator(decoder, limits(SamplingOptions.GREEDY))) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> generator.generate(List.of(new Prompt(new int[] {2, token}, 0)), 0))
                        .withMessage("generator: token " + token + " is outside the vocabulary of 23");
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> new Generator(decoder, limits(SamplingOptions.GREEDY, token)))
                        .withMessage("generator: stop token " + token + " is outside the vocabulary of 23");
            }
        }

        @ParameterizedTest(name = "{0} + {1}")
        @MethodSource("dev.geomean.model.generate.GeneratorTest#tooLong")
        void refusesMoreTokensThanPositions(int promptTokens, int newTokens) {
            try (Decoder decoder = Shapes.GPT2.decoder(engine, 14)) {
                var limits = new Generator.Limits(promptTokens, newTokens, SamplingOptions.GREEDY, List.of());
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> new Generator(decoder, limits))
                        .withMessage("generator: " + promptTokens + " prompt tokens and " + newTokens
                                + " new tokens exceed the model's 24 positions");
            }
        }

        @Test
        void refusesEmptyPromptsAndLimits() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Prompt(new int[0], 0))
                    .withMessageContaining("at least one token");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Generator.Limits(0, 1, SamplingOptions.GREEDY, List.of()))
                    .withMessageContaining("0 and 1");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Generator.Limits(1, 0, SamplingOptions.GREEDY, List.of()))
                    .withMessageContaining("1 and 0");
        }

        @Test
        void generatesNothingForNoPrompts() {
            try (Decoder decoder = Shapes.GPT2.decoder(engine, 14);
                    var generator = new Generator(decoder, limits(SamplingOptions.GREEDY))) {
                assertThat(generator.generate(List.of(), 0)).isEmpty();
            }
        }

        @Test
        void worksOnAfterARefusal() {
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 15);
                    var generator = new Generator(decoder, limits(SamplingOptions.temperature(1)))) {
                List<Completion> before = generator.generate(prompts(6), SEED);
                List<Prompt> bad = new ArrayList<>(prompts(6));
                bad.add(new Prompt(new int[] {99}, 0));
                assertThatIllegalArgumentException().isThrownBy(() -> generator.generate(bad, SEED));
                assertSame(generator.generate(prompts(6), SEED), before, 0);
            }
        }

        @Test
        void seesParametersThatChangedBetweenCalls() {
            try (Decoder decoder = Shapes.QWEN2.decoder(engine, 16);
                    var generator = new Generator(decoder, limits(SamplingOptions.GREEDY))) {
                generator.generate(prompts(8), SEED);
                Shapes.disturb(decoder, 99);
                List<Completion> after = generator.generate(prompts(8), SEED);
                assertSame(after, generate(decoder, limits(SamplingOptions.GREEDY), prompts(8)), 0);
                assertMatchesFullPass(decoder, prompts(8), after, 1);
            }
        }

        @Test
        void canBeUsedAgainWithAnyNumberOfPrompts() {
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 17);
                    var generator = new Generator(decoder, limits(SamplingOptions.temperature(1), 7))) {
                for (int count : new int[] {40, 3, 1, 40, 17, 64}) {
                    assertSame(
                            generator.generate(prompts(count), SEED),
                            generate(decoder, limits(SamplingOptions.temperature(1), 7), prompts(count)),
                            0);
                }
            }
        }

        @Test
        void reservesNoMoreMemoryOnceItHasSeenEverySize() {
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 18);
                    var generator = new Generator(decoder, limits(SamplingOptions.temperature(1), 3, 7))) {
                // Larger batches than before would begin anew.
                int[] counts = {129, 1, 7, 50};
                for (int call = 0; call < 2; call++) {
                    for (int count : counts) {
                        generator.generate(prompts(count), SEED + call);
                    }
                }
                long reserved = generator.memoryBytes();
                assertThat(reserved).isPositive();
                for (int call = 0; call < 4; call++) {
                    for (int count : counts) {
                        generator.generate(prompts(count), SEED + call % 2);
                    }
                }
                assertThat(generator.memoryBytes()).isEqualTo(reserved);
            }
        }

        @Test
        void refusesToWorkOnceClosed() {
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 19)) {
                var generator = new Generator(decoder, limits(SamplingOptions.GREEDY));
                generator.generate(prompts(2), 0);
                generator.close();
                generator.close();
                assertThatIllegalStateException()
                        .isThrownBy(() -> generator.generate(prompts(2), 0))
                        .withMessageContaining("closed");
            }
        }
    }

    static Stream<Arguments> tooLong() {
        return Stream.of(
                Arguments.of(20, 5),
                Arguments.of(1, 24),
                Arguments.of(24, 1),
                Arguments.of(Integer.MAX_VALUE, Integer.MAX_VALUE));
    }
}
