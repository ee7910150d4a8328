package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.tornado.kernels.Reductions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.Instruction;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.ConstantInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.reflect.AccessFlag;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the kernels must not contain, since TornadoVM compiles it to something else, or not at all: read from their bytecode. */
class KernelLanguageTest {
    private static final int MOST_ARGUMENTS = 20;

    /** Wrong results or no code, on one back end or another. */
    private static final Set<String> FORBIDDEN_CALLS = Set.of(
            "fma", "floatToRawIntBits", "floatToIntBits", "intBitsToFloat", "doubleToRawLongBits", "simdSum",
            "simdShuffleDown",
            "simdBroadcastFirst", "atomicAdd", "getAndAdd", "incrementAndGet");

    /** Functions of OpenCL: a method of such a name is taken for them. */
    private static final Set<String> TAKEN_NAMES = Set.of(
            "select", "mix", "step", "dot", "cross", "length", "normalize", "distance", "sign", "clamp", "rotate",
            "mad",
            "exp", "log", "pow", "sqrt", "floor", "ceil", "round", "min", "fabs", "fmin", "fmax", "any", "all",
            "barrier",
            "printf", "shuffle", "popcount", "upsample", "prefetch");

    private static List<ClassModel> classes = List.of();

    @BeforeAll
    static void readClasses() throws IOException, URISyntaxException {
        Path root = Path.of(Reductions.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        try (Stream<Path> files = Files.list(root.resolve("dev/geomean/tornado/kernels"))) {
            classes = files.filter(file -> file.toString().endsWith(".class")).map(KernelLanguageTest::parse).toList();
        }
        assertThat(classes).hasSizeGreaterThan(12);
    }

    private static ClassModel parse(Path file) {
        try {
            return ClassFile.of().parse(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String name(ClassModel model, MethodModel method) {
        String type = model.thisClass().asInternalName();
        return type.substring(type.lastIndexOf('/') + 1) + "." + method.methodName().stringValue();
    }

    /** Kernels and what they call. A public method without a context is for the host: it gives an enum its number. */
    private static void forEachMethod(ClassModel model, Consumer<MethodModel> action) {
        model.methods().stream()
                .filter(method -> method.code().isPresent())
                .filter(method -> !method.flags().has(AccessFlag.PUBLIC)
                        || method.methodType().stringValue().contains("/KernelContext;"))
                .forEach(action);
    }

    private static List<Instruction> instructions(MethodModel method) {
        return method.code().orElseThrow().elementStream()
                .filter(Instruction.class::isInstance)
                .map(Instruction.class::cast)
                .toList();
    }

    @Test
    void everyShiftToTheRightIsMasked() {
        List<String> unmasked = new ArrayList<>();
        List<String> masked = new ArrayList<>();
        for (ClassModel model : classes) {
            forEachMethod(model, method -> {
                List<Instruction> code = instructions(method);
                for (int i = 0; i < code.size(); i++) {
                    Opcode opcode = code.get(i).opcode();
                    if (opcode == Opcode.IUSHR || opcode == Opcode.LUSHR) {
                        unmasked.add(name(model, method) + ": >>>");
                    } else if (opcode == Opcode.ISHR || opcode == Opcode.LSHR) {
                        // The mask comes next: a constant, widened or not, and the and.
                        boolean isMasked = code.subList(i + 1, Math.min(i + 4, code.size())).stream()
                                .anyMatch(next -> next.opcode() == Opcode.IAND || next.opcode() == Opcode.LAND)
                                && code.get(i + 1) instanceof ConstantInstruction;
                        (isMasked ? masked : unmasked).add(name(model, method) + ": >>");
                    }
                }
            });
        }
        assertThat(unmasked).isEmpty();
        assertThat(masked).as("shifts of the random numbers").isNotEmpty();
    }

    @Test
    void nothingIsCalledThatDoesNotCompileOrIsWrong() {
        List<String> calls = new ArrayList<>();
        for (ClassModel model : classes) {
            forEachMethod(model, method -> {
                for (Instruction instruction : instructions(method)) {
                    if (instruction instanceof InvokeInstruction call
                            && FORBIDDEN_CALLS.contains(call.name().stringValue())) {
                        calls.add(name(model, method) + " calls " + call.name().stringValue());
                    }
                    if (instruction.opcode() == Opcode.NEW || instruction.opcode() == Opcode.ATHROW
                            || instruction.opcode() == Opcode.TABLESWITCH
                            || instruction.opcode() == Opcode.LOOKUPSWITCH) {
                        calls.add(name(model, method) + " has " + instruction.opcode());
                    }
                }
            });
        }
        assertThat(calls).isEmpty();
    }

    @Test
    void noLocalArrayIsHandedToAMethod() {
        List<String> methods = new ArrayList<>();
        for (ClassModel model : classes) {
            forEachMethod(model, method -> {
                if (method.methodType().stringValue().contains("[")) {
                    methods.add(name(model, method));
                }
            });
        }
        assertThat(methods).isEmpty();
    }

    @Test
    void noMethodHasTheNameOfAFunctionOfOpenClOrTooManyArguments() {
        List<String> methods = new ArrayList<>();
        for (ClassModel model : classes) {
            forEachMethod(model, method -> {
                boolean isKernel = method.flags().has(AccessFlag.PUBLIC) && method.flags().has(AccessFlag.STATIC);
                if (isKernel && (TAKEN_NAMES.contains(method.methodName().stringValue())
                        || method.methodTypeSymbol().parameterCount() > MOST_ARGUMENTS)) {
                    methods.add(name(model, method));
                }
            });
        }
        assertThat(methods).isEmpty();
    }
}
