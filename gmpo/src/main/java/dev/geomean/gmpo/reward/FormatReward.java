package dev.geomean.gmpo.reward;

import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;
import java.util.List;
import java.util.regex.Pattern;

/** 1 for a completion of a given form, whatever it says, else 0. */
enum FormatReward implements Reward {
    /** {@code <think>…</think><answer>…</answer>}, each tag once, nothing but white space around and between. */
    TAGS {
        @Override
        boolean fits(String text) {
            int at = 0;
            for (int i = 0; i < TAG_NAMES.size(); i++) {
                String tag = TAG_NAMES.get(i);
                int found = text.indexOf(tag, at);
                // The text inside of a pair is free; before an opening tag there is none.
                boolean isOpening = i % 2 == 0;
                if (found < 0 || (isOpening && !text.substring(at, found).isBlank())
                        || text.lastIndexOf(tag) != found) {
                    return false;
                }
                at = found + tag.length();
            }
            return text.substring(at).isBlank();
        }
    },
    /** An answer in {@code \boxed{…}} that is not empty. */
    BOXED {
        @Override
        boolean fits(String text) {
            return FinalAnswer.BOXED.find(text).filter(answer -> !answer.isEmpty()).isPresent();
        }
    },
    /** A last line {@code #### 42} with a number. */
    HASHES {
        @Override
        boolean fits(String text) {
            String line = text.stripTrailing();
            line = line.substring(line.lastIndexOf('\n') + 1);
            return line.startsWith("####") && NUMBER.matcher(line.substring(4).strip()).matches();
        }
    };

    private static final List<String> TAG_NAMES = List.of("<think>", "</think>", "<answer>", "</answer>");
    private static final List<String> NAMES = List.of("tags", "boxed", "hashes");
    private static final Pattern NUMBER = Pattern.compile("-?\\$?-?[0-9][0-9,]{0,60}(?:\\.[0-9]{1,60})?%?");

    abstract boolean fits(String text);

    static FormatReward named(String name) {
        int number = NAMES.indexOf(name);
        if (number < 0) {
            throw new KnownNames("style of format", NAMES).unknown(name);
        }
        return values()[number];
    }

    @Override
    public double score(Problem problem, String completion) {
        return fits(completion) ? 1 : 0;
    }
}
