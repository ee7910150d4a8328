package dev.geomean.bench;

import java.awt.Color;
import java.awt.Dimension;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGraphics2D;
import org.apache.batik.svggen.SVGSyntax;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The plot of {@code bench/compare}: how many times as fast as PyTorch each piece of work is, and what was to be reached. */
public final class ComparisonChart {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 520;

    private ComparisonChart() {}

    /**
     * Draws.
     *
     * @param args the file with the results, and the SVG file to write
     * @throws IOException if a file cannot be read or written
     * @throws ParserConfigurationException if the JDK has no XML
     */
    public static void main(String[] args) throws IOException, ParserConfigurationException {
        if (args.length != 2) {
            System.err.println("usage: ComparisonChart RESULTS.json PLOT.svg");
            System.exit(2);
        }
        JsonNode rows = new JsonMapper().readTree(Files.readString(Path.of(args[0]))).path("rows");
        var svg = new SVGGraphics2D(DocumentBuilderFactory.newDefaultInstance()
                .newDocumentBuilder()
                .getDOMImplementation()
                .createDocument(SVGSyntax.SVG_NAMESPACE_URI, SVGSyntax.SVG_SVG_TAG, null));
        svg.setSVGCanvasSize(new Dimension(WIDTH, HEIGHT));
        chart(rows).paint(svg, WIDTH, HEIGHT);
        try (var out = Files.newBufferedWriter(Path.of(args[1]))) {
            svg.stream(out, true);
        }
    }

    /** The chart of all rows in which more is better. */
    static CategoryChart chart(JsonNode rows) {
        List<String> names = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        List<Double> targets = new ArrayList<>();
        for (JsonNode row : rows) {
            if (!row.path("less_is_better").asBoolean() && row.path("must").isNumber()) {
                names.add(row.path("label").asString());
                ratios.add(row.path("ratio").asDouble());
                targets.add(row.path("must").asDouble());
            }
        }
        CategoryChart chart = new CategoryChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title("Geomean and PyTorch on the same work")
                .yAxisTitle("times as fast as PyTorch")
                .build();
        chart.getStyler().setLegendPosition(LegendPosition.InsideNW);
        chart.getStyler().setXAxisLabelRotation(45);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        chart.getStyler().setOverlapped(true);
        if (!names.isEmpty()) {
            chart.addSeries("measured", names, ratios);
            chart.addSeries("must reach", names, targets)
                    .setChartCategorySeriesRenderStyle(CategorySeriesRenderStyle.Scatter)
                    .setMarker(SeriesMarkers.DIAMOND)
                    .setMarkerColor(Color.BLACK);
        }
        return chart;
    }
}
