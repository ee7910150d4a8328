/**
 * The part of the template language Jinja (jinja.palletsprojects.com) that chat templates are written in, with the
 * settings that they are written for: {@code trim_blocks}, {@code lstrip_blocks}, loop controls, no escaping. Templates
 * cannot include other files, call into Java or change what they are given.
 */
@NullMarked
package dev.geomean.model.chat.jinja;

import org.jspecify.annotations.NullMarked;
