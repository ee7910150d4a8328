package dev.geomean.model;

import dev.geomean.engine.Engine;
import dev.geomean.engine.random.CounterRandom;
import java.util.List;

/** Tiny decoders of every published shape, with random parameters that are nowhere 0 or 1. */
public enum Shapes {
    /** Learned positions, layer norm, biases. */
    GPT2(DecoderConfig.gpt2(23, 16, 2, 4, 24, 1)),
    /** Rotary positions, grouped heads. */
    LLAMA(DecoderConfig.llama(23, 24, 2, 6, 2, 20, 24, 1)),
    /** As Llama, with biases of queries, keys and values, and a head of its own. */
    QWEN2(llamaLike(false, true, false)),
    /** As Llama, with normalised queries and keys and heads wider than the residual stream. */
    QWEN3(llamaLike(true, false, true));

    private final DecoderConfig config;

    Shapes(DecoderConfig config) {
        this.config = config;
    }

    private static DecoderConfig llamaLike(boolean queryKeyNorm, boolean attentionBias, boolean tied) {
        return new DecoderConfig(
                23,
                16,
                2,
                4,
                2,
                queryKeyNorm ? 6 : 4,
                20,
                24,
                DecoderConfig.Norm.RMS,
                1e-6f,
                DecoderConfig.Positions.ROTARY,
                1000,
                DecoderConfig.Activation.SWIGLU,
                attentionBias,
                false,
                false,
                queryKeyNorm,
                tied,
                -1,
                List.of(1));
    }

    /**
     * The shape.
     *
     * @return a configuration of 23 tokens and 24 positions
     */
    public DecoderConfig config() {
        return config;
    }

    /**
     * A decoder whose distributions are far from uniform.
     *
     * @param engine the engine
     * @param seed the same seed gives the same decoder
     * @return a new decoder
     */
    public Decoder decoder(Engine engine, long seed) {
        Decoder decoder = Decoder.random(engine, config, seed);
        disturb(decoder, seed);
        return decoder;
    }

    /**
     * Adds noise to all parameters.
     *
     * @param decoder any decoder
     * @param seed the same seed gives the same noise
     */
    public static void disturb(Decoder decoder, long seed) {
        int stream = 1000;
        for (String name : decoder.parameters().names()) {
            var random = new CounterRandom(seed, stream++);
            float[] values = decoder.parameters().get(name).toFloats();
            for (int i = 0; i < values.length; i++) {
                values[i] += (float) (0.2 * random.normal(i));
            }
            decoder.parameters().get(name).set(values);
        }
    }
}
