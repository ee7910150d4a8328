package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.OptimizerKernel;
import dev.geomean.engine.kernel.OptimizerKernel.AdamW;
import dev.geomean.engine.kernel.OptimizerKernel.PrepareUpdate;
import dev.geomean.engine.kernel.OptimizerKernel.ReduceGradients;
import dev.geomean.engine.kernel.OptimizerKernel.Sgd;
import dev.geomean.engine.memory.Buffer;

/** {@link OptimizerKernel}s. */
final class ReferenceOptimizer {
    private ReferenceOptimizer() {}

    static void run(OptimizerKernel kernel) {
        switch (kernel) {
            case ReduceGradients k -> reduceGradients(k);
            case PrepareUpdate k -> prepareUpdate(k);
            case AdamW k -> adamW(k);
            case Sgd k -> sgd(k);
        }
    }

    private static void reduceGradients(ReduceGradients kernel) {
        Values out = Values.of(kernel.out());
        double sumOfSquares = 0;
        for (long i = 0; i < kernel.out().length(); i++) {
            // Rounded after every part: the order of the parts is part of the definition.
            float sum = kernel.parts().getFirst().getFloat(i);
            for (Buffer part : kernel.parts().subList(1, kernel.parts().size())) {
                sum += part.getFloat(i);
            }
            out.set(i, sum);
            sumOfSquares += (double) sum * sum;
        }
        kernel.sumOfSquares().setFloat(0, (float) sumOfSquares);
    }

    private static void prepareUpdate(PrepareUpdate kernel) {
        Values control = Values.of(kernel.control());
        double sumOfSquares = 0;
        for (long i = 0; i < kernel.sumsOfSquares().length(); i++) {
            sumOfSquares += kernel.sumsOfSquares().getFloat(i);
        }
        float norm = (float) Math.sqrt(sumOfSquares);
        boolean applied = control.get(OptimizerKernel.ENABLED) != 0 && Float.isFinite(norm) && norm != 0;
        control.set(OptimizerKernel.GRAD_NORM, norm);
        control.set(OptimizerKernel.GRAD_SCALE, Math.min(1, kernel.maxNorm() / (norm + 1e-6)));
        control.set(OptimizerKernel.APPLIED, applied ? 1 : 0);
        if (applied) {
            control.add(OptimizerKernel.STEP, 1);
        }
    }

    private static void adamW(AdamW kernel) {
        Values control = Values.of(kernel.control());
        if (control.get(OptimizerKernel.APPLIED) == 0) {
            return;
        }
        Values parameters = Values.of(kernel.parameters());
        Values gradients = Values.of(kernel.gradients());
        Values firstMoment = Values.of(kernel.firstMoment());
        Values secondMoment = Values.of(kernel.secondMoment());
        double beta1 = kernel.beta1();
        double beta2 = kernel.beta2();
        double step = control.get(OptimizerKernel.STEP);
        double rate = control.get(OptimizerKernel.LEARNING_RATE) * kernel.learningRateScale();
        for (long i = 0; i < kernel.parameters().length(); i++) {
            double gradient = control.get(OptimizerKernel.GRAD_SCALE) * gradients.get(i);
            double decayed = parameters.get(i) * (1 - rate * kernel.weightDecay());
            double m = beta1 * firstMoment.get(i) + (1 - beta1) * gradient;
            double v = beta2 * secondMoment.get(i) + (1 - beta2) * gradient * gradient;
            double mean = m / (1 - Math.pow(beta1, step));
            double root = Math.sqrt(v / (1 - Math.pow(beta2, step)));
            firstMoment.set(i, m);
            secondMoment.set(i, v);
            parameters.set(i, decayed - rate * mean / (root + kernel.epsilon()));
        }
    }

    private static void sgd(Sgd kernel) {
        Values control = Values.of(kernel.control());
        if (control.get(OptimizerKernel.APPLIED) == 0) {
            return;
        }
        Values parameters = Values.of(kernel.parameters());
        Values gradients = Values.of(kernel.gradients());
        Values velocity = Values.of(kernel.velocity());
        double rate = control.get(OptimizerKernel.LEARNING_RATE) * kernel.learningRateScale();
        for (long i = 0; i < kernel.parameters().length(); i++) {
            double p = parameters.get(i);
            double gradient = control.get(OptimizerKernel.GRAD_SCALE) * gradients.get(i) + kernel.weightDecay() * p;
            double u = kernel.momentum() * velocity.get(i) + gradient;
            velocity.set(i, u);
            parameters.set(i, p - rate * u);
        }
    }
}
