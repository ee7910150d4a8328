package dev.geomean.gmpo.reward;

import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.names.KnownNames;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The options of one term, each of which must be asked for. */
final class RewardOptions {
    private static final int LONGEST_SECONDS = 3600;

    private final String name;
    private final Map<String, String> values;
    private final List<String> known = new ArrayList<>();

    RewardOptions(RewardExpression.Term term) {
        name = term.name();
        values = new LinkedHashMap<>(term.options());
    }

    String text(String option, String otherwise) {
        known.add(option);
        String value = values.remove(option);
        return value == null ? otherwise : value;
    }

    String required(String option, String example) {
        String value = text(option, "");
        if (value.isEmpty()) {
            throw new IllegalArgumentException(
                    "reward " + name + " needs the option " + option + ", for example " + example);
        }
        return value;
    }

    int number(String option, int otherwise) {
        String value = text(option, "");
        if (value.isEmpty()) {
            return otherwise;
        }
        try {
            int number = Integer.parseInt(value);
            if (number < 1) {
                throw new IllegalArgumentException(
                        "reward " + name + ": " + option + " must be at least 1, not " + number);
            }
            return number;
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "reward " + name + ": " + option + " must be a whole number, not " + Names.quote(value), e);
        }
    }

    Duration seconds(Duration otherwise) {
        String value = text("seconds", "");
        if (value.isEmpty()) {
            return otherwise;
        }
        double seconds;
        try {
            seconds = Double.parseDouble(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "reward " + name + ": seconds must be a number, not " + Names.quote(value), e);
        }
        if (!(seconds >= 0.001 && seconds <= LONGEST_SECONDS)) {
            throw new IllegalArgumentException(
                    "reward " + name + ": seconds must be from 0.001 to " + LONGEST_SECONDS + ", not " + seconds);
        }
        return Duration.ofNanos(Math.round(seconds * 1e9));
    }

    void checkAllTaken() {
        if (!values.isEmpty()) {
            String option = values.keySet().iterator().next();
            throw new IllegalArgumentException("reward " + name + " has no option " + Names.quote(option)
                    + KnownNames.suggestion(option, known)
                    + (known.isEmpty() ? "" : "; it has " + String.join(", ", known)));
        }
    }
}
