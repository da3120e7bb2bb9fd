//! Any text in the place of a settings file.

#![no_main]

use kanaloa::config::Merged;
use libfuzzer_sys::fuzz_target;

/// Keys of the last line, and values that nothing else makes wrong.
const KEYS: &[(&str, &str)] = &[
    ("kanaloa.default-dispatcher.queue.capacity", "4711"),
    ("kanaloa.defaultDispatcher.initialGracePeriod", "4711ms"),
    ("kanaloa { default-dispatcher { work-settings.work-retry", "4711 } }"),
    ("kanaloa.default-dispatcher.workerPool { logRouteeRetrievalError", "off }"),
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // Files of the machine are no part of the input.
    if text.contains("include") {
        return;
    }
    if Merged::parse("fuzzed", text).is_err() {
        return;
    }
    let (key, value) = KEYS[usize::from(*choice) % KEYS.len()];
    let line = text.matches('\n').count() + 2;
    // An accepted text may still end in a brace that closes all, after which a line is refused: but not lost.
    let Ok(merged) = Merged::parse("fuzzed", &format!("{text}\n{key} = {value}")) else { return };
    let value = value.split(' ').next().unwrap_or(value);
    let origin = format!("fuzzed:{line}");
    let holds = merged.effective(None).iter().any(|setting| setting.value == value && setting.origin == origin);
    assert!(holds, "lost: {key} = {value}");
});
