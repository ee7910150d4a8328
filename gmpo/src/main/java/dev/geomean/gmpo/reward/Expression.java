package dev.geomean.gmpo.reward;

import java.math.BigInteger;
import java.util.Optional;

/**
 * Reads a number from the start of a text: digits with a decimal point, thousands separators or a power of ten, fractions,
 * mixed numbers, square roots, π, brackets, and sums, products, quotients and small powers of these. {@link MathText} has
 * made TeX's names single characters where it could.
 *
 * <p>A recursive descent that never goes back, so its time is linear in the text but for the arithmetic, which
 * {@link Surd} bounds.
 */
final class Expression {
    private static final int MOST_DEPTH = 24;
    private static final int MOST_DIGITS = 200;
    private static final int MOST_EXPONENT = 300;

    private final String text;
    private int position;
    private int depth;

    private Expression(String text) {
        this.text = text;
    }

    /**
     * What was read.
     *
     * @param value the number
     * @param end where the text goes on that is not part of it
     */
    record Prefix(Surd value, int end) {}

    /** The longest number that a text starts with, if it starts with one and that is not too large. */
    static Optional<Prefix> read(String text) {
        var reader = new Expression(text);
        return reader.sum().map(value -> new Prefix(value, reader.position));
    }

    private Optional<Surd> sum() {
        skipSpace();
        boolean isNegative = take('-');
        if (!isNegative) {
            take('+');
        }
        Optional<Surd> sum = product();
        if (isNegative) {
            sum = sum.map(Surd::negated);
        }
        while (sum.isPresent()) {
            int start = position;
            skipSpace();
            char operator = peek();
            if (operator != '+' && operator != '-') {
                position = start;
                break;
            }
            position++;
            Optional<Surd> term = product();
            if (term.isEmpty()) {
                return term;
            }
            Surd signed = operator == '-' ? term.get().negated() : term.get();
            sum = sum.get().plus(signed);
        }
        return sum;
    }

    private Optional<Surd> product() {
        Optional<Surd> product = power();
        while (product.isPresent()) {
            int start = position;
            skipSpace();
            char next = peek();
            if (next == '*' || next == '/') {
                position++;
                Optional<Surd> factor = signedPower();
                if (factor.isEmpty()) {
                    return factor;
                }
                product = next == '*' ? product.get().times(factor.get()) : product.get().dividedBy(factor.get());
            } else
                if (next == '(' || next == 'π' || next == '√' || text.startsWith("\\sqrt", position)
                        || text.startsWith("\\frac", position)) {
                            Optional<Surd> factor = power();
                            if (factor.isEmpty()) {
                                return factor;
                            }
                            product = product.get().times(factor.get());
                        } else {
                            position = start;
                            break;
                        }
        }
        return product;
    }

    private Optional<Surd> signedPower() {
        skipSpace();
        return take('-') ? power().map(Surd::negated) : power();
    }

    private Optional<Surd> power() {
        Optional<Surd> base = atom();
        if (base.isEmpty() || peek() != '^') {
            return base;
        }
        position++;
        Optional<Surd> exponent = peek() == '-' || isDigit(peek()) ? shortInteger() : argument();
        return exponent.flatMap(Expression::smallInteger).flatMap(base.get()::power);
    }

    private static Optional<Integer> smallInteger(Surd number) {
        if (number.parts().isEmpty()) {
            return Optional.of(0);
        }
        Surd.Ratio ratio = number.parts().get(Surd.Part.ONE);
        if (number.parts().size() != 1 || ratio == null || !ratio.denominator().equals(BigInteger.ONE)) {
            return Optional.empty();
        }
        return ratio.numerator().bitLength() < 16 ? Optional.of(ratio.numerator().intValue()) : Optional.empty();
    }

    private Optional<Surd> shortInteger() {
        boolean isNegative = take('-');
        int start = position;
        while (isDigit(peek()) && position - start < 4) {
            position++;
        }
        if (position == start) {
            return Optional.empty();
        }
        int value = Integer.parseInt(text.substring(start, position));
        return Optional.of(Surd.of(isNegative ? -value : value));
    }

    private Optional<Surd> atom() {
        skipSpace();
        if (++depth > MOST_DEPTH) {
            return Optional.empty();
        }
        try {
            char next = peek();
            if (isDigit(next) || (next == '.' && isDigit(peek(1)))) {
                return literal();
            }
            if (take('π')) {
                return Optional.of(Surd.PI);
            }
            if (next == '(' || next == '{') {
                return bracketed(next == '(' ? ')' : '}');
            }
            if (take("\\frac")) {
                Optional<Surd> numerator = argument();
                return numerator.isEmpty() ? numerator : argument().flatMap(numerator.get()::dividedBy);
            }
            if (take("\\sqrt") || take('√')) {
                return root();
            }
            return Optional.empty();
        } finally {
            depth--;
        }
    }

