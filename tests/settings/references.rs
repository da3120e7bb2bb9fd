//! References that have no value, lead in circles, or would cost without bound.

use kanaloa::config::{ProblemKind, Settings};

use crate::{parsed, refused};

#[test]
fn every_reference_without_a_value_is_reported_with_the_key_that_holds_it() {
    assert_eq!(
        refused(
            "kanaloa.dispatchers.a.queue.capacity = ${nowhere}
             other { list = [1, ${gone}], text = before ${lost.\"with space\"} after }
             kanaloa.dispatchers.b = ${absent} { queue.capacity = 0 }
             copy = ${other.text}"
        ),
        "app.conf:1: kanaloa.dispatchers.a.queue.capacity: ${nowhere} has no value\n\
         app.conf:2: other.list: ${gone} has no value\n\
         app.conf:2: other.text: ${lost.\"with space\"} has no value\n\
         app.conf:3: kanaloa.dispatchers.b: ${absent} has no value"
    );
}

#[test]
fn circles_are_refused() {
    let cases = [
        ("a = ${a}", "a: ${a} leads back to itself"),
        ("a = ${b}, b = ${a}", "b: ${a} leads back to itself"),
        ("a = ${b}, b = ${c}, c = ${a}", "c: ${a} leads back to itself"),
        ("a { b = ${a} }", "a.b: ${a} leads back to itself"),
        ("a { b = ${?a} }", "a.b: ${?a} leads back to itself"),
        ("a = [${?a}]", "a: ${?a} leads back to itself"),
        ("a = ${?b}1, b = ${?a}2", "b: ${?a} leads back to itself"),
        ("a = 1, a = ${b}, b = ${a}", "b: ${a} leads back to itself"),
        ("a = ${a.b}", "a: ${a.b} leads back to itself"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), format!("app.conf:1: {expected}"), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_circle_has_a_value() {
    let capacity = |text: &str| parsed(text).dispatcher("any").queue.capacity;
    let key = "kanaloa.default-dispatcher.queue.capacity";
    assert_eq!(capacity(&format!("{key} = ${{?{key}}}")), 100_000);
    assert_eq!(capacity(&format!("{key} = ${{{key}}}0")), 1_000_000);
    assert_eq!(capacity(&format!("a {{ b = ${{a.c}}, c = ${{a.d}}, d = 7 }}\n{key} = ${{a.b}}")), 7);
    assert_eq!(capacity(&format!("a = ${{?a}}7\n{key} = ${{a}}")), 7);
}

#[test]
fn parts_that_do_not_go_together_are_refused() {
    let cases = [
        ("a = { b = 1 } text", "a: an object cannot be joined with \"text\""),
        ("a = [1] text", "a: a list cannot be joined with \"text\""),
        ("a = text [1]", "a: \"text \" cannot be joined with a list"),
        ("a = [1] { b = 1 }", "a: a list cannot be joined with an object"),
        ("a = ${b}\"\", b {}", "a: an object cannot be joined with \"\""),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text).replace("\"text\" ", "\"text \" "), format!("app.conf:1: {expected}"), "{text}");
    }
}

#[test]
fn few_lines_cannot_ask_for_more_than_there_is_memory() {
    let doubling = |end: &str, join: fn(&str) -> String| -> String {
        let lines = (0..30).map(|i| format!("a{i} = {}\n", join(&format!("${{a{}}}", i + 1))));
        lines.chain([format!("a30 = {end}")]).collect()
    };
    let texts = doubling("text", |next| format!("{next}{next}"));
    let lists = doubling("[1]", |next| format!("[{next}, {next}]"));
    let joined = doubling("[1]", |next| format!("{next} {next}"));
    let objects = doubling("1", |next| format!("{{ x = {next}, y = {next} }}"));
    for text in [texts, lists, joined, objects] {
        let error = Settings::parse("app.conf", &text).unwrap_err();
        assert!(error.to_string().contains(": the value is too large"), "{error}");
    }
}

#[test]
fn references_that_lead_on_and_on_end() {
    let chain: String = (0..1_000).map(|i| format!("a{i} = ${{a{}}}\n", i + 1)).chain(["a1000 = 1".into()]).collect();
    let error = Settings::parse("app.conf", &chain).unwrap_err();
    assert!(error.to_string().contains("references lie too deep in each other"), "{error}");
    let web: String = (0..40)
        .map(|i| {
            let all: String = (0..40).map(|j| format!("${{?a{j}.x}}")).collect();
            format!("a{i} = {all}\n")
        })
        .collect();
    let error = Settings::parse("app.conf", &web).unwrap_err();
    assert!(matches!(error.problems()[0].kind, ProblemKind::Unresolved(_)), "{error}");
}

#[test]
fn brackets_nested_without_end_are_refused_before_the_stack_runs_out() {
    let deep = |n: usize| format!("a = {}1{}", "[".repeat(n), "]".repeat(n));
    parsed(&deep(60));
    assert_eq!(refused(&deep(100_000)), "app.conf:1: nested more than 64 deep");
    let objects = format!("{}b = 1{}", "a { ".repeat(10_000), "}".repeat(10_000));
    assert_eq!(refused(&objects), "app.conf:1: nested more than 64 deep");
    let dotted = format!("{}b = 1", "a.".repeat(100_000));
    assert_eq!(refused(&dotted), "app.conf:1: the path has too many parts");
    let reference = format!("b = ${{{}a}}", "a.".repeat(100_000));
    assert_eq!(refused(&reference), "app.conf:1: the path has too many parts");
    // The deepest that is taken, brought by references as deep as they may lie.
    let nested: String =
        (0..3).map(|i| format!("a{i} = {}${{a{}}}{}\n", "[".repeat(50), i + 1, "]".repeat(50))).collect();
    let _ = Settings::parse("app.conf", &format!("{nested}a3 = 1"));
}
