package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.FieldModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeDynamicInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.reflect.AccessFlag;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The rules of {@link Vectors} by which no kernel allocates. */
class VectorBoundaryTest {
    private static final String VECTORS = "Ljdk/incubator/vector/";
    private static final String OURS = "dev/geomean/";
    /** Says what the one shape is. */
    private static final String NATIVE = "dev/geomean/engine/cpu/Native";

    private static List<ClassModel> classes = List.of();

    @BeforeAll
    static void readClasses() throws IOException, URISyntaxException {
        Path root = Path.of(CpuBackend.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        try (Stream<Path> files = Files.list(root.resolve("dev/geomean/engine/cpu"))) {
            classes = files.filter(file -> file.toString().endsWith(".class"))
                    .map(VectorBoundaryTest::parse)
                    .toList();
        }
    }

    private static ClassModel parse(Path file) {
        try {
            return ClassFile.of().parse(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String name(ClassModel model) {
        return model.thisClass().asInternalName();
    }

    @Test
    void noMethodHandsVectorsToAnother() {
        List<String> calls = new ArrayList<>();
        for (ClassModel model : classes) {
            for (MethodModel method : model.methods()) {
                // What runs once may allocate.
                if (method.methodName().equalsString("<clinit>") || method.code().isEmpty()) {
                    continue;
                }
                String caller = name(model) + "." + method.methodName().stringValue() + " calls ";
                method.code().get().forEach(element -> {
                    if (element instanceof InvokeInstruction call
                            && call.owner().asInternalName().startsWith(OURS)
                            && call.type().stringValue().contains(VECTORS)) {
                        calls.add(caller + call.owner().asInternalName() + "." + call.name().stringValue());
                    }
                    if (element instanceof InvokeDynamicInstruction call
                            && call.type().stringValue().contains(VECTORS)) {
                        calls.add(caller + "a lambda, " + call.name().stringValue());
                    }
                });
            }
        }
        assertThat(calls).isEmpty();
        assertThat(classes).hasSizeGreaterThan(20);
    }

    @Test
    void vectorsAreKeptInConstantsOnly() {
        List<String> fields = new ArrayList<>();
        for (ClassModel model : classes) {
            for (FieldModel field : model.fields()) {
                boolean constant = field.flags().has(AccessFlag.STATIC) && field.flags().has(AccessFlag.FINAL);
                if (field.fieldType().stringValue().contains(VECTORS) && !constant) {
                    fields.add(name(model) + "." + field.fieldName().stringValue());
                }
            }
        }
        assertThat(fields).isEmpty();
    }

    @Test
    void vectorsOfOneTypeHaveOneShape() {
        List<String> shapes = new ArrayList<>();
        for (ClassModel model : classes) {
            if (name(model).equals(NATIVE)) {
                continue;
            }
            for (MethodModel method : model.methods()) {
                method.code().ifPresent(code -> code.forEach(element -> {
                    if (element instanceof FieldInstruction field
                            && field.owner().asInternalName().startsWith("jdk/incubator/vector/")
                            && (field.name().stringValue().startsWith("SPECIES_")
                                    || field.name().stringValue().startsWith("S_"))) {
                        shapes.add(name(model) + "." + method.methodName().stringValue() + " takes "
                                + field.owner().asInternalName() + "." + field.name().stringValue());
                    }
                }));
            }
        }
        assertThat(shapes).isEmpty();
    }
}
