/**
 * Files of the user's that a run depends on: tasks, rewards and objectives in Java, which are compiled here, and prompts in
 * JSON lines. Each is known by its name and a hash of its content.
 *
 * <p>Knows nothing about runs or the command line.
 */
@NullMarked
package dev.geomean.gmpo.source;

import org.jspecify.annotations.NullMarked;
