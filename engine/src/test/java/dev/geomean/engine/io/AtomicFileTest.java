package dev.geomean.engine.io;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void nameFile() {
        file = folder.resolve("state.bin");
    }

    @Test
    void createsAndReplaces() throws IOException {
        AtomicFile.write(file, "old".getBytes(UTF_8));
        assertThat(file).hasContent("old");
        AtomicFile.writeStream(file, out -> out.write("new".getBytes(UTF_8)));
        assertThat(file).hasContent("new");
        assertOnlyTheFileIsLeft();
    }

    @Test
    void aFailureHalfwayLeavesTheOldContentAndNoTemporaryFile() throws IOException {
        AtomicFile.write(file, "old".getBytes(UTF_8));
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> AtomicFile.writeStream(file, out -> {
                    out.write(new byte[1 << 20]);
                    throw new IOException("disk full");
                }))
                .withMessage(file + ": disk full");
        assertThatExceptionOfType(AssertionError.class)
                .isThrownBy(() -> AtomicFile.writeChannel(file, _ -> {
                    throw new AssertionError("bug");
                }));
        assertThat(file).hasContent("old");
        assertOnlyTheFileIsLeft();
    }

    @Test
    void theOldContentIsSeenUntilTheNewIsComplete() throws IOException {
        AtomicFile.write(file, "old".getBytes(UTF_8));
        AtomicFile.writeStream(file, out -> {
            out.write("new".getBytes(UTF_8));
            out.flush();
            assertThat(file).hasContent("old");
        });
        assertThat(file).hasContent("new");
    }

    @Test
    void aTargetThatCannotBeReplacedLeavesNoTemporaryFile() throws IOException {
        Files.createDirectories(file.resolve("child"));
        assertThatExceptionOfType(IOException.class).isThrownBy(() -> AtomicFile.write(file, new byte[1]));
        assertOnlyTheFileIsLeft();
    }

    @Test
    void aMissingFolderIsReported() {
        assertThatExceptionOfType(NoSuchFileException.class)
                .isThrownBy(() -> AtomicFile.write(folder.resolve("missing/state.bin"), new byte[1]));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> AtomicFile.write(folder.getRoot(), new byte[1]))
                .withMessageContaining("no file name");
    }

    @Test
    void theFileIsReadableAsFilesUsuallyAre() throws IOException {
        Assumptions.assumeTrue(FileSystems.getDefault().supportedFileAttributeViews().contains("posix"));
        Path usual = Files.write(folder.resolve("usual"), new byte[1]);
        AtomicFile.write(file, new byte[1]);
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(Files.getPosixFilePermissions(usual));
    }

    private void assertOnlyTheFileIsLeft() throws IOException {
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }
}
