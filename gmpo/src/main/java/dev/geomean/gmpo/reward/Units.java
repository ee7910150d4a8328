package dev.geomean.gmpo.reward;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The words behind a number that say of what it is. */
final class Units {
    private static final int LONGEST = 60;

    /** Other words for the same, plural {@code s} left out. */
    private static final Map<String, String> SYNONYMS = Map.ofEntries(
            Map.entry("$", "dollar"), Map.entry("usd", "dollar"), Map.entry("€", "euro"), Map.entry("£", "pound"),
            Map.entry("°", "degree"), Map.entry("deg", "degree"), Map.entry("hr", "hour"), Map.entry("h", "hour"),
            Map.entry("min", "minute"), Map.entry("sec", "second"), Map.entry("s", "second"),
            Map.entry("meter", "m"), Map.entry("metre", "m"), Map.entry("kilometer", "km"),
            Map.entry("kilometre", "km"), Map.entry("centimeter", "cm"), Map.entry("centimetre", "cm"),
            Map.entry("millimeter", "mm"), Map.entry("millimetre", "mm"), Map.entry("gram", "g"),
            Map.entry("kilogram", "kg"), Map.entry("liter", "l"), Map.entry("litre", "l"), Map.entry("mile", "mi"),
            Map.entry("foot", "ft"), Map.entry("feet", "ft"), Map.entry("inch", "in"), Map.entry("inche", "in"),
            Map.entry("lb", "pound"), Map.entry("ounce", "oz"), Map.entry("sq", "square"));

    /** Units that may stand right behind a number; other letters there are algebra. */
    private static final Set<String> ATTACHED = Set.of(
            "cm", "mm", "km", "kg", "mg", "ml", "ft", "in", "lb", "lbs", "oz", "hr", "hrs", "min", "sec", "mph", "am",
            "pm", "st", "nd", "rd", "th", "dollars", "cents", "kwh", "hz", "gb", "mb", "°", "$", "€", "£");

    /** Units of one letter that may stand behind a space. */
    private static final Set<String> LETTERS = Set.of("m", "g", "s", "h", "l");

    /** Words that make a number part of something else. */
    private static final Set<String> NOT_UNITS = Set.of(
            "and", "or", "not", "no", "plus", "minus", "times", "to", "over", "than", "more", "less", "between", "if",
            "is", "are", "equals", "with", "for", "but", "dozen", "half", "quarter", "hundred", "mod", "modulo", "base",
            "sin", "cos", "tan", "log", "ln", "sqrt", "frac", "pi", "least", "most");

    private static final Map<String, Integer> POWERS_OF_TEN = Map.of("thousand", 3, "million", 6, "billion", 9,
            "trillion", 12);

    private Units() {}

    /** The power of ten that a word stands for, or 0. */
    static int powerOfTen(String word) {
        return POWERS_OF_TEN.getOrDefault(word.toLowerCase(Locale.ROOT), 0);
    }

    /**
     * The words of a unit, or empty if the text is none.
     *
     * @param text what stands behind a number, or nothing
     * @param isApart whether a space is between them
     */
    static Optional<Set<String>> words(String text, boolean isApart) {
        if (text.isEmpty()) {
            return Optional.of(Set.of());
        }
        if (text.length() > LONGEST) {
            return Optional.empty();
        }
        String plain = text.toLowerCase(Locale.ROOT).replace("²", "^2").replace("³", "^3").replace("°", " ° ").strip();
        List<String> words = Arrays.stream(plain.split("[ /.,*^{}()-]+")).filter(word -> !word.isEmpty()).toList();
        if (words.isEmpty() || !plain.codePoints().allMatch(Units::isPossible) || isNumber(words.getFirst())) {
            return Optional.empty();
        }
        for (String word : words) {
            boolean isExponent = word.equals("2") || word.equals("3");
            boolean isLetter = word.length() == 1 && !LETTERS.contains(word) && !SYNONYMS.containsKey(word);
            if (NOT_UNITS.contains(word) || (isLetter && !isExponent) || (isNumber(word) && !isExponent)) {
                return Optional.empty();
            }
        }
        if (!isApart && !ATTACHED.contains(words.getFirst())) {
            return Optional.empty();
        }
        return Optional.of(words.stream().map(Units::singular).collect(Collectors.toCollection(TreeSet::new)));
    }

    private static boolean isPossible(int c) {
        return Character.isLetter(c) || " /.,*^{}()-23°$€£".indexOf(c) >= 0;
    }

    private static boolean isNumber(String word) {
        return word.chars().anyMatch(Character::isDigit);
    }

    private static String singular(String word) {
        String single = word.length() > 2 && word.endsWith("s") && !word.endsWith("ss")
                ? word.substring(0, word.length() - 1)
                : word;
        return SYNONYMS.getOrDefault(single, single);
    }

    /** Whether two units can mean the same: one of them is missing, or says less than the other. */
    static boolean agree(Set<String> a, Set<String> b) {
        if (a.isEmpty() || b.isEmpty()) {
            return true;
        }
        // Square or cubic is never left out of one of them.
        boolean isSamePower = a.contains("2") == b.contains("2") && a.contains("3") == b.contains("3");
        return isSamePower && (a.containsAll(b) || b.containsAll(a));
    }
}
