package dev.geomean.gmpo.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.report.RunLog.Sample;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.train.RoundMetrics;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@DisplayName("A report")
class ReportTest {

    private static final Set<String> VOID = Set.of("meta", "br", "input");

    @TempDir
    private Path folder;

    private static String page() {
        return Report.of(List.of(
                Logs.run("grpo", 0, 20), Logs.run("grpo", 1, 20), Logs.run("gmpo", 0, 20), Logs.run("gmpo", 1, 20)))
                .html();
    }

    private static JsonNode data(String html) {
        Matcher matcher =
                Pattern.compile("<script type=\"application/json\" id=\"data\">(.*?)</script>", Pattern.DOTALL)
                        .matcher(html);
        assertThat(matcher.find()).isTrue();
        return new JsonMapper().readTree(matcher.group(1));
    }

    private static JsonNode chart(JsonNode data, String title) {
        for (JsonNode chart : data.get("charts")) {
            if (chart.get("title").asString().equals(title)) {
                return chart;
            }
        }
        throw new AssertionError("no chart " + title);
    }

    private static RunLog withSteps(RunLog log, int steps) {
        return new RunLog(log.folder(), log.config(), log.warmup().subList(0, steps), log.start(), log.rounds(),
                log.samples(), log.isComplete());
    }

    @Nested
    @DisplayName("as a page")
    class Page {
        @Test
        @DisplayName("loads nothing")
        void selfContained() {
            assertThat(page()).doesNotContainPattern("(?i)(src|href|action|poster|data)\\s*=\\s*[\"']?\\s*(https?:)?//")
                    .doesNotContainPattern("(?i)<(link|iframe|img|object|embed)\\b")
                    .doesNotContainPattern("(?i)<script[^>]+src")
                    .doesNotContainPattern("(?i)@import|url\\(")
                    .doesNotContain("fetch(", "XMLHttpRequest", "{{");
        }

        @Test
        @DisplayName("opens and closes its elements in order")
        void wellFormed() {
            String html = page().replaceAll("(?s)<!--.*?-->", "")
                    .replaceAll("(?s)(<(script|style)[^>]*>).*?(</\\2>)", "$1$3");
            Deque<String> open = new ArrayDeque<>();
            Matcher tags = Pattern.compile("<(/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*>").matcher(html);
            while (tags.find()) {
                String name = tags.group(2);
                if (tags.group(1).isEmpty()) {
                    if (!VOID.contains(name)) {
                        open.push(name);
                    }
                } else {
                    assertThat(open.pop()).isEqualTo(name);
                }
            }
            assertThat(open).isEmpty();
            assertThat(html).startsWith("<!doctype html>").endsWith("</html>");
        }

        @Test
        @DisplayName("carries the license of the library inside it")
        void license() {
            assertThat(page()).contains("uPlot", "Leon Sorokin", "Permission is hereby granted");
        }

        @Test
        @DisplayName("shows figures, charts, time and settings")
        void parts() {
            assertThat(page())
                    .contains("grpo, gmpo on addition", "0.105 ± 0.007", "rollout", "held-out-fraction")
                    .contains("geomean train --task addition --seed 1 --rounds 20 --objective grpo");
        }

        @Test
        @DisplayName("shows answers as text, whatever they hold")
        void escaped() {
            String evil = "</script><script>alert(1)</script><img src=x onerror='a'>&amp;\"\u0001";
            RunLog run = Logs.run(
                    Logs.config("gmpo", 0, 1),
                    List.of(Logs.round(0, 0.5, Logs.heldOut(0.5))),
                    List.of(new Sample(-1, "1+1=", evil, 0), new Sample(0, "1+1=", "2", 1)));
            assertThat(Report.of(List.of(run)).html())
                    .contains("&lt;/script&gt;&lt;script&gt;alert(1)", "&#39;a&#39;&gt;&amp;amp;&quot;\u2401")
                    .contains("<span class=\"wrong\" title=\"wrong\">", "<span class=\"right\" title=\"right\">")
                    .doesNotContain("<script>alert", "<img");
        }

