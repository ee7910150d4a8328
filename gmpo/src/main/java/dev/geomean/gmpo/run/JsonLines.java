package dev.geomean.gmpo.run;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A file of one JSON object a line that grows, and can be cut back to an earlier length. */
final class JsonLines implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final FileChannel channel;

    /** Opens a file, created if missing, and cuts it to a length. */
    JsonLines(Path file, long length) throws IOException {
        channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (channel.size() < length) {
                throw new IOException(file + ": has " + channel.size() + " bytes, but the checkpoint was taken at "
                        + length + "; it was shortened since");
            }
            channel.truncate(length);
            channel.position(length);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /** Appends an object, with its kind as first field. */
    void append(String type, Object value) throws IOException {
        ObjectNode line = JSON.createObjectNode();
        line.put("type", type);
        line.setAll((ObjectNode) JSON.valueToTree(value));
        ByteBuffer bytes = ByteBuffer.wrap((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    long length() throws IOException {
        return channel.position();
    }

    /** Makes sure that what was appended is on disk. */
    void force() throws IOException {
        channel.force(false);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
