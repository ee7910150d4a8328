package dev.geomean.gmpo.train;

/**
 * What one supervised step measured.
 *
 * @param step number of the step, from 0
 * @param loss mean negative log-likelihood per token before the update, in nats
 * @param gradNorm global gradient norm before clipping
 * @param learningRate learning rate of the step
 * @param tokensPerSecond demonstration tokens trained on per second
 */
public record WarmupMetrics(int step, double loss, double gradNorm, double learningRate, double tokensPerSecond) {}
