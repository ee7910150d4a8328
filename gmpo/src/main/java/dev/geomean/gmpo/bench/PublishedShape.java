package dev.geomean.gmpo.bench;

import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.DecoderConfig.Activation;
import dev.geomean.model.DecoderConfig.Norm;
import dev.geomean.model.DecoderConfig.Positions;
import dev.geomean.model.RopeScaling;
import dev.geomean.model.SlidingWindow;
import dev.geomean.model.tokenizer.Tokenizer;
import java.util.List;
import java.util.stream.Stream;

/** The sizes of published models, as their {@code config.json} has them, and of one that is made in a moment. */
enum PublishedShape {
    QWEN_2_5_0_5_B("qwen2.5-0.5b", 151_936, 896, 24, 14, 2, 64, 4864, 32_768, 1e-6f, 1e6, true, RopeScaling.NONE),
    SMOLLM2_135_M("smollm2-135m", 49_152, 576, 30, 9, 3, 64, 1536, 8192, 1e-5f, 1e5, false, RopeScaling.NONE),
    LLAMA_3_2_1_B("llama3.2-1b", 128_256, 2048, 16, 32, 8, 64, 8192, 131_072, 1e-5f, 5e5, false,
            new RopeScaling.Llama3(32, 1, 4, 8192)),
    TINY("tiny", 512, 64, 2, 4, 2, 16, 192, 2048, 1e-5f, 1e4, false, RopeScaling.NONE),
    GPT2("gpt2", 50_257, 768, 12, 12, 12, 64, 3072, 1024, 1e-5f, 1e4, true, RopeScaling.NONE);

    private final String label;
    private final int vocabSize;
    private final int dim;
    private final int layers;
    private final int heads;
    private final int kvHeads;
    private final int headDim;
    private final int ffnDim;
    private final int maxPositions;
    private final float normEpsilon;
    private final double ropeTheta;
    private final boolean attentionBias;
    private final RopeScaling ropeScaling;

    PublishedShape(
            String label,
            int vocabSize,
            int dim,
            int layers,
            int heads,
            int kvHeads,
            int headDim,
            int ffnDim,
            int maxPositions,
            float normEpsilon,
            double ropeTheta,
            boolean attentionBias,
            RopeScaling ropeScaling) {
        this.label = label;
        this.vocabSize = vocabSize;
        this.dim = dim;
        this.layers = layers;
        this.heads = heads;
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        this.ffnDim = ffnDim;
        this.maxPositions = maxPositions;
        this.normEpsilon = normEpsilon;
        this.ropeTheta = ropeTheta;
        this.attentionBias = attentionBias;
        this.ropeScaling = ropeScaling;
    }

    static PublishedShape named(String label) {
        for (PublishedShape shape : values()) {
            if (shape.label.equals(label)) {
                return shape;
            }
        }
        throw new KnownNames("shape", Stream.of(values()).map(shape -> shape.label).toList()).unknown(label);
    }

    /** The shape for a tokenizer, whose vocabulary takes the place of the published one if it is larger. */
    DecoderConfig decoder(Tokenizer tokenizer) {
        boolean isGpt2 = this == GPT2;
        return new DecoderConfig(
                Math.max(vocabSize, tokenizer.vocabSize()),
                dim,
                layers,
                heads,
                kvHeads,
                headDim,
                ffnDim,
                maxPositions,
                isGpt2 ? Norm.LAYER : Norm.RMS,
                normEpsilon,
                isGpt2 ? Positions.LEARNED : Positions.ROTARY,
                ropeTheta,
                isGpt2 ? Activation.GELU_TANH : Activation.SWIGLU,
                attentionBias,
                isGpt2,
                isGpt2,
                false,
                true,
                tokenizer.bosId().orElse(-1),
                List.of(tokenizer.eosId()),
                ropeScaling,
                SlidingWindow.NONE);
    }
}
