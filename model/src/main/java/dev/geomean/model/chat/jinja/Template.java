package dev.geomean.model.chat.jinja;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.TextStyle;
import java.util.ArrayList;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/** A template that can be rendered, by any number of threads. */
public final class Template {
    private static final int LONGEST_RANGE = 1 << 20;

    private final Statement.Body body;

    private Template(Statement.Body body) {
        this.body = body;
    }

    /**
     * Parses a template.
     *
     * @param source its source
     * @return the template
     * @throws TemplateException if it is malformed, or uses what is not supported; the message names the line
     */
    public static Template parse(String source) {
        return new Template(StatementParser.parse(Lexer.tokens(source)));
    }

    /**
     * Renders the template. Besides the variables it can call {@code range}, {@code namespace}, {@code dict},
     * {@code raise_exception} and {@code strftime_now}.
     *
     * @param variables values by name: texts, numbers, truth values, lists, maps with texts as keys, or null for none
     * @param clock tells the time that {@code strftime_now} writes
     * @return the text
     * @throws TemplateException if the template fails, or calls {@code raise_exception}; the message names the line
     * @throws IllegalArgumentException if a variable is of another type
     */
    public String render(Map<String, ?> variables, Supplier<LocalDateTime> clock) {
        var scope = new Scope(null);
        scope.set("range", (Function) Template::range);
        scope.set("namespace", (Function) arguments -> new Namespace(arguments.named()));
        scope.set("dict", (Function) Arguments::named);
        scope.set("raise_exception", (Function) arguments -> {
            throw new TemplateException(Values.text(arguments.require(0, "message")));
        });
        scope.set("strftime_now", (Function) arguments -> date(clock.get(), arguments.text(0, "format", "")));
        variables.forEach((name, value) -> scope.set(name, Values.of(value)));
        var out = new StringBuilder();
        try {
            body.render(scope, out);
        } catch (StackOverflowError e) {
            // A macro that calls itself: the depth at which the stack ends depends on the macro.
            throw new TemplateException("macros are nested too deep");
        }
        return out.toString();
    }

    private static Object range(Arguments arguments) {
        arguments.allow("start", "stop", "step");
        int count = arguments.positional().size();
        long start = count > 1 ? Values.whole(arguments.require(0, "start")) : 0;
        long stop = Values.whole(arguments.require(count > 1 ? 1 : 0, "stop"));
        long step = count > 2 ? Values.whole(arguments.require(2, "step")) : 1;
        if (step == 0) {
            throw new TemplateException("the step of a range cannot be 0");
        }
        var numbers = new ArrayList<Object>();
        for (long number = start; step > 0 ? number < stop : number > stop; number += step) {
            if (numbers.size() == LONGEST_RANGE) {
                throw new TemplateException("a range has more than " + LONGEST_RANGE + " numbers");
            }
            numbers.add(number);
        }
        return numbers;
    }

    /** A time in the notation of C's {@code strftime}. */
    private static String date(LocalDateTime time, String format) {
        var out = new StringBuilder();
        int at = 0;
        while (at < format.length()) {
            char character = format.charAt(at++);
            if (character != '%' || at == format.length()) {
                out.append(character);
                continue;
            }
            char field = format.charAt(at++);
            out.append(switch (field) {
                case '%' -> "%";
                case 'd' -> pattern(time, "dd");
                case 'm' -> pattern(time, "MM");
                case 'Y' -> pattern(time, "uuuu");
                case 'y' -> pattern(time, "uu");
                case 'H' -> pattern(time, "HH");
                case 'I' -> pattern(time, "hh");
                case 'M' -> pattern(time, "mm");
                case 'S' -> pattern(time, "ss");
                case 'j' -> pattern(time, "DDD");
                case 'F' -> pattern(time, "uuuu-MM-dd");
                case 'p' -> time.getHour() < 12 ? "AM" : "PM";
                case 'B' -> time.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
                case 'b' -> time.getMonth().getDisplayName(TextStyle.SHORT, Locale.ENGLISH).substring(0, 3);
                case 'A' -> time.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
                case 'a' -> time.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
                default -> throw new TemplateException("strftime_now: '%" + field + "' is not supported");
            });
        }
        return out.toString();
    }

    private static String pattern(LocalDateTime time, String pattern) {
        return time.format(DateTimeFormatter.ofPattern(pattern, Locale.ROOT));
    }
}
