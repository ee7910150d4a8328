package dev.geomean.gmpo.reward;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An answer with what is only typesetting taken away.
 *
 * @param variable what the answer says it is the value of, {@code x} for {@code x = 5}, or an empty text
 * @param body the rest, with single characters in place of TeX's names where there are any: {@code π}, {@code ∞}, {@code ∪},
 *     {@code ±}, {@code *}, {@code ⦃} and {@code ⦄} for the braces of a set
 */
record MathText(String variable, String body) {
    /** Longer answers are compared as they are. */
    static final int LONGEST = 500;

    // No pattern here has one repetition inside another, so none can take long on 500 characters.
    private static final Pattern WORDS = Pattern.compile(
            "\\\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mathit|mbox|operatorname)\\s*\\{([^{}]*)\\}");
    private static final Pattern NOTHING = Pattern.compile(
            "\\\\(?:left|right|displaystyle|big|Big|bigg|Bigg|limits)(?![A-Za-z])|\\\\[!()\\[\\]]");
    private static final Pattern SPACE = Pattern.compile("\\\\(?:quad|qquad)(?![A-Za-z])|\\\\[,;: ]|~|\\s");
    private static final Pattern FRACTION = Pattern.compile("\\\\[dtc]frac(?![A-Za-z])");
    private static final Pattern SYMBOL = Pattern.compile("\\\\([A-Za-z]+)");
    private static final Pattern DEGREES = Pattern.compile("\\^\\s?\\{?\\s?\\\\circ\\s?\\}?|\\\\degrees?(?![A-Za-z])");
    private static final Pattern VARIABLE =
            Pattern.compile("([A-Za-z]|[A-Za-z]\\([A-Za-z]\\)|[A-Za-z]_\\{?[A-Za-z0-9]\\}?) ?(?:=|∈) ?");
    private static final Pattern LEAD =
            Pattern.compile("(?i)(?:so,? )?(?:the )?(?:final |correct )?answer(?: is)? ?:? ?");
    private static final Pattern SPACES = Pattern.compile(" {2,}");
    private static final Pattern SINGLE = Pattern.compile("\\{(.)\\}");
    private static final Pattern GAPS = Pattern.compile("(?<![0-9])[\\s*]+|[\\s*]+(?![0-9\\s*])");

    private static final Map<String, String> SYMBOLS = Map.ofEntries(
            Map.entry("cdot", "*"), Map.entry("times", "*"), Map.entry("div", "/"), Map.entry("pi", "π"),
            Map.entry("infty", "∞"), Map.entry("cup", "∪"), Map.entry("pm", "±"), Map.entry("in", "∈"),
            Map.entry("lbrace", "⦃"), Map.entry("rbrace", "⦄"), Map.entry("degree", "°"));

    private static final List<String[]> CHARACTERS = List.of(
            new String[] {"\\%", "%"}, new String[] {"\\$", "$"}, new String[] {"\\{", "⦃"},
            new String[] {"\\}", "⦄"}, new String[] {"{,}", ","}, new String[] {"−", "-"}, new String[] {"–", "-"},
            new String[] {"×", "*"}, new String[] {"·", "*"}, new String[] {"⋅", "*"}, new String[] {"÷", "/"},
            new String[] {"½", " 1/2"}, new String[] {"¼", " 1/4"}, new String[] {"¾", " 3/4"},
            new String[] {"**", "^"});

    /** A text of at most {@link #LONGEST} characters as an answer. */
    static MathText of(String text) {
        String plain = text.strip();
        while (plain.length() > 2 && plain.startsWith("$") && plain.endsWith("$")) {
            plain = plain.substring(1, plain.length() - 1).strip();
        }
        plain = NOTHING.matcher(plain).replaceAll("");
        plain = WORDS.matcher(plain).replaceAll(" $1 ");
        plain = DEGREES.matcher(plain).replaceAll("°");
        plain = FRACTION.matcher(plain).replaceAll("\\\\frac");
        plain = SPACE.matcher(plain).replaceAll(" ");
        plain = SYMBOL.matcher(plain).replaceAll(match -> Matcher.quoteReplacement(
                SYMBOLS.getOrDefault(match.group(1), match.group())));
        for (String[] pair : CHARACTERS) {
            plain = plain.replace(pair[0], pair[1]);
        }
        plain = SPACES.matcher(plain).replaceAll(" ").strip();
        Matcher lead = LEAD.matcher(plain);
        if (lead.lookingAt() && lead.end() < plain.length()) {
            plain = plain.substring(lead.end());
        }
        while (plain.length() > 1 && ".,;".indexOf(plain.charAt(plain.length() - 1)) >= 0) {
            plain = plain.substring(0, plain.length() - 1).strip();
        }
        Matcher variable = VARIABLE.matcher(plain);
        return variable.lookingAt() && variable.end() < plain.length()
                ? new MathText(variable.group(1), plain.substring(variable.end()).strip())
                : new MathText("", plain);
    }

    /** The body without what does not change the meaning of words: case, spaces but between digits, and braces around one character. */
    static String comparable(String body) {
        return GAPS.matcher(SINGLE.matcher(body).replaceAll("$1")).replaceAll("").toLowerCase(Locale.ROOT);
    }
}
