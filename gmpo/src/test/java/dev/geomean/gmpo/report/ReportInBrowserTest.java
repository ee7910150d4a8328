package dev.geomean.gmpo.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.report.RunLog.Sample;
import dev.geomean.gmpo.train.RoundMetrics;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Looks at reports in Chromium. With {@code -Dgeomean.test.pictures=FOLDER} the pages are kept there as pictures.
 */
@DisplayName("A report in a browser")
class ReportInBrowserTest {
    /** Each canvas has at least this many pixels in the colour of some group. */
    private static final int MIN_PIXELS = 10;

    /** Titles of the charts that show no group's colour, nor that of a line for all groups. */
    private static final String EMPTY_CHARTS = """
            const colors = JSON.parse(document.getElementById('data').textContent).groups.map(group => group.color);
            const hues = [...colors, '--text'].map(color => {
              const hex = getComputedStyle(document.documentElement).getPropertyValue(color).trim();
              return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
            });
            return [...document.querySelectorAll('.chart')].filter(chart => {
              const canvas = chart.querySelector('canvas');
              if (!canvas || canvas.width < 100) return true;
              const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
              let count = 0;
              for (let i = 0; i < data.length; i += 4) {
                if (data[i + 3] > 200 && hues.some(hue => hue.every((c, k) => Math.abs(c - data[i + k]) < 12))) count++;
              }
              return count < %d;
            }).map(chart => chart.querySelector('h4').firstChild.textContent);
            """.formatted(MIN_PIXELS);

    private static Browser browser;

    @TempDir
    private Path folder;

    @BeforeAll
    static void start() throws IOException {
        browser = Browser.start();
    }

    @AfterAll
    static void end() throws IOException {
        if (browser != null) {
            browser.close();
        }
    }

    private static List<RunLog> comparison(int rounds) {
        List<RunLog> logs = new ArrayList<>();
        for (String objective : List.of("grpo", "gmpo")) {
            for (int seed = 0; seed < 3; seed++) {
                logs.add(Logs.run(objective, seed, rounds));
            }
        }
        return logs;
    }

    private void open(List<RunLog> logs) throws IOException {
        Path file = folder.resolve(Report.FILE_NAME);
        Report.of(logs).write(file);
        browser.open(file.toUri().toString());
    }

