//! What is kept, and for whom.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::history::History;
use super::series::{Number, OF_DISPATCHERS, OF_HANDLERS};
use super::tick::{DispatcherTick, HandlerTick, Tick};
use super::{KEPT, MOST_DISPATCHERS, MOST_HANDLERS};
use crate::Totals;

const BOOT: u64 = 0xb007;

fn handler(name: &str, value: f64) -> HandlerTick {
    HandlerTick {
        name: name.into(),
        handlers: 1,
        now: [Number::new(value); OF_HANDLERS.len()],
        stuck: 0,
        circuit_opened: 0,
        limit_why: "<why>".to_owned(),
        limit_ago_s: Number::NONE,
        circuit_why: String::new(),
        circuit_ago_s: Number::NONE,
    }
}

fn dispatcher(id: u64, value: f64, handlers: Vec<HandlerTick>) -> DispatcherTick {
    DispatcherTick {
        id,
        name: Arc::from("shop"),
        state: "running",
        now: [Number::new(value); OF_DISPATCHERS.len()],
        rejected_by: vec![("queue_full", Number::new(2.5))],
        totals: Totals::default(),
        admission: "all".to_owned(),
        handlers,
    }
}

fn tick(t: u64, dispatchers: Vec<DispatcherTick>) -> Tick {
    Tick { t, dispatchers, left_off: None }
}

/// One that has had so many ticks, of one dispatcher and one handler each.
fn history(ticks: u64) -> History {
    let mut history = History::new(BOOT);
    for t in 0..ticks {
        history.push(&tick(t, vec![dispatcher(7, t as f64, vec![handler("till", t as f64)])]));
    }
    history
}

/// Its id, kind and data.
fn parsed(event: &Bytes) -> (String, String, Value) {
    let text = std::str::from_utf8(event).unwrap().strip_suffix("\n\n").unwrap();
    let [id, kind, data] = text.split('\n').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let data = data.strip_prefix("data: ").unwrap();
    let field = |line: &str, name| line.strip_prefix(name).unwrap().to_owned();
    (field(id, "id: "), field(kind, "event: "), serde_json::from_str(data).unwrap())
}

/// All that comes for a viewer that knows all up to `seen`: ids and kinds.
fn after(history: &mut History, mut seen: Option<u64>) -> Vec<String> {
    let mut events = Vec::new();
    while let Some(next) = history.after(seen) {
        let (id, kind, _) = parsed(&next.event);
        assert_eq!(id, format!("b007-{}", next.seen));
        events.push(format!("{kind} {}", next.seen));
        seen = Some(next.seen);
    }
    events
}

#[test]
fn a_tick_is_as_the_page_expects_it() {
    let mut history = history(3);
    let next = history.after(Some(1)).unwrap();
    let (id, kind, data) = parsed(&next.event);
    assert_eq!((&*id, &*kind), ("b007-2", "tick"));
    let of =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), json!(2))).collect::<serde_json::Map<_, _>>();
    let till = json!({
        "name": "till", "handlers": 1, "now": of(&OF_HANDLERS), "stuck": 0, "circuit_opened": 0,
        "limit_why": "<why>", "limit_ago_s": null, "circuit_why": "", "circuit_ago_s": null,
    });
    let totals = json!({
        "received": 0, "completed": 0, "failed": 0, "timed_out": 0, "rejected": 0, "shed": 0, "abandoned": 0,
        "queued": 0, "in_flight": 0,
    });
    let shop = json!({
        "id": 7, "name": "shop", "state": "running", "now": of(&OF_DISPATCHERS), "rejected_by": {"queue_full": 2.5},
        "totals": totals, "admission": "all", "handlers": [till],
    });
    assert_eq!(data, json!({"t": 2, "dispatchers": [shop]}));
}

#[test]
fn whoever_comes_gets_the_history_and_then_ticks() {
    let mut history = history(3);
    let first = history.after(None).unwrap();
    let (id, kind, data) = parsed(&first.event);
    assert_eq!((&*id, &*kind), ("b007-2", "history"));
    for (key, value) in [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("interval_ms", json!(1000)),
        ("kept", json!(600)),
        ("t", json!([0, 1, 2])),
    ] {
        assert_eq!(data[key], value, "{key}");
    }
    let shop = &data["dispatchers"][0];
    assert_eq!((&shop["id"], &shop["name"]), (&json!(7), &json!("shop")));
    let till = &shop["handlers"][0];
    assert_eq!(till["name"], "till");
    for (series, names) in [(&shop["series"], &OF_DISPATCHERS[..]), (&till["series"], &OF_HANDLERS[..])] {
        assert_eq!(series.as_object().unwrap().len(), names.len());
        names.iter().for_each(|name| assert_eq!(series[name], json!([0, 1, 2]), "{name}"));
    }
    let (_, _, newest) = parsed(&history.after(Some(1)).unwrap().event);
    assert_eq!(data["tick"], newest);
    assert_eq!(history.after(Some(first.seen)), None);
    history.push(&tick(3, Vec::new()));
    assert_eq!(after(&mut history, Some(first.seen)), ["tick 3"]);
}

#[test]
fn whoever_comes_back_gets_what_was_missed() {
    let mut history = history(100);
    assert_eq!(history.seen("b007-96"), Some(96));
    assert_eq!(after(&mut history, Some(96)), ["tick 97", "tick 98", "tick 99"]);
    assert_eq!(after(&mut history, Some(99)), [""; 0]);
    // Of the last minute, all are there.
    assert_eq!(after(&mut history, Some(39)).len(), 60);
    // Before that, the history is smaller.
    assert_eq!(after(&mut history, Some(38)), ["history 99"]);
}

