package dev.geomean.engine.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Writes folders so that one which has its proper name is whole: the files go to a temporary name beside it, which is
 * renamed when all of them are on the disk. What a process leaves that dies on the way is a folder of a temporary name,
 * which {@link #deleteLeftovers} finds.
 */
public final class AtomicFolder {
    private static final String PREFIX = ".";
    private static final String SUFFIX = ".tmp";

    private AtomicFolder() {}

    /** Produces the content of a folder. */
    @FunctionalInterface
    public interface Content {
        /**
         * Writes all files, each with {@link AtomicFile} or forced to the disk.
         *
         * @param folder an empty folder
         * @throws IOException if writing fails
         */
        void writeTo(Path folder) throws IOException;
    }

    /**
     * Creates a folder, or replaces it.
     *
     * @param target the folder; its parent must exist
     * @param content writes the files
     * @throws IOException if writing or renaming fails, or {@code content} throws it; nothing is left of the new folder
     *     as far as it can be deleted
     */
    public static void write(Path target, Content content) throws IOException {
        Path name = target.getFileName();
        if (name == null) {
            throw new IllegalArgumentException("cannot write to " + target + ": it has no name");
        }
        Path temporary = target.resolveSibling(PREFIX + name + SUFFIX);
        delete(temporary);
        Files.createDirectory(temporary);
        try {
            content.writeTo(temporary);
            AtomicFile.forceFolder(temporary);
            // A folder that is not empty cannot be replaced in one step.
            remove(target);
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (Throwable failure) {
            try {
                delete(temporary);
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
            throw failure;
        }
        Path parent = target.toAbsolutePath().getParent();
        if (parent != null) {
            AtomicFile.forceFolder(parent);
        }
    }

    /**
     * Deletes a folder with everything in it, so that it never has its proper name while it is no longer whole.
     *
     * @param folder the folder; nothing happens if there is none
     * @throws IOException if it cannot be renamed or something in it cannot be deleted
     */
    public static void remove(Path folder) throws IOException {
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Path temporary = folder.resolveSibling(PREFIX + folder.getFileName() + ".old" + SUFFIX);
        delete(temporary);
        Files.move(folder, temporary, StandardCopyOption.ATOMIC_MOVE);
        delete(temporary);
    }

    /**
     * Deletes a folder with everything in it.
     *
     * @param folder the folder; nothing happens if there is none
     * @throws IOException if something cannot be deleted
     */
    public static void delete(Path folder) throws IOException {
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /**
     * Deletes what writers that died left in a folder.
     *
     * @param folder the folder; nothing happens if there is none
     * @throws IOException if something cannot be deleted
     */
    public static void deleteLeftovers(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        List<Path> leftovers;
        try (Stream<Path> files = Files.list(folder)) {
            leftovers = files.filter(AtomicFolder::isLeftover).toList();
        }
        for (Path leftover : leftovers) {
            delete(leftover);
        }
    }

    /**
     * Whether a file or folder has the temporary name of {@link AtomicFile} or this class.
     *
     * @param file the file or folder
     * @return true if it was never finished
     */
    public static boolean isLeftover(Path file) {
        String name = String.valueOf(file.getFileName());
        return name.startsWith(PREFIX) && name.endsWith(SUFFIX);
    }
}
