package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.runtime.common.TornadoXPUDevice;

/** What a device is asked to record, on a stand-in for one: it writes down what it is told. */
class CudaGraphTest {
    private static final long QUEUE = 7;
    private static final long GRAPH = 42;

    private final List<String> events = new ArrayList<>();

    private final TornadoXPUDevice device = (TornadoXPUDevice) Proxy.newProxyInstance(
            TornadoXPUDevice.class.getClassLoader(),
            new Class<?>[] {TornadoXPUDevice.class},
            (proxy, method, arguments) -> switch (method.getName()) {
                case "beginExecutionGraphCapture" -> say("begin", null);
                case "endExecutionGraphCaptureAndInstantiate" -> say("end", GRAPH);
                case "launchExecutionGraph" -> say("replay " + arguments[1], -1);
                case "destroyExecutionGraph" -> say("destroy " + arguments[0], null);
                default -> throw new AssertionError("unexpected " + method);
            });

    private @Nullable Object say(String event, @Nullable Object result) {
        events.add(event);
        return result;
    }

    @Test
    void runsOnceIsRecordedOnceAndIsReplayedFromThenOn() {
        try (var graph = new CudaGraph(device, QUEUE, () -> events.add("launches"))) {
            assertThat(graph.run()).isFalse();
            assertThat(graph.run()).isTrue();
            assertThat(graph.run()).isTrue();
        }
        assertThat(events)
                .containsExactly("launches", "begin", "launches", "end", "replay 42", "replay 42", "destroy 42");
    }

    @Test
    void endsTheRecordingOfALaunchThatFails() {
        var graph = new CudaGraph(device, QUEUE, () -> {
            if (events.contains("begin")) {
                throw new IllegalStateException("refused");
            }
        });
        graph.run();
        assertThatThrownBy(graph::run).hasMessage("refused");
        graph.close();
        assertThat(events).containsExactly("begin", "end", "destroy 42");
    }
}