#[test]
fn what_is_no_id_of_ours_is_as_none() {
    let history = history(100);
    for id in ["", "-", "b007", "b007-", "b007-x", "b007-100", "b006-96", "b007-96-1", "b007--1", "\u{1f600}-1"] {
        assert_eq!(history.seen(id), None, "{id}");
    }
    assert_eq!(History::new(BOOT).seen("b007-0"), None);
}

#[test]
fn viewers_share_the_bytes() {
    let mut history = history(3);
    for seen in [None, Some(1)] {
        let [one, other] = [history.after(seen).unwrap().event, history.after(seen).unwrap().event];
        assert_eq!(one.as_ptr(), other.as_ptr());
    }
}

#[test]
fn ten_minutes_are_kept() {
    let mut history = history(1000);
    let (_, _, data) = parsed(&history.after(None).unwrap().event);
    let expected: Vec<_> = (400..1000).collect();
    assert_eq!(data["t"], json!(expected));
    assert_eq!(data["dispatchers"][0]["series"]["received"], json!(expected));
    assert_eq!(data["dispatchers"][0]["handlers"][0]["series"]["limit"], json!(expected));
}

#[test]
fn whoever_comes_late_or_goes_has_nothing_in_its_place() {
    let mut history = history(2);
    history.push(&tick(2, vec![dispatcher(7, 2.0, vec![handler("new", 2.0)]), dispatcher(8, 2.0, Vec::new())]));
    history.push(&tick(3, vec![dispatcher(8, 3.0, Vec::new())]));
    let (_, _, data) = parsed(&history.after(None).unwrap().event);
    let [one, other] = [0, 1].map(|at| &data["dispatchers"][at]);
    // Both are called the same.
    assert_eq!((&one["id"], &other["id"]), (&json!(7), &json!(8)));
    assert_eq!(one["series"]["received"], json!([0, 1, 2, null]));
    assert_eq!(other["series"]["received"], json!([null, null, 2, 3]));
    assert_eq!(one["handlers"][0]["series"]["limit"], json!([0, 1, null, null]));
    assert_eq!(one["handlers"][1]["series"]["limit"], json!([null, null, 2, null]));
    // After ten minutes nothing is left of them.
    (4..4 + KEPT as u64).for_each(|t| history.push(&tick(t, vec![dispatcher(9, 0.0, Vec::new())])));
    let (_, _, data) = parsed(&history.after(None).unwrap().event);
    assert_eq!(
        data["dispatchers"].as_array().unwrap().iter().map(|known| &known["id"]).collect::<Vec<_>>(),
        [&json!(9)]
    );
}

/// Dispatchers and handlers that come and go all the time do not add up.
#[test]
fn what_has_been_gone_for_longest_makes_room() {
    let mut history = History::new(BOOT);
    for t in 0..300 {
        let handlers = (0..10).map(|n| handler(&format!("{t}-{n}"), 0.0)).collect();
        history.push(&tick(t, vec![dispatcher(t, 0.0, handlers)]));
    }
    let (_, _, data) = parsed(&history.after(None).unwrap().event);
    let dispatchers = data["dispatchers"].as_array().unwrap();
    let ids: Vec<_> = dispatchers.iter().map(|known| known["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (300 - MOST_DISPATCHERS as u64..300).collect::<Vec<_>>());

    let mut history = History::new(BOOT);
    for t in 0..300 {
        let handlers = (0..10).map(|n| handler(&format!("{t}-{n}"), 0.0)).chain([handler("stays", 0.0)]).collect();
        history.push(&tick(t, vec![dispatcher(7, 0.0, handlers)]));
    }
    let (_, _, data) = parsed(&history.after(None).unwrap().event);
    let handlers = data["dispatchers"][0]["handlers"].as_array().unwrap();
    assert_eq!(handlers.len(), MOST_HANDLERS);
    assert!(handlers.iter().any(|handler| handler["name"] == "stays"));
    let oldest =
        handlers.iter().filter_map(|handler| handler["name"].as_str()?.split_once('-')?.0.parse::<u64>().ok()).min();
    assert_eq!(oldest, Some(200));
}

/// With ticks of half a megabyte, few are kept as they were sent, and the newest always.
#[test]
fn large_ticks_are_not_kept_for_long() {
    let mut history = History::new(BOOT);
    for t in 0..20 {
        let handlers = (0..MOST_HANDLERS).map(|n| handler(&format!("{n} {}", "x".repeat(250)), 0.0)).collect();
        history.push(&tick(t, vec![dispatcher(7, 0.0, handlers)]));
    }
    let size = history.after(Some(18)).unwrap().event.len();
    let kept = (4 << 20) / size;
    assert!((4..12).contains(&kept), "{size} bytes");
    assert_eq!(after(&mut history, Some(19 - kept as u64)).len(), kept);
    assert_eq!(after(&mut history, Some(18 - kept as u64)), ["history 19"]);
}

#[test]
fn names_are_written_as_json() {
    let evil = "</script>\n\nevent: tick\r\ndata: \"\\\u{2028}\u{0}é";
    let mut history = History::new(BOOT);
    history.push(&tick(0, vec![dispatcher(7, 0.0, vec![handler(evil, 0.0)])]));
    let event = history.after(None).unwrap().event;
    assert_eq!(event.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count(), 4);
    let (_, _, data) = parsed(&event);
    assert_eq!(data["dispatchers"][0]["handlers"][0]["name"], evil);
    assert_eq!(data["tick"]["dispatchers"][0]["handlers"][0]["name"], evil);
}
