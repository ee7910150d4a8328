/** Decoder transformers, sampling, tokenizers and checkpoint folders. */
module dev.geomean.model {
    requires transitive dev.geomean.engine;
    requires static transitive org.jspecify;
    requires tools.jackson.databind;

    exports dev.geomean.model;
    exports dev.geomean.model.chat;
    exports dev.geomean.model.generate;
    exports dev.geomean.model.huggingface;
    exports dev.geomean.model.lora;
    exports dev.geomean.model.tokenizer;
    exports dev.geomean.model.tokenizer.huggingface;
}
