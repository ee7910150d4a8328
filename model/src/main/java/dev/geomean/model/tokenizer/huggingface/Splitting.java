package dev.geomean.model.tokenizer.huggingface;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts the pieces of one text. Parts come in order, each a separator or what is between two; the behavior says which of
 * them stay together. No part is empty.
 */
final class Splitting implements PreTokenizer.Pieces {
    private final Pattern pattern;
    private final boolean invert;
    private final SplitBehavior behavior;
    private final PreTokenizer.Pieces next;
    private Matcher matcher;
    private String text = "";
    private boolean first;

    /** The part that waits for what follows it. */
    private int heldFrom;

    private int heldTo;
    private boolean heldSeparator;

    Splitting(Pattern pattern, boolean invert, SplitBehavior behavior, PreTokenizer.Pieces next) {
        this.pattern = pattern;
        this.invert = invert;
        this.behavior = behavior;
        this.next = next;
        this.matcher = pattern.matcher(text);
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // only whether the matcher has this object already
    public void add(String piece, int from, int to, boolean atStart) {
        if (piece != text) {
            text = piece;
            matcher = pattern.matcher(piece);
        }
        first = atStart;
        heldFrom = from;
        heldTo = from;
        heldSeparator = false;
        int end = from;
        matcher.region(from, to);
        while (matcher.find()) {
            part(from, end, matcher.start(), invert);
            part(from, matcher.start(), matcher.end(), !invert);
            end = matcher.end();
        }
        part(from, end, to, invert);
        emit(from, heldFrom, heldTo);
    }

    private void part(int begin, int from, int to, boolean separator) {
        if (from == to) {
            return;
        }
        switch (behavior) {
            case ISOLATED -> emit(begin, from, to);
            case REMOVED -> {
                if (!separator) {
                    emit(begin, from, to);
                }
            }
            // The first separator of a row goes with what is before it, if there is anything.
            case MERGED_WITH_PREVIOUS -> hold(begin, from, to, separator, separator && !heldSeparator);
            // The last separator of a row goes with what is behind it.
            case MERGED_WITH_NEXT -> hold(begin, from, to, separator, !separator && heldSeparator);
            case CONTIGUOUS -> hold(begin, from, to, separator, separator == heldSeparator);
        }
    }

    private void hold(int begin, int from, int to, boolean separator, boolean together) {
        if (!together) {
            emit(begin, heldFrom, heldTo);
            heldFrom = from;
        } else if (heldFrom == heldTo) {
            heldFrom = from;
        }
        heldTo = to;
        heldSeparator = separator;
    }

    private void emit(int begin, int from, int to) {
        if (from < to) {
            next.add(text, from, to, first && from == begin);
        }
    }
}
