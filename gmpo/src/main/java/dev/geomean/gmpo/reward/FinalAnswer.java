package dev.geomean.gmpo.reward;

import dev.geomean.gmpo.names.KnownNames;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Where in a text its final answer stands. */
enum FinalAnswer {
    /** Between the last {@code <answer>} and {@code </answer>}, in that or else in the text in a box, behind hashes, or all. */
    ANY {
        @Override
        Optional<String> find(String text) {
            String part = TAGS.find(text).orElse(text);
            return Optional.of(BOXED.find(part).or(() -> HASHES.find(part)).orElse(part).strip());
        }
    },
    /** In the last {@code \boxed{…}} or {@code \fbox{…}}, whose braces must match. */
    BOXED {
        @Override
        Optional<String> find(String text) {
            int start = Math.max(text.lastIndexOf("\\boxed{"), text.lastIndexOf("\\fbox{"));
            if (start < 0) {
                return Optional.empty();
            }
            int open = text.indexOf('{', start);
            int depth = 0;
            for (int i = open; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == '\\') {
                    // The next character is no brace of TeX's.
                    i++;
                } else if (c == '{') {
                    depth++;
                } else if (c == '}' && --depth == 0) {
                    return Optional.of(text.substring(open + 1, i).strip());
                }
            }
            return Optional.empty();
        }
    },
    /** Behind the last {@code ####}, up to the end of the line. */
    HASHES {
        @Override
        Optional<String> find(String text) {
            int start = text.lastIndexOf("####");
            if (start < 0) {
                return Optional.empty();
            }
            return text.substring(start + 4).lines().findFirst().map(String::strip).filter(line -> !line.isEmpty());
        }
    },
    /** Between the last {@code <answer>} and the next {@code </answer>}. */
    TAGS {
        @Override
        Optional<String> find(String text) {
            int start = text.lastIndexOf("<answer>");
            int end = start < 0 ? -1 : text.indexOf("</answer>", start);
            return end < 0 ? Optional.empty() : Optional.of(text.substring(start + "<answer>".length(), end).strip());
        }
    },
    /** The whole text. */
    WHOLE {
        @Override
        Optional<String> find(String text) {
            return Optional.of(text.strip());
        }
    };

    /** The final answer of a text, or empty if there is none in that place. */
    abstract Optional<String> find(String text);

    static List<String> names() {
        return Arrays.stream(values()).map(place -> place.name().toLowerCase(Locale.ROOT)).toList();
    }

    static FinalAnswer named(String name) {
        return Arrays.stream(values())
                .filter(place -> place.name().toLowerCase(Locale.ROOT).equals(name))
                .findFirst()
                .orElseThrow(() -> new KnownNames("place of an answer", names()).unknown(name));
    }
}
