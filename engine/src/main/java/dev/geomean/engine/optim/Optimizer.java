package dev.geomean.engine.optim;

import dev.geomean.engine.Engine;
import dev.geomean.engine.KernelList;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.Parameters;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.OptimizerKernel;
import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Updates parameters from the gradients of one or more shards: sums the shards in a fixed order, measures and clips the
 * global norm, applies the update rule. Everything but the learning rate happens in kernels, on the device's memory.
 *
 * <p>The work is cut into pieces of a fixed size, so results do not depend on the number of workers. An update whose
 * gradient is exactly zero or not finite is skipped: it moves nothing and does not count as a step.
 */
public final class Optimizer implements AutoCloseable {
    private static final int PIECE = 1 << 15;

    /** A device runs its pieces one after the other. */
    private static final int DEVICE_PIECE = 1 << 26;

    private final Map<String, Tensor> state = new LinkedHashMap<>();
    private final Tensor control;
    private final Scope scope;
    private final KernelList update;

    /**
     * What one update did.
     *
     * @param gradNorm global L2 norm of the gradient before clipping
     * @param applied false if the update was skipped
     */
    public record Outcome(float gradNorm, boolean applied) {}

    /**
     * Lays out the update.
     *
     * @param engine whose workers run it
     * @param parameters what is updated
     * @param shards gradients, added in this order; the first one's memory receives the sum
     * @param rule the update rule
     * @param groups own factors for some parameters; the first group that matches a name counts
     * @param maxGradNorm largest global norm, or positive infinity for no clipping
     * @throws IllegalArgumentException if there are no shards, one is not laid out like the parameters, or the norm is not
     *     positive
     */
    public Optimizer(
            Engine engine,
            Parameters parameters,
            List<ParameterGradients> shards,
            UpdateRule rule,
            List<ParameterGroup> groups,
            float maxGradNorm) {
        if (shards.isEmpty()) {
            throw new IllegalArgumentException("optimizer: no gradients");
        }
        long length = parameters.values().length();
        for (ParameterGradients shard : shards) {
            if (shard.buffer().length() != length) {
                throw new IllegalArgumentException("optimizer: parameters have " + length
                        + " elements with gaps, gradients " + shard.buffer().length());
            }
        }
        if (!(maxGradNorm > 0)) {
            throw new IllegalArgumentException("optimizer: maxGradNorm must be positive, not " + maxGradNorm);
        }
        scope = engine.persistent("optimizer");
        control = scope.zeros(OptimizerKernel.CONTROL_SIZE);
        List<String> names =
                switch (rule) {
                    case UpdateRule.AdamW adamW -> List.of("first_moment", "second_moment");
                    case UpdateRule.Sgd sgd -> List.of("velocity");
                };
        for (String name : names) {
            state.put(name, parameters.newBuffer(name));
        }
        int piece = engine.backend().isDevice() ? DEVICE_PIECE : PIECE;
        int pieces = Math.toIntExact((length + piece - 1) / piece);
        Buffer sums = scope.zeros(Math.max(pieces, 1)).buffer();
        List<List<Kernel>> reduce = new ArrayList<>();
        for (int i = 0; i < pieces; i++) {
            long from = (long) i * piece;
            long count = Math.min(piece, length - from);
            List<Buffer> parts =
                    shards.stream().map(shard -> shard.buffer().slice(from, count)).toList();
            reduce.add(List.of(
                    new OptimizerKernel.ReduceGradients(parts, parts.getFirst(), sums.slice(i, 1))));
        }
        Kernel prepare = new OptimizerKernel.PrepareUpdate(sums, control.buffer(), maxGradNorm);
        List<List<Kernel>> apply = new ArrayList<>();
        for (Range range : ranges(parameters, groups)) {
            for (long from = range.from; from < range.to; from += piece) {
                long count = Math.min(piece, range.to - from);
                apply.add(List.of(kernel(parameters, shards.getFirst(), rule, range.group, from, count)));
            }
        }
        update = new KernelList(engine, List.of(reduce, List.of(List.of(prepare)), apply));
    }

