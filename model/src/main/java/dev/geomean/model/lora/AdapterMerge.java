package dev.geomean.model.lora;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.huggingface.WeightMapping;
import dev.geomean.model.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Makes a model of a model and adapters: {@code W + alpha / rank · B·A} in place of each adapted {@code W}. Everything else is
 * as in the model: files and their names, tensors, types and metadata. One weight is in memory at a time.
 */
public final class AdapterMerge implements AutoCloseable {
    private final Engine engine;
    private final Path model;
    private final LoraAdapters adapters;
    private final Map<String, Adapted> adapted = new HashMap<>();

    /** A tensor of the checkpoint with its adapter. */
    private record Adapted(LoraAdapters.Layer layer, boolean transposed) {}

    /**
     * Reads the adapters and checks that the model's files are there and fit.
     *
     * @param engine computes the products
     * @param model folder of a whole model
     * @param adapter folder of the adapters
     * @throws FileFormatException if a file is damaged or does not fit
     * @throws IOException if a file cannot be read
     */
    public AdapterMerge(Engine engine, Path model, Path adapter) throws IOException {
        this.engine = engine;
        this.model = model;
        DecoderConfig decoder = HuggingFaceConfig.read(model).decoder();
        this.adapters = AdapterFolder.load(engine, decoder, adapter);
        try (var tensors = Safetensors.openFolder(model)) {
            List<WeightMapping.Entry> published = WeightMapping.entries(decoder);
            List<WeightMapping.Entry> own = WeightMapping.checkComplete(tensors, decoder);
            for (LoraAdapters.Layer layer : adapters.layers()) {
                for (int i = 0; i < published.size(); i++) {
                    if (published.get(i).tensor().equals(layer.name() + ".weight")) {
                        adapted.put(own.get(i).tensor(), new Adapted(layer, own.get(i).transposed()));
                    }
                }
            }
        } catch (IOException | RuntimeException e) {
            adapters.close();
            throw e;
        }
    }

    /**
     * Writes the merged model.
     *
     * @param out new folder; its parent must exist
     * @throws IOException if reading or writing fails; then there is no such folder
     */
    public void write(Path out) throws IOException {
        Set<String> shards = shards();
        AtomicFolder.write(out, folder -> {
            try (Stream<Path> files = Files.list(model)) {
                for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
                    String name = String.valueOf(file.getFileName());
                    if (!shards.contains(name) && !isOther(name)) {
                        Files.copy(file, folder.resolve(name));
                    }
                }
            }
            for (String shard : shards) {
                write(model.resolve(shard), folder.resolve(shard));
            }
        });
    }

    private Set<String> shards() throws IOException {
        Path index = model.resolve(Safetensors.INDEX_NAME);
        if (Files.exists(model.resolve(Safetensors.FILE_NAME))) {
            return Set.of(Safetensors.FILE_NAME);
        }
        JsonObject map = JsonObject.read(index).object("weight_map");
        if (map == null) {
            throw new FileFormatException(index, "no weight_map");
        }
        Set<String> names = new LinkedHashSet<>();
        map.copy().properties().forEach(entry -> names.add(entry.getValue().asString()));
        return names;
    }

    /** Weights in other formats, and what belongs to the model's place: both would be those of another model. */
    private static boolean isOther(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        boolean isIndex = name.equals(Safetensors.INDEX_NAME);
        return name.startsWith(".")
                || name.equals("SHA256SUMS")
                || (!isIndex && Stream.of(".index.json", ".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".h5",
                        ".msgpack").anyMatch(lower::endsWith));
    }

    private void write(Path from, Path to) throws IOException {
        try (var tensors = Safetensors.open(from);
                Scope scope = engine.scope()) {
            var writer = new SafetensorsWriter();
            tensors.metadata().forEach(writer::metadata);
            for (TensorInfo info : tensors.tensors()) {
                Adapted update = adapted.get(info.name());
                if (update == null) {
                    writer.addBytes(info.name(), info.type(), info.shape(), tensors.bytes(info.name()));
                } else {
                    writer.add(info.name(), info.type(), info.shape(), () -> {
                        scope.reset();
                        return merged(scope, tensors, info, update).buffer().segment();
                    });
                }
            }
            writer.write(to);
        }
    }

    private Tensor merged(Scope scope, Safetensors tensors, TensorInfo info, Adapted update) {
        int rows = Math.toIntExact(info.shape().get(0));
        int columns = Math.toIntExact(info.shape().get(1));
        int rank = adapters.config().rank();
        Tensor weight = scope.zeros(rows, columns);
        tensors.readFloats(info.name(), weight.buffer());
        Tensor down = scope.tensor(update.layer().down().toFloats(), rank, update.layer().in());
        Tensor up = scope.tensor(update.layer().up().toFloats(), update.layer().out(), rank).mul(
                adapters.config().scale());
        Tensor delta = update.transposed()
                ? down.transpose(0, 1).matmul(up.transpose(0, 1))
                : up.matmul(down);
        return weight.add(delta);
    }

    /** Frees the adapters. */
    @Override
    public void close() {
        adapters.close();
    }
}
