package dev.geomean.gmpo.settings;

/**
 * One field of a {@link dev.geomean.gmpo.train.RunConfig}.
 *
 * @param option its name as an option, without dashes in front, for example {@code "clip-low"}
 * @param path where it lies in {@code run.json}, for example {@code "objective.clipLow"}
 * @param section heading it is listed under
 * @param meaning one sentence
 */
public record Setting(String option, String path, String section, String meaning) {}