        @Test
        @DisplayName("stays small with many objectives, seeds and rounds")
        void size() {
            List<RunLog> logs = new ArrayList<>();
            for (String objective : Preset.names()) {
                for (int seed = 0; seed < 2; seed++) {
                    logs.add(withSamples(Logs.run(objective, seed, 4_000)));
                }
            }
            assertThat(Report.of(logs).html().getBytes(StandardCharsets.UTF_8).length).isLessThan(2_000_000);
        }

        private static RunLog withSamples(RunLog log) {
            List<Sample> samples = new ArrayList<>();
            for (int i = 0; i < 400; i++) {
                samples.add(new Sample(-1, "prompt " + i, "<".repeat(5000), 0));
                samples.add(new Sample(9, "prompt " + i, "\u20ac".repeat(5000), i % 2));
            }
            return new RunLog(
                    log.folder(), log.config(), log.warmup(), log.start(), log.rounds(), samples, log.isComplete());
        }

        @Test
        @DisplayName("shows completions of every outcome and counts them")
        void outcomes() {
            List<Sample> samples = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                samples.add(new Sample(-1, "prompt" + i, "before" + i, i == 39 || i < 30 ? 0 : 1));
                samples.add(new Sample(0, "prompt" + i, "after" + i, i == 38 || i == 39 ? 0 : 1));
            }
            RunLog run = Logs.run(
                    Logs.config("gmpo", 0, 1), List.of(Logs.round(0, 0.5, Logs.heldOut(0.5))), samples);
            assertThat(Report.of(List.of(run)).html())
                    .contains(
                            "Of 40 kept: 30 wrong → right, 8 right → right, 1 wrong → wrong, 1 right → wrong; 12 shown")
                    .contains("after38", "after39", "after30", "after0");
        }

        @Test
        @DisplayName("cuts long completions and says by how much")
        void longCompletion() {
            String text = "x".repeat(599) + "\ud83d\ude00" + "y".repeat(400);
            RunLog run = Logs.run(
                    Logs.config("gmpo", 0, 1),
                    List.of(Logs.round(0, 0.5, Logs.heldOut(0.5))),
                    List.of(new Sample(-1, "p", text, 0), new Sample(0, "p", "", 0.5)));
            assertThat(Report.of(List.of(run)).html())
                    .contains("x".repeat(599) + " <span class=\"note\">… 402 more characters")
                    .contains("(empty)", "reward 0.5")
                    .doesNotContain("xy");
        }

        @Test
        @DisplayName("says that there is nothing yet for a run that has just begun")
        void empty() {
            RunLog run = new RunLog(
                    Path.of("run"), Logs.config("gmpo", 0, 5), List.of(), null, List.of(), List.of(), false);
            assertThat(Report.of(List.of(run)).html())
                    .contains("No rounds yet", "Not every run has ended", "\"charts\":[]");
        }

        @Test
        @DisplayName("says how many supervised steps there were, or how many there may be")
        void steps() {
            RunLog run = Logs.run("gmpo", 0, 3);
            assertThat(Report.of(List.of(run)).html()).contains("updates per round, after 2 supervised steps.");
            assertThat(Report.of(List.of(run, withSteps(Logs.run("grpo", 0, 3), 1))).html())
                    .contains("after 1 to 2 supervised steps.");
            assertThat(Report.of(List.of(run, withSteps(Logs.run("grpo", 0, 3), 0))).html())
                    .contains("after up to 1000 supervised steps.");
        }

        @Test
        @DisplayName("is written to a file")
        void written() throws IOException {
            Path file = folder.resolve(Report.FILE_NAME);
            Report.of(List.of(Logs.run("gmpo", 0, 3))).write(file);
            assertThat(file).content().contains("gmpo on addition");
        }

