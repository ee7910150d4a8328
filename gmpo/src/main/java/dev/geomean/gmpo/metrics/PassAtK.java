package dev.geomean.gmpo.metrics;

/**
 * The probability that at least one of k completions is right, estimated without bias from n samples per problem
 * (Chen et al., <em>Evaluating Large Language Models Trained on Code</em>, arXiv:2107.03374, eq. 1).
 */
public final class PassAtK {
    private PassAtK() {}

    /**
     * The estimate for one problem: {@code 1 - C(n - c, k) / C(n, k)}, computed as {@code 1 - Π (1 - k / i)} over
     * {@code i = n - c + 1 .. n}, which neither overflows nor cancels.
     *
     * @param samples n, at least k
     * @param correct c, the right ones among them
     * @param k number of tries, at least 1
     * @return from 0 to 1
     * @throws IllegalArgumentException if {@code 1 <= k <= n} or {@code 0 <= c <= n} does not hold
     */
    public static double estimate(int samples, int correct, int k) {
        if (k < 1 || k > samples) {
            throw new IllegalArgumentException("pass@k: k must be from 1 to the " + samples + " samples, not " + k);
        }
        if (correct < 0 || correct > samples) {
            throw new IllegalArgumentException(
                    "pass@k: correct must be from 0 to the " + samples + " samples, not " + correct);
        }
        if (samples - correct < k) {
            return 1;
        }
        double allWrong = 1;
        for (int i = samples - correct + 1; i <= samples; i++) {
            allWrong *= 1 - (double) k / i;
        }
        return 1 - allWrong;
    }

    /**
     * The mean of the estimates of several problems with the same number of samples.
     *
     * @param samples n, at least k
     * @param correct right samples of each problem
     * @param k number of tries, at least 1
     * @return from 0 to 1
     * @throws IllegalArgumentException if there is no problem, or as {@link #estimate}
     */
    public static double mean(int samples, int[] correct, int k) {
        if (correct.length == 0) {
            throw new IllegalArgumentException("pass@k: no problems");
        }
        double sum = 0;
        for (int c : correct) {
            sum += estimate(samples, c, k);
        }
        return sum / correct.length;
    }
}
