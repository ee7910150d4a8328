package dev.geomean.gmpo.bench;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Engine;
import dev.geomean.engine.device.DeviceActivity;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** Prints measurements as they are made: a line of a table, or a JSON object with everything. */
final class Results {
    private static final int NARROWEST = 10;
    private static final int DEVICE_STEPS = 3;

    private final PrintWriter out;
    private final boolean json;
    private final List<Column> columns;
    private final JsonMapper mapper = new JsonMapper();
    private boolean hasHeader;

    /**
     * A column of the table.
     *
     * @param key field of the row
     * @param header text above
     * @param unit what a number is divided by
     * @param decimals digits after the point
     * @param width least width
     */
    record Column(String key, String header, double unit, int decimals, int width) {
        static Column text(String key, int width) {
            return new Column(key, key.replace('_', ' '), 1, 0, width);
        }

        static Column number(String key, String header, double unit, int decimals) {
            return new Column(key, header, unit, decimals, NARROWEST);
        }

        String header(int index) {
            return pad(header, index);
        }

        String cell(Row row, int index) {
            Object value = row.fields.get(key);
            if (value instanceof Integer && unit == 1) {
                return pad(value.toString(), index);
            }
            return pad(
                    value instanceof Number number
                            ? String.format(Locale.ROOT, "%." + decimals + "f", number.doubleValue() / unit)
                            : value == null ? "-" : value.toString(),
                    index);
        }

        /** The first column is flush left, the others are flush right. */
        private String pad(String text, int index) {
            int room = Math.max(width, header.length());
            return String.format(Locale.ROOT, index == 0 ? "%-" + room + "s" : "%" + room + "s", text);
        }
    }

    /** One measurement: named numbers and texts, in order. */
    static final class Row {
        private final Map<String, Object> fields = new LinkedHashMap<>();

        Row with(String key, Object value) {
            fields.put(key, value);
            return this;
        }

        Row with(String key, OptionalLong value) {
            value.ifPresent(number -> fields.put(key, number));
            return this;
        }

        /** Rate of a unit of work: median, and the tenth and ninetieth percentile. */
        Row withRate(String key, double work, Timings timings) {
            Quantiles seconds = timings.seconds();
            return with(key, work / seconds.median())
                    .with(key + "_p10", work / seconds.at(0.9))
                    .with(key + "_p90", work / seconds.at(0.1));
        }

        /**
         * What any benchmark of a whole decoder measures of a step: tokens a second, memory, multiply-adds, and what a device adds.
         */
        Row withStep(
                Engine engine, double tokens, double flops, Timings timings, OptionalDouble peakFlops, Runnable step) {
            double seconds = timings.seconds().median();
            return withRate("tokens_per_s", tokens, timings)
                    .with("seconds_per_step", seconds)
                    .with("peak_rss_bytes", ProcessMemory.peakBytes())
                    .with("alloc_bytes_per_step", timings.allocatedBytes())
                    .with("gflops", flops / seconds * 1e-9)
                    .withDevice(engine.backend(), step)
                    .withPeak(flops / seconds, peakFlops);
        }

        /** Multiply-adds a second as a fraction of the most there can be, where that is known. */
        Row withPeak(double flopsPerSecond, OptionalDouble peakFlops) {
            peakFlops.ifPresent(
                    peak -> with("peak_gflops", peak * 1e-9).with("fraction_of_peak", flopsPerSecond / peak));
            return this;
        }

        /**
         * What a device does in a step: launches, copies, the memory it needs, and the host's part. Runs some more steps for that;
         * on the CPU it adds nothing.
         */
        private Row withDevice(Backend backend, Runnable step) {
            Optional<DeviceActivity> before = backend.activity();
            if (before.isEmpty()) {
                return this;
            }
            for (int i = 0; i < DEVICE_STEPS; i++) {
                step.run();
            }
            DeviceActivity done = backend.activity().orElseThrow().since(before.get());
            with("device_launches_per_step", (double) done.launches() / DEVICE_STEPS)
                    .with("device_uploads_per_step", (double) done.uploads() / DEVICE_STEPS)
                    .with("device_downloads_per_step", (double) done.downloads() / DEVICE_STEPS)
                    .with("device_bytes", done.mostAllocatedBytes())
                    .with("enqueue_seconds_per_step", done.enqueueNanos() * 1e-9 / DEVICE_STEPS);
            return done.kernelNanos() == 0
                    ? this
                    : with("kernel_seconds_per_step", done.kernelNanos() * 1e-9 / DEVICE_STEPS)
                            .with("product_share", (double) done.productNanos() / done.kernelNanos());
        }

        Map<String, Object> fields() {
            return fields;
        }
    }

    Results(PrintWriter out, boolean json, Column... columns) {
        this.out = out;
        this.json = json;
        this.columns = List.of(columns);
    }

    void print(Row row) {
        if (json) {
            out.println(mapper.writeValueAsString(row.fields()));
        } else {
            if (!hasHeader) {
                hasHeader = true;
                out.println(line(null));
            }
            out.println(line(row));
        }
        out.flush();
    }

    private String line(@Nullable Row row) {
        var line = new StringBuilder();
        for (int i = 0; i < columns.size(); i++) {
            Column column = columns.get(i);
            line.append(i == 0 ? "" : "  ").append(row == null ? column.header(i) : column.cell(row, i));
        }
        return line.toString();
    }
}
