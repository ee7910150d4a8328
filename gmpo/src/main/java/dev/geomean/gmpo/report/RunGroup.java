package dev.geomean.gmpo.report;

import dev.geomean.gmpo.run.Definitions;
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

    /** All settings but the seed. */
    private record Key(Map<String, @Nullable Object> values) {}

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
        Map<Key, List<RunLog>> groups = new LinkedHashMap<>();
        for (RunLog log : logs) {
            var key = new Key(Settings.values(log.config()));
            key.values().remove(SEED);
            groups.computeIfAbsent(key, values -> new ArrayList<>()).add(log);
        }
        List<String> varying = varying(List.copyOf(groups.keySet()));
        List<RunGroup> result = new ArrayList<>();
        groups.forEach((key, runs) -> result.add(new RunGroup(label(key, varying), runs)));
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
    private static List<String> varying(List<Key> groups) {
        List<String> paths = new ArrayList<>();
        for (Setting setting : Settings.all()) {
            String path = setting.path();
            Object first = groups.getFirst().values().get(path);
            if (!path.equals(PRESET)
                    && groups.stream().anyMatch(key -> !Objects.equals(key.values().get(path), first))) {
                paths.add(path);
            }
        }
        return paths;
    }

    private static String label(Key key, List<String> varying) {
        var label = new StringBuilder(Definitions.label(Settings.text(key.values().get(PRESET))));
        for (String path : varying) {
            String option = Settings.at(path).map(Setting::option).orElse(path);
            label.append(", ").append(option).append(' ').append(Settings.text(key.values().get(path)));
        }
        return label.toString();
    }
}
