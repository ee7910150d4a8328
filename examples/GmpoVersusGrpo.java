import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.gmpo.objective.PolicyLossOp;
import dev.geomean.gmpo.objective.Preset;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** What one outlying token does to GRPO and to GMPO: the numbers and the picture of {@code docs/gmpo-vs-grpo.md}. */
public final class GmpoVersusGrpo {
    private static final int TOKENS = 8;

    private GmpoVersusGrpo() {}

    /**
     * A response of {@link #TOKENS} tokens: one with the log-ratio {@code outlier}, all others with log-ratio 0.
     *
     * @param value the objective, to be maximised
     * @param outlier its gradient with respect to the outlier's log-probability
     * @param other its gradient with respect to that of any other token
     */
    record Outcome(double value, double outlier, double other) {
        static Outcome of(Engine engine, String objective, double advantage, double outlier) {
            float[] logProbs = new float[TOKENS];
            Arrays.fill(logProbs, -1);
            logProbs[0] = (float) (-1 + outlier);
            float[] old = new float[TOKENS];
            Arrays.fill(old, -1);
            int[] mask = new int[TOKENS];
            Arrays.fill(mask, 1);
            try (Scope scope = engine.scope()) {
                Tensor current = scope.tensor(logProbs, 1, TOKENS).requireGrad();
                var inputs = new PolicyLossOp.Inputs(scope.tensor(old, 1, TOKENS), null,
                        scope.ints(mask, 1, TOKENS), scope.tensor(new float[] {(float) advantage}, 1), null,
                        scope.zeros(2));
                Tensor loss = PolicyLossOp.apply(Preset.named(objective).objective(), current, inputs).loss();
                float[] gradients = loss.backward().of(current).toFloats();
                return new Outcome(0.0 - loss.item(), 0.0 - gradients[0], 0.0 - gradients[1]);
            }
        }
    }

    public static void main(String[] args) throws IOException {
        try (Engine engine = Engine.cpu(1)) {
            System.out.println("  A  log-ratio |   GRPO: value  outlier    other |   GMPO: value  outlier    other");
            for (double advantage : new double[] {1, -1}) {
                for (double outlier : new double[] {-2, -0.3, 0, 0.3, 2}) {
                    Outcome grpo = Outcome.of(engine, "grpo", advantage, outlier);
                    Outcome gmpo = Outcome.of(engine, "gmpo", advantage, outlier);
                    System.out.printf(Locale.ROOT, "%+3.0f  %9.1f | %13.4f %8.4f %8.4f | %13.4f %8.4f %8.4f%n",
                            advantage, outlier, grpo.value(), grpo.outlier(), grpo.other(),
                            gmpo.value(), gmpo.outlier(), gmpo.other());
                }
            }
            if (args.length > 0) {
                draw(engine, Path.of(args[0]));
            }
        }
    }

    private static void draw(Engine engine, Path file) throws IOException {
        List<XYChart> charts = new ArrayList<>();
        for (double advantage : new double[] {1, -1}) {
            XYChart outlier = chart("Weight of the outlier, A = " + (advantage > 0 ? "+1" : "-1"));
            XYChart other = chart("Weight of the other tokens, A = " + (advantage > 0 ? "+1" : "-1"));
            for (String objective : List.of("grpo", "gmpo")) {
                double[] x = new double[401];
                Arrays.setAll(x, i -> (i - 200) / 100.0);
                List<Outcome> outcomes = Arrays.stream(x)
                        .mapToObj(d -> Outcome.of(engine, objective, advantage, d))
                        .toList();
                line(outlier, objective, x, outcomes.stream().mapToDouble(Outcome::outlier).toArray());
                line(other, objective, x, outcomes.stream().mapToDouble(Outcome::other).toArray());
            }
            charts.add(outlier);
            charts.add(other);
        }
        BitmapEncoder.saveBitmap(charts, 2, 2, file.toString(), BitmapFormat.PNG);
    }

    private static XYChart chart(String title) {
        XYChart chart = new XYChartBuilder()
                .width(520)
                .height(340)
                .title(title)
                .xAxisTitle("log-ratio of the outlier")
                .yAxisTitle("gradient")
                .build();
        chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideS);
        chart.getStyler().setLegendLayout(Styler.LegendLayout.Horizontal);
        chart.getStyler().setXAxisTickMarkSpacingHint(70);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        return chart;
    }

    /** Colours that everyone can tell apart; in print, GMPO's line is the thick one. */
    private static void line(XYChart chart, String objective, double[] x, double[] y) {
        boolean isGmpo = objective.equals("gmpo");
        var series = chart.addSeries(isGmpo ? "GMPO" : "GRPO", x, y);
        series.setMarker(SeriesMarkers.NONE);
        series.setLineColor(isGmpo ? new Color(0x0072B2) : new Color(0xD55E00));
        series.setLineStyle(SeriesLines.SOLID);
        series.setLineWidth(isGmpo ? 3 : 1.5f);
    }
}
