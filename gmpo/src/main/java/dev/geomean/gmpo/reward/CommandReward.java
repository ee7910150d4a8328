package dev.geomean.gmpo.reward;

import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import tools.jackson.databind.json.JsonMapper;

/**
 * A program that scores a completion: it is started once for each, reads a JSON object with {@code prompt}, {@code answer}
 * and {@code completion} from its standard input, and prints a number from 0 to 1. A program that ends with another exit code
 * than 0, prints something else or more than a number can be, or is not done in time has failed. When it has ended, or is
 * ended, the processes that it started and that still run are killed.
 */
final class CommandReward implements Reward {
    private static final int MOST_OUTPUT = 4096;
    private static final long POLL_MILLIS = 20;
    private static final long DRAIN_MILLIS = 1000;
    private static final Pattern NUMBER = Pattern.compile("[+-]?[0-9]{0,40}\\.?[0-9]{0,40}(?:[eE][+-]?[0-9]{1,3})?");
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final List<String> command;
    private final Duration limit;

    /**
     * Prepares a command.
     *
     * @param command program and arguments, separated by spaces; single or double quotes keep spaces together
     * @param limit longest time for one completion, positive
     */
    CommandReward(String command, Duration limit) {
        if (limit.isZero() || limit.isNegative()) {
            throw new IllegalArgumentException("seconds must be positive, not " + LimitedReward.seconds(limit));
        }
        this.command = words(command);
        this.limit = limit;
    }

    private static List<String> words(String command) {
        List<String> words = new ArrayList<>();
        StringBuilder word = null;
        char quote = 0;
        for (int i = 0; i < command.length(); i++) {
            char c = command.charAt(i);
            boolean isSpace = quote == 0 && Character.isWhitespace(c);
            if (isSpace) {
                if (word != null) {
                    words.add(word.toString());
                }
                word = null;
                continue;
            }
            word = word == null ? new StringBuilder() : word;
            if (c == quote) {
                quote = 0;
            } else if (quote == 0 && (c == '"' || c == '\'')) {
                quote = c;
            } else {
                word.append(c);
            }
        }
        if (quote != 0) {
            throw new IllegalArgumentException("command " + Names.quote(command) + " has an open quote");
        }
        if (word != null) {
            words.add(word.toString());
        }
        if (words.isEmpty() || words.getFirst().isEmpty()) {
            throw new IllegalArgumentException("the command is empty");
        }
        return List.copyOf(words);
    }

    @Override
    public double score(Problem problem, String completion) {
        return judge(problem, Attempt.of(completion)).reward();
    }

    @Override
    public Judgement judge(Problem problem, Attempt attempt) {
        if (!attempt.isComplete()) {
            return Judgement.WORTHLESS;
        }
        String input = JSON.writeValueAsString(JSON.createObjectNode()
                .put("prompt", problem.prompt())
                .put("answer", problem.answer())
                .put("completion", attempt.text())) + "\n";
        Process process;
        try {
            process = new ProcessBuilder(command).start();
        } catch (IOException e) {
            return Judgement.failed(String.valueOf(e.getMessage()));
        }
        Set<ProcessHandle> children = new HashSet<>();
        try {
            feed(process, input);
            CompletableFuture<String> out = read(process.getInputStream());
            CompletableFuture<String> err = readEnd(process.getErrorStream());
            boolean hasEnded = await(process, out, children);
            if (!hasEnded) {
                return Judgement.failed(isTooLong(out)
                        ? "printed more than " + MOST_OUTPUT + " bytes"
                        : "took longer than " + LimitedReward.seconds(limit) + " s");
            }
            // They may hold the other end of what is read. The program itself is left alone until all is read, because
            // Process.destroy closes its streams with what it has printed.
            kill(children);
            String printed = text(out);
            return isTooLong(out)
                    ? Judgement.failed("printed more than " + MOST_OUTPUT + " bytes")
                    : judgement(process.exitValue(), printed, text(err));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Judgement.failed("interrupted");
        } finally {
            process.descendants().forEach(children::add);
            process.destroyForcibly();
            kill(children);
        }
    }

    /** A program need not read its input, and one that does not must not stop us. */
    private static void feed(Process process, String input) {
        Thread.ofVirtual().start(() -> {
            try (OutputStream stream = process.getOutputStream()) {
                stream.write(input.getBytes(StandardCharsets.UTF_8));
            } catch (IOException e) {
                // It has ended or closed its input; what it prints decides.
            }
        });
    }

    /** Reads up to one byte more than is allowed. */
    private static CompletableFuture<String> read(InputStream stream) {
        var text = new CompletableFuture<String>();
        Thread.ofVirtual().start(() -> {
            try (stream) {
                text.complete(new String(stream.readNBytes(MOST_OUTPUT + 1), StandardCharsets.UTF_8));
            } catch (IOException e) {
                text.complete("");
            }
        });
        return text;
    }

    /** Reads all and keeps the end, where programs say what went wrong. */
    private static CompletableFuture<String> readEnd(InputStream stream) {
        var text = new CompletableFuture<String>();
        Thread.ofVirtual().start(() -> {
            byte[] last = new byte[0];
            try (stream) {
                byte[] next = stream.readNBytes(MOST_OUTPUT);
                while (next.length > 0) {
                    last = next;
                    next = stream.readNBytes(MOST_OUTPUT);
                }
            } catch (IOException e) {
                // What was read so far has to do.
            }
            text.complete(new String(last, StandardCharsets.UTF_8));
        });
        return text;
    }

    private static boolean isTooLong(CompletableFuture<String> out) {
        String text = out.getNow("");
        return text.getBytes(StandardCharsets.UTF_8).length > MOST_OUTPUT;
    }

    /** Waits, and takes down what the process starts, because a child whose parent has ended is no longer found by it. */
    private boolean await(Process process, CompletableFuture<String> out, Set<ProcessHandle> children)
            throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            process.descendants().forEach(children::add);
            if (process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
                return true;
            }
            if (System.nanoTime() - deadline >= 0 || isTooLong(out)) {
                return false;
            }
        }
    }

    private static void kill(Set<ProcessHandle> children) {
        for (ProcessHandle child : children) {
            child.descendants().forEach(ProcessHandle::destroyForcibly);
            child.destroyForcibly();
        }
    }

    /** What was read; a process that was not found may still hold the other end, so only for a while. */
    private static String text(CompletableFuture<String> stream) throws InterruptedException {
        try {
            return stream.get(DRAIN_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException e) {
            return "";
        }
    }

    private static Judgement judgement(int exitCode, String out, String err) {
        if (exitCode != 0) {
            String last = err.strip().lines().reduce((first, second) -> second).orElse("");
            return Judgement.failed("ended with exit code " + exitCode + (last.isEmpty() ? "" : ": " + last));
        }
        String number = out.strip();
        boolean isNumber = NUMBER.matcher(number).matches() && number.chars().anyMatch(c -> c >= '0' && c <= '9');
        double score;
        try {
            score = isNumber ? Double.parseDouble(number) : Double.NaN;
        } catch (NumberFormatException e) {
            score = Double.NaN;
        }
        if (!(score >= 0 && score <= 1)) {
            return Judgement.failed("printed " + Names.quote(number) + ", not a number from 0 to 1");
        }
        return Judgement.of(score);
    }
}
