package dev.geomean.gmpo.names;

import dev.geomean.engine.io.Names;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/**
 * The names that are possible somewhere, for messages about one that is not.
 *
 * @param kind what is named, for example {@code "objective"}
 * @param names the possible names, in the order in which they are listed
 */
public record KnownNames(String kind, List<String> names) {

    /** Copies the list. */
    public KnownNames {
        names = List.copyOf(names);
    }

    /**
     * The possible names.
     *
     * @param kind what is named, for example {@code "objective"}
     * @param names the possible names, in the order in which they are listed
     * @return their record
     */
    public static KnownNames of(String kind, String... names) {
        return new KnownNames(kind, List.of(names));
    }

    /**
     * Describes a name that is not among them: {@code unknown objective 'gpmo'; did you mean gmpo? known are grpo, gmpo}.
     *
     * @param name the name
     * @return an exception to be thrown
     */
    public IllegalArgumentException unknown(String name) {
        return new IllegalArgumentException("unknown " + kind + " " + Names.quote(name) + suggestion(name, names)
                + (suggestion(name, names).isEmpty() ? "; known are " : " known are ") + String.join(", ", names));
    }

    /**
     * A question for the name that was meant.
     *
     * @param name a name that is not known
     * @param known those that are
     * @return {@code "; did you mean gmpo?"}, or an empty text if none is near
     */
    public static String suggestion(String name, Collection<String> known) {
        String typed = plain(name);
        String nearest = null;
        // One slip for each three characters: fewer would miss slips, more would guess.
        int least = typed.length() / 3 + 1;
        for (String candidate : known) {
            // Lengths first, so that a name of megabytes costs nothing.
            if (Math.abs(candidate.length() - typed.length()) < least) {
                int distance = distance(typed, plain(candidate));
                if (distance < least) {
                    least = distance;
                    nearest = candidate;
                }
            }
        }
        return nearest == null ? "" : "; did you mean " + nearest + "?";
    }

    private static String plain(String name) {
        return name.toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Insertions, deletions, replacements and swaps of neighbours between two texts (optimal string alignment). */
    private static int distance(String a, String b) {
        List<int[]> rows = new ArrayList<>();
        for (int i = 0; i <= a.length(); i++) {
            int[] row = new int[b.length() + 1];
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    row[j] = i + j;
                    continue;
                }
                int[] above = rows.get(i - 1);
                int replaced = above[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(replaced, Math.min(above[j], row[j - 1]) + 1);
                boolean swapped = i > 1
                        && j > 1
                        && a.charAt(i - 1) == b.charAt(j - 2)
                        && a.charAt(i - 2) == b.charAt(j - 1);
                if (swapped) {
                    row[j] = Math.min(row[j], rows.get(i - 2)[j - 2] + 1);
                }
            }
            rows.add(row);
        }
        return rows.getLast()[b.length()];
    }
}
