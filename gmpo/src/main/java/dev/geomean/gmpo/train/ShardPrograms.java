package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.Scope;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Captured programs, one per shard and shape, each with inputs of its own so that shards can run side by side.
 *
 * @param <M> the tensors a program reads and keeps
 */
final class ShardPrograms<M> implements AutoCloseable {
    private final Engine engine;
    private final String name;
    private final Capture<M> capture;
    private final Scope inputs;
    private final Map<Key, Program<M>> programs = new HashMap<>();

    private record Key(int shard, int rows, int time) {}

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
         * @param rows sequences
         * @param time positions
         * @return the tensors that the caller sets and reads
         */
        M record(Scope inputs, Scope step, int shard, int rows, int time);
    }

    ShardPrograms(Engine engine, String name, Capture<M> capture) {
        this.engine = engine;
        this.name = name;
        this.capture = capture;
        this.inputs = engine.persistent(name + " inputs");
    }

    /** The programs of the first shards, captured if need be. Not from within a piece of work: the map has one user. */
    List<Program<M>> first(int shards, int rows, int time) {
        return IntStream.range(0, shards).mapToObj(shard -> get(shard, rows, time)).toList();
    }

    private Program<M> get(int shard, int rows, int time) {
        return programs.computeIfAbsent(
                new Key(shard, rows, time),
                key -> engine.capture(
                        name + " " + rows + "x" + time, step -> capture.record(inputs, step, shard, rows, time)));
    }

    /** Bytes of native memory of all programs, without inputs. */
    long memoryBytes() {
        return programs.values().stream().mapToLong(Program::memoryBytes).sum();
    }

    @Override
    public void close() {
        programs.values().forEach(Program::close);
        inputs.close();
    }
}
