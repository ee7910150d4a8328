package dev.geomean.model.chat.jinja;

/** What a template can call. */
@FunctionalInterface
interface Function {
    /**
     * Calls it.
     *
     * @param arguments positional and named arguments
     * @return its result
     */
    Object call(Arguments arguments);
}
