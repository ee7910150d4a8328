package dev.geomean.gmpo.source;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/**
 * A Java file of the user's, compiled in memory: the object that it defines, and the way from an exception back to a line of
 * the file. The file may have a package or not, and more classes than the one that is wanted. It sees what this library
 * exports and the whole JDK.
 *
 * @param <T> what the file defines
 */
final class JavaSource<T> {
    private static final int MOST_PROBLEMS = 20;

    private final SourceFile file;
    private final Map<String, byte[]> classes;
    private final T instance;

    private JavaSource(SourceFile file, Map<String, byte[]> classes, Class<T> type) {
        this.file = file;
        this.classes = classes;
        this.instance = instantiate(type);
    }

    /**
     * Compiles a file and makes an object of the one class in it that implements a type.
     *
     * @throws SourceException if it does not compile, or has no or several such classes, or none that can be made
     */
    static <T> JavaSource<T> compile(SourceFile file, Class<T> type) {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        if (compiler == null) {
            throw new SourceException(
                    file + ": cannot be compiled, because this Java (" + System.getProperty("java.home")
                            + ") has no compiler; use a JDK",
                    null);
        }
        var problems = new DiagnosticCollector<JavaFileObject>();
        Map<String, byte[]> classes = new HashMap<>();
        boolean isCompiled;
        try (var standard = compiler.getStandardFileManager(problems, Locale.ROOT, null);
                var files = new MemoryFiles(standard, classes)) {
            isCompiled = compiler
                    .getTask(Writer.nullWriter(), files, problems, options(), null, List.of(new Text(file)))
                    .call();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (!isCompiled) {
            throw new SourceException(
                    problems.getDiagnostics().stream()
                            .filter(problem -> problem.getKind() == Diagnostic.Kind.ERROR)
                            .limit(MOST_PROBLEMS)
                            .map(problem -> describe(file, problem))
                            .toList(),
                    null);
        }
        return new JavaSource<>(file, classes, type);
    }

    /**
     * As this process itself was started: from modules or from the class path. The launcher may put modules on the class path; it
     * says where they are, so that a file sees as much of them as ever.
     */
    private static List<String> options() {
        List<String> options = new ArrayList<>(List.of("-proc:none", "-Xlint:none", "-parameters", "-g"));
        Module self = JavaSource.class.getModule();
        String modules = System.getProperty(self.isNamed() ? "jdk.module.path" : "geomean.module.path");
        if (modules != null) {
            options.addAll(List.of("--module-path", modules, "--add-modules", "dev.geomean.gmpo"));
        }
        boolean isClassPath = self.isNamed() || modules == null;
        options.addAll(List.of("-classpath", isClassPath ? System.getProperty("java.class.path", "") : ""));
        return options;
    }

    private static String describe(SourceFile file, Diagnostic<? extends JavaFileObject> problem) {
        String message =
                problem.getMessage(Locale.ROOT).strip().replaceAll("\\s*\\R\\s*", "; ").replaceAll("\\s+", " ");
        return problem.getLineNumber() == Diagnostic.NOPOS
                ? file + ": " + message
                : file + ":" + problem.getLineNumber() + ": " + message;
    }

    SourceFile file() {
        return file;
    }

    T instance() {
        return instance;
    }

    /**
     * Calls code of the file.
     *
     * @throws SourceException if it throws; the message starts with the line in the file
     */
    <R> R call(Supplier<R> code) {
        try {
            return code.get();
        } catch (SourceException e) {
            throw e;
        } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
            throw failure(e);
        }
    }

