package dev.geomean.model.chat.jinja;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Values as JSON, written as Python's {@code json.dumps} does with {@code ensure_ascii=False}. */
final class JsonText {
    private final StringBuilder out = new StringBuilder();
    private final String itemSeparator;
    private final String keySeparator;
    private final int indent;

    private JsonText(int indent, String itemSeparator, String keySeparator) {
        this.indent = indent;
        this.itemSeparator = itemSeparator;
        this.keySeparator = keySeparator;
    }

    /**
     * Writes a value.
     *
     * @param value the value
     * @param indent spaces per level, or -1 for all in one line
     * @param itemSeparator between items
     * @param keySeparator between a key and its value
     * @return its JSON
     */
    static String of(Object value, int indent, String itemSeparator, String keySeparator) {
        var writer = new JsonText(indent, itemSeparator, keySeparator);
        writer.write(value, 0);
        return writer.out.toString();
    }

    private void write(Object value, int depth) {
        switch (value) {
            case None _ -> out.append("null");
            case Boolean truth -> out.append(truth);
            case Long number -> out.append(number);
            case Double number -> out.append(number(number));
            case String text -> quote(text);
            case List<?> list -> {
                out.append('[');
                String separator = "";
                for (Object element : list) {
                    out.append(separator);
                    breakLine(depth + 1);
                    write(Objects.requireNonNull(element), depth + 1);
                    separator = itemSeparator;
                }
                end(']', list.isEmpty(), depth);
            }
            case Map<?, ?> map -> {
                out.append('{');
                String separator = "";
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    out.append(separator);
                    breakLine(depth + 1);
                    quote(String.valueOf(entry.getKey()));
                    out.append(keySeparator);
                    write(Objects.requireNonNull(entry.getValue()), depth + 1);
                    separator = itemSeparator;
                }
                end('}', map.isEmpty(), depth);
            }
            default -> throw new TemplateException(Values.undefinedOr(
                    value, value, "'" + Values.type(value) + "' cannot be written as JSON"));
        }
    }

    private void end(char bracket, boolean empty, int depth) {
        if (!empty) {
            breakLine(depth);
        }
        out.append(bracket);
    }

    private void breakLine(int depth) {
        if (indent >= 0) {
            out.append('\n').repeat(' ', indent * depth);
        }
    }

    private void quote(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char character = text.charAt(i);
            switch (character) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                default -> {
                    if (character < ' ') {
                        out.append(String.format("\\u%04x", (int) character));
                    } else {
                        out.append(character);
                    }
                }
            }
        }
        out.append('"');
    }

    /** A number as Python writes it: the fewest digits that give it back, and an exponent only where it is large. */
    static String number(double number) {
        if (Double.isNaN(number)) {
            return "nan";
        }
        if (Double.isInfinite(number)) {
            return number > 0 ? "inf" : "-inf";
        }
        if (number == 0) {
            return 1 / number < 0 ? "-0.0" : "0.0";
        }
        var decimal = new BigDecimal(Double.toString(number)).stripTrailingZeros();
        int exponent = decimal.precision() - decimal.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = decimal.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String digits = decimal.unscaledValue().abs().toString();
        return (number < 0 ? "-" : "")
                + digits.charAt(0)
                + (digits.length() > 1 ? "." + digits.substring(1) : "")
                + (exponent < 0 ? "e-" : "e+")
                + (Math.abs(exponent) < 10 ? "0" : "")
                + Math.abs(exponent);
    }
}
