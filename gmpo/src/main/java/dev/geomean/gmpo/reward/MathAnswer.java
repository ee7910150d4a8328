package dev.geomean.gmpo.reward;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** The meaning of an answer, as far as it can be read, for comparing answers that are written differently. */
sealed interface MathAnswer {
    /** Deeper brackets and longer lists are compared as text. */
    int MOST_DEPTH = 8;

    /** More parts are compared as text. */
    int MOST_PARTS = 64;

    /**
     * A number.
     *
     * @param value the number as it stands, {@code 50} for {@code 50%}
     * @param isPercentage whether it is followed by a percent sign
     * @param unit the words of its unit, none if there is none
     */
    record Quantity(Surd value, boolean isPercentage, Set<String> unit) implements MathAnswer {
        private boolean isSame(Quantity other) {
            boolean isEqual = value.equals(other.value);
            if (isPercentage == other.isPercentage) {
                return isEqual && Units.agree(unit, other.unit);
            }
            // "50 %" answers what is "50", because the sign may be in the question, and what is "0.5", because it is.
            Quantity percentage = isPercentage ? this : other;
            Quantity plain = isPercentage ? other : this;
            return plain.unit.isEmpty() && (isEqual
                    || Optional.of(plain.value).equals(percentage.value.dividedBy(Surd.of(100))));
        }
    }

    /**
     * Several answers.
     *
     * @param kind the brackets around them, {@code "()"} or {@code "[)"}; {@code "⦃⦄"} for a set and a list without brackets;
     *     {@code "∪"} for a union
     * @param parts the answers
     */
    record Several(String kind, List<MathAnswer> parts) implements MathAnswer {
        private boolean isSame(Several other) {
            if (!kind.equals(other.kind) || parts.size() != other.parts.size()) {
                return false;
            }
            boolean isOrdered = !kind.equals("⦃⦄") && !kind.equals("∪");
            List<MathAnswer> left = new ArrayList<>(other.parts);
            for (MathAnswer part : parts) {
                int found = 0;
                while (found < (isOrdered ? 1 : left.size()) && !part.isEqualTo(left.get(found))) {
                    found++;
                }
                if (found == (isOrdered ? 1 : left.size())) {
                    return false;
                }
                left.remove(found);
            }
            return true;
        }
    }

    /**
     * Anything else.
     *
     * @param text as {@link MathText#comparable} gives it
     */
    record Words(String text) implements MathAnswer {}

    /** Whether two answers mean the same. */
    default boolean isEqualTo(MathAnswer other) {
        if (this instanceof Quantity a && other instanceof Quantity b) {
            return a.isSame(b);
        }
        if (this instanceof Several a && other instanceof Several b) {
            return a.isSame(b);
        }
        return equals(other);
    }

    /** Whether two texts are the same answer. Nothing is the same as an empty text. */
    static boolean isSame(String a, String b) {
        if (a.isBlank() || b.isBlank()) {
            return false;
        }
        if (a.length() > MathText.LONGEST || b.length() > MathText.LONGEST) {
            return a.strip().equals(b.strip());
        }
        MathText first = MathText.of(a);
        MathText second = MathText.of(b);
        boolean isOfSame = first.variable().isEmpty()
                || second.variable().isEmpty()
                || Objects.equals(first.variable(), second.variable());
        if (!isOfSame || first.body().isEmpty() || second.body().isEmpty()) {
            return false;
        }
        return MathText.comparable(first.body()).equals(MathText.comparable(second.body()))
                || read(first.body(), 0).isEqualTo(read(second.body(), 0));
    }

    private static MathAnswer read(String body, int depth) {
        MathAnswer words = new Words(MathText.comparable(body));
        if (depth > MOST_DEPTH || body.isEmpty()) {
            return words;
        }
        return number(body).or(() -> several(body, depth)).orElse(words);
    }

