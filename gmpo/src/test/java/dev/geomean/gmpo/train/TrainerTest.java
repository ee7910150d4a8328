package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.optim.LearningRateSchedule;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskSplit;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.model.Decoder;
import dev.geomean.model.generate.SamplingOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainerTest {
    private static final RunConfig CONFIG = Tiny.config("gmpo");
    private static final Task ADDITION = Tasks.byName(CONFIG.task());

    /** Rewards that differ within most groups. */
    private static final Task BY_FIRST_CHARACTER = new Tiny.Rewarded(
            (problem, completion) -> completion.isEmpty() ? 0 : completion.charAt(0) % 3 == 0 ? 1 : 0.25);

    private Engine engine;

    @BeforeEach
    void open() {
        engine = Engine.cpu(2);
    }

    @AfterEach
    void close() {
        engine.close();
    }

    /** What some rounds measured, and the parameters after them. */
    private record Outcome(List<RoundMetrics> rounds, int[] before, int[] after, int steps) {
        RoundMetrics last() {
            return rounds.getLast();
        }
    }

    private Outcome train(RunConfig config, Task task, int rounds) {
        try (Policy policy = Tiny.policy(engine, config);
                Decoder reference = policy.decoder().copy()) {
            Tiny.disturb(reference, 5);
            try (var trainer = new Trainer(config, task, policy, reference)) {
                int[] before = Tiny.bits(policy.decoder());
                List<RoundMetrics> all = IntStream.range(0, rounds).mapToObj(trainer::round).toList();
                return new Outcome(all, before, Tiny.bits(policy.decoder()), trainer.optimizer().steps());
            }
        }
    }

    static Stream<String> presets() {
        return Preset.names().stream();
    }

    @ParameterizedTest
    @MethodSource("presets")
    void everyPresetTrains(String preset) {
        Outcome outcome = train(Tiny.config(preset), BY_FIRST_CHARACTER, 1);
        assertThat(outcome.after()).isNotEqualTo(outcome.before());
        assertThat(outcome.last().loss()).isFinite();
        assertThat(outcome.last().gradNorm()).isFinite().isPositive();
        assertThat(outcome.last().entropy()).isBetween(0.1, Math.log(14));
        assertThat(outcome.last().skippedUpdates()).isZero();
        assertThat(outcome.last().samplerGap()).isLessThan(1e-5);
    }

    @Nested
    class WithEqualRewards {

        @ParameterizedTest
        @ValueSource(doubles = {0, 0.5, 1})
        void nothingMoves(double reward) {
            Outcome outcome = train(CONFIG, new Tiny.Rewarded((problem, completion) -> reward), 2);
            if (reward == 0) { // truncated responses get 0 as well
                assertThat(outcome.after()).isEqualTo(outcome.before());
                assertThat(outcome.steps()).isZero();
                assertThat(outcome.last().skippedUpdates()).isEqualTo(2);
                assertThat(outcome.last().zeroStdFraction()).isEqualTo(1);
                assertThat(outcome.last().gradNormMax()).isZero();
                assertThat(outcome.last().loss()).isZero();
            }
            assertThat(outcome.last().nanRewards()).isZero();
            assertThat(outcome.last().accuracy())
                    .isCloseTo(reward == 1 ? 1 - outcome.last().truncatedFraction() : 0, within(1e-12));
            assertThat(outcome.last().rewardMean())
                    .isCloseTo(reward * (1 - outcome.last().truncatedFraction()), within(1e-12));
        }
    }

    @Nested
    class WithRewardsThatAreNotANumber {

        @Test
        void thoseOfSomeCompletionsAreLeftOut() {
            Task task = new Tiny.Rewarded((problem, completion) -> completion.length() == 1
                    ? Double.NaN
                    : BY_FIRST_CHARACTER.score(problem, completion));
            Outcome outcome = train(CONFIG, task, 1);
            List<Rollouts.Response> responses = firstResponses(task);
            double sum = 0;
            int valid = 0;
            for (Rollouts.Response response : responses) {
                if (!Double.isNaN(response.reward())) {
                    sum += response.reward();
                    valid++;
                }
            }
            assertThat(valid).isBetween(1, responses.size() - 1);
            assertThat(outcome.last().nanRewards()).isEqualTo(responses.size() - valid);
            assertThat(outcome.last().rewardMean()).isCloseTo(sum / valid, within(1e-12));
            assertThat(outcome.last().loss()).isFinite();
            assertThat(outcome.after()).isNotEqualTo(outcome.before());
        }

        @Test
        void thoseOfAllTeachNothing() {
            Task task = new Tiny.Rewarded((problem, completion) -> Double.NaN);
            Outcome outcome = train(CONFIG, task, 1);
            assertThat(outcome.after()).isEqualTo(outcome.before());
            assertThat(outcome.last().skippedUpdates()).isEqualTo(2);
            assertThat(outcome.last().accuracy()).isZero();
        }
    }

    /** The responses of round 0, sampled as the trainer should sample them. */
    private List<Rollouts.Response> firstResponses(Task task) {
        try (Policy policy = Tiny.policy(engine, CONFIG);
                var rollouts = new Rollouts(task, policy, CONFIG.rollout().sampling())) {
            var split = new TaskSplit(task, CONFIG.evaluation().heldOutFraction());
            List<Problem> problems = new ArrayList<>();
            for (int i = 0; i < CONFIG.rollout().prompts(); i++) {
                problems.add(split.training(CONFIG.seed(), i));
            }
            return rollouts.sample(problems, CONFIG.rollout().samples(), CONFIG.seed(), 0);
        }
    }

    @Nested
    class Metrics {

        @Test
        void describeTheResponsesOfTheRound() {
            RoundMetrics metrics = train(CONFIG, BY_FIRST_CHARACTER, 1).last();
            List<Rollouts.Response> responses = firstResponses(BY_FIRST_CHARACTER);
            assertThat(metrics.lengthMean())
                    .isEqualTo(responses.stream().mapToInt(this::length).average().orElseThrow());
            assertThat(metrics.lengthMin()).isEqualTo(responses.stream().mapToInt(this::length).min().orElseThrow());
            assertThat(metrics.lengthMax()).isEqualTo(responses.stream().mapToInt(this::length).max().orElseThrow());
            assertThat(metrics.truncatedFraction())
                    .isEqualTo(responses.stream().mapToInt(r -> r.completion().stopped() ? 0 : 1).average()
                            .orElseThrow())
                    .isBetween(0.05, 0.95);
            assertThat(metrics.rewardMean())
                    .isCloseTo(responses.stream().mapToDouble(Rollouts.Response::reward).average().orElseThrow(),
                            within(1e-12));
            assertThat(metrics.accuracy())
                    .isEqualTo(responses.stream().mapToInt(r -> r.reward() == 1 ? 1 : 0).average().orElseThrow())
                    .isPositive();
        }

        private int length(Rollouts.Response response) {
            return response.completion().tokens().length;
        }

        @Test
        void measureHeldOutProblemsOnSchedule() {
            List<RoundMetrics> rounds = train(CONFIG, ADDITION, 4).rounds();
            assertThat(rounds.stream().map(round -> round.heldOut() != null)).containsExactly(false, true, false, true);
            assertThat(rounds.getLast().heldOut()).satisfies(heldOut -> {
                assertThat(heldOut.greedyAccuracy()).isBetween(0.0, 1.0);
                assertThat(heldOut.passAt1()).isBetween(0.0, 1.0);
                assertThat(heldOut.passAtK()).isGreaterThanOrEqualTo(heldOut.passAt1());
                assertThat(heldOut.k()).isEqualTo(2);
            });
        }
    }

    @Test
    void truncatedResponsesGetNoReward() {
        Task generous = new Tiny.Rewarded((problem, completion) -> 1);
        assertThat(firstResponses(generous))
                .allSatisfy(response -> assertThat(response.reward())
                        .isEqualTo(response.completion().stopped() ? 1 : 0))
                .anySatisfy(response -> assertThat(response.completion().stopped()).isFalse());
    }

    @Nested
    class ThePenalty {

        private RunConfig config(double coefficient) {
            var objective = new RunConfig.Objective(
                    "gmpo", null, null, null, null, null, null, coefficient, "k3", null, null);
            var update = new RunConfig.Update(2, 1, 4e-3, "constant", 0, 0.9, 0.95, 1e-8, 0, 1);
            return Tiny.with(Tiny.with(CONFIG, objective), update);
        }

        @Test
        void drawsThePolicyToTheReference() {
            Task nothing = new Tiny.Rewarded((problem, completion) -> 0);
            List<RoundMetrics> rounds = train(config(1), nothing, 20).rounds();
            assertThat(rounds.getFirst().skippedUpdates()).isZero();
            assertThat(rounds.getFirst().klToReference()).isGreaterThan(0.02);
            assertThat(rounds.getLast().klToReference())
                    .isLessThan(0.5 * rounds.getFirst().klToReference());
        }

        @Test
        void isMeasuredButMovesNothingWithoutACoefficient() {
            Outcome outcome = train(config(0), new Tiny.Rewarded((problem, completion) -> 0), 2);
            assertThat(outcome.after()).isEqualTo(outcome.before());
            assertThat(outcome.last().klToReference()).isGreaterThan(0.02);
        }
    }

    @Nested
    class TruncatedImportanceSampling {

        private RunConfig config(int topK, Double cap) {
            var objective = new RunConfig.Objective("dapo", null, null, null, null, null, null, 0, "k3", null, cap);
            return Tiny.with(
                    Tiny.with(CONFIG, objective), new RunConfig.Rollout(16, 6, 1, topK, 1, 0));
        }

        @Test
        void changesNextToNothingWithoutFilters() {
            Outcome plain = train(config(0, null), BY_FIRST_CHARACTER, 1);
            Outcome weighted = train(config(0, 2.0), BY_FIRST_CHARACTER, 1);
            assertThat(weighted.last().loss()).isCloseTo(plain.last().loss(), within(1e-5));
            assertThat(weighted.last().gradNorm()).isCloseTo(plain.last().gradNorm(), within(1e-4));
        }

        /** The sampler's log-probabilities are renormalised after filtering, so weights are well below 1. */
        @Test
        void correctsForFilters() {
            Outcome plain = train(config(4, null), BY_FIRST_CHARACTER, 1);
            Outcome weighted = train(config(4, 2.0), BY_FIRST_CHARACTER, 1);
            assertThat(plain.last().samplerGap()).isGreaterThan(0.1);
            assertThat(weighted.last().gradNorm()).isLessThan(0.95 * plain.last().gradNorm());
        }

        @Test
        void isBoundedByTheCap() {
            Outcome weighted = train(config(0, 0.25), BY_FIRST_CHARACTER, 1);
            Outcome plain = train(config(0, null), BY_FIRST_CHARACTER, 1);
            assertThat(weighted.rounds().getFirst().loss())
                    .isCloseTo(0.25 * plain.rounds().getFirst().loss(), within(2e-3));
        }
    }

    @Nested
    class Updates {

        private RunConfig config(int miniBatches, int epochs, String schedule, int ramp) {
            return Tiny.with(CONFIG,
                    new RunConfig.Update(miniBatches, epochs, 2e-3, schedule, ramp, 0.9, 0.95, 1e-8, 0, 1));
        }

        @Test
        void passOverTheResponsesAsOftenAsConfigured() {
            Outcome once = train(config(1, 1, "constant", 0), BY_FIRST_CHARACTER, 1);
            Outcome thrice = train(config(2, 3, "constant", 0), BY_FIRST_CHARACTER, 2);
            assertThat(once.steps()).isEqualTo(1);
            assertThat(thrice.steps()).isEqualTo(12);
            // The only update of the first starts from the policy that sampled.
            assertThat(once.last().logRatioMax()).isCloseTo(0, within(1e-5));
            assertThat(once.last().approxKl()).isCloseTo(0, within(1e-8));
            assertThat(thrice.last().logRatioMax()).isGreaterThan(1e-3);
            assertThat(thrice.last().approxKl()).isPositive();
        }

        @Test
        void canBeAsManyAsThereAreResponses() {
            Outcome outcome = train(config(96, 1, "constant", 0), BY_FIRST_CHARACTER, 1);
            assertThat(outcome.steps() + outcome.last().skippedUpdates()).isEqualTo(96);
        }

        @ParameterizedTest
        @ValueSource(strings = {"constant", "linear", "cosine"})
        void followTheSchedule(String schedule) {
            List<RoundMetrics> rounds = train(config(2, 2, schedule, 3), BY_FIRST_CHARACTER, 4).rounds();
            var expected = new LearningRateSchedule(
                    2e-3f, 3, 16, 0, LearningRateSchedule.Decay.valueOf(schedule.toUpperCase(java.util.Locale.ROOT)));
            for (int round = 0; round < 4; round++) {
                assertThat(rounds.get(round).learningRate()).isEqualTo(expected.at(4 * round + 3));
            }
            assertThat(expected.at(0)).isCloseTo(2e-3f / 3, within(1e-8f));
            double last = rounds.getLast().learningRate();
            switch (schedule) {
                case "linear" -> assertThat(last).isCloseTo(2e-3 / 13, within(1e-8));
                case "cosine" -> assertThat(last).isCloseTo(1e-3 * (1 + Math.cos(Math.PI * 12 / 13)), within(1e-8));
                default -> assertThat(last).isEqualTo(2e-3f);
            }
        }
    }

    @Nested
    class WarmUp {

        @Test
        void risesToItsLearningRateAndLowersTheLoss() {
            try (Policy policy = Policy.create(engine, ADDITION, CONFIG.model(), CONFIG.seed());
                    var trainer = new WarmupTrainer(CONFIG, ADDITION, policy)) {
                List<WarmupMetrics> steps = IntStream.range(0, 30).mapToObj(trainer::step).toList();
                assertThat(steps.get(0).learningRate()).isCloseTo(1.5e-2, within(1e-8));
                assertThat(steps.get(1).learningRate()).isCloseTo(3e-2, within(1e-8));
                assertThat(steps.get(29).learningRate()).isCloseTo(3e-2, within(1e-8));
                assertThat(steps.get(29).loss()).isLessThan(0.7 * steps.get(0).loss());
                assertThat(trainer.optimizer().steps()).isEqualTo(30);
            }
        }

        @Test
        void refusesATaskWithoutDemonstrations() {
            Task silent = new Silent(ADDITION);
            try (Policy policy = Tiny.policy(engine, CONFIG);
                    var trainer = new WarmupTrainer(CONFIG, silent, policy)) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> trainer.step(0))
                        .withMessageContaining("no demonstrations");
            }
        }
    }

    /** A task that keeps its answers to itself. */
    private record Silent(Task task) implements Task {
        @Override
        public String name() {
            return task.name();
        }

        @Override
        public Problem sample(long seed) {
            return new Problem(task.sample(seed).prompt(), null, null);
        }

        @Override
        public double score(Problem problem, String completion) {
            return task.score(problem, completion);
        }

        @Override
        public String alphabet() {
            return task.alphabet();
        }

        @Override
        public int maxPromptLength() {
            return task.maxPromptLength();
        }

        @Override
        public int maxCompletionLength() {
            return task.maxCompletionLength();
        }
    }

    @Test
    void anEvaluationRepeatsItself() {
        try (Policy policy = Tiny.policy(engine, CONFIG);
                Decoder reference = policy.decoder().copy();
                var trainer = new Trainer(CONFIG, ADDITION, policy, reference)) {
            assertThat(trainer.evaluator().answers()).isEmpty();
            RoundMetrics.HeldOut first = trainer.evaluate();
            assertThat(trainer.evaluator().answers()).hasSize(5);
            assertThat(trainer.evaluate()).isEqualTo(first);
            var split = new TaskSplit(ADDITION, CONFIG.evaluation().heldOutFraction());
            assertThat(trainer.evaluator().answers())
                    .allSatisfy(answer -> assertThat(split.isHeldOut(answer.problem())).isTrue());
        }
    }

    @Test
    void anEvaluationWithoutSamplesIsGreedyOnly() {
        try (Policy policy = Tiny.policy(engine, CONFIG);
                var evaluator = new Evaluator(
                        ADDITION, policy, List.of(ADDITION.sample(1), ADDITION.sample(2)),
                        new RunConfig.Evaluation(1, 2, 0, 3, 0.2), SamplingOptions.temperature(1), 0,
                        TokenLimits.of(ADDITION))) {
            RoundMetrics.HeldOut heldOut = evaluator.evaluate();
            assertThat(heldOut.greedyAccuracy()).isBetween(0.0, 1.0);
            assertThat(heldOut.passAt1()).isNaN();
            assertThat(heldOut.passAtK()).isNaN();
        }
    }
}
