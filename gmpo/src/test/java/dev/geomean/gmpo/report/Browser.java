package dev.geomean.gmpo.report;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.openqa.selenium.By;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.interactions.Actions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;

/** Chromium without a window, with a profile of its own. */
final class Browser implements AutoCloseable {
    private static final List<String> BROWSERS =
            List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");

    private final Path profile;
    private final ChromeDriver driver;

    private Browser(Path profile, ChromeDriver driver) {
        this.profile = profile;
        this.driver = driver;
    }

    /** Starts it; the test that asks is skipped where there is none. */
    static Browser start() throws IOException {
        Optional<Path> browser = BROWSERS.stream().flatMap(name -> find(name).stream()).findFirst();
        Optional<Path> chromedriver = find("chromedriver");
        if (browser.isEmpty() || chromedriver.isEmpty()) {
            abort("needs Chromium and its driver: apt-get install chromium chromium-driver");
        }
        Path profile = Files.createTempDirectory("geomean-browser");
        var options = new ChromeOptions();
        options.setBinary(browser.get().toFile());
        options.addArguments(
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--hide-scrollbars", "--user-data-dir=" + profile);
        options.setCapability("goog:loggingPrefs", Map.of(LogType.BROWSER, "ALL"));
        var service = new ChromeDriverService.Builder()
                .usingDriverExecutable(chromedriver.get().toFile())
                .usingAnyFreePort()
                .build();
        return new Browser(profile, new ChromeDriver(service, options));
    }

    private static Optional<Path> find(String name) {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                .map(folder -> Path.of(folder, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** The size of the page's window, in CSS pixels, and the colours that its reader prefers. */
    void resize(int width, int height, boolean isDark) {
        driver.executeCdpCommand(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
        driver.executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of(
                        "name", "prefers-color-scheme", "value", isDark ? "dark" : "light"))));
    }

    void open(String address) {
        driver.get(address);
    }

    /** What a script returns. */
    Object run(String script) {
        return driver.executeScript(script);
    }

    /** Whether a script comes to return true within some seconds. */
    boolean becomes(String script) throws InterruptedException {
        for (int i = 0; i < 150; i++) {
            if (Boolean.TRUE.equals(run(script))) {
                return true;
            }
            Thread.sleep(100);
        }
        return false;
    }

    void hover(WebElement element, int x, int y) {
        new Actions(driver).moveToElement(element, x, y).perform();
    }

    void drag(WebElement element, int from, int to) {
        new Actions(driver)
                .moveToElement(element, from, 0)
                .clickAndHold()
                .moveByOffset((to - from) / 2, 0)
                .moveByOffset(to - from - (to - from) / 2, 0)
                .release()
                .perform();
    }

    WebElement element(String selector) {
        return driver.findElement(By.cssSelector(selector));
    }

    /** Everything that the console was told. */
    List<String> console() {
        return driver.manage().logs().get(LogType.BROWSER).getAll().stream().map(LogEntry::getMessage).toList();
    }

    /** The whole page as a picture, PNG. */
    byte[] picture() {
        Object data = driver.executeCdpCommand(
                "Page.captureScreenshot", Map.of("captureBeyondViewport", true, "format", "png"))
                .get("data");
        return Base64.getDecoder().decode(String.valueOf(data));
    }

    /** The page as it is printed on A4, PDF. */
    byte[] print() {
        Object data = driver.executeCdpCommand(
                "Page.printToPDF", Map.of("paperWidth", 8.27, "paperHeight", 11.69, "preferCSSPageSize", true))
                .get("data");
        return Base64.getDecoder().decode(String.valueOf(data));
    }

    @Override
    public void close() throws IOException {
        driver.quit();
        try (Stream<Path> files = Files.walk(profile)) {
            files.sorted(Comparator.reverseOrder()).forEach(path -> {
                try {
                    Files.deleteIfExists(path);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }
}