    private record Range(long from, long to, ParameterGroup group) {}

    private static List<Range> ranges(Parameters parameters, List<ParameterGroup> groups) {
        var everything = new ParameterGroup(name -> true, 1, 1);
        List<Range> ranges = new ArrayList<>();
        long start = parameters.values().offset();
        List<String> names = List.copyOf(parameters.names());
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            ParameterGroup group = groups.stream()
                    .filter(candidate -> candidate.matches().test(name))
                    .findFirst()
                    .orElse(everything);
            long from = parameters.get(name).buffer().offset() - start;
            long to = i + 1 < names.size()
                    ? parameters.get(names.get(i + 1)).buffer().offset() - start
                    : parameters.values().length();
            if (!ranges.isEmpty() && ranges.getLast().group.equals(group)) {
                ranges.add(new Range(ranges.removeLast().from, to, group));
            } else {
                ranges.add(new Range(from, to, group));
            }
        }
        return ranges;
    }

    private Kernel kernel(
            Parameters parameters,
            ParameterGradients gradients,
            UpdateRule rule,
            ParameterGroup group,
            long from,
            long count) {
        Buffer values = parameters.values().slice(from, count);
        Buffer gradient = gradients.buffer().slice(from, count);
        List<Buffer> kept = state.values().stream()
                .map(tensor -> tensor.buffer().slice(from, count))
                .toList();
        return switch (rule) {
            case UpdateRule.AdamW adamW -> new OptimizerKernel.AdamW(
                    values,
                    gradient,
                    kept.get(0),
                    kept.get(1),
                    control.buffer(),
                    adamW.beta1(),
                    adamW.beta2(),
                    adamW.epsilon(),
                    adamW.weightDecay() * group.weightDecayScale(),
                    group.learningRateScale());
            case UpdateRule.Sgd sgd -> new OptimizerKernel.Sgd(
                    values,
                    gradient,
                    kept.get(0),
                    control.buffer(),
                    sgd.momentum(),
                    sgd.weightDecay() * group.weightDecayScale(),
                    group.learningRateScale());
        };
    }

    /**
     * Applies one update.
     *
     * @param learningRate zero or more
     * @return what happened
     * @throws IllegalArgumentException if the learning rate is negative or not finite
     */
    public Outcome step(float learningRate) {
        return step(learningRate, true);
    }

    /**
     * Applies one update, or only measures the gradient.
     *
     * @param learningRate zero or more
     * @param enabled false to skip the update whatever the gradient
     * @return what happened
     * @throws IllegalArgumentException if the learning rate is negative or not finite
     */
    public Outcome step(float learningRate, boolean enabled) {
        if (!(learningRate >= 0) || Float.isInfinite(learningRate)) {
            throw new IllegalArgumentException("learning rate must be finite and not negative, not " + learningRate);
        }
        Buffer values = control.buffer();
        values.setFloat(OptimizerKernel.LEARNING_RATE, learningRate);
        values.setFloat(OptimizerKernel.ENABLED, enabled ? 1 : 0);
        update.run();
        return new Outcome(
                values.getFloat(OptimizerKernel.GRAD_NORM), values.getFloat(OptimizerKernel.APPLIED) != 0);
    }

    /**
     * Number of updates applied so far.
     *
     * @return the step number
     */
    public int steps() {
        return (int) control.buffer().getFloat(OptimizerKernel.STEP);
    }

    /**
     * Everything a checkpoint must hold besides the parameters, by name: moments, laid out like the parameters, and the
     * control buffer.
     *
     * @return live tensors; overwriting them restores a state
     */
    public Map<String, Tensor> state() {
        Map<String, Tensor> all = new LinkedHashMap<>(state);
        all.put("control", control);
        return all;
    }

    /**
     * The kernels of one update.
     *
     * @return staged work
     */
    public KernelList kernels() {
        return update;
    }

    /** Frees the control memory; moments live as long as the parameters. */
    @Override
    public void close() {
        update.close();
        scope.close();
    }
}
