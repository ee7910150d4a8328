package dev.geomean.tornado.kernels;

import dev.geomean.gmpo.objective.Aggregation;
import dev.geomean.gmpo.objective.KlPenalty;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link dev.geomean.gmpo.objective.PolicyLoss}, a thread a response, in double precision as on the host. The device needs
 * 64-bit floats for it. {@link PolicyTotals} adds up the responses.
 *
 * <p>The floats of these methods come in pairs that add up to a number in double precision.
 */
public final class PolicyLosses {
    /** Numbers that {@link #rows} leaves behind for each response. */
    public static final int ROW = 16;

    /** The number of {@link dev.geomean.gmpo.objective.Surrogate.Grpo}. */
    public static final int GRPO = 0;

    /** The number of {@link dev.geomean.gmpo.objective.Surrogate.Cispo}. */
    public static final int CISPO = 1;

    /** The number of {@link dev.geomean.gmpo.objective.Surrogate.Sapo}. */
    public static final int SAPO = 2;

    /** The number of {@link dev.geomean.gmpo.objective.Surrogate.Gspo}. */
    public static final int GSPO = 3;

    /** The number of {@link dev.geomean.gmpo.objective.Surrogate.Gmpo}. */
    public static final int GMPO = 4;

    /** The number of {@link dev.geomean.gmpo.objective.Surrogate.Hmpo}. */
    public static final int HMPO = 5;

    private PolicyLosses() {}

    /**
     * The number of an aggregation, as {@link #rows} takes it.
     *
     * @param mode the aggregation
     * @return its number
     */
    public static int code(Aggregation.Mode mode) {
        return switch (mode) {
            case TOKEN_MEAN -> 0;
            case SEQ_MEAN_TOKEN_MEAN -> 1;
            case SEQ_MEAN_TOKEN_SUM -> 2;
            case SEQ_MEAN_TOKEN_SUM_NORM -> 3;
        };
    }

    /**
     * The number of an estimator, as {@link #rows} takes it.
     *
     * @param estimator the estimator
     * @return its number
     */
    public static int code(KlPenalty.Estimator estimator) {
        return switch (estimator) {
            case K1 -> 1;
            case K2 -> 2;
            case K3 -> 3;
        };
    }

    /** A number in double precision that is the sum of two floats. */
    static double number(FloatArray s, int index) {
        double high = s.get(2 * index);
        double low = s.get(2 * index + 1);
        return high + low;
    }

    private static double expm1(double x) {
        double result = TornadoMath.exp(x) - 1;
        if (x < 0.3 && x > -0.3) {
            double term = x;
            result = x;
            for (int n = 2; n < 16; n++) {
                term = term * x / n;
                result += term;
            }
        }
        return result;
    }

    private static double bounded(double value, double lowest, double highest) {
        double result = value;
        if (value > highest) {
            result = highest;
        } else if (value < lowest) {
            result = lowest;
        }
        return result;
    }

    private static double estimate(int estimator, double x) {
        double value = expm1(x) - x;
        if (estimator == 1) {
            value = -x;
        } else if (estimator == 2) {
            value = 0.5 * x * x;
        }
        return value;
    }

    /** Gradient of the penalty with respect to a log-probability, where {@code x} is its distance from the reference. */
    private static double penaltySlope(int estimator, double x, double inputClamp, double outputClamp) {
        double size = x < 0 ? -x : x;
        double value = estimate(estimator, x);
        if (value < 0) {
            value = -value;
        }
        double slope = -expm1(x);
        if (estimator == 1) {
            slope = 1;
        } else if (estimator == 2) {
            slope = -x;
        }
        if (size > inputClamp || value > outputClamp) {
            slope = 0;
        }
        return slope;
    }

