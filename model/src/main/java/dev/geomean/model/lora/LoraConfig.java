package dev.geomean.model.lora;

import java.util.List;

/**
 * Which layers of a decoder have adapters, and how large they are. A layer with weight {@code W [out, in]} then computes
 * {@code x·Wᵀ + alpha / rank · (x·Aᵀ)·Bᵀ} with {@code A [rank, in]} and {@code B [out, rank]} (Hu et al., arXiv:2106.09685,
 * section 4.1).
 *
 * @param rank inner size of the update, at least 1
 * @param alpha its weight before it is divided by the rank, more than 0
 * @param targets layers by the ends of their published names, for example {@code q_proj} or {@code mlp.c_proj}, or the only
 *     entry {@link #ALL_LINEAR}
 */
public record LoraConfig(int rank, double alpha, List<String> targets) {
    /** Stands for all linear layers but the head. */
    public static final String ALL_LINEAR = "all-linear";

    private static final int MAX_RANK = 1 << 16;

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a value is out of range, or there is no target
     */
    public LoraConfig {
        targets = List.copyOf(targets);
        if (rank < 1 || rank > MAX_RANK) {
            throw new IllegalArgumentException("adapters: rank must be from 1 to " + MAX_RANK + ", not " + rank);
        }
        if (!(alpha > 0) || Float.isInfinite((float) alpha) || (float) (alpha / rank) == 0) {
            throw new IllegalArgumentException("adapters: alpha must be positive and finite, not " + alpha);
        }
        if (targets.isEmpty() || targets.stream().anyMatch(String::isBlank)) {
            throw new IllegalArgumentException("adapters: targets must be names of layers, not " + targets);
        }
    }

    /**
     * Reads targets as they are given at the command line.
     *
     * @param rank inner size of the update
     * @param alpha its weight before it is divided by the rank
     * @param targets names of layers, with commas between them
     * @return the configuration
     * @throws IllegalArgumentException if a value is out of range
     */
    public static LoraConfig of(int rank, double alpha, String targets) {
        return new LoraConfig(rank, alpha, List.of(targets.strip().split("\\s*,\\s*", -1)));
    }

    /**
     * Factor of the update.
     *
     * @return {@code alpha / rank}
     */
    public float scale() {
        return (float) (alpha / rank);
    }

    /** Whether a layer is a target: the whole name, or what follows a dot in it, as PEFT has it. */
    boolean covers(String layer) {
        return isAll() || targets.stream().anyMatch(target -> matches(target, layer));
    }

    static boolean matches(String target, String layer) {
        return layer.equals(target) || layer.endsWith("." + target);
    }

    boolean isAll() {
        return targets.equals(List.of(ALL_LINEAR));
    }
}
