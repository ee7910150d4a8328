import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The code blocks of a Markdown file. A comment on the line before a block says more about it:
 *
 * <ul>
 *   <li>{@code <!-- from examples/Tour.java -->}: the code is part of that file
 *   <li>{@code <!-- output of Tour -->}: what that example prints
 *   <li>{@code <!-- takes minutes; quick tests set: --rounds 1 -->}: the commands run as they are in the slow tests; the
 *       quick ones set these options in every {@code ./geomean train}, {@code ./geomean compare} that starts something and
 *       {@code ./geomean bench checkpoint}
 *   <li>{@code <!-- slow tests only -->}: the commands need Maven, or a build of their own
 *   <li>{@code <!-- not run: reason -->}
 * </ul>
 */
record Page(String name, List<Block> blocks) {
    private static final Pattern BLOCK =
            Pattern.compile("(?m)(?:^<!-- (?<note>.*) -->\\R)?^```(?<language>\\w+)\\R(?<code>(?s:.*?))^```$");
    private static final Pattern OPTION = Pattern.compile("--[a-z-]+");
    private static final Pattern START =
            Pattern.compile("(?m)^(\\./geomean (?:train|compare|bench checkpoint)(?: [^\\s#]+)*)");

    /**
     * One code block.
     *
     * @param line where it starts
     * @param language what follows the fence
     * @param note text of the comment before it, empty if there is none
     * @param code its lines
     */
    record Block(int line, String language, String note, String code) {

        /** The commands as the quick tests run them. */
        String quickCode() {
            String marker = "quick tests set: ";
            int at = note.indexOf(marker);
            return at < 0
                    ? code
                    : START.matcher(code).replaceAll(
                            match -> Matcher
                                    .quoteReplacement(set(match.group(), note.substring(at + marker.length()))));
        }

        private static String set(String command, String options) {
            if (command.contains(" --resume ") || command.contains(" --help")) {
                return command;
            }
            String kept = command;
            for (Matcher name = OPTION.matcher(options); name.find();) {
                kept = kept.replaceAll(" " + name.group() + " \\S+", "");
            }
            return kept + " " + options;
        }
    }

    static Page read(Path root, String name) throws IOException {
        String text = Files.readString(root.resolve(name));
        List<Block> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(text);
        while (matcher.find()) {
            int line = (int) text.substring(0, matcher.start("code")).lines().count();
            String note = matcher.group("note");
            blocks.add(new Block(line, matcher.group("language"), note == null ? "" : note, matcher.group("code")));
        }
        return new Page(name, blocks);
    }

    List<Block> blocks(String language) {
        return blocks.stream().filter(block -> block.language().equals(language)).toList();
    }
}
