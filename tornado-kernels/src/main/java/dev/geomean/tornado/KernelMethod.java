package dev.geomean.tornado;

import java.lang.reflect.Method;
import java.util.Arrays;

/**
 * A method of {@link dev.geomean.tornado.kernels}.
 *
 * @param owner its class
 * @param name its name, of which the class has one public method
 */
record KernelMethod(Class<?> owner, String name) {

    /**
     * The method, for the compiler.
     *
     * @throws IllegalArgumentException if there is no such method
     */
    Method resolve() {
        return Arrays.stream(owner.getMethods())
                .filter(method -> method.getName().equals(name) && method.getDeclaringClass() == owner)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no kernel " + this));
    }

    @Override
    public String toString() {
        return owner.getSimpleName() + "." + name;
    }
}
