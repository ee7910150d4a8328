package dev.geomean.engine.cpu;

/**
 * Finds where a descending order would be cut, without sorting: quickselect with three-way partitioning. The arrays are
 * reordered. Keys are not NaN. Deterministic, like everything here.
 */
final class Selection {
    /** What remains of the wanted count or mass for keys equal to the cut, after all greater keys. */
    private double remainder;
    private int greaterEnd;
    private int equalEnd;
    private double greaterMass;
    private double equalMass;

    /** See the methods; undefined before the first. */
    double remainder() {
        return remainder;
    }

    /**
     * The {@code rank}-th largest of the first {@code count} keys; {@link #remainder} of the keys equal to it belong to
     * the {@code rank} largest.
     */
    float kthLargest(float[] keys, int count, int rank) {
        int low = 0;
        int high = count;
        int wanted = rank;
        while (true) {
            float pivot = pivot(keys, low, high);
            partition(keys, low, high, pivot);
            if (wanted <= greaterEnd - low) {
                high = greaterEnd;
            } else if (wanted <= equalEnd - low) {
                remainder = wanted - (greaterEnd - low);
                return pivot;
            } else {
                wanted -= equalEnd - low;
                low = equalEnd;
            }
        }
    }

    /**
     * The key at which the masses of the largest keys reach {@code mass}; of the keys equal to it, so many are needed that
     * their masses reach {@link #remainder}. Negative infinity if all masses together do not reach it.
     */
    float cutAtMass(float[] keys, float[] masses, int count, double mass) {
        int low = 0;
        int high = count;
        double wanted = mass;
        while (low < high) {
            float pivot = pivot(keys, low, high);
            partition(keys, masses, low, high, pivot);
            if (wanted <= greaterMass) {
                high = greaterEnd;
            } else if (wanted <= greaterMass + equalMass) {
                remainder = wanted - greaterMass;
                return pivot;
            } else {
                wanted -= greaterMass + equalMass;
                low = equalEnd;
            }
        }
        remainder = Double.POSITIVE_INFINITY;
        return Float.NEGATIVE_INFINITY;
    }

    private static float pivot(float[] keys, int low, int high) {
        float a = keys[low];
        float b = keys[(low + high) >>> 1];
        float c = keys[high - 1];
        return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    }

    private void partition(float[] keys, int low, int high, float pivot) {
        int greater = low;
        int less = high;
        int i = low;
        while (i < less) {
            float key = keys[i];
            if (key < pivot) {
                less--;
                keys[i] = keys[less];
                keys[less] = key;
            } else {
                if (key > pivot) {
                    keys[i] = keys[greater];
                    keys[greater] = key;
                    greater++;
                }
                i++;
            }
        }
        greaterEnd = greater;
        equalEnd = less;
    }

    private void partition(float[] keys, float[] masses, int low, int high, float pivot) {
        int greater = low;
        int less = high;
        int i = low;
        double massAbove = 0;
        double massAt = 0;
        while (i < less) {
            float key = keys[i];
            float mass = masses[i];
            if (key < pivot) {
                less--;
                keys[i] = keys[less];
                masses[i] = masses[less];
                keys[less] = key;
                masses[less] = mass;
            } else {
                if (key > pivot) {
                    massAbove += mass;
                    keys[i] = keys[greater];
                    masses[i] = masses[greater];
                    keys[greater] = key;
                    masses[greater] = mass;
                    greater++;
                } else {
                    massAt += mass;
                }
                i++;
            }
        }
        greaterEnd = greater;
        equalEnd = less;
        greaterMass = massAbove;
        equalMass = massAt;
    }
}
