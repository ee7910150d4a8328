package dev.geomean.gmpo.run;

import dev.geomean.engine.Tensor;
import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.gmpo.json.JsonFile;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.model.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/**
 * State of a run between two steps, in a folder of its own: a model folder, the optimizer's state and where the run
 * stands. The folder is written under a temporary name and renamed when all its files are on disk, so one that has its
 * proper name is whole.
 *
 * @param folder the checkpoint's folder
 * @param state where the run stands
 */
record Checkpoint(Path folder, State state) {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String OPTIMIZER = "optimizer.safetensors";
    private static final String STATE = "state.json";
    private static final Pattern NAME = Pattern.compile("(warmup|policy)-\\d{6,10}");
    private static final int KEPT = 2;

    /** Part of a run. */
    enum Phase {
        WARMUP,
        POLICY
    }

    /**
     * Where a run stands.
     *
     * @param phase the part of the run
     * @param next number of the next supervised step, or of the next round
     * @param metricsLength bytes of the metrics file
     * @param samplesLength bytes of the samples file
     */
    record State(Phase phase, int next, long metricsLength, long samplesLength) {
        State {
            if (isMissing(phase) || next < 0 || metricsLength < 0 || samplesLength < 0) {
                throw new IllegalArgumentException("phase " + phase + ", next " + next + ", metricsLength "
                        + metricsLength + " and samplesLength " + samplesLength + " are no place in a run");
            }
        }

        /** For what is read from a file, where anything may be missing. */
        private static boolean isMissing(@Nullable Object value) {
            return value == null;
        }
    }

    static Checkpoint write(Path parent, State state, Policy policy, Optimizer optimizer) throws IOException {
        String name = String.format(
                Locale.ROOT, "%s-%06d", state.phase().name().toLowerCase(Locale.ROOT), state.next());
        Path target = parent.resolve(name);
        Path temporary = parent.resolve("." + name + ".tmp");
        Files.createDirectories(parent);
        delete(temporary);
        ModelFolder.save(policy.decoder(), policy.tokenizer(), temporary);
        var writer = new SafetensorsWriter();
        for (Map.Entry<String, Tensor> entry : optimizer.state().entrySet()) {
            Tensor tensor = entry.getValue();
            List<Long> shape =
                    LongStream.of(tensor.shape().size()).boxed().toList();
            writer.add(entry.getKey(), TensorType.F32, shape, tensor.buffer());
        }
        writer.write(temporary.resolve(OPTIMIZER));
        AtomicFile.write(temporary.resolve(STATE), JSON.writeValueAsBytes(state));
        delete(target);
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        prune(parent, target);
        return new Checkpoint(target, state);
    }

    /** The checkpoint that is furthest along. */
    static Optional<Checkpoint> latest(Path parent) throws IOException {
        if (!Files.isDirectory(parent)) {
            return Optional.empty();
        }
        Optional<Path> last = list(parent).max(Comparator.comparingLong(Checkpoint::order));
        return last.isEmpty() ? Optional.empty() : Optional.of(read(last.get()));
    }

    private static Checkpoint read(Path folder) throws IOException {
        return new Checkpoint(folder, JsonFile.read(folder.resolve(STATE), State.class));
    }

    /** Overwrites the parameters of a policy and the state of an optimizer. */
    void restore(Policy policy, Optimizer optimizer) throws IOException {
        ModelFolder.restore(policy.decoder(), folder);
        try (var tensors = Safetensors.open(folder.resolve(OPTIMIZER))) {
            Map<String, Tensor> state = optimizer.state();
            for (Map.Entry<String, Tensor> entry : state.entrySet()) {
                check(tensors, entry.getKey(), entry.getValue());
            }
            for (Map.Entry<String, Tensor> entry : state.entrySet()) {
                tensors.readFloats(entry.getKey(), entry.getValue().buffer());
            }
        }
    }

    private static void check(Safetensors tensors, String name, Tensor expected) throws FileFormatException {
        long size = expected.shape().size();
        boolean fits = tensors.contains(name)
                && tensors.info(name).type() == TensorType.F32
                && tensors.info(name).elementCount() == size;
        if (!fits) {
            throw new FileFormatException(
                    tensors.source(), "no tensor '" + name + "' of type F32 and " + size + " elements");
        }
        tensors.checkFinite(name);
    }

    private static void prune(Path parent, Path newest) throws IOException {
        List<Path> all = list(parent).sorted(Comparator.comparingLong(Checkpoint::order).reversed()).toList();
        for (int i = KEPT; i < all.size(); i++) {
            if (!all.get(i).equals(newest)) {
                delete(all.get(i));
            }
        }
    }

    private static Stream<Path> list(Path parent) throws IOException {
        try (Stream<Path> files = Files.list(parent)) {
            return files.filter(file -> NAME.matcher(file.getFileName().toString()).matches()).toList().stream();
        }
    }

    /** By phase, then number. */
    private static long order(Path folder) {
        String name = folder.getFileName().toString();
        long number = Long.parseLong(name.substring(name.indexOf('-') + 1));
        return name.startsWith("policy") ? number + Integer.MAX_VALUE + 1L : number;
    }

    private static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
