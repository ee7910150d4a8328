package dev.geomean.gmpo.reward;

import java.math.BigInteger;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * An exact number: a sum of rational multiples of products of a square root and a power of π, for example
 * {@code 1/2 + 3·√2·π}. Square roots of different square-free numbers are linearly independent over the rationals, and π is
 * transcendental, so two such numbers are equal exactly if their parts are. Immutable.
 *
 * <p>Sizes are bounded, so that no text can make a computation long: what would be larger does not exist here.
 */
record Surd(Map<Part, Ratio> parts) {
    private static final int MOST_PARTS = 8;
    private static final int MOST_BITS = 1024;
    private static final int MOST_POWER = 256;
    private static final int MOST_TERM_POWER = 6;
    /** Square roots of larger numbers are not simplified; finding a square factor takes a thousandth of that in steps. */
    private static final long LARGEST_RADICAND = 1_000_000_000L;

    /** A square root of a square-free number, times a power of π. */
    record Part(long radicand, int pi) implements Comparable<Part> {
        static final Part ONE = new Part(1, 0);

        @Override
        public int compareTo(Part other) {
            int order = Long.compare(radicand, other.radicand);
            return order == 0 ? Integer.compare(pi, other.pi) : order;
        }
    }

    /** A fraction in lowest terms with a positive denominator. */
    record Ratio(BigInteger numerator, BigInteger denominator) {
        static Optional<Ratio> of(BigInteger numerator, BigInteger denominator) {
            if (denominator.signum() == 0 || numerator.bitLength() > 2 * MOST_BITS
                    || denominator.bitLength() > 2 * MOST_BITS) {
                return Optional.empty();
            }
            BigInteger divisor = numerator.gcd(denominator).multiply(BigInteger.valueOf(denominator.signum()));
            Ratio ratio = new Ratio(numerator.divide(divisor), denominator.divide(divisor));
            boolean isSmall = ratio.numerator.bitLength() <= MOST_BITS && ratio.denominator.bitLength() <= MOST_BITS;
            return isSmall ? Optional.of(ratio) : Optional.empty();
        }

        Optional<Ratio> plus(Ratio other) {
            return of(numerator.multiply(other.denominator).add(other.numerator.multiply(denominator)),
                    denominator.multiply(other.denominator));
        }

        Optional<Ratio> times(Ratio other) {
            return of(numerator.multiply(other.numerator), denominator.multiply(other.denominator));
        }
    }

    static final Surd ZERO = new Surd(Map.of());
    static final Surd ONE = new Surd(Map.of(Part.ONE, new Ratio(BigInteger.ONE, BigInteger.ONE)));
    static final Surd PI = new Surd(Map.of(new Part(1, 1), new Ratio(BigInteger.ONE, BigInteger.ONE)));

    static Optional<Surd> of(BigInteger numerator, BigInteger denominator) {
        return Ratio.of(numerator, denominator).map(ratio -> of(Map.of(Part.ONE, ratio)));
    }

    static Surd of(long number) {
        return of(Map.of(Part.ONE, new Ratio(BigInteger.valueOf(number), BigInteger.ONE)));
    }

    private static Surd of(Map<Part, Ratio> parts) {
        var copy = new TreeMap<Part, Ratio>(parts);
        copy.values().removeIf(ratio -> ratio.numerator().signum() == 0);
        return new Surd(copy);
    }

    Optional<Surd> plus(Surd other) {
        var sum = new TreeMap<Part, Ratio>(parts);
        for (var entry : other.parts.entrySet()) {
            if (!add(sum, entry.getKey(), entry.getValue())) {
                return Optional.empty();
            }
        }
        return bounded(sum);
    }

    Surd negated() {
        var negative = new TreeMap<Part, Ratio>();
        parts.forEach((part, ratio) -> negative.put(part,
                new Ratio(ratio.numerator().negate(), ratio.denominator())));
        return new Surd(negative);
    }

