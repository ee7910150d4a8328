/**
 * Policy objectives as data, and the kernels that compute their value, gradient and metrics.
 *
 * <p>Knows log-probabilities, masks and advantages; knows nothing about models, tokens, rewards or where the numbers
 * come from. Conventions, for value and gradient:
 * <ol>
 *   <li>C1: masked positions never matter, whatever they hold;
 *   <li>C2: a response without tokens contributes exactly 0;
 *   <li>C3: an advantage of 0 or -0 contributes exactly 0, even where a ratio overflows;
 *   <li>C4: clipping is one-sided, as in PPO, and a token exactly on the bound is not clipped;
 *   <li>C5: bounds of GRPO and GSPO are on the ratio, {@code [1 - clipLow, 1 + clipHigh]}; bounds of GMPO and HMPO are on
 *       its logarithm, {@code [-clipLow, clipHigh]};
 *   <li>C6: a batch without any token has loss 0 and gradient 0.
 * </ol>
 */
@NullMarked
package dev.geomean.gmpo.objective;

import org.jspecify.annotations.NullMarked;
