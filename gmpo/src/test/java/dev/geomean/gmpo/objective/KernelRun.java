package dev.geomean.gmpo.objective;

import dev.geomean.engine.Backend;
import dev.geomean.engine.device.Devices;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Runs the kernels on a float32 copy of a batch; outputs start as NaN, so that what is not written shows. */
@SuppressWarnings("ArrayRecordComponent")
record KernelRun(
        float loss,
        float[][] gradient,
        float @Nullable [] sequenceRatios,
        PolicyMetrics metrics) {

    /** On the CPU, or on a device that takes its place. */
    private static final Backend.Lane LANE =
            Devices.find().get(System.getProperty("geomean.test.device", Devices.CPU)).open().openLane();

    static KernelRun of(PolicyObjective objective, Batch batch, double globalTokens, double globalSequences) {
        try (var region = new Region.Persistent("test")) {
            PolicyLoss forward = kernel(region, objective, batch, globalTokens, globalSequences);
            LANE.run(forward);
            Buffer upstream = floats(region, new double[][] {{1}});
            Buffer gradient = floats(region, filled(batch.size(), batch.time(), Double.NaN));
            LANE.run(new PolicyLossBackward(upstream, forward.tokenGradients(), gradient, false));
            float[] flat = gradient.toFloats();
            float[][] rows = new float[batch.size()][batch.time()];
            for (int i = 0; i < flat.length; i++) {
                rows[i / batch.time()][i % batch.time()] = flat[i];
            }
            Buffer ratios = forward.sequenceRatios();
            return new KernelRun(
                    forward.loss().getFloat(0),
                    rows,
                    ratios == null ? null : ratios.toFloats(),
                    PolicyMetrics.of(forward.metrics()));
        }
    }

    static PolicyLoss kernel(
            Region region, PolicyObjective objective, Batch batch, double globalTokens, double globalSequences) {
        int size = batch.size();
        int time = batch.time();
        int[] mask = new int[size * time];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = batch.mask()[i / time][i % time];
        }
        Buffer maskBuffer = Buffer.of(region.allocate(DType.INT32, mask.length, "mask"));
        maskBuffer.set(mask);
        return new PolicyLoss(
                objective,
                floats(region, batch.logProbs()),
                floats(region, batch.oldLogProbs()),
                batch.refLogProbs() == null ? null : floats(region, batch.refLogProbs()),
                maskBuffer,
                floats(region, batch.advantages()),
                batch.tokenWeights() == null ? null : floats(region, batch.tokenWeights()),
                floats(region, new double[][] {{globalTokens, globalSequences}}),
                floats(region, new double[][] {{Double.NaN}}),
                floats(region, filled(size, time, Double.NaN)),
                objective.surrogate().isSequenceLevel() ? floats(region, filled(size, 1, Double.NaN)) : null,
                floats(region, filled(1, PolicyMetrics.SIZE, Double.NaN)),
                size,
                time);
    }

    static Buffer floats(Region region, double[][] rows) {
        int columns = rows[0].length;
        float[] flat = new float[rows.length * columns];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = (float) rows[i / columns][i % columns];
        }
        Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, flat.length, "test"));
        buffer.set(flat);
        return buffer;
    }

    static double[][] filled(int rows, int columns, double value) {
        double[][] filled = new double[rows][columns];
        for (double[] row : filled) {
            Arrays.fill(row, value);
        }
        return filled;
    }
}