    private Optional<Surd> root() {
        int degree = 2;
        if (take('[')) {
            Optional<Integer> given = shortInteger().flatMap(Expression::smallInteger);
            if (given.isEmpty() || !take(']')) {
                return Optional.empty();
            }
            degree = given.get();
        }
        Optional<Surd> radicand = isDigit(peek()) ? literal() : argument();
        if (radicand.isEmpty()) {
            return radicand;
        }
        return radicand.get().root(degree);
    }

    /** What a command of TeX's applies to: a group in brackets, or the next digit or letter alone. */
    private Optional<Surd> argument() {
        skipSpace();
        if (isDigit(peek())) {
            return Optional.of(Surd.of(text.charAt(position++) - '0'));
        }
        return atom();
    }

    private Optional<Surd> bracketed(char close) {
        position++;
        Optional<Surd> inner = sum();
        skipSpace();
        return inner.isPresent() && take(close) ? inner : Optional.empty();
    }

    /** A decimal number, and the fraction behind a whole one that makes it a mixed number. */
    private Optional<Surd> literal() {
        var digits = new StringBuilder();
        int decimals = 0;
        appendDigits(digits);
        boolean isGrouped = depth == 1 && digits.length() <= 3 && !digits.isEmpty() && isGroup();
        while (isGrouped && isGroup()) {
            digits.append(text, position + 1, position + 4);
            position += 4;
        }
        boolean isWhole = true;
        if (peek() == '.') {
            isWhole = false;
            position++;
            int before = digits.length();
            appendDigits(digits);
            decimals = digits.length() - before;
        }
        int exponent = exponent();
        if (digits.length() > MOST_DIGITS || Math.abs(exponent) > MOST_EXPONENT) {
            return Optional.empty();
        }
        BigInteger mantissa = new BigInteger(digits.toString());
        int scale = exponent - decimals;
        BigInteger ten = BigInteger.TEN.pow(Math.abs(scale));
        Optional<Surd> number = scale >= 0
                ? Surd.of(mantissa.multiply(ten), BigInteger.ONE)
                : Surd.of(mantissa, ten);
        return isWhole && exponent == 0 ? number.flatMap(this::withFraction) : number;
    }

    private Optional<Surd> withFraction(Surd whole) {
        int start = position;
        skipSpace();
        Optional<Surd> fraction = Optional.empty();
        if (take("\\frac")) {
            Optional<Surd> numerator = argument();
            fraction = numerator.isEmpty() ? numerator : argument().flatMap(numerator.get()::dividedBy);
            return fraction.flatMap(whole::plus);
        }
        if (position > start && isDigit(peek())) {
            Optional<Surd> numerator = shortInteger();
            if (numerator.isPresent() && take('/') && isDigit(peek())) {
                fraction = shortInteger().flatMap(numerator.get()::dividedBy);
            }
        }
        if (fraction.isEmpty()) {
            position = start;
            return Optional.of(whole);
        }
        return fraction.flatMap(whole::plus);
    }

    /** Whether a separator and exactly three digits follow. */
    private boolean isGroup() {
        char separator = peek();
        return (separator == ',' || separator == ' ')
                && isDigit(peek(1)) && isDigit(peek(2)) && isDigit(peek(3)) && !isDigit(peek(4))
                && !(separator == ' ' && peek(4) == '/');
    }

    private void appendDigits(StringBuilder digits) {
        while (isDigit(peek())) {
            if (digits.length() <= MOST_DIGITS) {
                digits.append(peek());
            }
            position++;
        }
    }

    /** The power of ten of {@code 1.5e3}, or 0. */
    private int exponent() {
        if (peek() != 'e' && peek() != 'E') {
            return 0;
        }
        boolean isSigned = peek(1) == '-' || peek(1) == '+';
        int at = position + (isSigned ? 2 : 1);
        int end = at;
        while (end < text.length() && isDigit(text.charAt(end))) {
            end++;
        }
        if (end == at) {
            return 0;
        }
        boolean isNegative = peek(1) == '-';
        position = end;
        int value = end - at > 4 ? Integer.MAX_VALUE : Integer.parseInt(text.substring(at, end));
        return isNegative ? -value : value;
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private char peek() {
        return peek(0);
    }

    private char peek(int ahead) {
        return position + ahead < text.length() ? text.charAt(position + ahead) : '\0';
    }

    private boolean take(char c) {
        boolean isNext = peek() == c;
        position += isNext ? 1 : 0;
        return isNext;
    }

    private boolean take(String word) {
        boolean isNext = text.startsWith(word, position);
        position += isNext ? word.length() : 0;
        return isNext;
    }

    private void skipSpace() {
        while (peek() == ' ') {
            position++;
        }
    }
}
