/** Policy objectives, rollouts, tasks, the trainer, the report and the command line. */
module dev.geomean.gmpo {
    requires transitive dev.geomean.model;
    requires static org.jspecify;
    requires info.picocli;
    requires me.tongfei.progressbar;
    requires tools.jackson.databind;

    opens dev.geomean.gmpo.cli to
            info.picocli;
}
