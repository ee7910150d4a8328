package dev.geomean.gmpo.task;

import org.jspecify.annotations.Nullable;

/**
 * One prompt of a {@link Task}.
 *
 * @param prompt what the model is given
 * @param answer the only right answer, or null if there are several or the task keeps it elsewhere
 * @param demonstration a completion with the full score, to imitate in a supervised warm-up, or null if there is none
 */
public record Problem(String prompt, @Nullable String answer, @Nullable String demonstration) {}
