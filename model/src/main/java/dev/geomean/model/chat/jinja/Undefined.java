package dev.geomean.model.chat.jinja;

/**
 * The value of what is not there. It is false, empty and prints as nothing; anything else that is done with it fails.
 *
 * @param problem what is missing, for messages
 */
record Undefined(String problem) {}