    /**
     * Everything about each response: the gradient of its tokens, its ratio, and what the loss and the metrics are summed from.
     *
     * @param context a thread a response
     * @param p responses, positions, starts of logProbs, oldLogProbs, refLogProbs, mask, advantages, tokenWeights, denominators,
     *     tokenGradients and sequenceRatios (2 to 10), surrogate, aggregation, estimator, whether advantages are per token,
     *     whether means count all responses, whether GMPO clips tokens, whether it takes the root (11 to 17), whether there is
     *     a reference, there are weights, there are ratios (18 to 20)
     * @param s clamp of log-ratios, clipLow, clipHigh, dual clip or tauPositive, tauNegative, log(1 - clipLow),
     *     log(1 + clipHigh), log of the dual clip, constant of the aggregation, coefficient, input clamp and output clamp of
     *     the penalty
     * @param logProbs read
     * @param oldLogProbs read
     * @param refLogProbs read if there is one
     * @param mask read
     * @param advantages read
     * @param tokenWeights read if there are any
     * @param denominators read
     * @param tokenGradients written
     * @param sequenceRatios written if there are any
     * @param rows written
     */
    public static void rows(KernelContext context, IntArray p, FloatArray s, FloatArray logProbs,
            FloatArray oldLogProbs, FloatArray refLogProbs, IntArray mask, FloatArray advantages,
            FloatArray tokenWeights, FloatArray denominators, FloatArray tokenGradients, FloatArray sequenceRatios,
            DoubleArray rows) {
        int row = context.globalIdx;
        if (row < p.get(0)) {
            int time = p.get(1);
            int begin = row * time;
            int surrogate = p.get(11);
            int estimator = p.get(13);
            double clamp = number(s, 0);
            double coefficient = number(s, 9);
            double inputClamp = number(s, 10);
            double outputClamp = number(s, 11);

            // What means divide by.
            double globalTokens = denominators.get(p.get(8));
            double globalSequences = denominators.get(p.get(8) + 1);
            if (!(globalTokens > 0) || !(globalSequences > 0)) {
                int all = 0;
                int nonEmpty = 0;
                for (int other = 0; other < p.get(0); other++) {
                    int inRow = 0;
                    for (int i = 0; i < time; i++) {
                        if (mask.get(p.get(5) + other * time + i) != 0) {
                            inRow++;
                        }
                    }
                    all += inRow;
                    if (inRow > 0) {
                        nonEmpty++;
                    }
                }
                if (p.get(15) != 0) {
                    nonEmpty = p.get(0);
                }
                if (!(globalTokens > 0)) {
                    globalTokens = all < 1 ? 1 : all;
                }
                if (!(globalSequences > 0)) {
                    globalSequences = nonEmpty < 1 ? 1 : nonEmpty;
                }
            }

            // How far the policy has moved.
            int count = 0;
            double driftSum = 0;
            double k3Sum = 0;
            double smallestDrift = Double.POSITIVE_INFINITY;
            double largestDrift = Double.NEGATIVE_INFINITY;
            double logWeights = 0;
            double logProduct = 0;
            for (int t = 0; t < time; t++) {
                int i = begin + t;
                if (mask.get(p.get(5) + i) != 0) {
                    double now = logProbs.get(p.get(2) + i);
                    double before = oldLogProbs.get(p.get(3) + i);
                    double d = now - before;
                    count++;
                    driftSum += d;
                    k3Sum += expm1(d) - d;
                    if (d < smallestDrift || d != d) {
                        smallestDrift = d;
                    }
                    if (d > largestDrift || d != d) {
                        largestDrift = d;
                    }
                    logProduct += bounded(d, -clamp, clamp);
                    if (p.get(19) != 0) {
                        double w = tokenWeights.get(p.get(7) + i);
                        logWeights += TornadoMath.log(w);
                    }
                }
            }
            double tokenShare = 1 / globalTokens;
            if (p.get(12) == 1) {
                tokenShare = 1 / (count * globalSequences);
            } else if (p.get(12) == 2) {
                tokenShare = 1 / globalSequences;
            } else if (p.get(12) == 3) {
                tokenShare = 1 / (number(s, 8) * globalSequences);
            }
            double penaltyShare = tokenShare;
            if (surrogate >= GSPO) {
                penaltyShare = 1 / (count * globalSequences);
            }
            double sequenceWeight = 1;
            if (p.get(19) != 0) {
                sequenceWeight = TornadoMath.exp(logWeights / count);
            }

            // The value of a response as a whole, and what the gradients of its tokens have in common.
            double a = 0;
            if (p.get(14) == 0) {
                a = advantages.get(p.get(6) + row);
            }
            int clippedLow = 0;
            int clippedHigh = 0;
            double ratio = 0;
            double value = 0;
            double lowest = Double.NEGATIVE_INFINITY;
            double highest = Double.POSITIVE_INFINITY;
            int live = 0;
            double common = 0;
            double smallest = Double.POSITIVE_INFINITY;
            double reciprocals = 0;
            if (surrogate >= GSPO && a != 0 && count > 0) {
                live = 1;
                if (surrogate == GSPO) {
                    double logRatio = logProduct / count;
                    if (a > 0 && logRatio > number(s, 6)) {
                        clippedHigh = count;
                        ratio = 1 + number(s, 2);
                        live = 0;
                    } else if (a < 0 && logRatio < number(s, 5)) {
                        clippedLow = count;
                        ratio = 1 - number(s, 1);
                        live = 0;
                    } else {
                        ratio = TornadoMath.exp(logRatio);
                    }
                    value = a * ratio * sequenceWeight / globalSequences;
                    common = -value / count;
                } else {
                    if (a > 0) {
                        highest = number(s, 2);
                    }
                    if (a < 0) {
                        lowest = -number(s, 1);
                    }
                    int byToken = surrogate == HMPO ? 1 : p.get(16);
                    double product = 0;
                    for (int t = 0; t < time; t++) {
                        int i = begin + t;
                        if (mask.get(p.get(5) + i) != 0) {
                            double now = logProbs.get(p.get(2) + i);
                            double before = oldLogProbs.get(p.get(3) + i);
                            double d = bounded(now - before, -clamp, clamp);
                            if (byToken != 0) {
                                if (d > highest) {
                                    clippedHigh++;
                                } else if (d < lowest) {
                                    clippedLow++;
                                }
                                d = bounded(d, lowest, highest);
                            }
                            product += d;
                            if (d < smallest || d != d) {
                                smallest = d;
                            }
                        }
                    }
                    if (surrogate == GMPO) {
                        if (byToken == 0) {
                            if (product > highest) {
                                clippedHigh = count;
                                live = 0;
                            } else if (product < lowest) {
                                clippedLow = count;
                                live = 0;
                            }
                            product = bounded(product, lowest, highest);
                            lowest = Double.NEGATIVE_INFINITY;
                            highest = Double.POSITIVE_INFINITY;
                        }
                        double root = p.get(17) != 0 ? count : 1;
                        ratio = TornadoMath.exp(product / root);
                        value = a * ratio * sequenceWeight / globalSequences;
                        common = -value / root;
                    } else if (smallest < -1.0e300) {
                        // A ratio of 0 makes the mean 0.
                        live = 0;
                    } else {
                        for (int t = 0; t < time; t++) {
                            int i = begin + t;
                            if (mask.get(p.get(5) + i) != 0) {
                                double now = logProbs.get(p.get(2) + i);
                                double before = oldLogProbs.get(p.get(3) + i);
                                double d = bounded(bounded(now - before, -clamp, clamp), lowest, highest);
                                reciprocals += TornadoMath.exp(smallest - d);
                            }
                        }
                        ratio = count * TornadoMath.exp(smallest) / reciprocals;
                        value = a * ratio * sequenceWeight / globalSequences;
                        common = -value / reciprocals;
                    }
                }
            }

            // Token by token.
            double klSum = 0;
            for (int t = 0; t < time; t++) {
                int i = begin + t;
                double gradient = 0;
                if (mask.get(p.get(5) + i) != 0) {
                    double now = logProbs.get(p.get(2) + i);
                    double before = oldLogProbs.get(p.get(3) + i);
                    double raw = now - before;
                    double d = bounded(raw, -clamp, clamp);
                    int moves = raw > clamp || raw < -clamp ? 0 : 1;
                    if (surrogate >= GSPO) {
                        if (live != 0 && moves != 0 && !(d > highest || d < lowest)) {
                            gradient = common;
                            if (surrogate == HMPO) {
                                gradient = common * TornadoMath.exp(smallest - d);
                            }
                        }
                    } else {
                        double own = a;
                        if (p.get(14) != 0) {
                            own = advantages.get(p.get(6) + i);
                        }
                        if (own != 0) {
                            double w = 1;
                            if (p.get(19) != 0) {
                                w = tokenWeights.get(p.get(7) + i);
                            }
                            double factor = own * w * tokenShare;
                            if (surrogate == GRPO) {
                                if (own > 0 && d > number(s, 6)) {
                                    clippedHigh++;
                                    value += factor * (1 + number(s, 2));
                                } else if (own < 0 && d < number(s, 5)) {
                                    clippedLow++;
                                    value += factor * (1 - number(s, 1));
                                } else if (own < 0 && d > number(s, 7)) {
                                    value += factor * number(s, 3);
                                } else {
                                    double contribution = factor * TornadoMath.exp(d);
                                    value += contribution;
                                    if (moves != 0) {
                                        gradient = -contribution;
                                    }
                                }
                            } else if (surrogate == CISPO) {
                                double stopped = TornadoMath.exp(d);
                                if (d > number(s, 6)) {
                                    clippedHigh++;
                                    stopped = 1 + number(s, 2);
                                } else if (d < number(s, 5)) {
                                    clippedLow++;
                                    stopped = 1 - number(s, 1);
                                }
                                double weight = factor * stopped;
                                if (weight != 0) {
                                    value += weight * now;
                                }
                                gradient = -weight;
                            } else {
                                double tau = own > 0 ? number(s, 3) : number(s, 4);
                                double rho = TornadoMath.exp(d);
                                double x = tau * (rho - 1);
                                value += factor * 4 / (tau * (1 + TornadoMath.exp(-x)));
                                double size = x < 0 ? -x : x;
                                double decay = TornadoMath.exp(-size);
                                if (decay != 0 && moves != 0) {
                                    gradient = -factor * rho * 4 * decay / ((1 + decay) * (1 + decay));
                                }
                            }
                        }
                    }
                    if (p.get(18) != 0) {
                        double reference = refLogProbs.get(p.get(4) + i);
                        double distance = reference - now;
                        klSum += bounded(estimate(estimator, bounded(distance, -inputClamp, inputClamp)),
                                -outputClamp, outputClamp);
                        if (coefficient != 0) {
                            gradient += coefficient * penaltyShare
                                    * penaltySlope(estimator, distance, inputClamp, outputClamp);
                        }
                    }
                }
                tokenGradients.set(p.get(9) + i, (float) gradient);
            }
            if (p.get(20) != 0) {
                sequenceRatios.set(p.get(10) + row, (float) ratio);
            }
            int at = row * ROW;
            rows.set(at, value);
            rows.set(at + 1, coefficient != 0 && count > 0 ? klSum * penaltyShare : 0);
            rows.set(at + 2, count);
            rows.set(at + 3, clippedLow);
            rows.set(at + 4, clippedHigh);
            rows.set(at + 5, driftSum);
            rows.set(at + 6, k3Sum);
            rows.set(at + 7, klSum);
            rows.set(at + 8, smallestDrift);
            rows.set(at + 9, largestDrift);
        }
    }
}