        @Test
        @DisplayName("needs a run")
        void none() {
            assertThatThrownBy(() -> Report.of(List.of())).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Nested
    @DisplayName("as data")
    class Data {
        @Test
        @DisplayName("has a value or a gap at every position")
        void aligned() {
            JsonNode data = data(page());
            assertThat(data.get("groups")).hasSize(2);
            assertThat(data.get("charts")).hasSizeGreaterThan(12);
            for (JsonNode chart : data.get("charts")) {
                for (JsonNode line : chart.get("lines")) {
                    for (String column : List.of("mean", "low", "high")) {
                        assertThat(line.get(column)).hasSize(chart.get("x").size());
                    }
                }
            }
        }

        @Test
        @DisplayName("has the mean over seeds between the lowest and the highest")
        void band() {
            JsonNode line = chart(data(page()), "Reward").get("lines").get(0);
            assertThat(line.get("mean").get(5).asDouble()).isCloseTo(0.11, within(1e-9));
            assertThat(line.get("low").get(5).asDouble()).isCloseTo(0.105, within(1e-9));
            assertThat(line.get("high").get(5).asDouble()).isCloseTo(0.115, within(1e-9));
        }

        @Test
        @DisplayName("places evaluations after the rounds that led to them")
        void evaluations() {
            JsonNode chart = chart(data(page()), "Held-out accuracy");
            assertThat(chart.get("x").toString()).isEqualTo("[0,10,20]");
            assertThat(chart.get("lines").get(0).get("mean").toString()).isEqualTo("[0.15,0.209,0.219]");
        }

        @Test
        @DisplayName("has the warm-up once if all objectives start from it, and each its own otherwise")
        void warmup() {
            JsonNode shared = chart(data(page()), "Warm-up loss");
            assertThat(shared.get("lines")).hasSize(1);
            assertThat(shared.get("lines").get(0).get("group").asInt()).isEqualTo(-1);
            assertThat(shared.get("note").asString()).endsWith("; all runs start from it");
            String own = Report.of(List.of(Logs.run("grpo", 0, 3), withSteps(Logs.run("gmpo", 0, 3), 1))).html();
            assertThat(chart(data(own), "Warm-up loss").get("lines")).extracting(line -> line.get("group").asInt())
                    .containsExactly(0, 1);
        }

        @Test
        @DisplayName("has the clip bounds as log-ratios")
        void bounds() {
            JsonNode bounds = chart(data(page()), "Importance ratio range").get("bounds");
            assertThat(bounds).hasSize(4);
            assertThat(bounds.get(0).get("y").asDouble()).isCloseTo(Math.log(0.8), within(1e-4));
            assertThat(bounds.get(1).get("y").asDouble()).isCloseTo(Math.log(1.2), within(1e-4));
            assertThat(bounds.get(2).get("y").asDouble()).isEqualTo(-0.4);
            assertThat(bounds.get(3).get("y").asDouble()).isEqualTo(0.4);
        }

        @Test
        @DisplayName("has no bounds where tokens are not clipped one by one")
        void noBounds() {
            for (String objective : List.of("gmpo_noclip", "gmpo_seqclip", "gspo", "sapo")) {
                String html = Report.of(List.of(Logs.run(objective, 0, 3))).html();
                assertThat(chart(data(html), "Importance ratio range").get("bounds")).as(objective).isEmpty();
            }
        }

        @Test
        @DisplayName("has a gap where a value is not finite")
        void notFinite() {
            List<RoundMetrics> rounds = List.of(
                    Logs.round(0, 0.5, null), Logs.round(1, Double.NaN, null), Logs.round(2, 0.25, null));
            String html = Report.of(List.of(Logs.run(Logs.config("gmpo", 0, 3), rounds, List.of()))).html();
            assertThat(chart(data(html), "Reward").get("lines").get(0).get("mean").toString())
                    .isEqualTo("[0.5,null,0.25]");
        }
    }

    @Nested
    @DisplayName("of many rounds")
    class Thinned {
        private static final int ROUNDS = 9_999;

        private static JsonNode reward() {
            List<RoundMetrics> rounds = new ArrayList<>();
            for (int i = 0; i < ROUNDS; i++) {
                // Single rounds stand out to either side, the last one too.
                rounds.add(Logs.round(i, i == 4321 ? 0.99 : i == 7654 || i == ROUNDS - 1 ? 0.001 : 0.5, null));
            }
            String html = Report.of(List.of(Logs.run(Logs.config("gmpo", 0, ROUNDS), rounds, List.of()))).html();
            return chart(data(html), "Reward");
        }

        @Test
        @DisplayName("has few points and every extreme")
        void extremes() {
            JsonNode chart = reward();
            JsonNode mean = chart.get("lines").get(0).get("mean");
            assertThat(mean.size()).isBetween(500, 1000).isEqualTo(chart.get("x").size());
            List<Double> values = new ArrayList<>();
            mean.forEach(value -> values.add(value.asDouble()));
            assertThat(values).containsOnlyOnce(0.99);
            assertThat(values).filteredOn(value -> value == 0.001).hasSize(2);
            int at = values.indexOf(0.99);
            int stretch = chart.get("stretch").asInt();
            assertThat(chart.get("x").get(at).asInt()).isBetween(4322 - stretch, 4322 + stretch);
        }

        @Test
        @DisplayName("has a trend that is a mean of rounds, not of extremes")
        void trend() {
            JsonNode chart = reward();
            assertThat(chart.get("window").asInt()).isEqualTo(200);
            JsonNode trend = chart.get("lines").get(0).get("trend");
            assertThat(trend).hasSize(chart.get("x").size());
            assertThat(trend.get(100).asDouble()).isEqualTo(0.5);
            double most = 0;
            for (JsonNode value : trend) {
                most = Math.max(most, value.asDouble());
            }
            assertThat(most).isCloseTo(0.5 + 0.49 / 200, within(1e-4));
        }
    }

    @Nested
    @DisplayName("of files")
    class FromFiles {
        private static final String START =
                "{\"type\":\"start\",\"heldOut\":{\"greedyAccuracy\":0.5,\"passAt1\":\"NaN\",\"passAtK\":\"NaN\",\"k\":8}}";

        private void write(String metrics, String samples) throws IOException {
            var run = new RunFolder(folder);
            run.writeConfig(Logs.config("gmpo", 4, 2));
            Files.writeString(run.metricsFile(), metrics);
            Files.writeString(run.samplesFile(), samples);
        }

        @Test
        @DisplayName("reads what a run writes, to the last whole line")
        void reads() throws IOException {
            String round = new JsonMapper().writeValueAsString(Logs.round(0, 0.25, Logs.heldOut(0.5)));
            write(
                    "{\"type\":\"warmup\",\"step\":0,\"loss\":2.5,\"gradNorm\":1,\"learningRate\":0.1,\"tokensPerSecond\":9}\n"
                            + START + "\n" + round.replaceFirst("\\{", "{\"type\":\"round\",\"new\":1,")
                            + "\n{\"type\":\"rou",
                    "{\"type\":\"sample\",\"round\":-1,\"prompt\":\"1+1=\",\"completion\":\"2\",\"reward\":1.0}\n");
            RunLog log = RunLog.read(folder);
            assertThat(log.config().seed()).isEqualTo(4);
            assertThat(log.warmup()).hasSize(1);
            assertThat(log.start()).isNotNull();
            assertThat(log.start().passAt1()).isNaN();
            assertThat(log.rounds()).containsExactly(Logs.round(0, 0.25, Logs.heldOut(0.5)));
            assertThat(log.samples()).containsExactly(new Sample(-1, "1+1=", "2", 1));
            assertThat(log.isComplete()).isFalse();
        }

        @Test
        @DisplayName("says which line is malformed")
        void malformed() throws IOException {
            write("{\"type\":\n" + START + "\n", "");
            assertThatThrownBy(() -> RunLog.read(folder))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("metrics.jsonl: line 1");
        }

        @Test
        @DisplayName("needs a configuration")
        void missing() {
            assertThatThrownBy(() -> RunLog.read(folder))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("run.json");
        }
    }
}