    private static Optional<MathAnswer> number(String body) {
        String text = body;
        String currency = "";
        int at = text.startsWith("-") ? 1 : 0;
        if (text.length() > at + 1 && "$€£".indexOf(text.charAt(at)) >= 0) {
            currency = text.substring(at, at + 1);
            text = text.substring(0, at) + text.substring(at + 1).strip();
        }
        Optional<Expression.Prefix> prefix = Expression.read(text);
        if (prefix.isEmpty()) {
            return Optional.empty();
        }
        Surd value = prefix.get().value();
        String rest = text.substring(prefix.get().end());
        boolean isApart = rest.startsWith(" ");
        rest = rest.strip();
        int space = rest.indexOf(' ');
        int power = Units.powerOfTen(space < 0 ? rest : rest.substring(0, space));
        if (power > 0) {
            Optional<Surd> larger = Surd.of(10).power(power).flatMap(value::times);
            if (larger.isEmpty()) {
                return Optional.empty();
            }
            value = larger.get();
            rest = space < 0 ? "" : rest.substring(space).strip();
        }
        boolean isPercentage = rest.equals("%") || rest.equalsIgnoreCase("percent");
        Surd number = value;
        String unit = (currency + " " + (isPercentage ? "" : rest)).strip();
        boolean mayBeWord = isApart || !currency.isEmpty() || power > 0;
        return Units.words(unit, mayBeWord).map(words -> new Quantity(number, isPercentage, words));
    }

    private static Optional<MathAnswer> several(String body, int depth) {
        int sign = body.indexOf('±');
        if (sign >= 0 && body.indexOf('±', sign + 1) < 0) {
            return Optional.of(new Several("⦃⦄", List.of(
                    read(body.replace('±', '+'), depth + 1), read(body.replace('±', '-'), depth + 1))));
        }
        List<String> union = split(body, "∪");
        if (union.size() > 1) {
            return several("∪", union, depth);
        }
        char open = body.charAt(0);
        char close = body.charAt(body.length() - 1);
        boolean isBracketed = "([⦃".indexOf(open) >= 0 && ")]⦄".indexOf(close) >= 0 && isOnePair(body);
        if (isBracketed) {
            String inner = body.substring(1, body.length() - 1).strip();
            List<String> parts = split(inner, ",");
            if (parts.size() == 1 && open == '(' && close == ')') {
                return Optional.of(read(inner, depth + 1));
            }
            return several("" + open + close, parts, depth);
        }
        String commas = body.replace(" and ", ", ").replace(" or ", ", ").replace(",,", ",");
        List<String> parts = split(commas, commas.contains(", ") ? ", " : ",");
        return parts.size() > 1 ? several("⦃⦄", parts, depth) : Optional.empty();
    }

    private static Optional<MathAnswer> several(String kind, List<String> parts, int depth) {
        if (parts.size() > MOST_PARTS || parts.stream().anyMatch(String::isEmpty)) {
            return Optional.empty();
        }
        return Optional.of(new Several(kind, parts.stream().map(part -> read(part, depth + 1)).toList()));
    }

    /** Cuts a text where a separator is outside of brackets. */
    private static List<String> split(String text, String separator) {
        List<String> parts = new ArrayList<>();
        int depth = 0;
        int start = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            depth += "([{⦃".indexOf(c) >= 0 ? 1 : ")]}⦄".indexOf(c) >= 0 ? -1 : 0;
            if (depth == 0 && text.startsWith(separator, i)) {
                parts.add(text.substring(start, i).strip());
                start = i + separator.length();
                i = start - 1;
            }
        }
        parts.add(text.substring(start).strip());
        return parts;
    }

    /** Whether the first bracket is closed by the last character. */
    private static boolean isOnePair(String text) {
        int depth = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            depth += "([{⦃".indexOf(c) >= 0 ? 1 : ")]}⦄".indexOf(c) >= 0 ? -1 : 0;
            if (depth == 0 && i < text.length() - 1) {
                return false;
            }
        }
        return depth == 0;
    }
}
