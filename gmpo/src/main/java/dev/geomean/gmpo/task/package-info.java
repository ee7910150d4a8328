/**
 * Tasks with verifiable rewards: where prompts come from and what a completion is worth. Knows text; knows nothing about
 * tokens, models or training.
 */
@NullMarked
package dev.geomean.gmpo.task;

import org.jspecify.annotations.NullMarked;