    Optional<Surd> times(Surd other) {
        var product = new TreeMap<Part, Ratio>();
        for (var a : parts.entrySet()) {
            for (var b : other.parts.entrySet()) {
                Part first = a.getKey();
                Part second = b.getKey();
                // √a·√b = gcd·√(a/gcd · b/gcd), square-free again.
                long common = gcd(first.radicand(), second.radicand());
                long radicand = first.radicand() / common * (second.radicand() / common);
                Ratio factor = new Ratio(BigInteger.valueOf(common), BigInteger.ONE);
                Optional<Ratio> ratio = a.getValue().times(b.getValue()).flatMap(value -> value.times(factor));
                if (radicand > LARGEST_RADICAND
                        || ratio.isEmpty()
                        || !add(product, new Part(radicand, first.pi() + second.pi()), ratio.get())) {
                    return Optional.empty();
                }
            }
        }
        return bounded(product);
    }

    /** A quotient, if the divisor is not 0 and has one part only. */
    Optional<Surd> dividedBy(Surd divisor) {
        if (divisor.parts.size() != 1) {
            return Optional.empty();
        }
        var only = divisor.parts.entrySet().iterator().next();
        Part part = only.getKey();
        Ratio ratio = only.getValue();
        // 1/(q·√n·πᵏ) = (1/(q·n))·√n·π⁻ᵏ
        return Ratio.of(ratio.denominator(), ratio.numerator().multiply(BigInteger.valueOf(part.radicand())))
                .flatMap(inverse -> times(of(Map.of(new Part(part.radicand(), -part.pi()), inverse))));
    }

    /** A power with a small whole exponent. */
    Optional<Surd> power(int exponent) {
        if (Math.abs(exponent) > (parts.size() > 1 ? MOST_TERM_POWER : MOST_POWER)) {
            return Optional.empty();
        }
        Optional<Surd> power = Optional.of(ONE);
        for (int i = 0; i < Math.abs(exponent) && power.isPresent(); i++) {
            power = power.get().times(this);
        }
        return exponent < 0 ? power.flatMap(ONE::dividedBy) : power;
    }

    /** A root of a rational number that is not negative: a square root, or one of a higher degree that comes out even. */
    Optional<Surd> root(int degree) {
        if (parts.isEmpty()) {
            return Optional.of(ZERO);
        }
        Ratio ratio = parts.get(Part.ONE);
        if (degree < 2 || degree > 64 || parts.size() != 1 || ratio == null || ratio.numerator().signum() < 0) {
            return Optional.empty();
        }
        Optional<BigInteger> numerator = exactRoot(ratio.numerator(), degree);
        Optional<BigInteger> denominator = exactRoot(ratio.denominator(), degree);
        if (numerator.isPresent() && denominator.isPresent()) {
            return of(numerator.get(), denominator.get());
        }
        // √(a/b) = √(a·b)/b
        BigInteger product = ratio.numerator().multiply(ratio.denominator());
        if (degree != 2 || product.bitLength() > 62 || product.longValue() > LARGEST_RADICAND) {
            return Optional.empty();
        }
        long radicand = product.longValue();
        long outside = 1;
        for (long factor = 2; factor * factor <= radicand; factor++) {
            while (radicand % (factor * factor) == 0) {
                radicand /= factor * factor;
                outside *= factor;
            }
        }
        long inside = radicand;
        return Ratio.of(BigInteger.valueOf(outside), ratio.denominator())
                .map(outer -> of(Map.of(new Part(inside, 0), outer)));
    }

    private static Optional<BigInteger> exactRoot(BigInteger number, int degree) {
        BigInteger low = BigInteger.ZERO;
        BigInteger high = BigInteger.ONE.shiftLeft(number.bitLength() / degree + 1);
        while (low.compareTo(high) < 0) {
            BigInteger middle = low.add(high).add(BigInteger.ONE).shiftRight(1);
            if (middle.pow(degree).compareTo(number) <= 0) {
                low = middle;
            } else {
                high = middle.subtract(BigInteger.ONE);
            }
        }
        return low.pow(degree).equals(number) ? Optional.of(low) : Optional.empty();
    }

    private static boolean add(Map<Part, Ratio> sum, Part part, Ratio ratio) {
        Ratio old = sum.get(part);
        Optional<Ratio> value = old == null ? Optional.of(ratio) : old.plus(ratio);
        value.ifPresent(present -> sum.put(part, present));
        return value.isPresent();
    }

    private static Optional<Surd> bounded(Map<Part, Ratio> parts) {
        Surd surd = of(parts);
        return surd.parts.size() <= MOST_PARTS ? Optional.of(surd) : Optional.empty();
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }
}
