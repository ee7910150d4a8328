package dev.geomean.gmpo.source;

import dev.geomean.engine.io.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file of the user's as it was when it was read. A configuration refers to it by {@link #reference}: its name and the
 * first half of a SHA-256 of its content, {@code MyTask.java#0f3a…}, so a file that has changed is another file.
 */
public final class SourceFile {
    private static final int HASH_BYTES = 16;
    private static final Pattern REFERENCE =
            Pattern.compile("([^/\\\\#]+)\\.(java|jsonl)#[0-9a-f]{" + 2 * HASH_BYTES + "}");
    private static final long LARGEST = 256L << 20;

    private final Path path;
    private final byte[] content;
    private final String hash;

    private SourceFile(Path path, byte[] content) {
        this.path = path;
        this.content = content;
        this.hash = hash(content);
    }

    /**
     * Reads a file.
     *
     * @param path a {@code .java} or {@code .jsonl} file of at most 256 MiB
     * @return the file
     * @throws IOException if it cannot be read
     * @throws SourceException if its name has another ending or holds a #, or it is too large
     */
    public static SourceFile read(Path path) throws IOException {
        Path last = path.getFileName();
        String name = last == null ? "" : last.toString();
        if (!REFERENCE.matcher(name + "#" + "0".repeat(2 * HASH_BYTES)).matches()) {
            throw new SourceException(path + ": the name must end in .java or .jsonl and hold no #", null);
        }
        if (!Files.exists(path)) {
            throw new NoSuchFileException(path.toString());
        }
        if (!Files.isRegularFile(path)) {
            throw new SourceException(path + ": not a file", null);
        }
        if (Files.size(path) > LARGEST) {
            throw new SourceException(path + ": has " + Files.size(path) + " bytes; at most " + LARGEST + " are read",
                    null);
        }
        return new SourceFile(path, Files.readAllBytes(path));
    }

    /**
     * Reads the file of a reference and checks that it has not changed.
     *
     * @param folder where it lies
     * @param reference as {@link #reference} gives it
     * @return the file
     * @throws IOException if it cannot be read
     * @throws SourceException if there is no such file or its content is another one
     */
    public static SourceFile read(Path folder, String reference) throws IOException {
        if (!isReference(reference)) {
            throw new SourceException("'" + reference + "' does not name a file and its hash", null);
        }
        Path path = folder.resolve(reference.substring(0, reference.indexOf('#', reference.lastIndexOf('.'))));
        if (!Files.isRegularFile(path)) {
            throw new SourceException(path + ": is missing, but the run's configuration names it", null);
        }
        SourceFile file = read(path);
        if (!file.reference().equals(reference)) {
            throw new SourceException(path + ": has changed since the run started; its hash was "
                    + reference.substring(reference.lastIndexOf('#') + 1) + " and is " + file.hash, null);
        }
        return file;
    }

    /**
     * Whether a text has the form of a reference.
     *
     * @param text any text
     * @return true if it is the name of a file with a hash
     */
    public static boolean isReference(String text) {
        return REFERENCE.matcher(text).matches();
    }

    /**
     * A short name for people, if a text is a reference.
     *
     * @param text any text
     * @return the file's name without its ending, or empty if it is no reference
     */
    public static Optional<String> label(String text) {
        Matcher matcher = REFERENCE.matcher(text);
        return matcher.matches() ? Optional.of(matcher.group(1)) : Optional.empty();
    }

    /**
     * Where the file was read.
     *
     * @return the path as it was given
     */
    public Path path() {
        return path;
    }

    /**
     * The file's name.
     *
     * @return for example {@code MyTask.java}
     */
    public String name() {
        return String.valueOf(path.getFileName());
    }

    /**
     * What a configuration calls the file.
     *
     * @return name and hash, for example {@code MyTask.java#} and 32 hexadecimal digits
     */
    public String reference() {
        return name() + "#" + hash;
    }

    /**
     * The content as text.
     *
     * @return the text
     * @throws SourceException if it is not UTF-8
     */
    public String text() {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
        } catch (CharacterCodingException e) {
            throw new SourceException(path + ": is not UTF-8 text", e);
        }
    }

    /**
     * Writes a copy with the same name.
     *
     * @param folder where to; it must exist
     * @throws IOException if it cannot be written
     */
    public void copyTo(Path folder) throws IOException {
        AtomicFile.write(folder.resolve(name()), content);
    }

    @Override
    public String toString() {
        return path.toString();
    }

    private static String hash(byte[] content) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
            return HexFormat.of().formatHex(digest, 0, HASH_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
