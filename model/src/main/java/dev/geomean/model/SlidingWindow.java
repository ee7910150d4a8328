package dev.geomean.model;

import java.util.List;

/**
 * Layers in which a token attends only to those just before it (Jiang et al., arXiv:2310.06825).
 *
 * @param tokens how many tokens, itself included; 0 if there is no such layer
 * @param layers numbers of these layers, from 0, ascending
 */
public record SlidingWindow(int tokens, List<Integer> layers) {
    /** Every layer attends to all tokens. */
    public static final SlidingWindow NONE = new SlidingWindow(0, List.of());

    /**
     * Checks the numbers.
     *
     * @throws IllegalArgumentException if the window is negative, or has no tokens or no layers while it has the other, or
     *     the layers are negative or not ascending
     */
    public SlidingWindow {
        layers = List.copyOf(layers);
        if (tokens < 0 || (tokens == 0) != layers.isEmpty()) {
            throw new IllegalArgumentException(
                    "a sliding window needs tokens and layers, not " + tokens + " and " + layers);
        }
        int last = -1;
        for (int layer : layers) {
            if (layer <= last) {
                throw new IllegalArgumentException("layers must be ascending numbers from 0, not " + layers);
            }
            last = layer;
        }
    }

    /**
     * The window of a layer.
     *
     * @param layer number of the layer, from 0
     * @return tokens, 0 for all
     */
    public int of(int layer) {
        return layers.contains(layer) ? tokens : 0;
    }
}
