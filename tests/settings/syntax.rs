//! Files that cannot be read, or are not HOCON.

use kanaloa::config::{ProblemKind, Settings};

use crate::parsed;
use crate::{Files, refused};

#[test]
fn a_missing_file_is_named() {
    let files = Files::new("missing");
    let missing = files.path("nowhere.conf");
    let error = Settings::load([&missing]).unwrap_err();
    assert_eq!(error.problems().len(), 1);
    assert!(matches!(error.problems()[0].kind, ProblemKind::Unreadable(_)));
    let start = format!("{}: cannot be read: ", missing.display());
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[test]
fn several_files_are_all_reported() {
    let files = Files::new("several");
    let wrong = files.with("wrong.conf", "kanaloa {\n  queue = 1\n}");
    let missing = files.path("nowhere.conf");
    let broken = files.with("broken.conf", "kanaloa {");
    let error = Settings::load([&wrong, &missing, &broken]).unwrap_err();
    let places: Vec<_> = error.problems().iter().map(|p| (p.source.clone().unwrap(), p.line)).collect();
    let name = |path: &std::path::Path| path.display().to_string();
    assert_eq!(places, [(name(&wrong), Some(2)), (name(&missing), None), (name(&broken), Some(1))]);
}

#[test]
fn a_surplus_brace_does_not_swallow_the_rest() {
    let cases = [
        ("kanaloa {\n}\n}\nkanaloa.default-dispatcher.queue.capacity = 0", "app.conf:3: surplus }"),
        ("{ kanaloa {} }\n}", "app.conf:2: surplus }"),
        ("}", "app.conf:1: surplus }"),
        ("a = 1\r\n\r\n}\r\nb = 2", "app.conf:3: surplus }"),
        ("a = \"\"\"\n}\n\"\"\"\n# }\n}", "app.conf:5: surplus }"),
        ("a = [1]\n]", "app.conf:2: surplus ]"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn an_unclosed_brace_is_named_by_the_line_that_opens_it() {
    assert_eq!(refused("kanaloa {\n  default-dispatcher {\n  }\n\n"), "app.conf:1: { is never closed");
    assert_eq!(refused("\nkanaloa.dispatchers = [1, 2"), "app.conf:2: [ is never closed");
    assert_eq!(refused("a {\n  b = [\n}"), "app.conf:3: } cannot close the [ of line 2");
}

#[test]
fn other_mistakes_in_the_syntax_name_file_and_line() {
    let error = Settings::parse("app.conf", "a = 1\nkanaloa = \"half").unwrap_err();
    assert!(matches!(error.problems()[0].kind, ProblemKind::Syntax(_)));
    assert_eq!((error.problems()[0].source.as_deref(), error.problems()[0].line), (Some("app.conf"), Some(2)));
    assert_eq!(refused("[1, 2]"), "app.conf:1: expected an object at the top of the file, found a list");
}

#[test]
fn a_reference_to_nothing_names_its_file_and_line() {
    let files = Files::new("reference");
    let first = files.with("first.conf", "other = 1\n\nkanaloa.default-dispatcher.queue.capacity = ${nowhere}");
    let second = files.with("second.conf", "kanaloa.default-dispatcher.update-interval = soon");
    let error = Settings::load([&first, &second]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}:3: kanaloa.default-dispatcher.queue.capacity: ${{nowhere}} has no value\n\
             {}:1: kanaloa.default-dispatcher.update-interval: expected a duration such as 500ms, found \"soon\"",
            first.display(),
            second.display()
        )
    );
}

#[test]
fn a_reference_inside_a_longer_value_is_found_too() {
    assert_eq!(
        refused("\nkanaloa.default-dispatcher.update-interval = ${nowhere} s"),
        "app.conf:2: kanaloa.default-dispatcher.update-interval: ${nowhere} has no value"
    );
}

#[test]
fn what_the_reference_implementation_refuses_is_refused() {
    let cases = [
        ("a = b = c", "expected a comma or the end of the line, found ="),
        ("a = 1 : 2", "expected a comma or the end of the line, found :"),
        ("a { b = 1 } { c = 2 }", "expected a comma or the end of the line, found {"),
        ("{ a = 1 } b = 2", "expected nothing after the } that closes the file, found b"),
        ("a b", "expected =, :, += or { after the key, found the end of the file"),
        ("a =", "expected a value, found the end of the file"),
        ("a = 1,, b = 2", "expected a key, found ,"),
        ("a = [1,,2]", "expected a value, found ,"),
        (", a = 1", "expected a key, found ,"),
        ("${a} = 1", "expected a key, found ${"),
        ("a..b = 1", "a part of the path is empty; write \"\" if it is to be"),
        (".a = 1", "a part of the path is empty; write \"\" if it is to be"),
        ("a = ${b.}", "a part of the path is empty; write \"\" if it is to be"),
        ("a = ${}", "a part of the path is empty; write \"\" if it is to be"),
        ("a = ${b", "${ is never closed on its line"),
        ("a = ${b ${c}}", "${ cannot stand in ${...}"),
        ("a = x$y", "$ stands before { only; put it in quotes"),
        ("a = x@y", "@ is reserved; put the text in quotes"),
        ("a = 1+2", "+ is reserved; put the text in quotes"),
        ("a = \"half", "\" is never closed on its line"),
        ("a = \"\"\"half", "\"\"\" is never closed"),
        ("a = \"tab\there\"", "in quotes, write \\t for this character"),
        ("a = \"\\q\"", "no such escape after \\; write \\\\ for a backslash"),
        ("a = \"\\u12\"", "expected four hexadecimal digits after \\u"),
        ("a = \"\\ud800\"", "half a character after \\u"),
        ("a = [ { b += 1 } ]", "a.b: += cannot stand in a list"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), format!("app.conf:1: {expected}"), "{text}");
    }
}

#[test]
fn what_follows_an_accepted_text_is_never_lost() {
    let texts =
        ["a = 1 // c", "a = \"}\"", "a = 1,", "a {\n}", "a = \"\"\"\n}\"\"\"", "# }", "a = [1]", "a = ${?b}", ""];
    for text in texts {
        let settings = Settings::parse("app.conf", &format!("{text}\nkanaloa.default-dispatcher.queue.capacity = 7"));
        assert_eq!(settings.unwrap().dispatcher("any").queue.capacity, 7, "{text}");
    }
}

#[test]
fn fields_that_nothing_parts_are_read_where_only_one_meaning_is_possible() {
    let apart = parsed("kanaloa.default-dispatcher { workTimeout = 3s\n queue { capacity = 7 }\n workRetry = 2 }");
    assert_eq!(parsed("kanaloa.default-dispatcher { workTimeout = 3s queue { capacity = 7 } workRetry = 2 }"), apart);
    // Elsewhere they are not.
    for text in [
        "kanaloa.default-dispatcher { workTimeout = 3s workRetry = 2 }",
        "kanaloa.default-dispatcher { workTimeout = 3s queue.capacity = 7 }",
        "other = [ a { b = 1 } ]",
        "other = [ { b = 1 } a ]",
        "other = \"a\"{ b = 1 }",
    ] {
        refused(text);
    }
}
