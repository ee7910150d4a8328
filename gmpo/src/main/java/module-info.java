/** Policy objectives, rollouts, tasks, the trainer, the report and the command line. */
// JLine, RE2/J and Hardwood have automatic module names only.
@SuppressWarnings("requires-automatic") module dev.geomean.gmpo {
    requires transitive dev.geomean.model;
    requires static transitive org.jspecify;
    requires de.siegmar.fastcsv;
    requires dev.hardwood.core;
    requires info.picocli;
    requires java.compiler;
    requires java.logging;
    requires jdk.httpserver;
    requires jdk.management;
    requires jdk.unsupported;
    requires org.jline.terminal;
    requires re2j;
    requires tools.jackson.databind;

    exports dev.geomean.gmpo.advantage;
    exports dev.geomean.gmpo.compare;
    exports dev.geomean.gmpo.data;
    exports dev.geomean.gmpo.metrics;
    exports dev.geomean.gmpo.objective;
    exports dev.geomean.gmpo.report;
    exports dev.geomean.gmpo.reward;
    exports dev.geomean.gmpo.run;
    exports dev.geomean.gmpo.settings;
    exports dev.geomean.gmpo.source;
    exports dev.geomean.gmpo.task;
    exports dev.geomean.gmpo.train;

    opens dev.geomean.gmpo.compare to
            tools.jackson.databind;
    opens dev.geomean.gmpo.run to
            tools.jackson.databind;
    opens dev.geomean.gmpo.train to
            tools.jackson.databind;
    opens dev.geomean.gmpo.bench to
            info.picocli;
    opens dev.geomean.gmpo.cli to
            info.picocli;
}