    /** What was thrown, with its place in the file. */
    SourceException failure(Throwable e) {
        String place = file.toString();
        for (StackTraceElement frame : e.getStackTrace()) {
            if (classes.containsKey(frame.getClassName()) && frame.getLineNumber() > 0) {
                place += ":" + frame.getLineNumber();
                break;
            }
        }
        String message = e.getMessage() == null ? "" : e.getMessage().lines().findFirst().orElse("");
        // The library's own checks speak for themselves; what the JDK throws does not.
        boolean isCheck = e instanceof IllegalArgumentException && !(e instanceof NumberFormatException);
        String text = isCheck && !message.isEmpty()
                ? message
                : e.getClass().getSimpleName() + (message.isEmpty() ? "" : ": " + message);
        return new SourceException(place + ": " + text, e);
    }

    private T instantiate(Class<T> type) {
        var loader = new MemoryLoader(classes);
        List<Class<?>> found = new ArrayList<>();
        try {
            for (String name : classes.keySet()) {
                Class<?> candidate = Class.forName(name, false, loader);
                boolean isConcrete = !candidate.isInterface() && !Modifier.isAbstract(candidate.getModifiers());
                if (type.isAssignableFrom(candidate) && isConcrete && !candidate.isAnonymousClass()
                        && !candidate.isLocalClass()) {
                    found.add(candidate);
                }
            }
        } catch (ClassNotFoundException | LinkageError e) {
            throw failure(e);
        }
        // Of several, the one that the file is named after.
        String stem = SourceFile.label(file.reference()).orElse("");
        List<Class<?>> named = found.stream().filter(c -> c.getSimpleName().equals(stem)).toList();
        List<Class<?>> chosen = found.size() > 1 && named.size() == 1 ? named : found;
        if (chosen.size() != 1) {
            throw new SourceException(file + ": " + (chosen.isEmpty() ? "no class" : chosen.size() + " classes")
                    + " in this file " + (chosen.size() > 1 ? "implement " : "implements ") + type.getName()
                    + "; exactly one must" + (chosen.isEmpty() ? "" : ", or one that is named " + stem), null);
        }
        Class<?> implementation = chosen.getFirst();
        try {
            Constructor<?> constructor = implementation.getDeclaredConstructor();
            constructor.setAccessible(true);
            return type.cast(constructor.newInstance());
        } catch (NoSuchMethodException e) {
            throw new SourceException(file + ": class " + implementation.getSimpleName()
                    + " needs a constructor without parameters", e);
        } catch (InvocationTargetException e) {
            throw failure(e.getCause() == null ? e : e.getCause());
        } catch (ReflectiveOperationException | LinkageError e) {
            throw failure(e);
        }
    }

    /** The source as the compiler sees it. */
    private static final class Text extends SimpleJavaFileObject {
        private final String text;

        Text(SourceFile file) {
            super(URI.create("memory:///").resolve(file.path().toAbsolutePath().toUri().getRawPath()), Kind.SOURCE);
            this.text = file.text();
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    /** Keeps class files in memory. */
    private static final class MemoryFiles extends ForwardingJavaFileManager<JavaFileManager> {
        private final Map<String, byte[]> classes;

        MemoryFiles(JavaFileManager standard, Map<String, byte[]> classes) {
            super(standard);
            this.classes = classes;
        }

        @Override
        public JavaFileObject getJavaFileForOutput(
                Location location, String name, JavaFileObject.Kind kind, @Nullable FileObject sibling) {
            return new SimpleJavaFileObject(URI.create("memory:///" + name.replace('.', '/') + kind.extension), kind) {
                @Override
                public OutputStream openOutputStream() {
                    return new ByteArrayOutputStream() {
                        @Override
                        public void close() {
                            classes.put(name, toByteArray());
                        }
                    };
                }
            };
        }
    }

    private static final class MemoryLoader extends ClassLoader {
        private final Map<String, byte[]> classes;

        MemoryLoader(Map<String, byte[]> classes) {
            super(JavaSource.class.getClassLoader());
            this.classes = classes;
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            byte[] bytes = classes.get(name);
            if (bytes == null) {
                throw new ClassNotFoundException(name);
            }
            return defineClass(name, bytes, 0, bytes.length);
        }
    }
}
