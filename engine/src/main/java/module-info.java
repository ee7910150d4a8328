/**
 * Tensors, automatic differentiation and kernels on the Vector API.
 *
 * <p>Depends on the JDK alone and knows nothing about language models.
 */
module dev.geomean.engine {
    requires jdk.incubator.vector;
    requires static org.jspecify;
}
