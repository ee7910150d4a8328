package dev.geomean.gmpo.run;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.FileFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The checksums of a folder's files, in a file that {@code sha256sum -c SHA256SUMS} checks too. Files whose names begin
 * with a dot are left out.
 */
final class Checksums {
    static final String FILE_NAME = "SHA256SUMS";

    private static final Pattern LINE = Pattern.compile("([0-9a-f]{64})  ([^/\\\\]+)");
    private static final long LONGEST = 1 << 20;

    private Checksums() {}

    /** A digest that has seen nothing. */
    static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    static String of(Path file) throws IOException {
        MessageDigest digest = digest();
        byte[] chunk = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int length = in.read(chunk); length >= 0; length = in.read(chunk)) {
                digest.update(chunk, 0, length);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Writes the checksums of all files that are in a folder. */
    static void write(Path folder) throws IOException {
        var text = new StringBuilder();
        for (Map.Entry<String, Path> file : files(folder).entrySet()) {
            text.append(of(file.getValue())).append("  ").append(file.getKey()).append('\n');
        }
        AtomicFile.write(folder.resolve(FILE_NAME), text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Compares a folder with its checksums.
     *
     * @throws FileFormatException if a file was changed, removed or added; the message names it
     * @throws IOException if a file cannot be read
     */
    static void check(Path folder) throws IOException {
        Map<String, String> expected = read(folder.resolve(FILE_NAME));
        Map<String, Path> files = files(folder);
        for (Map.Entry<String, String> entry : expected.entrySet()) {
            Path file = files.remove(entry.getKey());
            if (file == null) {
                throw new FileFormatException(folder.resolve(entry.getKey()), "the file is missing");
            }
            if (!of(file).equals(entry.getValue())) {
                throw new FileFormatException(file, "the content does not match its checksum");
            }
        }
        for (Path unknown : files.values()) {
            throw new FileFormatException(unknown, "the file has no checksum in " + FILE_NAME);
        }
    }

    private static Map<String, String> read(Path file) throws IOException {
        var checksums = new TreeMap<String, String>();
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(file.toString(), null, "the checksums are missing");
        }
        if (Files.size(file) > LONGEST) {
            throw new FileFormatException(file, "too long for a list of checksums");
        }
        // Not Files.readAllLines: bytes that are no UTF-8 are damage too.
        String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        for (String line : text.lines().toList()) {
            Matcher parts = LINE.matcher(line);
            if (!parts.matches()) {
                throw new FileFormatException(file, "not a list of checksums");
            }
            checksums.put(parts.group(2), parts.group(1));
        }
        return checksums;
    }

    private static Map<String, Path> files(Path folder) throws IOException {
        var files = new TreeMap<String, Path>();
        try (Stream<Path> all = Files.list(folder)) {
            for (Path file : all.toList()) {
                String name = file.getFileName().toString();
                if (!name.startsWith(".") && !name.equals(FILE_NAME)) {
                    files.put(name, file);
                }
            }
        }
        return files;
    }
}
