package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.cli.Main;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What somebody sees whose device is not there, or has not enough memory. */
class FailingDeviceTest {
    private static final RunConfig CONFIG = new RunConfig(
            "addition:digits=1",
            1,
            new RunConfig.Model("gpt2", 1, 16, 2, 2, 32),
            new RunConfig.Warmup(2, 4, 3e-3, 1, 1),
            new RunConfig.Rollout(4, 2, 1, 0, 1, 0),
            RunConfig.Objective.of("gmpo"),
            new RunConfig.Update(1, 1, 1e-3, "constant", 0, 0.9, 0.95, 1e-8, 0, 1),
            new RunConfig.Evaluation(4, 1, 0, 1, 0.1),
            2,
            1);

    private record Result(int code, List<String> errors) {}

    private static Result run(String... arguments) {
        var err = new StringWriter();
        int code = Main.run(new PrintWriter(new StringWriter()), new PrintWriter(err, true), arguments);
        return new Result(code, err.toString().lines().toList());
    }

    private static Map<String, String> content(Path folder) throws IOException {
        var content = new TreeMap<String, String>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                content.put(folder.relativize(file).toString(), HexFormat.of().formatHex(Files.readAllBytes(file)));
            }
        }
        return content;
    }

    @Test
    void aDeviceThatIsNotThereIsBadInputInOneLineThatSaysWhichThereAre(@TempDir Path folder) {
        Result result = run("train", "--device", "opencl:99", "--out", folder.resolve("run").toString());
        assertThat(result.code()).isEqualTo(2);
        assertThat(result.errors()).hasSize(1);
        assertThat(result.errors().getFirst()).contains("no device 'opencl:99'; there are cpu, ", DeviceUnderTest.NAME);
        assertThat(folder.resolve("run")).doesNotExist();
    }

    /** Stops a run after its first round. */
    private static final class Stop implements TrainingListener {
        private int questions;

        @Override
        public boolean stopRequested() {
            questions++;
            return questions > CONFIG.warmup().steps();
        }
    }

    @Test
    void aDeviceThatIsOutOfMemoryEndsTheRunInOneLineAndLeavesItsCheckpoints(@TempDir Path folder) throws IOException {
        Path runFolder = folder.resolve("run");
        try (Engine cpu = Engine.cpu(1)) {
            assertThat(TrainingRun.start(cpu, CONFIG, runFolder, null, new Stop())).isFalse();
        }
        Path checkpoint = new RunFolder(runFolder).lastCheckpoint().orElseThrow();
        Map<String, String> before = content(checkpoint);
        Result result = run("train", "--device", "small:" + DeviceUnderTest.NAME, "--resume", runFolder.toString());
        assertThat(result.code()).isEqualTo(1);
        List<String> problems = result.errors().stream().filter(line -> line.contains("out of memory")).toList();
        assertThat(problems).hasSize(1);
        assertThat(problems.getFirst())
                .contains("small:" + DeviceUnderTest.NAME + " is out of memory: ", " bytes for '", "' of ", "[",
                        "--resume " + runFolder);
        assertThat(result.errors()).noneMatch(line -> line.startsWith("\tat "));
        assertThat(content(checkpoint)).isEqualTo(before);
        try (Engine device = DeviceUnderTest.engine()) {
            assertThat(TrainingRun.resume(device, runFolder, new TrainingListener() {})).isTrue();
        }
    }
}
