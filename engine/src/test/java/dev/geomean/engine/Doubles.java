package dev.geomean.engine;

import java.util.Arrays;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/** A small multi-dimensional array of doubles, row-major: what the tests compute their expectations with. */
public record Doubles(int[] shape, double[] values) {

    public static Doubles of(double[] values, int... shape) {
        return new Doubles(shape.clone(), values.clone());
    }

    public static Doubles of(float[] values, int... shape) {
        double[] copy = new double[values.length];
        Arrays.setAll(copy, i -> values[i]);
        return new Doubles(shape.clone(), copy);
    }

    public static Doubles of(Tensor tensor) {
        return of(tensor.toFloats(), tensor.shape().toArray());
    }

    /** Numbers between -2 and 2 that float32 can represent. */
    public static Doubles random(long seed, int... shape) {
        return random(seed, -2, 2, shape);
    }

    public static Doubles random(long seed, double low, double high, int... shape) {
        var random = new Random(seed);
        double[] values = new double[sizeOf(shape)];
        Arrays.setAll(values, i -> (float) (low + (high - low) * random.nextDouble()));
        return new Doubles(shape.clone(), values);
    }

    /** An element for each index. */
    public static Doubles generate(int[] shape, ToDoubleFunction<int[]> element) {
        double[] values = new double[sizeOf(shape)];
        Arrays.setAll(values, i -> element.applyAsDouble(index(shape, i)));
        return new Doubles(shape.clone(), values);
    }

    public static int sizeOf(int... shape) {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    /** The multi-dimensional index of an element. */
    public static int[] index(int[] shape, int flat) {
        int[] index = new int[shape.length];
        int rest = flat;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            index[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        return index;
    }

    public static int flat(int[] shape, int... index) {
        int flat = 0;
        for (int axis = 0; axis < shape.length; axis++) {
            if (index[axis] < 0 || index[axis] >= shape[axis]) {
                throw new IndexOutOfBoundsException(Arrays.toString(index) + " of " + Arrays.toString(shape));
            }
            flat = flat * shape[axis] + index[axis];
        }
        return flat;
    }

    public double at(int... index) {
        return values[flat(shape, index)];
    }

    /** The element at the index of a larger array that this one is broadcast to. */
    public double broadcastAt(int... index) {
        int[] own = new int[shape.length];
        Arrays.setAll(own, axis -> shape[axis] == 1 ? 0 : index[index.length - shape.length + axis]);
        return at(own);
    }

    public int dim(int axis) {
        return shape[axis < 0 ? axis + shape.length : axis];
    }

    public int size() {
        return values.length;
    }

    public Doubles reshape(int... newShape) {
        return new Doubles(newShape.clone(), values);
    }

    public Doubles withValue(int flat, double value) {
        double[] copy = values.clone();
        copy[flat] = value;
        return new Doubles(shape, copy);
    }

    public float[] toFloats() {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    @Override
    public String toString() {
        return Arrays.toString(shape);
    }
}
