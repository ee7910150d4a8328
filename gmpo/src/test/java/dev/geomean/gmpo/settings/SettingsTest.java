package dev.geomean.gmpo.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Settings")
class SettingsTest {

    @TempDir
    private Path folder;

    @Test
    @DisplayName("name every field of a configuration once")
    void complete() {
        assertThat(Settings.all()).extracting(Setting::path).containsExactlyInAnyOrderElementsOf(Settings.paths());
        assertThat(Settings.all()).extracting(Setting::option).doesNotHaveDuplicates();
    }

    @Test
    @DisplayName("take a configuration apart and put it together again")
    void roundTrip() {
        for (String preset : Preset.names()) {
            RunConfig config = RunConfig.defaults(preset);
            assertThat(Settings.config(Settings.values(config))).isEqualTo(config);
        }
    }

    @Test
    @DisplayName("read a value from its text")
    void texts() {
        Map<String, Object> values = Settings.values(RunConfig.defaults("gmpo"));
        for (Setting setting : Settings.all()) {
            Object value = values.get(setting.path());
            assertThat(Settings.parse(setting, Settings.text(value))).as(setting.option()).isEqualTo(value);
        }
    }

    @ParameterizedTest
    @CsvSource({"1.0E-4,1e-4", "1.5E-4,1.5e-4", "0.1,0.1", "3.0,3", "Infinity,Infinity", "1.0E10,1e10"})
    @DisplayName("write numbers as people do")
    void numbers(double value, String text) {
        assertThat(Settings.text(value)).isEqualTo(text);
    }

    @Test
    @DisplayName("keep the default of what a file leaves out")
    void partialFile() throws IOException {
        RunConfig config = ConfigFile.read(file("{\"objective\":{\"preset\":\"grpo\"},\"rollout\":{\"topP\":0.9}}"));
        RunConfig standard = RunConfig.defaults("grpo");
        assertThat(config.rollout().topP()).isEqualTo(0.9);
        assertThat(config.rollout().prompts()).isEqualTo(standard.rollout().prompts());
        assertThat(config.objective()).isEqualTo(standard.objective());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{\"rollout\":{\"promts\":3}} | there is no setting 'rollout.promts'; did you mean rollout.prompts?",
        "{\"rounds\":\"many\"} | rounds must be a whole number, not 'many'",
        "{\"rounds\":1.5} | rounds must be a whole number, not '1.5'",
        "{\"rounds\":null} | rounds must not be null",
        "{\"rounds\":[1]} | rounds: a list is not a value",
        "{\"rounds\":-1} | rounds must be at least 0, not -1",
        "[] | not a JSON object",
        "{\"rounds\": | invalid JSON at line 1",
        "{\"rounds\":1,\"rounds\":2} | Duplicate",
        "{\"rounds\":1} {} | invalid JSON"
    })
    @DisplayName("say in one line what is wrong with a file")
    void wrongFile(String content, String problem) throws IOException {
        Path file = file(content);
        assertThatThrownBy(() -> ConfigFile.read(file))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(problem)
                .hasMessageNotContaining("\n");
    }

    private Path file(String content) throws IOException {
        return Files.writeString(folder.resolve("run.json"), content);
    }
}
