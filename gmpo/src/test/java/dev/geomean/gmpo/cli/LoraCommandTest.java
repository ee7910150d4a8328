package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Adapters at the command line")
class LoraCommandTest {
    /** A run of seconds that learns nothing. */
    private static final String TINY = "train --task addition:digits=2 --prompts 4 --samples 2 --mini-batches 2"
            + " --warmup-steps 2 --warmup-batch 4 --layers 1 --dim 8 --heads 2 --kv-heads 2 --ffn-dim 32 --shards 2"
            + " --evaluate-every 1 --evaluate-prompts 4 --evaluate-samples 2 --evaluate-k 2 --rounds 1 --workers 1"
            + " --quiet";

    @TempDir
    private Path folder;

    private record Result(int code, String out, String err) {}

    private Result run(String command) {
        var out = new StringWriter();
        var err = new StringWriter();
        String[] words = Arrays.stream(command.split(" "))
                .map(word -> word.replace("$D", folder.toString()))
                .toArray(String[]::new);
        int code = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), words);
        return new Result(code, out.toString(), err.toString());
    }

    private String good(String command) {
        Result result = run(command);
        assertThat(result.code()).as(command + ": " + result.err()).isZero();
        return result.out();
    }

    @Test
    @DisplayName("are trained, measured, sampled from and merged")
    void whole() throws IOException {
        good(TINY + " --lora-rank 2 --learning-rate 0.1 --out $D/run");
        assertThat(folder.resolve("run/final/adapter_model.safetensors")).exists();
        assertThat(good("eval $D/run --json --workers 1")).contains("greedyAccuracy");
        String sampled = good("generate $D/run 12+34= --temperature 0 --max-tokens 4 --workers 1");
        good("merge --adapter $D/run --out $D/new/merged --workers 1");
        assertThat(good("generate $D/new/merged 12+34= --temperature 0 --max-tokens 4 --workers 1"))
                .isEqualTo(sampled);
        good("merge --model $D/run/reference --adapter $D/run/final --out $D/merged --workers 1");
        assertThat(folder.resolve("merged/model.safetensors"))
                .hasSameBinaryContentAs(folder.resolve("new/merged/model.safetensors"));
        assertThat(folder.resolve("merged/config.json"))
                .hasSameBinaryContentAs(folder.resolve("run/reference/config.json"));

        good(TINY + " --out $D/whole");
        refuse("merge --adapter $D/whole --out $D/other", "holds a whole model, not adapters");
        refuse("merge --model $D/run --adapter $D/run --out $D/other", "holds adapters, not a whole model");
        refuse("merge --adapter $D/run --out $D/merged", "exists; name a new folder");
        refuse("merge --adapter $D/nothing --out $D/other", "no such folder");
        refuse("merge --adapter $D/run", "--out");
        Files.delete(folder.resolve("run/reference/config.json"));
        refuse("merge --adapter $D/run --out $D/other", "config.json: no such file");
        assertThat(folder.resolve("other")).doesNotExist();
    }

    private void refuse(String command, String problem) {
        Result result = run(command);
        assertThat(result.code()).as(command).isEqualTo(2);
        assertThat(result.err()).contains(problem).hasLineCount(1);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', value = {
        "--lora-alpha 3 | --lora-alpha needs a --lora-rank of at least 1",
        "--lora-targets c_attn | --lora-targets needs a --lora-rank of at least 1",
        "--lora-rank -1 | --lora-rank must be at least 0, not -1",
        "--lora-rank 2 --lora-alpha 0 | --lora-alpha must be positive",
        "--lora-rank 2 --lora-targets q_proj | there are c_attn, c_proj, c_fc, or all-linear",
        "--lora-rank 2 --lora-targets c_attn,,c_fc | adapters: targets must be names of layers",
        "--gradient-checkpointing yes | known are none, layers",
    })
    @DisplayName("are refused with one line")
    void refused(String options, String problem) {
        refuse(TINY + " --out $D/run " + options, problem);
        assertThat(folder.resolve("run")).doesNotExist();
    }
}
