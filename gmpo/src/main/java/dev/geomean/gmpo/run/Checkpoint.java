package dev.geomean.gmpo.run;

import dev.geomean.engine.Tensor;
import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.gmpo.json.JsonFile;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * State of a run between two steps, in a folder of its own: a model folder, the optimizer's state, the configuration, where
 * the run stands, and the checksums of all these files. The folder is written under a temporary name and renamed when all
 * its files are on disk.
 *
 * @param folder the checkpoint's folder
 * @param state where the run stands
 */
record Checkpoint(Path folder, State state) {
    static final String OPTIMIZER = "optimizer.safetensors";
    private static final String STATE = "state.json";
    private static final String DAMAGED = "damaged-";
    private static final Pattern NAME = Pattern.compile("(warmup|policy)-\\d{6,10}");

    /** Part of a run. */
    enum Phase {
        WARMUP,
        POLICY
    }

    /**
     * Where a run stands. All random numbers are addressed, so the seed and the place are the whole random state.
     *
     * @param phase the part of the run
     * @param next number of the next supervised step, or of the next round
     * @param seed random seed
     * @param nextProblem address of the next training problem
     * @param nextStream random stream of the next sampled completion
     * @param heldOutAccuracy greedy accuracy on held-out prompts, or null if it was not measured just before
     * @param journal where metrics and samples end
     */
    record State(
            Phase phase,
            int next,
            long seed,
            long nextProblem,
            long nextStream,
            @Nullable Double heldOutAccuracy,
            Journal.Position journal) {

        State {
            boolean isPlace = Stream.of(phase, journal).allMatch(Objects::nonNull)
                    && Stream.of(journal.metrics(), journal.samples()).allMatch(Objects::nonNull)
                    && next >= 0;
            if (!isPlace) {
                throw new IllegalArgumentException("not a place in a run: phase " + phase + ", next " + next
                        + ", journal " + journal);
            }
        }

        static State of(
                RunConfig config,
                Phase phase,
                int next,
                @Nullable Double heldOutAccuracy,
                Journal.Position journal) {
            long problems = phase == Phase.WARMUP
                    ? (long) next * config.warmup().batch()
                    : (long) next * config.rollout().prompts();
            long streams = phase == Phase.WARMUP ? 0 : problems * config.rollout().samples();
            return new State(phase, next, config.seed(), problems, streams, heldOutAccuracy, journal);
        }

        String name() {
            return Checkpoint.name(phase, next);
        }
    }

    /** Name of the folder for a place in a run. */
    static String name(Phase phase, int next) {
        return String.format(Locale.ROOT, "%s-%06d", phase.name().toLowerCase(Locale.ROOT), next);
    }

    /**
     * Writes a checkpoint, then deletes those that need not be kept any longer, and damaged ones that the run has passed.
     *
     * @param parent where checkpoints are
     * @param base folder of the weights that adapters belong to
     * @throws IOException if writing or deleting fails; the checkpoints before are still there
     */
    static void write(
            Path parent, RunConfig config, State state, Policy policy, Path base, Optimizer optimizer)
            throws IOException {
        Files.createDirectories(parent);
        AtomicFolder.write(parent.resolve(state.name()), folder -> {
            // Training goes on in float32, so anything narrower would change the run.
            policy.save(folder, base, TensorType.F32);
            var writer = new SafetensorsWriter();
            for (Map.Entry<String, Tensor> entry : optimizer.state().entrySet()) {
                Tensor tensor = entry.getValue();
                List<Long> shape =
                        LongStream.of(tensor.shape().size()).boxed().toList();
                writer.add(entry.getKey(), TensorType.F32, shape, tensor.buffer());
            }
            writer.write(folder.resolve(OPTIMIZER));
            new RunFolder(folder).writeConfig(config);
            AtomicFile.write(folder.resolve(STATE), RunFolder.JSON.writeValueAsBytes(state));
            Checksums.write(folder);
        });
        prune(parent, config.safety().keepCheckpoints());
    }

