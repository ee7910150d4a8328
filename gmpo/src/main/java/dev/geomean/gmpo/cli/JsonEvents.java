package dev.geomean.gmpo.cli;

import dev.geomean.gmpo.report.RunSummary;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What happens, for programs: one JSON object a line, each with its {@code type}. The types {@code warmup}, {@code start}
 * and {@code round} have the fields of the lines of {@code metrics.jsonl} and {@code timings.jsonl}; all name their run.
 */
final class JsonEvents {
    private static final JsonMapper JSON = new JsonMapper();

    private final PrintWriter out;
    private String run = "";

    JsonEvents(PrintWriter out) {
        this.out = out;
    }

    void begin(String name, RunConfig config) {
        run = name;
        write("run", JSON.createObjectNode()
                .put("task", Definitions.label(config.task()))
                .put("objective", Definitions.label(config.objective().preset()))
                .put("seed", config.seed())
                .put("rounds", config.rounds()));
    }

    void warmedUp(WarmupMetrics metrics) {
        write("warmup", JSON.valueToTree(metrics));
    }

    void started(HeldOut heldOut) {
        write("start", JSON.createObjectNode().set("heldOut", JSON.valueToTree(heldOut)));
    }

    void finished(RoundMetrics metrics) {
        write("round", JSON.valueToTree(metrics));
    }

    void warned(String message) {
        write("warning", JSON.createObjectNode().put("message", message));
    }

    void serving(String address) {
        write("serving", JSON.createObjectNode().put("address", address));
    }

    /** The end of a run. */
    void result(String name, RunSummary summary, Map<String, Path> files) {
        run = name;
        ObjectNode result = JSON.valueToTree(summary);
        files.forEach((key, path) -> result.put(key, path.toString()));
        write("result", result);
    }

    private void write(String type, Object fields) {
        ObjectNode line = JSON.createObjectNode().put("type", type);
        if (!run.isEmpty()) {
            line.put("run", run);
        }
        line.setAll((ObjectNode) fields);
        out.println(JSON.writeValueAsString(line));
        out.flush();
    }
}
