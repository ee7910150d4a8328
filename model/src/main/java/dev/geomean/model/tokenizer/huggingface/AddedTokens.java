package dev.geomean.model.tokenizer.huggingface;

import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Finds tokens that are cut out of a text before anything else is done with it: at each place the longest, from left
 * to right.
 */
final class AddedTokens {
    private final Node root = new Node(0);
    private final BitSet firstCharacters = new BitSet();

    /**
     * A token with a text of its own.
     *
     * @param id its id
     * @param content its text
     * @param singleWord whether it is only found where no character of a word is next to it
     * @param stripLeft whether it takes the white space in front of it
     * @param stripRight whether it takes the white space behind it
     * @param normalized whether it is looked for in the normalized text instead of the text as it is
     * @param special whether decoding leaves it out
     */
    record AddedToken(
            int id,
            String content,
            boolean singleWord,
            boolean stripLeft,
            boolean stripRight,
            boolean normalized,
            boolean special) {}

    /** Receives a text in parts. */
    interface Parts {
        /** A token. */
        void token(int id);

        /** Text between tokens, never empty. */
        void text(String text, int from, int to);
    }

    private static final class Node {
        private final Map<Character, Node> children = new HashMap<>();
        private final int length;
        private @Nullable AddedToken token;

        Node(int length) {
            this.length = length;
        }
    }

    /**
     * Tokens to look for.
     *
     * @param tokens the tokens
     * @param contents for each the text to look for; one that is empty is never found
     */
    AddedTokens(List<AddedToken> tokens, List<String> contents) {
        for (int i = 0; i < tokens.size(); i++) {
            String content = contents.get(i);
            if (content.isEmpty()) {
                continue;
            }
            firstCharacters.set(content.charAt(0));
            Node node = root;
            for (int at = 0; at < content.length(); at++) {
                int length = at + 1;
                node = node.children.computeIfAbsent(content.charAt(at), _ -> new Node(length));
            }
            node.token = tokens.get(i);
        }
    }

    /** Cuts a text at the tokens in it. */
    void split(String text, Parts parts) {
        int done = 0;
        for (int at = nextCandidate(text, 0); at < text.length(); at = nextCandidate(text, at)) {
            Node found = longestAt(text, at);
            if (found == null || found.token == null) {
                at++;
                continue;
            }
            AddedToken token = found.token;
            int from = at;
            int to = at + found.length;
            at = to;
            if (token.singleWord() && !isAlone(text, from, to)) {
                continue;
            }
            if (token.stripLeft()) {
                // White space may belong to the token before already.
                while (from > done && UnicodeText.isWhiteSpace(text.codePointBefore(from))) {
                    from -= Character.charCount(text.codePointBefore(from));
                }
            }
            if (token.stripRight()) {
                while (to < text.length() && UnicodeText.isWhiteSpace(text.codePointAt(to))) {
                    to += Character.charCount(text.codePointAt(to));
                }
            }
            if (done < from) {
                parts.text(text, done, from);
            }
            parts.token(token.id());
            done = to;
        }
        if (done < text.length()) {
            parts.text(text, done, text.length());
        }
    }

    private int nextCandidate(String text, int from) {
        int at = from;
        if (firstCharacters.isEmpty()) {
            return text.length();
        }
        while (at < text.length() && !firstCharacters.get(text.charAt(at))) {
            at++;
        }
        return at;
    }

    private @Nullable Node longestAt(String text, int from) {
        Node longest = null;
        Node node = root.children.get(text.charAt(from));
        for (int at = from + 1; node != null; at++) {
            if (node.token != null) {
                longest = node;
            }
            node = at < text.length() ? node.children.get(text.charAt(at)) : null;
        }
        return longest;
    }

    private static boolean isAlone(String text, int from, int to) {
        return (from == 0 || !UnicodeText.isWord(text.codePointBefore(from)))
                && (to == text.length() || !UnicodeText.isWord(text.codePointAt(to)));
    }
}