    private static void keep(String name, byte[] content) throws IOException {
        String pictures = System.getProperty("geomean.test.pictures");
        if (pictures != null) {
            Files.createDirectories(Path.of(pictures));
            Files.write(Path.of(pictures, name), content);
        }
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({"light,1200,false", "dark,1200,true", "phone,390,false", "tablet,820,true"})
    @DisplayName("draws every chart within the page, without an error and without a request")
    void draws(String name, int width, boolean isDark) throws IOException {
        browser.resize(width, 900, isDark);
        open(comparison(60));
        keep(name + ".png", browser.picture());
        assertThat(browser.run("return document.querySelectorAll('.chart').length")).isEqualTo(15L);
        assertThat(browser.run(EMPTY_CHARTS)).isEqualTo(List.of());
        assertThat(browser.run("return document.documentElement.scrollWidth")).isEqualTo((long) width);
        assertThat(browser.run("return performance.getEntriesByType('resource').length")).isEqualTo(0L);
        assertThat(browser.console()).isEmpty();
    }

    @Test
    @DisplayName("draws the warm-up that all runs start from as one line, and reads it out")
    void sharedWarmup() throws IOException {
        browser.resize(1200, 900, false);
        open(comparison(60));
        assertThat(browser.run("""
                const chart = [...document.querySelectorAll('.chart')].at(-1);
                return [chart.querySelector('h4').textContent, chart.querySelectorAll('.readout .swatch').length,
                  chart.querySelector('.readout').textContent].join(' | ')"""))
                .isEqualTo("Warm-up loss | 0 | step 22.25");
    }

    @Test
    @DisplayName("draws ten objectives with thousands of rounds from less than two megabytes")
    void large() throws IOException {
        List<RunLog> logs = new ArrayList<>();
        for (String objective : Preset.names()) {
            for (int seed = 0; seed < 2; seed++) {
                logs.add(Logs.run(objective, seed, 3000));
            }
        }
        browser.resize(1200, 900, false);
        open(logs);
        assertThat(folder.resolve(Report.FILE_NAME)).satisfies(
                file -> assertThat(Files.size(file)).isLessThan(2_000_000));
        assertThat(browser.run(EMPTY_CHARTS)).isEqualTo(List.of());
        assertThat(browser.console()).isEmpty();
    }

    @Test
    @DisplayName("says that nothing was measured yet")
    void nothing() throws IOException {
        browser.resize(1200, 900, false);
        open(List.of(new RunLog(
                Path.of("run"), Logs.config("gmpo", 0, 5), List.of(), null, List.of(), List.of(), false)));
        assertThat(browser.run("return document.getElementById('charts').textContent"))
                .asString().contains("Nothing measured yet");
        assertThat(browser.run("return getComputedStyle(document.getElementById('tools')).display"))
                .isEqualTo("none");
        assertThat(browser.console()).isEmpty();
    }

    @Test
    @DisplayName("draws a run of one round")
    void one() throws IOException {
        browser.resize(1200, 900, false);
        open(List.of(Logs.run("gmpo", 0, 1)));
        assertThat(browser.run(EMPTY_CHARTS)).isEqualTo(List.of());
        assertThat(browser.console()).isEmpty();
    }

    @Test
    @DisplayName("reads out the same round in all charts")
    void hover() throws IOException {
        browser.resize(1200, 2000, false);
        open(comparison(60));
        browser.hover(browser.element(".chart .u-over"), 20, 0);
        Object rounds = browser.run("""
                return [...new Set([...document.querySelectorAll('.readout .at')].map(at => at.textContent)
                  .filter(text => text.startsWith('round') && !/round [0-9]*0($|,)/.test(text))
                  .map(text => text.split(',')[0]))]""");
        assertThat(rounds).asInstanceOf(InstanceOfAssertFactories.LIST).hasSize(1)
                .doesNotContain("round 60");
    }

    @Test
    @DisplayName("zooms all charts of rounds together, and back")
    void zoom() throws IOException {
        browser.resize(1200, 2000, false);
        open(comparison(60));
        String ranges = """
                return [...new Set(geomeanReport.plots()
                  .filter(plot => plot.axes[0].label === 'round')
                  .map(plot => `${plot.scales.x.min.toFixed(2)} ${plot.scales.x.max.toFixed(2)}`))]""";
        assertThat(browser.run(ranges)).isEqualTo(List.of("0.00 60.00"));
        browser.drag(browser.element(".chart .u-over"), -60, 60);
        assertThat(browser.run(ranges)).asInstanceOf(InstanceOfAssertFactories.LIST)
                .hasSize(1).doesNotContain("0.00 60.00");
        assertThat(browser.run("return Number(document.getElementById('from').value)"))
                .asInstanceOf(InstanceOfAssertFactories.LONG).isBetween(5L, 30L);
        browser.element("#all").click();
        assertThat(browser.run(ranges)).isEqualTo(List.of("0.00 60.00"));
        browser.run("""
                const from = document.getElementById('from');
                from.value = 40;
                from.dispatchEvent(new Event('change'));""");
        assertThat(browser.run(ranges)).isEqualTo(List.of("40.00 60.00"));
        assertThat(browser.console()).isEmpty();
    }

    @Test
    @DisplayName("hides an objective in all charts")
    void hide() throws IOException {
        browser.resize(1200, 900, false);
        open(comparison(60));
        browser.element("#legend button").click();
        assertThat(browser.run("return document.querySelector('#legend button').getAttribute('aria-pressed')"))
                .isEqualTo("false");
        assertThat(browser.run("""
                return geomeanReport.plots().every(plot => plot.series.every(series =>
                  !series.line || series.show === (series.line.group !== 0)))""")).isEqualTo(true);
        assertThat(browser.console()).isEmpty();
    }

    @Test
    @DisplayName("shows hostile completions as they are and runs nothing of them")
    void hostile() throws IOException {
        List<String> evil = List.of(
                "</script><script>window.hacked = 1</script>",
                "<img src=x onerror='window.hacked = 1'>",
                "<svg onload=window.hacked=1>",
                "<!--<script>",
                "{{data}} ${1} \\u003c/script\u2028\u2029 \u0000\u0007",
                "\"><b onmouseover=window.hacked=1>");
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < evil.size(); i++) {
            samples.add(new Sample(-1, i + evil.get(i), evil.get(i), 0));
            samples.add(new Sample(0, i + evil.get(i), evil.get(i), i % 2));
        }
        List<RoundMetrics> rounds = List.of(Logs.round(0, 0.5, Logs.heldOut(0.5)));
        browser.resize(1200, 900, false);
        open(List.of(Logs.run(Logs.config("gmpo", 0, 1), rounds, samples)));
        assertThat(browser.run("return window.hacked")).isNull();
        assertThat(browser.run("return document.querySelectorAll('img, svg, b, iframe').length")).isEqualTo(0L);
        assertThat(browser.run("return document.querySelector('.samples').textContent")).asString()
                .contains(evil.get(0), evil.get(1), evil.get(2), evil.get(3), evil.get(5), "{{data}} ${1} \\u003c");
        assertThat(browser.run(EMPTY_CHARTS)).isEqualTo(List.of());
        assertThat(browser.console()).isEmpty();
    }

