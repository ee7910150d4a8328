package dev.geomean.gmpo.objective;

import dev.geomean.gmpo.objective.Surrogate.ClipLevel;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reads {@code policy_losses.json}: float64 values computed elsewhere. System property {@code geomean.golden} names another
 * folder that holds such a file.
 */
final class Golden {
    private final JsonNode root;

    private Golden(JsonNode root) {
        this.root = root;
    }

    /**
     * One objective on one input.
     *
     * @param id for example {@code "hand_3x4/grpo"}
     * @param objective the objective
     * @param batch the input
     * @param loss expected
     * @param policyLoss expected
     * @param klLoss expected
     * @param gradient expected
     * @param sequenceRatios expected, or null for token-level objectives
     * @param metrics expected
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Case(
            String id,
            PolicyObjective objective,
            Batch batch,
            double loss,
            double policyLoss,
            double klLoss,
            double[][] gradient,
            double @Nullable [] sequenceRatios,
            Map<String, Double> metrics) {}

    /**
     * A batch cut into micro-batches.
     *
     * @param id readable name
     * @param objective the objective
     * @param batch the whole batch
     * @param rowCuts bounds of the parts
     * @param globalTokens tokens of the whole batch
     * @param globalSequences responses of the whole batch
     * @param losses expected loss of each part
     * @param sum expected loss of the whole
     */
    @SuppressWarnings("ArrayRecordComponent")
    record MicroBatchCase(
            String id,
            PolicyObjective objective,
            Batch batch,
            int[] rowCuts,
            double globalTokens,
            double globalSequences,
            double[] losses,
            double sum) {}

    static Golden load() {
        String folder = System.getProperty("geomean.golden");
        try (InputStream in = folder == null
                ? Golden.class.getResourceAsStream("/golden/policy_losses.json")
                : Files.newInputStream(Path.of(folder, "policy_losses.json"))) {
            return new Golden(JsonMapper.shared().readTree(in));
        } catch (IOException e) {
            throw new IllegalStateException("cannot read policy_losses.json in " + folder, e);
        }
    }

    List<Case> cases() {
        var cases = new ArrayList<Case>();
        for (JsonNode node : root.get("cases")) {
            var metrics = new TreeMap<String, Double>();
            double[] sequenceRatios = null;
            for (Map.Entry<String, JsonNode> metric : node.get("metrics").properties()) {
                if (metric.getValue().isArray()) {
                    sequenceRatios = numbers(metric.getValue());
                } else {
                    metrics.put(metric.getKey(), number(metric.getValue()));
                }
            }
            cases.add(new Case(
                    node.get("id").stringValue(),
                    objective(node.get("config_name").stringValue()),
                    batch(node.get("input").stringValue()),
                    number(node.get("loss")),
                    number(node.get("policy_loss")),
                    number(node.get("kl_loss")),
                    matrix(node.get("grad")),
                    sequenceRatios,
                    metrics));
        }
        return cases;
    }

    List<MicroBatchCase> microBatchCases() {
        var cases = new ArrayList<MicroBatchCase>();
        for (JsonNode node : root.get("micro_batch_cases")) {
            String config = node.get("config_name").stringValue();
            String input = node.get("input").stringValue();
            double[] cuts = numbers(node.get("row_cuts"));
            int[] rowCuts = new int[cuts.length];
            for (int i = 0; i < cuts.length; i++) {
                rowCuts[i] = (int) cuts[i];
            }
            cases.add(new MicroBatchCase(
                    input + "/" + config + " cut at " + node.get("row_cuts"),
                    objective(config),
                    batch(input),
                    rowCuts,
                    number(node.get("global_tokens")),
                    number(node.get("global_seqs")),
                    numbers(node.get("micro_losses")),
                    number(node.get("sum"))));
        }
        return cases;
    }

