package dev.geomean.gmpo.report;

import dev.geomean.gmpo.settings.Setting;
import dev.geomean.gmpo.settings.Settings;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Runs that differ in nothing but the seed.
 *
 * @param label the objective, and what else tells the group from others with that objective
 * @param runs the runs, at least one
 */
public record RunGroup(String label, List<RunLog> runs) {
    private static final String SEED = "seed";
    private static final String PRESET = "objective.preset";

    /** Copies the list. */
    public RunGroup {
        runs = List.copyOf(runs);
    }

    /**
     * Groups runs.
     *
     * @param logs any runs
     * @return groups, in the order in which they first appear
     */
    public static List<RunGroup> of(List<RunLog> logs) {
        Map<Map<String, @Nullable Object>, List<RunLog>> groups = new LinkedHashMap<>();
        for (RunLog log : logs) {
            Map<String, @Nullable Object> key = Settings.values(log.config());
            key.remove(SEED);
            groups.computeIfAbsent(key, values -> new ArrayList<>()).add(log);
        }
        List<Map<String, @Nullable Object>> keys = new ArrayList<>(groups.keySet());
        List<String> varying = varying(keys);
        List<RunGroup> result = new ArrayList<>();
        groups.forEach((values, runs) -> result.add(new RunGroup(label(values, varying), runs)));
        return result;
    }

    /**
     * The seeds of the runs.
     *
     * @return sorted
     */
    public List<Long> seeds() {
        return List.copyOf(new TreeSet<>(
                runs.stream().map(run -> run.config().seed()).toList()));
    }

    /** Paths of the settings, other than objective and seed, in which the groups are not all alike. */
    private static List<String> varying(List<Map<String, @Nullable Object>> groups) {
        List<String> paths = new ArrayList<>();
        for (Setting setting : Settings.all()) {
            String path = setting.path();
            if (!path.equals(PRESET)
                    && groups.stream().anyMatch(values -> !Objects.equals(
                            values.get(path), groups.getFirst().get(path)))) {
                paths.add(path);
            }
        }
        return paths;
    }

    private static String label(Map<String, @Nullable Object> values, List<String> varying) {
        var label = new StringBuilder(Settings.text(values.get(PRESET)));
        for (String path : varying) {
            String option = Settings.at(path).map(Setting::option).orElse(path);
            label.append(", ").append(option).append(' ').append(Settings.text(values.get(path)));
        }
        return label.toString();
    }
}
