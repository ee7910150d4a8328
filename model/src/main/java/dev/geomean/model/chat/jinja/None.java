package dev.geomean.model.chat.jinja;

/** The value {@code none}, which JSON calls null. */
enum None {
    /** The only one. */
    NONE
}