    @Test
    @DisplayName("lets the browser refuse a script that is not its own")
    void policy() throws IOException {
        browser.resize(1200, 900, false);
        open(comparison(10));
        browser.run("""
                const script = document.createElement('script');
                script.textContent = 'window.hacked = 1';
                document.body.append(script);
                const image = document.createElement('div');
                image.innerHTML = '<img src="http://127.0.0.1:9/x.png" onerror="window.hacked = 1">';
                document.body.append(image);""");
        assertThat(browser.run("return window.hacked")).isNull();
        assertThat(browser.console()).anyMatch(message -> message.contains("Content Security Policy"));
    }

    @Test
    @DisplayName("prints on a few pages, in light colours")
    void print() throws IOException {
        browser.resize(1200, 900, true);
        open(comparison(60));
        byte[] pdf = browser.print();
        keep("print.pdf", pdf);
        String text = new String(pdf, StandardCharsets.ISO_8859_1);
        assertThat(text).startsWith("%PDF");
        int pages = text.split("/Type /Page\\b", -1).length - 1;
        assertThat(pages).isBetween(3, 9);
        // What does not fit would be cut off on paper.
        browser.resize(720, 900, false);
        assertThat(browser.run("""
                dispatchEvent(new Event('beforeprint'));
                return [...document.querySelectorAll('.scroll')]
                  .filter(box => box.scrollWidth > box.clientWidth).length""")).isEqualTo(0L);
        assertThat(browser.console()).isEmpty();
    }

    @Test
    @DisplayName("follows a run that goes on")
    void live() throws IOException, InterruptedException {
        Path run = folder.resolve("run");
        try (var live = LiveReport.start(0, () -> List.of(run))) {
            browser.resize(1200, 900, false);
            browser.open(live.address().toString());
            assertThat(browser.run("return document.title")).isEqualTo("No run yet");
            RunFiles files = new RunFiles(run, Logs.config("gmpo", 0, 50));
            files.round(0);
            assertThat(browser.becomes("return document.title === 'gmpo on addition'")).isTrue();
            assertThat(browser.run("return geomeanReport.plots().length")).isEqualTo(12L);
            files.round(1);
            files.round(2);
            assertThat(browser.becomes(
                    "return document.querySelector('.readout .at').textContent === 'round 3'")).isTrue();
            assertThat(browser.run(
                    "return geomeanReport.plots()[0].data[0].join()")).isEqualTo("1,2,3");
            assertThat(browser.run("return document.getElementById('live').dataset.state")).isEqualTo("on");
            assertThat(browser.run(EMPTY_CHARTS.replace(
                    "JSON.parse(document.getElementById('data').textContent).groups", "[{ color: '--g0' }]")
                    .replace(", '--text'", "")))
                    .isEqualTo(List.of());
        }
        assertThat(browser.becomes("return document.getElementById('live').dataset.state === 'off'")).isTrue();
        assertThat(browser.console()).allMatch(message -> message.contains("ERR_CONNECTION_REFUSED")
                || message.contains("favicon"));
    }
}
