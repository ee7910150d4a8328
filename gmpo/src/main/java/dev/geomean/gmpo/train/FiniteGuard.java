package dev.geomean.gmpo.train;

import dev.geomean.engine.Parameters;
import dev.geomean.engine.memory.Buffer;

/**
 * Watches over the numbers of one training phase. An update whose loss or gradient is NaN or infinite was skipped; too
 * many in a row, or a parameter that is no longer finite, end the run.
 */
final class FiniteGuard {
    private final int limit;
    private final String advice;
    private int inARow;

    /**
     * Starts with nothing seen.
     *
     * @param limit number of skipped updates in a row at which the run ends
     * @param advice what to try then
     */
    FiniteGuard(int limit, String advice) {
        this.limit = limit;
        this.advice = advice;
    }

    /** Whether the last update was skipped. */
    boolean isTroubled() {
        return inARow > 0;
    }

    /**
     * After an update.
     *
     * @param place where it was, for example {@code "round 3, update 1"}
     * @param update what it did
     * @throws NumericalFaultException if as many in a row as the limit were skipped
     */
    void check(String place, ParameterUpdate.Result update) {
        String problem = update.nonFinite();
        inARow = problem == null ? 0 : inARow + 1;
        if (inARow >= limit) {
            throw new NumericalFaultException(place + ": " + problem + ", and "
                    + (limit == 1 ? "no such update is allowed" : "so it was in " + limit + " updates in a row")
                    + "; " + advice);
        }
    }

    /**
     * Looks at all parameters.
     *
     * @param place after what
     * @param parameters the parameters
     * @throws NumericalFaultException if one is NaN or infinite
     */
    void check(String place, Parameters parameters) {
        for (String name : parameters.names()) {
            float value = firstNonFinite(parameters.get(name).buffer());
            if (value != 0) {
                throw new NumericalFaultException(
                        place + ": the parameter " + name + " became " + value + "; " + advice);
            }
        }
    }

    /** The first NaN or infinity, or 0 if all elements are finite. */
    static float firstNonFinite(Buffer values) {
        for (long i = 0; i < values.length(); i++) {
            float value = values.getFloat(i);
            if (!Float.isFinite(value)) {
                return value;
            }
        }
        return 0;
    }
}
