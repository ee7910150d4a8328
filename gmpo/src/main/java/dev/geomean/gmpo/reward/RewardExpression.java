package dev.geomean.gmpo.reward;

import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.task.Reward;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A reward as text, for example {@code math + 0.2*format:style=boxed - 0.1*length}: names with options and weights. A value
 * with spaces or one of {@code , * +} stands in double quotes, in which {@code \"} is a quote and every other backslash is
 * itself. Immutable.
 *
 * @param terms the terms of the sum, at least one
 */
public record RewardExpression(List<Term> terms) {
    private static final int MOST_TERMS = 32;
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z_][A-Za-z0-9_.#-]*");
    private static final Pattern PLAIN_VALUE = Pattern.compile("[^\\s,*+\"]+");

    /**
     * A term of a sum.
     *
     * @param weight its factor, finite
     * @param name name of a reward
     * @param options its options
     */
    public record Term(double weight, String name, Map<String, String> options) {

        /** Copies the options in their order. */
        public Term {
            options = Collections.unmodifiableMap(new LinkedHashMap<>(options));
        }

        @Override
        public String toString() {
            var text = new StringBuilder(quoted(name, PLAIN));
            String separator = ":";
            for (Map.Entry<String, String> option : options.entrySet()) {
                text.append(separator).append(option.getKey()).append('=')
                        .append(quoted(option.getValue(), PLAIN_VALUE));
                separator = ",";
            }
            return weight == 1 ? text.toString() : number(weight) + "*" + text;
        }

        private static String number(double weight) {
            return weight == Math.rint(weight) && Math.abs(weight) < 1e15
                    ? Long.toString((long) weight)
                    : Double.toString(weight);
        }

        private static String quoted(String text, Pattern plain) {
            return plain.matcher(text).matches() ? text : '"' + text.replace("\"", "\\\"") + '"';
        }
    }

    /**
     * Copies the terms.
     *
     * @throws IllegalArgumentException if there are none, or more than 32
     */
    public RewardExpression {
        terms = List.copyOf(terms);
        if (terms.isEmpty() || terms.size() > MOST_TERMS) {
            throw new IllegalArgumentException("a reward has from 1 to " + MOST_TERMS + " terms, not " + terms.size());
        }
    }

    /**
     * Reads an expression. Whether there are rewards of these names is found out by {@link #reward}.
     *
     * @param text the expression
     * @return its terms
     * @throws IllegalArgumentException if it is malformed; the message says where
     */
    public static RewardExpression parse(String text) {
        return new RewardExpression(new Reader(text).terms());
    }

    /**
     * The same with other names.
     *
     * @param change gives the new name for each
     * @return a copy
     */
    public RewardExpression withNames(UnaryOperator<String> change) {
        return new RewardExpression(terms.stream()
                .map(term -> new Term(term.weight(), change.apply(term.name()), term.options()))
                .toList());
    }

    /**
     * The names in the expression.
     *
     * @return each once, in order
     */
    public List<String> names() {
        return terms.stream().map(Term::name).distinct().toList();
    }

    /** What a reward looks at. */
    public enum Kind {
        /** Form and length only. */
        FORM,
        /** The answer. */
        ANSWER,
        /** The answer, by a program that is started for each completion. */
        COMMAND
    }

    /**
     * What the reward looks at.
     *
     * @return the kind; names that are not built in look at the answer
     */
    public Kind kind() {
        if (names().contains("command")) {
            return Kind.COMMAND;
        }
        return names().stream().allMatch(Rewards::judgesForm) ? Kind.FORM : Kind.ANSWER;
    }

    /**
     * The reward that the expression stands for.
     *
     * @param own rewards of the user's by name, empty where there is none
     * @return the sum; it judges by more than the text, see {@link Reward#judge}
     * @throws IllegalArgumentException if a name or an option is unknown, or a value is malformed or out of range
     */
    public Reward reward(Function<String, Optional<Reward>> own) {
        List<WeightedReward.Term> sum = new ArrayList<>();
        for (Term term : terms) {
            Optional<Reward> code = own.apply(term.name());
            var options = new RewardOptions(term);
            Reward reward = code.isPresent()
                    ? new LimitedReward(code.get(), options.seconds(LimitedReward.LIMIT))
                    : Rewards.builtIn(term.name(), options);
            options.checkAllTaken();
            String label = term.name().replaceFirst("\\.java#.*", "");
            sum.add(new WeightedReward.Term(
                    term.weight(), label, reward, code.isPresent() || Rewards.judgesAnswer(term.name())));
        }
        return sum.size() == 1 && sum.getFirst().weight() == 1 ? sum.getFirst().reward() : new WeightedReward(sum);
    }

    @Override
    public String toString() {
        var text = new StringBuilder();
        for (Term term : terms) {
            boolean isFirst = text.isEmpty();
            boolean isNegative = term.weight() < 0;
            Term shown = isNegative && !isFirst ? new Term(-term.weight(), term.name(), term.options()) : term;
            text.append(isFirst ? "" : isNegative ? " - " : " + ").append(shown);
        }
        return text.toString();
    }

    /** Reads from left to right. */
    private static final class Reader {
        private final String text;
        private int position;

        Reader(String text) {
            this.text = text;
        }

        List<Term> terms() {
            List<Term> terms = new ArrayList<>();
            skipSpace();
            double sign = take('-') ? -1 : 1;
            while (true) {
                terms.add(term(sign));
                if (position == text.length()) {
                    return terms;
                }
                if (take('+')) {
                    sign = 1;
                } else if (take('-')) {
                    sign = -1;
                } else {
                    throw problem("expected + or -");
                }
            }
        }

        private Term term(double sign) {
            skipSpace();
            Double before = number();
            if (before != null) {
                skipSpace();
                if (!take('*')) {
                    throw problem("expected * and the name of a reward");
                }
                skipSpace();
            }
            String name = take('"') ? quoted() : name();
            Map<String, String> options = new LinkedHashMap<>();
            if (take(':')) {
                do {
                    option(options);
                } while (take(','));
            }
            skipSpace();
            Double after = null;
            if (take('*')) {
                skipSpace();
                after = number();
                if (after == null || before != null) {
                    throw problem(before == null ? "expected a number" : "a reward has one weight");
                }
                skipSpace();
            }
            double weight = before != null ? before : after != null ? after : 1;
            return new Term(sign * weight, name, options);
        }

        private void option(Map<String, String> options) {
            int start = position;
            while (position < text.length() && (Character.isLetter(text.charAt(position)) || at('-'))) {
                position++;
            }
            String name = text.substring(start, position);
            if (name.isEmpty() || !take('=')) {
                throw problem("expected option=value");
            }
            String value = take('"') ? quoted() : plainValue();
            if (options.put(name, value) != null) {
                throw problem("option " + name + " given twice");
            }
        }

        private @Nullable Double number() {
            int start = position;
            int end = position;
            while (end < text.length() && "+-.0123456789eE".indexOf(text.charAt(end)) >= 0) {
                boolean isSign = "+-".indexOf(text.charAt(end)) >= 0;
                if (isSign && end > start && "eE".indexOf(text.charAt(end - 1)) < 0) {
                    break;
                }
                end++;
            }
            String number = text.substring(start, end);
            if (number.isEmpty() || number.chars().noneMatch(Character::isDigit)
                    || "eE".indexOf(number.charAt(0)) >= 0) {
                return null;
            }
            try {
                double value = Double.parseDouble(number);
                if (!Double.isFinite(value)) {
                    throw problem("a weight is finite");
                }
                position = end;
                return value;
            } catch (NumberFormatException e) {
                throw problem("'" + number + "' is not a number");
            }
        }

        private String name() {
            int start = position;
            while (position < text.length() && isOfName(position > start)) {
                position++;
            }
            if (position == start) {
                throw problem("expected the name of a reward");
            }
            return text.substring(start, position);
        }

        private boolean isOfName(boolean isInside) {
            char c = text.charAt(position);
            boolean isLetter = Character.isLetter(c) || c == '_';
            // A hyphen or a point is part of a name if a letter follows; otherwise a weight may.
            boolean isInner = (c == '-' || c == '.') && position + 1 < text.length()
                    && Character.isLetter(text.charAt(position + 1));
            return isLetter || (isInside && (Character.isDigit(c) || c == '#' || isInner));
        }

        private String plainValue() {
            int start = position;
            while (position < text.length()
                    && !Character.isWhitespace(text.charAt(position))
                    && ",*+\"".indexOf(text.charAt(position)) < 0) {
                position++;
            }
            if (position == start) {
                throw problem("expected a value");
            }
            return text.substring(start, position);
        }

        private String quoted() {
            var value = new StringBuilder();
            while (position < text.length()) {
                char c = text.charAt(position++);
                if (c == '"') {
                    return value.toString();
                }
                if (c == '\\' && at('"')) {
                    position++;
                    value.append('"');
                } else {
                    value.append(c);
                }
            }
            throw problem("expected a closing quote");
        }

        private boolean at(char c) {
            return position < text.length() && text.charAt(position) == c;
        }

        private boolean take(char c) {
            boolean isNext = at(c);
            position += isNext ? 1 : 0;
            return isNext;
        }

        private void skipSpace() {
            while (position < text.length() && Character.isWhitespace(text.charAt(position))) {
                position++;
            }
        }

        private IllegalArgumentException problem(String what) {
            return new IllegalArgumentException(
                    "reward " + Names.quote(text) + ", character " + (position + 1) + ": " + what);
        }
    }
}
