package dev.geomean.model.lora;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Names;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.engine.io.TensorType;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.huggingface.Architecture;
import dev.geomean.model.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import tools.jackson.databind.node.ObjectNode;

/**
 * Adapters on disk, as the PEFT library has them: {@value #CONFIG} and {@value #WEIGHTS}, with tensors named
 * {@code base_model.model.<layer>.lora_A.weight [rank, in]} and {@code lora_B.weight [out, rank]}.
 *
 * <p>What would change the result and is not done here, such as DoRA or ranks of single layers, is refused by its name.
 */
public final class AdapterFolder {
    /** The configuration of the adapters. */
    public static final String CONFIG = "adapter_config.json";

    /** Their weights. */
    public static final String WEIGHTS = "adapter_model.safetensors";

    private static final String BASE = "base_model_name_or_path";
    private static final String PREFIX = "base_model.model.";
    private static final String DOWN = ".lora_A.weight";
    private static final String UP = ".lora_B.weight";
    private static final int LISTED = 4;

    private AdapterFolder() {}

    /**
     * Whether a folder holds adapters and not a whole model.
     *
     * @param folder a folder
     * @return true if there is an {@value #CONFIG}
     */
    public static boolean is(Path folder) {
        return Files.isRegularFile(folder.resolve(CONFIG));
    }

    /**
     * The model that adapters belong to, as their configuration names it: a path, which is relative to the folder of the
     * adapters if it is relative.
     *
     * @param folder folder of the adapters
     * @return folder of the model
     * @throws FileFormatException if no folder is named, there is none of that name, or it holds adapters
     * @throws IOException if the configuration cannot be read
     */
    public static Path model(Path folder) throws IOException {
        JsonObject json = JsonObject.read(folder.resolve(CONFIG));
        String name = json.requireString(BASE);
        Path model;
        try {
            model = folder.resolve(name).normalize();
        } catch (InvalidPathException e) {
            throw json.error(e);
        }
        if (name.isEmpty() || !Files.isDirectory(model)) {
            throw json.error(BASE + " " + Names.quote(name) + " is no folder here");
        }
        if (is(model)) {
            throw json.error(BASE + " " + Names.quote(name) + " holds adapters, not a whole model");
        }
        return model;
    }

    /**
     * Writes adapters.
     *
     * @param adapters what is written, as float32
     * @param model folder of the model that they belong to; its path is written relative to the folder of the adapters
     * @param folder where they go; made if there is none
     * @throws IOException if writing fails
     */
    public static void save(LoraAdapters adapters, Path model, Path folder) throws IOException {
        Files.createDirectories(folder);
        Path relative =
                folder.toAbsolutePath().normalize().relativize(model.toAbsolutePath().normalize());
        ObjectNode json = JsonObject.create();
        json.put("peft_type", "LORA");
        json.put("task_type", "CAUSAL_LM");
        json.put(BASE, relative.toString().replace('\\', '/'));
        json.put("inference_mode", true);
        json.put("r", adapters.config().rank());
        double alpha = adapters.config().alpha();
        if (alpha == Math.rint(alpha) && alpha < 1L << 53) {
            json.put("lora_alpha", (long) alpha);
        } else {
            json.put("lora_alpha", alpha);
        }
        json.put("lora_dropout", 0.0);
        adapters.targets().forEach(json.putArray("target_modules")::add);
        json.put("fan_in_fan_out", Architecture.of(adapters.decoder()) == Architecture.GPT2);
        json.put("bias", "none");
        json.put("use_rslora", false);
        json.put("use_dora", false);
        json.put("init_lora_weights", true);
        json.putObject("rank_pattern");
        json.putObject("alpha_pattern");
        json.putNull("modules_to_save");
        json.putNull("layers_to_transform");
        JsonObject.write(folder.resolve(CONFIG), json);
        var writer = new SafetensorsWriter();
        long rank = adapters.config().rank();
        for (LoraAdapters.Layer layer : adapters.layers()) {
            writer.add(PREFIX + layer.name() + DOWN, TensorType.F32, List.of(rank, (long) layer.in()), layer.down());
            writer.add(PREFIX + layer.name() + UP, TensorType.F32, List.of((long) layer.out(), rank), layer.up());
        }
        writer.write(folder.resolve(WEIGHTS));
    }

    /**
     * Reads adapters.
     *
     * @param engine where they will live
     * @param decoder shape of the decoder that they are for
     * @param folder folder of the adapters
     * @return new adapters
     * @throws FileFormatException if a file is damaged, asks for what is not supported, or does not fit the decoder
     * @throws IOException if a file cannot be read
     */
    public static LoraAdapters load(Engine engine, DecoderConfig decoder, Path folder) throws IOException {
        LoraConfig config = readConfig(folder);
        List<LoraAdapters.Target> targets;
        try {
            targets = LoraAdapters.targets(decoder, config);
        } catch (IllegalArgumentException e) {
            throw new FileFormatException(folder.resolve(CONFIG), String.valueOf(e.getMessage()), e);
        }
        // Before memory is taken for what a file claims.
        try (var tensors = checked(folder, targets, config.rank())) {
            LoraAdapters adapters = LoraAdapters.zeros(engine, decoder, config);
            read(tensors, adapters);
            return adapters;
        }
    }

