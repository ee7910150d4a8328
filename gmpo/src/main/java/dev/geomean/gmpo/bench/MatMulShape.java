package dev.geomean.gmpo.bench;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sizes of a matrix product {@code [m, k] · [k, n]}.
 *
 * @param m rows of the result
 * @param n columns of the result
 * @param k inner dimension
 */
public record MatMulShape(int m, int n, int k) {
    /** Square products, and those of layers: wide and narrow ones, a decoding step, the heads of attention. */
    public static final List<MatMulShape> USUAL = List.of(
            new MatMulShape(64, 64, 64),
            new MatMulShape(128, 128, 128),
            new MatMulShape(256, 256, 256),
            new MatMulShape(512, 512, 512),
            new MatMulShape(1024, 1024, 1024),
            new MatMulShape(2048, 2048, 2048),
            new MatMulShape(512, 1536, 384),
            new MatMulShape(1024, 384, 128),
            new MatMulShape(2048, 512, 128),
            new MatMulShape(16, 1024, 384),
            new MatMulShape(3072, 64, 192));

    private static final Pattern FORMAT = Pattern.compile("(\\d{1,9})(?:x(\\d{1,9})x(\\d{1,9}))?");

    /** Which operand is stored transposed. */
    public enum Transposed {
        /** Neither: gradients with respect to a layer's input. */
        NONE,
        /** The left one: gradients with respect to weights. */
        LEFT,
        /** The right one: a layer's forward pass. */
        RIGHT;

        /** Its name on the command line. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a size is less than 1, or a matrix has 2³¹ elements or more
     */
    public MatMulShape {
        if (m < 1 || n < 1 || k < 1) {
            throw new IllegalArgumentException(
                    "sizes of a product must be at least 1, not " + m + "x" + n + "x" + k);
        }
        long largest = Math.max((long) m * n, Math.max((long) m * k, (long) n * k));
        if (largest > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("too large: a matrix of " + m + "x" + n + "x" + k + " has " + largest
                    + " elements, more than 2^31");
        }
    }

    /**
     * Reads sizes.
     *
     * @param text {@code "512x1536x384"} for m, n and k, or {@code "512"} for all three
     * @return the shape
     * @throws IllegalArgumentException if the text is neither, or a size is out of range
     */
    public static MatMulShape parse(String text) {
        Matcher matcher = FORMAT.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("a shape is MxNxK or N, not '" + text + "'");
        }
        int m = Integer.parseInt(matcher.group(1));
        return matcher.group(2) == null
                ? new MatMulShape(m, m, m)
                : new MatMulShape(m, Integer.parseInt(matcher.group(2)), Integer.parseInt(matcher.group(3)));
    }

    /**
     * Floating-point operations of the product.
     *
     * @return {@code 2·m·n·k}
     */
    public double flops() {
        return 2.0 * m * n * k;
    }

    /**
     * A part of the product for one of several threads: some rows of the result if it has more rows than columns, else some
     * columns.
     *
     * @param index number of the part
     * @param parts number of parts
     * @return the part, or one without elements if there are too few
     */
    Part part(int index, int parts) {
        boolean byRows = m > n;
        int size = byRows ? m : n;
        int from = boundary(size, index, parts);
        int count = boundary(size, index + 1, parts) - from;
        return byRows ? new Part(from, count, 0, n) : new Part(0, m, from, count);
    }

    /** Multiples of 16, so that whole vectors and tiles stay together. */
    private static int boundary(int size, int index, int parts) {
        return index == parts ? size : Math.min(size, (int) ((long) size * index / parts + 8) / 16 * 16);
    }

    /**
     * A block of the result.
     *
     * @param row first row
     * @param rows number of rows
     * @param column first column
     * @param columns number of columns
     */
    record Part(int row, int rows, int column, int columns) {}

    @Override
    public String toString() {
        return m + "x" + n + "x" + k;
    }
}
