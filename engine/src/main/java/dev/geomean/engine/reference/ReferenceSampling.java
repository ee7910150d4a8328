package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.SamplingKernel;
import dev.geomean.engine.kernel.SamplingKernel.SampleTokens;
import dev.geomean.engine.random.Philox;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;

/** {@link SamplingKernel}s, by sorting the vocabulary. */
final class ReferenceSampling {
    private ReferenceSampling() {}

    static void run(SamplingKernel kernel) {
        switch (kernel) {
            case SampleTokens k -> sampleTokens(k);
        }
    }

    private static void sampleTokens(SampleTokens kernel) {
        Values logits = Values.of(kernel.logits());
        Values seed = Values.of(kernel.seed());
        Values streams = Values.of(kernel.streams());
        Values positions = Values.of(kernel.positions());
        Values tokens = Values.of(kernel.tokens());
        Values logProbs = Values.of(kernel.logProbs());
        for (int row = 0; row < kernel.rows(); row++) {
            double[] scores = new double[kernel.vocab()];
            for (int token = 0; token < scores.length; token++) {
                // Adding 0 makes the two zeros equal for the sort.
                scores[token] = logits.get((long) row * kernel.vocab() + token) + 0.0;
            }
            List<Integer> survivors = byDescendingScore(scores);
            int drawn = survivors.getFirst();
            double temperature = 1;
            if (kernel.temperature() > 0) {
                temperature = kernel.temperature();
                survivors = filter(survivors, scores, kernel);
                int bits = Philox.word(
                        0,
                        positions.getInt(row),
                        streams.getInt(2L * row),
                        streams.getInt(2L * row + 1),
                        0,
                        seed.getInt(0),
                        seed.getInt(1));
                drawn = draw(survivors, scores, temperature, Philox.uniform(bits));
            }
            double best = scores[survivors.getFirst()];
            double sum = 0;
            for (int token : survivors) {
                sum += weight(scores[token], best, temperature);
            }
            tokens.setInt(row, drawn);
            logProbs.set(row, (scores[drawn] - best) / temperature - Math.log(sum));
        }
    }

    private static List<Integer> byDescendingScore(double[] scores) {
        List<Integer> tokens = new ArrayList<>();
        for (int token = 0; token < scores.length; token++) {
            tokens.add(token);
        }
        // The sort is stable, so that lower ids come first among equals.
        tokens.sort(Comparator.comparingDouble((Integer token) -> scores[token]).reversed());
        return tokens;
    }

    private static List<Integer> filter(List<Integer> sorted, double[] scores, SampleTokens kernel) {
        double best = scores[sorted.getFirst()];
        List<Integer> survivors = sorted;
        if (kernel.topK() > 0 && kernel.topK() < survivors.size()) {
            survivors = survivors.subList(0, kernel.topK());
        }
        if (kernel.topP() < 1) {
            double sum = 0;
            for (int token : survivors) {
                sum += weight(scores[token], best, kernel.temperature());
            }
            double mass = 0;
            int kept = 0;
            while (kept < survivors.size() && mass < kernel.topP() * sum) {
                mass += weight(scores[survivors.get(kept)], best, kernel.temperature());
                kept++;
            }
            survivors = survivors.subList(0, Math.max(kept, 1));
        }
        int kept = 1;
        while (kept < survivors.size()
                && weight(scores[survivors.get(kept)], best, kernel.temperature()) >= kernel.minP()) {
            kept++;
        }
        return survivors.subList(0, kept);
    }

    private static int draw(List<Integer> survivors, double[] scores, double temperature, double uniform) {
        double best = scores[survivors.getFirst()];
        double sum = 0;
        for (int token : survivors) {
            sum += weight(scores[token], best, temperature);
        }
        List<Integer> byId = new ArrayList<>(survivors);
        Collections.sort(byId);
        double cumulative = 0;
        for (int token : byId) {
            cumulative += weight(scores[token], best, temperature);
            if (cumulative > uniform * sum) {
                return token;
            }
        }
        return survivors.getFirst();
    }

    /** Probability of a token relative to the best one. */
    private static double weight(double score, double best, double temperature) {
        return Math.exp((score - best) / temperature);
    }
}
