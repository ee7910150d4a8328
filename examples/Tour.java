import dev.geomean.engine.Engine;
import dev.geomean.engine.Gradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.gmpo.objective.PolicyLossOp;
import dev.geomean.gmpo.objective.Preset;
import java.util.Arrays;
import java.util.List;

/** Tensors, automatic differentiation and policy objectives: the code in the README. */
public final class Tour {
    private Tour() {}

    public static void main(String[] args) {
        try (Engine engine = Engine.cpu(); Scope scope = engine.scope()) {
            // A policy in miniature: logits over a vocabulary of three tokens, for each of four states.
            Tensor policy = scope.tensor(
                    new float[] {2, 0, -1, 0, 0.5f, 0, 0, 0.2f, 0.4f, -0.3f, 0.3f, 0}, 4, 3).requireGrad();

            // Two responses: the states they pass through, and the tokens they chose. The second is one token shorter.
            Tensor states = scope.ints(new int[] {0, 1, 2, 0, 3, 0}, 2, 3);
            Tensor tokens = scope.ints(new int[] {0, 0, 2, 1, 1, -1}, 2, 3);
            Tensor mask = scope.ints(new int[] {1, 1, 1, 1, 1, 0}, 2, 3);
            Tensor logProbs = policy.embedding(states).tokenLogProbs(tokens, 1).logProbs(); // log-softmax, gathered

            // What they were worth, and how probable they were under the policy that sampled them.
            Tensor advantages = scope.tensor(new float[] {1, -1}, 2);
            Tensor oldLogProbs = scope.tensor(new float[] {-1, -1, -1, -2.2f, -1, 0}, 2, 3);
            var inputs = new PolicyLossOp.Inputs(oldLogProbs, null, mask, advantages, null, scope.zeros(2));

            for (String objective : List.of("grpo", "gmpo")) {
                Tensor loss = PolicyLossOp.apply(Preset.named(objective).objective(), logProbs, inputs).loss();
                Gradients gradients = loss.backward();
                System.out.printf("%s loss %.4f%n", objective, loss.item());
                System.out.println("  d loss / d log-probs " + Arrays.toString(gradients.of(logProbs).toFloats()));
                System.out.println("  d loss / d policy    " + Arrays.toString(gradients.of(policy).toFloats()));
            }
        }
    }
}