    /**
     * The checkpoint that is furthest along among those that are whole. Those that are further along and damaged are renamed,
     * so that they are in nobody's way.
     *
     * @param warnings takes a line about each damaged checkpoint
     * @return the checkpoint, or empty if there is none at all
     * @throws IOException if all are damaged
     */
    static Optional<Checkpoint> latest(Path parent, Consumer<String> warnings) throws IOException {
        List<Path> all = newestFirst(parent);
        List<Path> damaged = new ArrayList<>();
        String problem = "";
        for (Path folder : all) {
            try {
                Checkpoint checkpoint = read(folder);
                for (Path other : damaged) {
                    Path aside = other.resolveSibling(DAMAGED + other.getFileName());
                    AtomicFolder.delete(aside);
                    Files.move(other, aside, StandardCopyOption.ATOMIC_MOVE);
                }
                if (!damaged.isEmpty()) {
                    warnings.accept("damaged checkpoint set aside: " + problem + "; going on from "
                            + folder.getFileName());
                }
                return Optional.of(checkpoint);
            } catch (IOException | IllegalArgumentException e) {
                damaged.add(folder);
                problem = problem.isEmpty() ? describe(folder, e) : problem;
            }
        }
        if (!damaged.isEmpty()) {
            throw new FileFormatException(
                    parent, "no checkpoint is whole (" + problem + "); to begin anew, delete this folder");
        }
        return Optional.empty();
    }

    private static String describe(Path folder, Exception e) {
        String message = String.valueOf(e.getMessage());
        return message.contains(folder.toString()) ? message : folder + ": " + message;
    }

    /** Reads a checkpoint's state after all its files were compared with their checksums. */
    static Checkpoint read(Path folder) throws IOException {
        Checksums.check(folder);
        State state = readState(folder);
        if (!folder.endsWith(state.name())) {
            throw new FileFormatException(folder.resolve(STATE), "is the state of " + state.name());
        }
        return new Checkpoint(folder, state);
    }

    private static State readState(Path folder) throws IOException {
        return JsonFile.read(folder.resolve(STATE), State.class);
    }

    /**
     * Whether a run with a configuration can go on from here.
     *
     * @throws FileFormatException if the checkpoint was taken with another configuration
     */
    void checkBelongsTo(RunConfig config) throws IOException {
        var own = new RunFolder(folder);
        if (!own.readConfig().equals(config)) {
            throw new FileFormatException(
                    own.configFile(),
                    "the run's configuration was changed since this checkpoint was taken; copy this file"
                            + " back, or start a new run with --config");
        }
    }

    /** Overwrites the parameters of a policy and the state of an optimizer. */
    void restore(Policy policy, Optimizer optimizer) throws IOException {
        policy.restore(folder);
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

    /** The checkpoint with the highest held-out accuracy, the earliest of several. */
    static Optional<Path> best(Path parent) throws IOException {
        Path best = null;
        double highest = Double.NEGATIVE_INFINITY;
        for (Path folder : newestFirst(parent).reversed()) {
            Double accuracy = heldOutAccuracy(folder);
            if (accuracy != null && accuracy > highest) {
                best = folder;
                highest = accuracy;
            }
        }
        return Optional.ofNullable(best);
    }

    private static @Nullable Double heldOutAccuracy(Path folder) {
        try {
            return readState(folder).heldOutAccuracy();
        } catch (IOException e) {
            // Damaged, and so not the best.
            return null;
        }
    }

    private static void prune(Path parent, int kept) throws IOException {
        List<Path> all = newestFirst(parent);
        removeDamaged(parent, all.getFirst());
        if (all.size() <= kept) {
            return;
        }
        Path best = best(parent).orElse(null);
        for (Path folder : all.subList(kept, all.size())) {
            if (!folder.equals(best)) {
                AtomicFolder.remove(folder);
            }
        }
    }

    /** Removes what was set aside, once the run has come as far again. */
    private static void removeDamaged(Path parent, Path newest) throws IOException {
        List<Path> passed;
        try (Stream<Path> files = Files.list(parent)) {
            passed = files.filter(file -> file.getFileName().toString().startsWith(DAMAGED))
                    .filter(file -> {
                        String name = file.getFileName().toString().substring(DAMAGED.length());
                        return NAME.matcher(name).matches() && order(parent.resolve(name)) <= order(newest);
                    })
                    .toList();
        }
        for (Path folder : passed) {
            AtomicFolder.remove(folder);
        }
    }

    /** All that are called checkpoints, whole or not. */
    static List<Path> newestFirst(Path parent) throws IOException {
        if (!Files.isDirectory(parent)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(parent)) {
            return files.filter(file -> NAME.matcher(file.getFileName().toString()).matches())
                    .sorted(Comparator.comparingLong(Checkpoint::order).reversed())
                    .toList();
        }
    }

    /** By phase, then number. */
    private static long order(Path folder) {
        String name = folder.getFileName().toString();
        long number = Long.parseLong(name.substring(name.indexOf('-') + 1));
        return name.startsWith("policy") ? number + Integer.MAX_VALUE + 1L : number;
    }
}
