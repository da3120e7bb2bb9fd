import com.typesafe.config.*;
import java.io.File;
import java.io.PrintStream;
import java.nio.file.Files;
import java.util.*;
import java.util.concurrent.TimeUnit;

/**
 * Writes what the reference implementation makes of the files of each case: see README.md.
 *
 * Arguments: the file that lies under all, then the directories of the cases.
 */
public class Golden {
    public static void main(String[] args) throws Exception {
        for (String directory : Arrays.asList(args).subList(1, args.length)) {
            Config merged = ConfigFactory.empty();
            File[] files = new File(directory).listFiles((dir, name) -> name.matches("[0-9]+\\.conf"));
            Arrays.sort(files);
            for (File file : files) {
                merged = ConfigFactory.parseFile(file).withFallback(merged);
            }
            File overrides = new File(directory, "overrides.txt");
            if (overrides.exists()) {
                Map<String, Object> texts = new TreeMap<>();
                for (String line : Files.readAllLines(overrides.toPath())) {
                    String[] parts = line.split("=", 2);
                    texts.put(parts[0], parts[1]);
                }
                merged = ConfigFactory.parseMap(texts).withFallback(merged);
            }
            merged = merged.withFallback(ConfigFactory.parseFile(new File(args[0]))).resolve();

            Map<String, Object> out = new TreeMap<>();
            out.put("values", merged.root().unwrapped());
            out.put("dispatchers", dispatchers(merged));
            if (merged.hasPath("typed")) {
                out.put("typed", typed(merged.getConfig("typed")));
            }
            String json = ConfigValueFactory.fromMap(out).render(ConfigRenderOptions.defaults()
                .setOriginComments(false).setComments(false).setJson(true));
            try (PrintStream file = new PrintStream(new File(directory, "expected.json"), "UTF-8")) {
                file.print(json);
            }
        }
    }

    /** What holds for each dispatcher. */
    static Map<String, Object> dispatchers(Config merged) {
        Map<String, Object> dispatchers = new TreeMap<>();
        ConfigObject named = merged.getObject("kanaloa.dispatchers");
        for (String name : named.keySet()) {
            dispatchers.put(name, ((ConfigObject) named.get(name)).toConfig()
                .withFallback(merged.getConfig("kanaloa.default-dispatcher")).root().unwrapped());
        }
        return dispatchers;
    }

    /** The values of `typed` read as what they lie under. */
    static Map<String, Object> typed(Config typed) {
        Map<String, Object> out = new TreeMap<>();
        for (String kind : typed.root().keySet()) {
            Map<String, Object> values = new TreeMap<>();
            Config config = typed.getConfig(kind);
            for (String key : config.root().keySet()) {
                Object value;
                switch (kind) {
                    case "nanoseconds": value = config.getDuration(key, TimeUnit.NANOSECONDS); break;
                    case "switch": value = config.getBoolean(key); break;
                    case "number": value = config.getDouble(key); break;
                    case "whole": value = config.getLong(key); break;
                    default: value = config.getString(key);
                }
                values.put(key, value);
            }
            out.put(kind, values);
        }
        return out;
    }
}
