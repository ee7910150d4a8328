package dev.geomean.engine;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs a test class once per {@link TestBackend}, which the class receives in a field marked as parameter. */
@SuppressWarnings("exports") // tests are compiled into the module, which exports this package
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ParameterizedClass(name = "{0}")
@MethodSource("dev.geomean.engine.TestBackend#chosen")
public @interface OnEveryBackend {}
