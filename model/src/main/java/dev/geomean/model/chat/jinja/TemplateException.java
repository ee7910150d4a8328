package dev.geomean.model.chat.jinja;

/** A template is malformed, uses what is not supported, or failed while it was rendered. */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes a problem.
     *
     * @param message one line
     */
    public TemplateException(String message) {
        super(message);
    }
}
