/**
 * Problems from files of rows: JSON lines, JSON, CSV and Parquet. A file is read once, as a stream; what is kept of its rows
 * are prompts, answers and demonstrations, in memory or, if they are many, in a temporary file.
 *
 * <p>Knows problems and files; knows nothing about rewards, models, training or the command line.
 */
@NullMarked
package dev.geomean.gmpo.data;

import org.jspecify.annotations.NullMarked;
