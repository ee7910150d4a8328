/** Decoder transformers, sampling, tokenizers and checkpoint folders. */
module dev.geomean.model {
    requires transitive dev.geomean.engine;
    requires static transitive org.jspecify;
    requires tools.jackson.databind;
}
