/**
 * Tensors, automatic differentiation and kernels on the Vector API.
 *
 * <p>Depends on the JDK alone and knows nothing about language models.
 */
module dev.geomean.engine {
    requires jdk.incubator.vector;
    requires static transitive org.jspecify;

    uses dev.geomean.engine.device.DeviceProvider;

    exports dev.geomean.engine;
    exports dev.geomean.engine.device;
    exports dev.geomean.engine.io;
    exports dev.geomean.engine.kernel;
    exports dev.geomean.engine.memory;
    exports dev.geomean.engine.op;
    exports dev.geomean.engine.optim;
    exports dev.geomean.engine.random;
    exports dev.geomean.engine.reference;
}
