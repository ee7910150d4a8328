package dev.geomean.gmpo.train;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.Scope;
import dev.geomean.engine.memory.Workspace;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Captured programs, one per shard and shape, each with inputs of its own so that shards can run side by side. Which worker
 * runs a shard is fixed, for the programs of a worker share their memory.
 *
 * @param <M> the tensors a program reads and keeps
 */
final class ShardPrograms<M> implements AutoCloseable {
    private final Engine engine;
    private final String name;
    private final Capture<M> capture;
    private final Scope inputs;
    private final List<Workspace> workspaces;
    private final Map<Key, Program<M>> programs = new HashMap<>();

    private record Key(int shard, PackedBatch.Size size) {}

    /**
     * Records one program.
     *
     * @param <M> the tensors a program reads and keeps
     */
    interface Capture<M> {
        /**
         * Computes one shard.
         *
         * @param inputs where input tensors are made
         * @param step where the computation is recorded
         * @param shard number of the shard
         * @param size sizes of the program
         * @return the tensors that the caller sets and reads
         */
        M record(Scope inputs, Scope step, int shard, PackedBatch.Size size);
    }

    /**
     * What surrounds the runs of programs. Called by workers, one thread for each shard.
     *
     * @param <M> the tensors a program reads and keeps
     */
    interface Work<M> {
        /** Prepares a shard, whether or not there is a piece for it. */
        void begin(int shard, Backend.Lane lane);

        /** Sets the inputs of a piece. */
        void set(int piece, M memory);

        /** Takes the results of a piece. */
        void read(int piece, M memory);
    }

    ShardPrograms(Engine engine, String name, Capture<M> capture) {
        this.engine = engine;
        this.name = name;
        this.capture = capture;
        this.inputs = engine.persistent(name + " inputs");
        this.workspaces = IntStream.range(0, engine.workers().count())
                .mapToObj(worker -> new Workspace(name + " of worker " + worker))
                .toList();
    }

    /** The programs of the first shards, captured if need be. Not from within a piece of work: the map has one user. */
    List<Program<M>> first(int shards, PackedBatch.Size size) {
        return IntStream.range(0, shards).mapToObj(shard -> get(shard, size)).toList();
    }

    private Program<M> get(int shard, PackedBatch.Size size) {
        return programs.computeIfAbsent(
                new Key(shard, size),
                key -> engine.capture(
                        name + " " + size,
                        workspaces.get(shard % workspaces.size()),
                        step -> capture.record(inputs, step, shard, size)));
    }

    /**
     * Runs pieces of work, of which shard {@code s} takes the pieces {@code s}, {@code s + shards} and so on in this order.
     *
     * @param shards programs of all shards, of one size
     * @param pieces number of pieces
     * @param work what to do around each
     */
    void run(List<Program<M>> shards, int pieces, Work<M> work) {
        int workers = Math.min(shards.size(), workspaces.size());
        engine.workers().forEach(workers, (worker, lane) -> {
            for (int shard = worker; shard < shards.size(); shard += workers) {
                work.begin(shard, lane);
                Program<M> program = shards.get(shard);
                for (int piece = shard; piece < pieces; piece += shards.size()) {
                    work.set(piece, program.outputs());
                    program.run(lane);
                    work.read(piece, program.outputs());
                }
            }
        });
    }

    /** Bytes of native memory of all programs, without inputs. */
    long memoryBytes() {
        return programs.values().stream().mapToLong(Program::memoryBytes).sum()
                + workspaces.stream().mapToLong(Workspace::reservedBytes).sum();
    }

    @Override
    public void close() {
        programs.values().forEach(Program::close);
        workspaces.forEach(Workspace::close);
        inputs.close();
    }
}
