package dev.geomean.gmpo.report;

/** Text that goes into a page. */
final class Html {
    private Html() {}

    /** For text and for attributes in either kind of quotes. */
    static String escape(String text) {
        var escaped = new StringBuilder(text.length() + 16);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> escaped.append("&amp;");
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '"' -> escaped.append("&quot;");
                case '\'' -> escaped.append("&#39;");
                default -> {
                    // Control characters are not allowed in a page; they are shown as their symbols.
                    if (c < ' ' && c != '\n' && c != '\t') {
                        escaped.append((char) ('\u2400' + c));
                    } else {
                        escaped.append(c);
                    }
                }
            }
        }
        return escaped.toString();
    }

    /** JSON for inside of a script element, which ends at the first {@code </script} whatever it is part of. */
    static String escapeScript(String json) {
        return json.replace("&", "\\u0026")
                .replace("<", "\\u003c")
                .replace(">", "\\u003e")
                .replace("\u2028", "\\u2028")
                .replace("\u2029", "\\u2029");
    }
}
