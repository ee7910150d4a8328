package dev.geomean.gmpo.source;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.SmallFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A file of the user's as it was when it was read. A configuration refers to it by {@link #reference}: its name and the
 * first half of a SHA-256 of its content, {@code MyTask.java#0f3a…}, so a file that has changed is another file.
 */
public final class SourceFile {
    private static final int HASH_BYTES = 16;
    private static final Pattern REFERENCE =
            Pattern.compile("([^/\\\\#]+)\\.(java|jsonl|json|csv|tsv|parquet)#[0-9a-f]{" + 2 * HASH_BYTES + "}");
    private static final long LARGEST_SOURCE = 1L << 24;
    /** Larger files are not copied: a run's folder says where they are. */
    private static final long LARGEST_COPY = 256L << 20;
    private static final String LOCATION = ".location";
    private static final int CHUNK = 1 << 16;

    private final Path path;
    private final byte @Nullable [] content;
    private final long size;
    private final FileTime modified;
    private final String hash;

    private SourceFile(Path path) throws IOException {
        this.path = path;
        this.size = Files.size(path);
        this.modified = Files.getLastModifiedTime(path);
        if (path.toString().endsWith(".java")) {
            if (size > LARGEST_SOURCE) {
                throw new SourceException(path + ": has " + size + " bytes; at most " + LARGEST_SOURCE + " are read",
                        null);
            }
            content = Files.readAllBytes(path);
            hash = hash(new ByteArrayInputStream(content));
        } else {
            content = null;
            try (InputStream stream = Files.newInputStream(path)) {
                hash = hash(stream);
            }
        }
    }

    /**
     * Reads a file: a Java file as a whole, any other as a stream that only its hash is kept of.
     *
     * @param path a {@code .java} file of at most 16 MiB, or a {@code .jsonl}, {@code .json}, {@code .csv}, {@code .tsv} or
     *     {@code .parquet} file of any size
     * @return the file
     * @throws IOException if it cannot be read
     * @throws SourceException if its name has another ending or holds a #, or it is too large
     */
    public static SourceFile read(Path path) throws IOException {
        Path last = path.getFileName();
        String name = last == null ? "" : last.toString();
        if (!REFERENCE.matcher(name + "#" + "0".repeat(2 * HASH_BYTES)).matches()) {
            throw new SourceException(path + ": the name must end in .java, .jsonl, .json, .csv, .tsv or .parquet"
                    + " and hold no #", null);
        }
        if (!Files.exists(path)) {
            throw new NoSuchFileException(path.toString());
        }
        if (!Files.isRegularFile(path)) {
            throw new SourceException(path + ": not a file", null);
        }
        return new SourceFile(path);
    }

    /**
     * Reads the file of a reference and checks that it has not changed.
     *
     * @param folder where it lies, or where {@link #copyTo} has written down where it lies
     * @param reference as {@link #reference} gives it
     * @return the file
     * @throws IOException if it cannot be read
     * @throws SourceException if there is no such file or its content is another one
     */
    public static SourceFile read(Path folder, String reference) throws IOException {
        if (!isReference(reference)) {
            throw new SourceException("'" + reference + "' does not name a file and its hash", null);
        }
        String name = reference.substring(0, reference.indexOf('#', reference.lastIndexOf('.')));
        Path path = folder.resolve(name);
        Path location = folder.resolve(name + LOCATION);
        if (!Files.exists(path) && Files.isRegularFile(location)) {
            path = location(location, name);
        }
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

    private static Path location(Path location, String name) throws IOException {
        try {
            Path path = Path.of(new String(SmallFile.read(location, CHUNK), StandardCharsets.UTF_8).strip());
            if (path.isAbsolute() && String.valueOf(path.getFileName()).equals(name)) {
                return path;
            }
        } catch (InvalidPathException e) {
            // Said below.
        }
        throw new SourceException(location + ": does not hold the path of a file " + name, null);
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
     * The content of a Java file as text.
     *
     * @return the text
     * @throws SourceException if it is not UTF-8, or no Java file
     */
    public String text() {
        if (content == null) {
            throw new SourceException(path + ": is no Java file", null);
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
        } catch (CharacterCodingException e) {
            throw new SourceException(path + ": is not UTF-8 text", e);
        }
    }

    /**
     * Opens a file that is not held in memory.
     *
     * @return its bytes, to be closed; {@link #checkUnchanged} says afterwards whether they are those of the hash
     * @throws IOException if it cannot be read
     */
    public InputStream open() throws IOException {
        return Files.newInputStream(path);
    }

    /**
     * Makes sure that a file has not been written to since its hash was taken, as far as its length and time tell.
     *
     * @throws IOException if it cannot be looked at
     * @throws SourceException if it was
     */
    public void checkUnchanged() throws IOException {
        if (Files.size(path) != size || !Files.getLastModifiedTime(path).equals(modified)) {
            throw new SourceException(path + ": was changed while it was read", null);
        }
    }

    /**
     * Writes a copy with the same name, or for a file of more than 256 MiB a text with the place where it is.
     *
     * @param folder where to; it must exist
     * @throws IOException if it cannot be written
     * @throws SourceException if the file has changed since it was read
     */
    public void copyTo(Path folder) throws IOException {
        if (content != null) {
            AtomicFile.write(folder.resolve(name()), content);
        } else if (size > LARGEST_COPY) {
            byte[] place = path.toAbsolutePath().normalize().toString().getBytes(StandardCharsets.UTF_8);
            AtomicFile.write(folder.resolve(name() + LOCATION), place);
        } else {
            AtomicFile.writeStream(folder.resolve(name()), stream -> {
                try (InputStream from = open()) {
                    from.transferTo(stream);
                }
                checkUnchanged();
            });
        }
    }

    @Override
    public String toString() {
        return path.toString();
    }

    private static String hash(InputStream stream) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] chunk = new byte[CHUNK];
            for (int length = stream.read(chunk); length >= 0; length = stream.read(chunk)) {
                digest.update(chunk, 0, length);
            }
            return HexFormat.of().formatHex(digest.digest(), 0, HASH_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
