package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.device.DeviceException;
import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.KlPenalty;
import dev.geomean.gmpo.objective.PolicyLoss;
import dev.geomean.gmpo.objective.PolicyLossBackward;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.objective.SequenceDenominator;
import dev.geomean.gmpo.objective.Surrogate;
import dev.geomean.tornado.kernels.PolicyLosses;
import dev.geomean.tornado.kernels.PolicyTotals;

/** Launches of the policy objectives. */
final class PolicyLowering {
    private PolicyLowering() {}

    /**
     * What a surrogate is to the kernel.
     *
     * @param code its number
     * @param clipLow its lower bound
     * @param clipHigh its upper bound
     * @param third the dual clip, or a temperature
     * @param fourth another temperature
     * @param byToken whether tokens are clipped rather than their product
     * @param root whether the root is taken
     */
    private record Parameters(
            int code, double clipLow, double clipHigh, double third, double fourth, boolean byToken, boolean root) {

        static Parameters of(PolicyLoss kernel, String device) {
            return switch (kernel.objective().surrogate()) {
                case Surrogate.Grpo g -> new Parameters(
                        PolicyLosses.GRPO, g.clipLow(), g.clipHigh(), g.dualClip(), 0, true, false);
                case Surrogate.Cispo c -> new Parameters(
                        PolicyLosses.CISPO, c.clipLow(), c.clipHigh(), 1, 0, true, false);
                case Surrogate.Sapo s -> new Parameters(
                        PolicyLosses.SAPO, 0, 0, s.tauPositive(), s.tauNegative(), true, false);
                case Surrogate.Gspo g -> new Parameters(
                        PolicyLosses.GSPO, g.clipLow(), g.clipHigh(), 1, 0, false, true);
                case Surrogate.Gmpo g -> new Parameters(
                        PolicyLosses.GMPO,
                        g.clipLow(),
                        g.clipHigh(),
                        1,
                        0,
                        g.clipLevel() == Surrogate.ClipLevel.TOKEN,
                        g.lengthNormalized());
                case Surrogate.Hmpo h -> new Parameters(
                        PolicyLosses.HMPO, h.clipLow(), h.clipHigh(), 1, 0, true, true);
                case CustomSurrogate c -> throw new DeviceException(
                        "an objective of one's own runs on the CPU only, not on " + device + ": " + c, null);
            };
        }
    }

    static void lower(PolicyLoss k, Calls calls, String device) {
        Parameters surrogate = Parameters.of(k, device);
        PolicyObjective objective = k.objective();
        KlPenalty kl = objective.kl();
        var rows = new Operand.Scratch(Operand.Type.DOUBLES, (long) k.batch() * PolicyLosses.ROW);
        calls.call(PolicyLosses.class, "rows")
                .ints(
                        k.batch(),
                        k.time(),
                        at(k.logProbs()),
                        at(k.oldLogProbs()),
                        at(k.refLogProbs()),
                        at(k.mask()),
                        at(k.advantages()),
                        at(k.tokenWeights()),
                        at(k.denominators()),
                        at(k.tokenGradients()),
                        at(k.sequenceRatios()),
                        surrogate.code(),
                        PolicyLosses.code(objective.aggregation().mode()),
                        PolicyLosses.code(kl.estimator()),
                        flag(k.advantages().length() != k.batch()),
                        flag(objective.sequenceDenominator() == SequenceDenominator.ALL),
                        flag(surrogate.byToken()),
                        flag(surrogate.root()),
                        flag(k.refLogProbs() != null),
                        flag(k.tokenWeights() != null),
                        flag(k.sequenceRatios() != null))
                .doubles(
                        objective.logRatioClamp(),
                        surrogate.clipLow(),
                        surrogate.clipHigh(),
                        surrogate.third(),
                        surrogate.fourth(),
                        Math.log1p(-surrogate.clipLow()),
                        Math.log1p(surrogate.clipHigh()),
                        Math.log(surrogate.third()),
                        objective.aggregation().normConstant(),
                        kl.coefficient(),
                        kl.inputClamp(),
                        kl.outputClamp())
                .on(k.logProbs(), k.oldLogProbs())
                .maybe(k.refLogProbs())
                .on(k.mask(), k.advantages())
                .maybe(k.tokenWeights())
                .on(k.denominators(), k.tokenGradients())
                .maybe(k.sequenceRatios())
                .on(rows)
                .threads(k.batch());
        calls.call(PolicyTotals.class, "sum")
                .ints(k.batch(), at(k.loss()), at(k.metrics()))
                .doubles(kl.coefficient())
                .on(rows)
                .on(k.loss(), k.metrics())
                .threads(1);
    }

    static void lower(PolicyLossBackward k, Calls calls) {
        calls.call(PolicyTotals.class, "backward")
                .ints((int) k.tokenGradients().length(), at(k.gradLoss()), at(k.tokenGradients()),
                        at(k.gradLogProbs()), flag(k.accumulate()))
                .on(k.gradLoss(), k.tokenGradients(), k.gradLogProbs())
                .threads(k.tokenGradients().length());
    }
}
