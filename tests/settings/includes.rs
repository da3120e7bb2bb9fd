//! Files that include others.

use kanaloa::config::Settings;

use crate::Files;

/// The problems of loading `main.conf`, with the directory left out of the names.
fn refused(files: &Files) -> String {
    let error = Settings::load([files.path("main.conf")]).unwrap_err().to_string();
    error.replace(&format!("{}/", files.path("").display()).replace("//", "/"), "")
}

fn capacity(files: &Files) -> usize {
    Settings::load([files.path("main.conf")]).unwrap_or_else(|error| panic!("{error}")).dispatcher("a").queue.capacity
}

#[test]
fn every_way_to_name_a_file() {
    let ways = [
        "include \"other.conf\"",
        "include \"other\"",
        "include file(\"other.conf\")",
        "include file(\"other\")",
        "include required(\"other.conf\")",
        "include required(file(\"other.conf\"))",
        "include required( file( \"other.conf\" ) )",
        "include\n  \"other.conf\"",
        "{ include \"other.conf\", b = 1 }",
    ];
    for way in ways {
        let files = Files::new("ways");
        files.with("other.conf", "kanaloa.default-dispatcher.queue.capacity = 7");
        files.with("main.conf", way);
        assert_eq!(capacity(&files), 7, "{way}");
    }
}

#[test]
fn an_include_holds_where_it_stands() {
    let files = Files::new("stands");
    files.with("other.conf", "kanaloa.default-dispatcher { queue.capacity = 7, worker-pool.min-pool-size = 2 }");
    files.with(
        "main.conf",
        "kanaloa.default-dispatcher { queue.capacity = 5, worker-pool.min-pool-size = 3 }
         include \"other.conf\"
         kanaloa.default-dispatcher.queue.capacity = 6",
    );
    let settings = Settings::load([files.path("main.conf")]).unwrap().dispatcher("any");
    assert_eq!((settings.queue.capacity, settings.worker_pool.min_pool_size), (6, 2));
}

#[test]
fn an_include_in_an_object_lies_below_it_in_either_spelling() {
    let files = Files::new("below");
    files.with("other.conf", "queue.capacity = 7, workerPool.minPoolSize = ${size}, size = 3");
    files.with("pool.conf", "minPoolSize = ${size}");
    files.with("main.conf", "kanaloa { dispatchers { a { workerPool { include \"pool\" } } } }\nsize = 4");
    let settings = Settings::load([files.path("main.conf")]).unwrap().dispatcher("a");
    assert_eq!(settings.worker_pool.min_pool_size, 4);
}

#[test]
fn a_reference_in_an_included_file_is_looked_up_below_the_include_first() {
    let files = Files::new("prefix");
    files.with("other.conf", "queue.capacity = ${worker-pool.minPoolSize}, updateInterval = ${time}");
    files.with(
        "main.conf",
        "kanaloa.dispatchers.a { include \"other.conf\", worker-pool.min-pool-size = 7 }
         time = 2s
         worker-pool.minPoolSize = 5",
    );
    let settings = Settings::load([files.path("main.conf")]).unwrap().dispatcher("a");
    assert_eq!((settings.queue.capacity, settings.update_interval.as_secs()), (7, 2));
}

#[test]
fn names_are_relative_to_the_including_file_on_every_level() {
    let files = Files::new("levels");
    std::fs::create_dir_all(files.path("one/two")).unwrap();
    files.with("main.conf", "include \"one/first.conf\"");
    files.with("one/first.conf", "include file(\"two/second\")");
    files.with("one/two/second.conf", "include required(\"../third.conf\")");
    files.with("one/third.conf", "kanaloa.default-dispatcher.queue.capacity = 7");
    assert_eq!(capacity(&files), 7);
}

#[test]
fn a_missing_file_is_nothing_unless_it_is_required() {
    let files = Files::new("missing-include");
    files.with(
        "main.conf",
        "include \"nowhere\"\ninclude file(\"nowhere.conf\")\nkanaloa.dispatchers.a.queue.capacity = 7",
    );
    assert_eq!(capacity(&files), 7);
    files.with("main.conf", "\ninclude required(\"nowhere.conf\")\n\ninclude required(file(\"nowhere\"))");
    assert_eq!(
        refused(&files),
        "main.conf:2: cannot be read: there is no file nowhere.conf\n\
         main.conf:4: cannot be read: there is no file nowhere.json or nowhere.conf"
    );
}

#[test]
fn a_file_that_is_there_but_cannot_be_read_is_an_error() {
    let files = Files::new("unreadable");
    std::fs::create_dir_all(files.path("directory.conf")).unwrap();
    files.with("main.conf", "include \"directory.conf\"");
    assert!(refused(&files).starts_with("main.conf:1: cannot be read: directory.conf: "), "{}", refused(&files));
    std::fs::write(files.path("latin.conf"), b"a = \"\xe9\"").unwrap();
    files.with("main.conf", "include \"latin.conf\"");
    assert_eq!(refused(&files), "main.conf:1: cannot be read: latin.conf: it is not UTF-8");
}

