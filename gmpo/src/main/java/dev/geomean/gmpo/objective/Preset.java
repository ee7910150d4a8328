package dev.geomean.gmpo.objective;

import dev.geomean.gmpo.advantage.AdvantageEstimator;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.objective.Surrogate.Cispo;
import dev.geomean.gmpo.objective.Surrogate.ClipLevel;
import dev.geomean.gmpo.objective.Surrogate.Gmpo;
import dev.geomean.gmpo.objective.Surrogate.Grpo;
import dev.geomean.gmpo.objective.Surrogate.Gspo;
import dev.geomean.gmpo.objective.Surrogate.Hmpo;
import dev.geomean.gmpo.objective.Surrogate.Sapo;
import java.util.List;

/**
 * An objective under the name the field uses, with its paper's values and the advantages it was published with.
 *
 * @param name for example {@code "gmpo"}
 * @param objective the objective
 * @param advantages how its paper makes advantages
 */
public record Preset(String name, PolicyObjective objective, AdvantageEstimator advantages) {
    private static final double NEVER = Double.POSITIVE_INFINITY;

    private static final List<String> NAMES = List.of(
            "grpo",
            "dr_grpo",
            "dapo",
            "gspo",
            "gmpo",
            "gmpo_seqclip",
            "gmpo_noclip",
            "gmpo_nonorm",
            "hmpo",
            "cispo",
            "sapo");

    /**
     * The names of all presets.
     *
     * @return an immutable list
     */
    public static List<String> names() {
        return NAMES;
    }

    /**
     * A preset. None has a KL penalty.
     *
     * <table>
     * <caption>Presets</caption>
     * <tr><th>name</th><th>objective</th></tr>
     * <tr><td>{@code grpo}</td><td>{@link Grpo}, ratio within 0.8 and 1.2</td></tr>
     * <tr><td>{@code dr_grpo}</td><td>the same, tokens summed, advantages not divided by the standard deviation. Its code
     *     divides by the longest completion: see {@link Aggregation#seqMeanTokenSumNorm}; the constant here is 1, as in the
     *     paper's formula</td></tr>
     * <tr><td>{@code dapo}</td><td>{@link Grpo}, ratio within 0.8 and 1.28, mean over tokens</td></tr>
     * <tr><td>{@code gspo}</td><td>{@link Gspo}, sequence ratio within 1 - 3e-4 and 1 + 4e-4</td></tr>
     * <tr><td>{@code gmpo}</td><td>{@link Gmpo}, log-ratio within -0.4 and 0.4</td></tr>
     * <tr><td>{@code gmpo_seqclip}</td><td>the same, the product of ratios clipped</td></tr>
     * <tr><td>{@code gmpo_noclip}</td><td>the same, nothing clipped</td></tr>
     * <tr><td>{@code gmpo_nonorm}</td><td>the same without the root {@code 1/n}</td></tr>
     * <tr><td>{@code hmpo}</td><td>{@link Hmpo}, log-ratio within -0.4 and 0.4</td></tr>
     * <tr><td>{@code cispo}</td><td>{@link Cispo}, mean over tokens, no lower bound. The paper names no upper bound; here
     *     the weight is at most 5</td></tr>
     * <tr><td>{@code sapo}</td><td>{@link Sapo}, temperatures 1 and 1.05</td></tr>
     * </table>
     *
     * @param name one of {@link #names()}
     * @return the preset
     * @throws IllegalArgumentException if the name is unknown
     */
    public static Preset named(String name) {
        return switch (name) {
            case "grpo" -> groupStd(name, PolicyObjective.of(new Grpo(0.2, 0.2)));
            case "dr_grpo" -> new Preset(
                    name,
                    PolicyObjective.of(new Grpo(0.2, 0.2)).withAggregation(Aggregation.seqMeanTokenSumNorm(1)),
                    AdvantageEstimator.GROUP_MEAN);
            case "dapo" -> groupStd(name,
                    PolicyObjective.of(new Grpo(0.2, 0.28)).withAggregation(Aggregation.TOKEN_MEAN));
            case "gspo" -> groupStd(name, PolicyObjective.of(new Gspo(3e-4, 4e-4)));
            case "gmpo" -> groupStd(name, PolicyObjective.of(new Gmpo(0.4, 0.4)));
            case "gmpo_seqclip" -> groupStd(name, PolicyObjective.of(new Gmpo(ClipLevel.SEQUENCE, 0.4, 0.4, true)));
            case "gmpo_noclip" -> groupStd(name, PolicyObjective.of(new Gmpo(NEVER, NEVER)));
            case "gmpo_nonorm" -> groupStd(name, PolicyObjective.of(new Gmpo(ClipLevel.TOKEN, 0.4, 0.4, false)));
            case "hmpo" -> groupStd(name, PolicyObjective.of(new Hmpo(0.4, 0.4)));
            case "cispo" -> groupStd(name, PolicyObjective.of(new Cispo(1, 4)).withAggregation(Aggregation.TOKEN_MEAN));
            case "sapo" -> groupStd(name, PolicyObjective.of(new Sapo(1.0, 1.05)));
            default -> throw new KnownNames("objective", NAMES).unknown(name);
        };
    }

    private static Preset groupStd(String name, PolicyObjective objective) {
        return new Preset(name, objective, AdvantageEstimator.GROUP_STD);
    }
}
