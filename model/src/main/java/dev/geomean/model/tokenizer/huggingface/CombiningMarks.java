package dev.geomean.model.tokenizer.huggingface;

import java.text.Normalizer;
import java.text.Normalizer.Form;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Puts long runs of combining marks into the order of Unicode's canonical ordering algorithm. The library of the JDK
 * does so by insertion, whose time grows with the square of a run's length; on runs that are in order it is fast.
 */
final class CombiningMarks {
    /** Shorter runs are left to the JDK. */
    private static final int LONG = 64;

    private static final int FIRST_MARK = 0x300;

    /** A mark of the lowest combining class, 1. */
    private static final int LOWEST = 0x334;

    /** A mark of the highest combining class, 240. */
    private static final int HIGHEST = 0x345;

    private CombiningMarks() {}

    /** A canonically equivalent text with its long runs in order: the text itself if it has none. */
    static String ordered(String text) {
        StringBuilder out = null;
        int copied = 0;
        int begin = 0;
        int length = text.length();
        for (int at = 0; at <= length;) {
            int character = at < length ? text.codePointAt(at) : 0;
            int end = at + Character.charCount(character);
            if (character < FIRST_MARK || !UnicodeText.isMark(character)) {
                if (at - begin > LONG) {
                    out = out == null ? new StringBuilder(length) : out;
                    out.append(text, copied, begin);
                    appendOrdered(text.substring(begin, at), out);
                    copied = at;
                }
                begin = end;
            }
            at = end;
        }
        return out == null ? text : out.append(text, copied, length).toString();
    }

    private static void appendOrdered(String run, StringBuilder out) {
        // Each mark alone: some stand for several.
        int[] marks = run.codePoints()
                .flatMap(mark -> Normalizer.normalize(Character.toString(mark), Form.NFD).codePoints())
                .toArray();
        Map<Integer, Integer> classes = classes(marks);
        int begin = 0;
        for (int i = 0; i <= marks.length; i++) {
            // Marks of class 0 stay where they are, and nothing moves past them.
            if (i == marks.length || classes.getOrDefault(marks[i], 0) == 0) {
                appendSorted(marks, begin, i, classes, out);
                if (i < marks.length) {
                    out.appendCodePoint(marks[i]);
                }
                begin = i + 1;
            }
        }
    }

    private static void appendSorted(
            int[] marks, int from, int to, Map<Integer, Integer> classes, StringBuilder out) {
        var order = new long[to - from];
        for (int i = from; i < to; i++) {
            order[i - from] = ((long) classes.getOrDefault(marks[i], 0) << 32) | i;
        }
        Arrays.sort(order);
        for (long entry : order) {
            out.appendCodePoint(marks[(int) entry]);
        }
    }

    /**
     * Numbers for the combining classes of marks, in the order of the classes; 0 is class 0. The JDK does not tell the
     * classes, but whether it swaps two marks.
     */
    private static Map<Integer, Integer> classes(int[] marks) {
        var classes = new HashMap<Integer, Integer>();
        var movable = new ArrayList<Integer>();
        for (int mark : marks) {
            if (classes.putIfAbsent(mark, 0) == null && (swaps(mark, LOWEST) || swaps(HIGHEST, mark))) {
                movable.add(mark);
            }
        }
        movable.sort((left, right) -> swaps(left, right) ? 1 : swaps(right, left) ? -1 : 0);
        int number = 0;
        for (int i = 0; i < movable.size(); i++) {
            if (i == 0 || swaps(movable.get(i), movable.get(i - 1))) {
                number++;
            }
            classes.put(movable.get(i), number);
        }
        return classes;
    }

    /** Whether the class of the left mark is above that of the right, and none is 0. */
    private static boolean swaps(int left, int right) {
        String pair = Character.toString(left) + Character.toString(right);
        return !Normalizer.normalize(pair, Form.NFD).equals(pair);
    }
}