    /**
     * Overwrites adapters.
     *
     * @param adapters those that are overwritten; as they were if there is an exception
     * @param folder folder of others with the same targets and sizes
     * @throws FileFormatException if a file is damaged or does not fit
     * @throws IOException if a file cannot be read
     */
    public static void restore(LoraAdapters adapters, Path folder) throws IOException {
        LoraConfig stored = readConfig(folder);
        LoraConfig own = adapters.config();
        if (stored.rank() != own.rank() || stored.alpha() != own.alpha()) {
            throw new FileFormatException(folder.resolve(CONFIG), "has rank " + stored.rank() + " and alpha "
                    + stored.alpha() + " instead of " + own.rank() + " and " + own.alpha());
        }
        List<LoraAdapters.Target> targets = LoraAdapters.targets(adapters.decoder(), own);
        try (var tensors = checked(folder, targets, own.rank())) {
            read(tensors, adapters);
        }
    }

    private static LoraConfig readConfig(Path folder) throws IOException {
        JsonObject json = JsonObject.read(folder.resolve(CONFIG));
        String type = json.requireString("peft_type");
        if (!type.equals("LORA")) {
            throw json.error("peft_type " + Names.quote(type) + " is not supported; LORA is");
        }
        double dropout = json.doubleOr("lora_dropout", 0);
        if (dropout != 0) {
            throw json.error("lora_dropout " + dropout
                    + " is not supported; with 0 the adapters are used as they are outside of training");
        }
        String bias = json.stringOr("bias", "none");
        if (!bias.equals("none")) {
            throw json.error("bias " + Names.quote(bias) + " is not supported; none is");
        }
        for (String key : List.of("use_rslora", "use_dora", "use_qalora", "lora_bias")) {
            if (json.booleanOr(key, false)) {
                throw json.error(key + " = true is not supported");
            }
        }
        ObjectNode all = json.copy();
        for (String key : List.of("modules_to_save", "layers_to_transform", "rank_pattern", "alpha_pattern",
                "layer_replication", "target_parameters", "exclude_modules", "trainable_token_indices")) {
            boolean isUsed = json.has(key) && !(all.get(key).isContainer() && all.get(key).isEmpty());
            if (isUsed) {
                throw json.error(key + " is not supported");
            }
        }
        try {
            boolean isText = all.path("target_modules").isString();
            List<String> targets =
                    isText ? List.of(json.requireString("target_modules")) : json.strings("target_modules");
            if (isText && !targets.contains(LoraConfig.ALL_LINEAR)) {
                throw json.error("target_modules as a pattern is not supported; a list of names is");
            }
            return new LoraConfig(json.requireInt("r"), json.doubleOr("lora_alpha", 8), targets);
        } catch (IllegalArgumentException e) {
            throw json.error(e);
        }
    }

    /** The weights, if they are those of these layers and finite. */
    private static Safetensors checked(Path folder, List<LoraAdapters.Target> targets, long rank) throws IOException {
        var tensors = Safetensors.open(folder.resolve(WEIGHTS));
        try {
            List<String> problems = new ArrayList<>();
            Set<String> left = tensors.tensors().stream()
                    .map(TensorInfo::name)
                    .collect(Collectors.toCollection(LinkedHashSet::new));
            for (LoraAdapters.Target target : targets) {
                String name = PREFIX + target.name();
                expect(tensors, name + DOWN, List.of(rank, (long) target.in()), problems);
                expect(tensors, name + UP, List.of((long) target.out(), rank), problems);
                left.remove(name + DOWN);
                left.remove(name + UP);
            }
            left.forEach(name -> problems.add("unexpected " + Names.quote(name)));
            if (!problems.isEmpty()) {
                String more = problems.size() > LISTED ? " and " + (problems.size() - LISTED) + " more" : "";
                throw new FileFormatException(tensors.source(), "adapters do not fit the model and " + CONFIG + ": "
                        + String.join("; ", problems.subList(0, Math.min(LISTED, problems.size()))) + more);
            }
            for (TensorInfo info : tensors.tensors()) {
                tensors.checkFinite(info.name());
            }
            return tensors;
        } catch (IOException | RuntimeException e) {
            tensors.close();
            throw e;
        }
    }

    private static void read(Safetensors tensors, LoraAdapters adapters) {
        for (LoraAdapters.Layer layer : adapters.layers()) {
            tensors.readFloats(PREFIX + layer.name() + DOWN, layer.down());
            tensors.readFloats(PREFIX + layer.name() + UP, layer.up());
        }
    }

    private static void expect(Safetensors tensors, String name, List<Long> shape, List<String> problems) {
        if (!tensors.contains(name)) {
            problems.add("missing " + name);
        } else if (!tensors.info(name).shape().equals(shape)) {
            problems.add(name + " " + tensors.info(name).shape() + " instead of " + shape);
        } else if (!tensors.info(name).type().isReadableAsFloat()) {
            problems.add(name + " of type " + tensors.info(name).type());
        }
    }
}