    Batch batch(String name) {
        JsonNode node = root.get("inputs").get(name);
        JsonNode mask = node.get("mask");
        int[][] counts = new int[mask.size()][];
        for (int row = 0; row < counts.length; row++) {
            counts[row] = new int[mask.get(row).size()];
            for (int t = 0; t < counts[row].length; t++) {
                counts[row][t] = mask.get(row).get(t).intValue();
            }
        }
        JsonNode advantages = node.get("advantages");
        double[][] perRow = new double[advantages.size()][];
        for (int row = 0; row < perRow.length; row++) {
            JsonNode a = advantages.get(row);
            perRow[row] = a.isArray() ? numbers(a) : new double[] {number(a)};
        }
        JsonNode reference = node.get("ref_logp");
        return new Batch(
                matrix(node.get("logp")),
                matrix(node.get("old_logp")),
                reference == null || reference.isNull() ? null : matrix(reference),
                counts,
                perRow,
                null);
    }

    private PolicyObjective objective(String name) {
        var config = new TreeMap<String, JsonNode>();
        for (Map.Entry<String, JsonNode> entry : root.get("defaults").properties()) {
            config.put(entry.getKey(), entry.getValue());
        }
        for (Map.Entry<String, JsonNode> entry : root.get("configs").get(name).properties()) {
            config.put(entry.getKey(), entry.getValue());
        }
        boolean clip = config.get("clip").booleanValue();
        double low = number(config.get("clip_low"));
        double high = number(config.get("clip_high"));
        double never = Double.POSITIVE_INFINITY;
        Surrogate surrogate =
                switch (config.get("algo").stringValue()) {
                    case "grpo" -> new Surrogate.Grpo(clip ? low : 1, clip ? high : never,
                            orInfinity(config.get("dual_clip")));
                    case "gspo" -> new Surrogate.Gspo(clip ? low : 1, clip ? high : never);
                    case "hmpo" -> new Surrogate.Hmpo(low, high);
                    case "gmpo" -> {
                        String level = config.get("gmpo_clip").stringValue();
                        boolean none = level.equals("none");
                        yield new Surrogate.Gmpo(
                                level.equals("sequence") ? ClipLevel.SEQUENCE : ClipLevel.TOKEN,
                                none ? never : low,
                                none ? never : high,
                                config.get("gmpo_length_norm").booleanValue());
                    }
                    default -> throw new IllegalStateException("unknown algo " + config.get("algo"));
                };
        JsonNode norm = config.get("norm_constant");
        return new PolicyObjective(
                surrogate,
                Aggregation.named(config.get("agg").stringValue(), norm.isNull() ? 1 : number(norm)),
                config.get("seq_denominator").stringValue().equals("all")
                        ? SequenceDenominator.ALL
                        : SequenceDenominator.NON_EMPTY,
                orInfinity(config.get("log_ratio_clamp")),
                new KlPenalty(
                        switch (config.get("kl").stringValue()) {
                            case "k1" -> KlPenalty.Estimator.K1;
                            case "k2" -> KlPenalty.Estimator.K2;
                            case "k3" -> KlPenalty.Estimator.K3;
                            default -> throw new IllegalStateException("unknown kl " + config.get("kl"));
                        },
                        number(config.get("beta")),
                        orInfinity(config.get("kl_input_clamp")),
                        orInfinity(config.get("kl_output_clamp"))));
    }

    private static double orInfinity(JsonNode node) {
        return node.isNull() ? Double.POSITIVE_INFINITY : number(node);
    }

    static double number(JsonNode node) {
        return node.isString() ? Double.parseDouble(node.stringValue()) : node.doubleValue();
    }

    static double[] numbers(JsonNode array) {
        double[] numbers = new double[array.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = number(array.get(i));
        }
        return numbers;
    }

    private static double[][] matrix(JsonNode rows) {
        double[][] matrix = new double[rows.size()][];
        for (int i = 0; i < matrix.length; i++) {
            matrix[i] = numbers(rows.get(i));
        }
        return matrix;
    }
}