#[test]
fn a_name_without_an_ending_takes_conf_over_json() {
    let files = Files::new("endings");
    files.with("other.json", "{ \"kanaloa\": { \"dispatchers\": { \"a\": { \"queue\": { \"capacity\": 5 } } } } }");
    files.with("main.conf", "include \"other\"");
    assert_eq!(capacity(&files), 5);
    files.with("other.conf", "kanaloa.dispatchers.a.queue.capacity = 7");
    assert_eq!(capacity(&files), 7);
    files.with("other.properties", "kanaloa.dispatchers.a.queue.capacity=9");
    assert_eq!(
        refused(&files),
        "main.conf:1: include would take other.properties, which is not supported; write it as HOCON"
    );
}

#[test]
fn problems_name_the_included_file_and_its_line() {
    let files = Files::new("problems");
    files.with("other.conf", "\nqueue { capacity = 0 }\nqueu.capacity = 1\nupdate-interval = ${nowhere}");
    files.with("broken.conf", "\n\na = {");
    files.with("main.conf", "kanaloa.dispatchers.a { include \"other.conf\" }\ninclude \"broken.conf\"");
    assert_eq!(
        refused(&files),
        "other.conf:2: kanaloa.dispatchers.a.queue.capacity: expected at least 1, found 0\n\
         other.conf:3: kanaloa.dispatchers.a.queu.capacity: unknown key; did you mean queue?\n\
         other.conf:4: kanaloa.dispatchers.a.update-interval: ${nowhere} has no value\n\
         broken.conf:3: { is never closed"
    );
}

#[test]
fn files_that_include_each_other_are_refused() {
    let files = Files::new("circle");
    files.with("main.conf", "\ninclude \"other.conf\"");
    files.with("other.conf", "include \"main.conf\"");
    assert_eq!(
        refused(&files),
        "other.conf:1: files include each other in a circle: main.conf > other.conf > main.conf"
    );
    files.with("main.conf", "include \"main.conf\"");
    assert_eq!(refused(&files), "main.conf:1: files include each other in a circle: main.conf > main.conf");
}

#[test]
fn one_file_may_be_included_twice_but_not_without_end() {
    let files = Files::new("twice");
    files.with("last.conf", "queue.capacity = 7");
    files.with("main.conf", "kanaloa.dispatchers { a { include \"last\" }, b { include \"last\" } }");
    assert_eq!(capacity(&files), 7);
    for i in 0..20 {
        files.with(&format!("f{i}.conf"), &format!("include \"f{}.conf\"\ninclude \"f{}.conf\"", i + 1, i + 1));
    }
    files.with("f20.conf", "a = 1");
    files.with("main.conf", "include \"f0.conf\"");
    assert!(refused(&files).contains(": more than 1000 files are included"));
}

#[test]
fn what_cannot_be_included_says_so() {
    let cases = [
        ("include url(\"http://a/b.conf\")", "include url(...) is not supported; include a file"),
        ("include required(url(\"http://a/b.conf\"))", "include url(...) is not supported; include a file"),
        ("include \"http://a/b.conf\"", "include of the address http://a/b.conf is not supported; include a file"),
        ("include classpath(\"b.conf\")", "include classpath(...) is not supported; include a file"),
        ("include \"b.properties\"", "include of a .properties file is not supported; write it as HOCON"),
        ("a = [ { include \"b.conf\" } ]", "include cannot stand in a list"),
        ("include b.conf", "expected a file name in quotes, or file(...), after include, found b.conf"),
        ("include file(b.conf)", "expected a file name in quotes, or file(...), after include, found file(b.conf)"),
        ("include file(\"b.conf\"", "expected ) after the name of the file, found the end of the file"),
        ("include = 1", "expected a file name in quotes after include, found ="),
        ("include \"b.conf\" c = 1", "expected a comma or the end of the line, found c"),
    ];
    for (text, expected) in cases {
        let files = Files::new("what");
        files.with("main.conf", text);
        assert_eq!(refused(&files), format!("main.conf:1: {expected}"), "{text}");
    }
}

#[test]
fn includes_that_add_up_to_any_depth_are_refused_before_the_stack_runs_out() {
    let files = Files::new("deep");
    for n in 0..20 {
        let inside = if n < 19 { format!("include \"n{}.conf\"", n + 1) } else { "b = 1".to_owned() };
        files.with(&format!("n{n}.conf"), &format!("{}{inside}{}", "a{".repeat(60), "}".repeat(60)));
    }
    files.with("main.conf", "include \"n0.conf\"");
    assert_eq!(refused(&files), "n1.conf:1: nested more than 64 deep");
}
