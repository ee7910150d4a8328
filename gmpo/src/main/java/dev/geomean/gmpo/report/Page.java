package dev.geomean.gmpo.report;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Puts a page together. Its policy for content lets the browser run the page's own scripts, known by their hashes, and
 * load nothing: what a run has written can bring in neither.
 *
 * @param title the title
 * @param parts HTML by the id of the element that holds it
 * @param data what the script draws
 * @param isLive whether the page asks for news
 */
record Page(String title, Map<String, String> parts, ObjectNode data, boolean isLive) {
    private static final Pattern PLACE = Pattern.compile("\\{\\{([a-z.]+)}}");
    private static final JsonMapper JSON = new JsonMapper();

    static Page of(String title, Map<String, String> parts, ObjectNode data) {
        return new Page(title, parts, data, false);
    }

    Page live() {
        return new Page(title, parts, data, true);
    }

    String html() {
        String library = resource("uplot/uPlot.iife.min.js");
        String script = resource("report.js");
        String live = isLive ? resource("live.js") : "";
        Map<String, String> places = new LinkedHashMap<>(parts);
        places.put("title", Html.escape(title));
        places.put("data", Html.escapeScript(JSON.writeValueAsString(data)));
        places.put("policy", policy(library, script, live));
        places.put("uplot.license", resource("uplot/LICENSE"));
        places.put("uplot.css", resource("uplot/uPlot.min.css"));
        places.put("uplot.script", library);
        places.put("style", resource("report.css"));
        places.put("script", script);
        places.put("live", isLive ? "<script>" + live + "</script>" : "");
        return PLACE.matcher(resource("report.html")).replaceAll(place -> {
            String part = places.get(place.group(1));
            if (part == null) {
                throw new IllegalStateException("report.html has an unknown place " + place.group());
            }
            return Matcher.quoteReplacement(part);
        });
    }

    private static String policy(String... scripts) {
        boolean isLive = !scripts[scripts.length - 1].isEmpty();
        return "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; connect-src "
                + (isLive ? "'self'" : "'none'")
                + "; script-src "
                + Stream.of(scripts)
                        .filter(script -> !script.isEmpty())
                        .map(Page::hash)
                        .collect(Collectors.joining(" "));
    }

    private static String hash(String script) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(script.getBytes(StandardCharsets.UTF_8));
            return "'sha256-" + Base64.getEncoder().encodeToString(hash) + "'";
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static String resource(String name) {
        try (InputStream stream = Report.class.getResourceAsStream(name)) {
            if (stream == null) {
                throw new FileNotFoundException("the resource " + name + " is missing from this build");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8).replace("\r", "").strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
