package dev.geomean.gmpo.task;

import dev.geomean.gmpo.names.KnownNames;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The built-in tasks by name. */
public final class Tasks {
    private static final List<String> NAMES = List.of("addition", "countdown", "sort", "running_sum");

    private Tasks() {}

    /**
     * The names of the built-in tasks, without options.
     *
     * @return an immutable list
     */
    public static List<String> names() {
        return NAMES;
    }

    /**
     * A task by its name and options: {@code name} or {@code name:option=value,option=value}.
     *
     * <ul>
     *   <li>{@code addition}: {@link Addition}; {@code digits} from 1 to 9, default 3
     *   <li>{@code countdown}: {@link Countdown}; {@code numbers} from 2 to 6, default 3
     *   <li>{@code sort}: {@link Sort}; {@code length} from 2 to 32, default 6
     *   <li>{@code running_sum}: {@link RunningSum}; {@code numbers} from 2 to 11, default 8
     * </ul>
     *
     * @param specification for example {@code "addition:digits=4"}
     * @return the task
     * @throws IllegalArgumentException if the name or an option is unknown, or a value is malformed or out of range
     */
    public static Task byName(String specification) {
        int colon = specification.indexOf(':');
        String name = colon < 0 ? specification : specification.substring(0, colon);
        var options = new Options(specification, colon < 0 ? "" : specification.substring(colon + 1));
        Task task =
                switch (name) {
                    case "addition" -> new Addition(options.take("digits", 3));
                    case "countdown" -> new Countdown(options.take("numbers", 3));
                    case "sort" -> new Sort(options.take("length", 6));
                    case "running_sum" -> new RunningSum(options.take("numbers", 8));
                    default -> throw new KnownNames("task", NAMES).unknown(name);
                };
        options.checkAllTaken();
        return task;
    }

    /** Options of a specification, each of which must be asked for. */
    private static final class Options {
        private final String specification;
        private final Map<String, String> values = new TreeMap<>();
        private final List<String> known = new ArrayList<>();

        Options(String specification, String text) {
            this.specification = specification;
            if (text.isEmpty()) {
                return;
            }
            for (String option : text.split(",", -1)) {
                int equals = option.indexOf('=');
                if (equals <= 0) {
                    throw new IllegalArgumentException(
                            "task '" + specification + "': '" + option + "' is not of the form option=value");
                }
                if (values.put(option.substring(0, equals), option.substring(equals + 1)) != null) {
                    throw new IllegalArgumentException("task '" + specification + "': option given twice: " + option);
                }
            }
        }

        int take(String option, int otherwise) {
            known.add(option);
            String value = values.remove(option);
            if (value == null) {
                return otherwise;
            }
            try {
                return Integer.parseInt(value);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(
                        "task '" + specification + "': " + option + " must be a whole number, not '" + value + "'", e);
            }
        }

        void checkAllTaken() {
            if (!values.isEmpty()) {
                String option = values.keySet().iterator().next();
                throw new IllegalArgumentException("task '" + specification + "' has no option " + option
                        + KnownNames.suggestion(option, known));
            }
        }
    }
}
