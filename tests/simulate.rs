//! `kanaloa simulate`, as its user sees it.
#![cfg(all(feature = "demo", feature = "lab"))]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// Two seconds below the capacity and one and a half at twice as much.
const SCENARIO: &str = "
scenario {
  name = two-steps
  services = [ { name = a, slots = 20, service-time { distribution = exponential, mean = 100ms } } ]
  arrivals { process = poisson, deadline = 1s }
  phases = [ { duration = 2s, rate = 100 }, { duration = 1500ms, rate = 400 } ]
}
";

/// A directory of its own for one test, removed at its end.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("kanaloa-simulate-{}-{test}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("mine.conf"), SCENARIO).unwrap();
        Self(directory)
    }

    fn simulate(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kanaloa"))
            .arg("simulate")
            .args(args)
            .current_dir(&self.0)
            .env_remove("RUST_LOG")
            .output()
            .unwrap()
    }

    /// What is printed when all is well.
    fn printed(&self, args: &[&str]) -> String {
        let output = self.simulate(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said when it ends with this status, and prints nothing.
    fn refused(&self, status: i32, args: &[&str]) -> String {
        let output = self.simulate(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
        stderr(&output)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// But for the namespace of a drawing, and for where the plots' licence says that they come from.
fn names_nothing_else(html: &str) -> bool {
    let html =
        html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").replace("/*! https://github.com/leeoniya/uPlot", "");
    !html.contains("http://") && !html.contains("https://")
}

#[test]
fn the_built_in_scenarios_are_listed_below_each_other() {
    let list = Files::new("list").printed(&["--list"]);
    let columns: Vec<_> = list.lines().map(|line| line.split_once("   ").unwrap()).collect();
    let start = |(name, rest): &(&str, &str)| name.len() + 3 + rest.len() - rest.trim_start().len();
    assert!(!columns.is_empty());
    assert!(columns.iter().all(|column| start(column) == start(&columns[0])), "{list}");
    assert!(columns.iter().all(|(_, description)| !description.trim().is_empty()), "{list}");
}

#[test]
fn what_is_asked_wrongly_is_refused_with_what_to_do() {
    let files = Files::new("wrong");
    let list = files.printed(&["--list"]);
    let name = list.split_whitespace().next().unwrap();
    let misspelt = files.refused(2, &["--scenario", &format!("{name}x")]);
    assert!(misspelt.contains(&format!("did you mean `{name}`?")) && misspelt.contains("--list"), "{misspelt}");
    let missing = files.refused(2, &["nowhere/mine.conf"]);
    assert!(missing.contains("nowhere/mine.conf"), "{missing}");
    assert!(files.refused(2, &[]).contains("--list"));
    assert!(files.refused(2, &["mine.conf", "--scenario", "mine.conf"]).contains("--compare"));
    assert!(files.refused(2, &["mine.conf", "--set", "rates"]).contains("rates"));
    let unknown = files.refused(2, &["mine.conf", "--set", "no-such-key=1"]);
    assert!(unknown.contains("no-such-key"), "{unknown}");
    assert!(files.refused(2, &["mine.conf", "--runs", "0"]).contains("from 1 to 10000"));
    assert!(files.refused(2, &["mine.conf", "--seed", &u64::MAX.to_string(), "--runs", "2"]).contains("--seed"));
    let calls = "dispatcher.work-settings.concurrent-calls";
    let vary = |value: &str| files.refused(2, &["mine.conf", "--vary", value]);
    assert!(vary(calls).contains("expected KEY=VALUE,VALUE..."));
    assert!(vary(&format!("{calls}=3")).contains("at least two values"));
    assert!(vary(&format!("{calls}=1,1")).contains("the value 1 is there twice"));
    let none = vary(&format!("{calls}=1,0"));
    assert!(
        none.contains(&format!("--vary {calls}=0: ")) && none.contains("at least 1") && !none.contains("--set"),
        "{none}"
    );
    assert!(vary("dispatcher.work-settings.concurent-calls=1,2").contains("did you mean concurrent-calls?"));
    let all = vary(&format!("{calls}=0,1,-1"));
    assert!(all.contains(&format!("--vary {calls}=0: ")) && all.contains(&format!("--vary {calls}=-1: ")), "{all}");
    for elsewhere in ["work-settings.concurrent-calls", "kanaloa.dispatchers.x.work-settings.concurrent-calls"] {
        let said = vary(&format!("{elsewhere}=1,2"));
        assert!(said.contains(&format!("unknown key; did you mean {calls}?")) && said.lines().count() == 1, "{said}");
    }
    let beyond = vary("services.7.slots=1,2");
    assert!(beyond.contains("--vary services.7.slots: ") && beyond.lines().count() == 1, "{beyond}");
    let missing = vary("services.zzz.slots=1,2");
    assert!(missing.contains("scenario two-steps has no service zzz; its services are: a\n"), "{missing}");
    let both = &["mine.conf", "--vary", "seed=1,2", "--set", "scenario.seed=3"];
    assert!(files.refused(2, both).contains("--set scenario.seed=3: --vary sets this itself"));
    assert!(
        files.refused(2, &["mine.conf", "--vary", "seed=1,2", "--seed", "3"]).contains("--vary sets the seed itself")
    );
    assert!(files.refused(2, &["mine.conf", "--vary", "seed=1,2", "--compare"]).contains("give one of them"));
    assert!(files.refused(2, &["--vary", "seed=1,2"]).contains("--list"));
    for own in ["dispatcher.autothrottle.algorithm=fixed", "scenario.dispatcher.autothrottle.enabled=off"] {
        let said = files.refused(2, &["mine.conf", "--compare", "--set", own]);
        assert!(said.contains("--compare sets this itself"), "{said}");
    }
}

#[test]
fn the_json_has_exactly_these_keys_in_this_order() {
    let line = Files::new("keys").printed(&["mine.conf", "--json", "--seed", "7"]);
    let phase = "offered_per_s capacity_per_s good_per_s goodput_ratio rejected_per_s failed_per_s timed_out_per_s \
                 attempts_per_s attempts_per_request latency_ms p50 p90 p99 p999 wait_ms p50 p99 limit mean min max \
                 converged_after_s groups";
    let totals = "received completed failed timed_out rejected abandoned attempts";
    let expected = format!("scenario seed phases {phase} {phase} totals {totals}");
    // No value holds a quote or a colon but the name, so that what stands before `":` is a key.
    let keys: Vec<_> = line.split("\":").map(|before| before.rsplit('"').next().unwrap()).collect();
    assert_eq!(keys[..keys.len() - 1].join(" "), expected);
    assert_eq!(line.lines().count(), 1);
    let run: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&run["scenario"], &run["seed"]), (&Value::from("two-steps"), &Value::from(7)));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let files = Files::new("same");
    let args = ["mine.conf", "--json", "--seed", "3", "--runs", "3"];
    let (once, again) = (files.printed(&args), files.printed(&args));
    assert_eq!(once, again);
    let seeds = once.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seed"].clone());
    assert_eq!(seeds.collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(once.lines().nth(1), files.printed(&["mine.conf", "--json", "--seed", "4"]).lines().next());
}

#[test]
fn a_file_may_be_named_either_way() {
    let files = Files::new("either");
    let tables = [&["mine.conf"][..], &["./mine.conf"], &["--scenario", "mine.conf"]].map(|args| files.printed(args));
    assert!(tables[0].contains("goodput ratio") && tables[0].contains("2–3.5 s"), "{}", tables[0]);
    assert!(tables.iter().all(|table| *table == tables[0]));
}

#[test]
fn the_report_is_a_file_that_needs_nothing_else() {
    let files = Files::new("report");
    for args in [&["mine.conf", "--out", "deep/er"][..], &["mine.conf", "--runs", "2", "--json", "--out", "deep/er"]] {
        let output = files.simulate(args);
        assert!(stderr(&output).contains("deep/er/report.html"), "{}", stderr(&output));
        let html = fs::read_to_string(files.0.join("deep/er/report.html")).unwrap();
        assert!(names_nothing_else(&html));
        assert!(html.contains(&format!("kanaloa simulate {}", args.join(" "))));
    }
}

#[test]
fn where_a_report_cannot_be_written_is_found_out_before() {
    let files = Files::new("unwritable");
    for (args, file) in [
        (&["mine.conf", "--out", "mine.conf"][..], "mine.conf"),
        (&["--compare", "--out", "mine.conf"], "mine.conf"),
        (&["mine.conf", "--vary", "seed=1,2", "--out", "mine.conf"], "mine.conf"),
    ] {
        let said = files.refused(1, args);
        assert!(said.contains(file) && said.contains("--out"), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_a_reader_that_leaves_is_no_error() {
    use std::process::Stdio;

    let files = Files::new("full");
    let to = |stdout: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kanaloa"));
        command.args(["simulate", "mine.conf", "--json"]).current_dir(&files.0).stdout(stdout).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = to(full.into()).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: cannot print the result: "), "{}", stderr(&output));

    let mut left = to(Stdio::piped());
    drop(left.stdout.take());
    let output = left.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_comparison_has_a_cell_for_each_algorithm_and_three_files() {
    let files = Files::new("compare");
    let args = ["--compare", "mine.conf", "--runs", "1", "--json", "--out", "there"];
    let lines = files.printed(&args);
    let cells: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let algorithms: Vec<_> = cells.iter().map(|cell| cell["algorithm"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["plumb", "kanaloa", "gradient2", "vegas", "aimd", "fixed"]);
    assert!(cells.iter().any(|cell| cell["best"] == true), "{lines}");
    let read = |name: &str| fs::read_to_string(files.0.join("there").join(name)).unwrap();
    assert!(read("compare.md").contains("| two-steps | "));
    assert!(read("compare.svg").starts_with("<svg xmlns="));
    assert!(names_nothing_else(&read("compare.html")) && names_nothing_else(&read("compare.svg")));
    assert_eq!(lines, files.printed(&args));
}

#[test]
fn a_key_that_changes_nothing_is_said_to() {
    let files = Files::new("idle");
    let idle = "dispatcher.worker-pool.default-shutdown-timeout=20s,30s";
    let told = "dispatcher.worker-pool.default-shutdown-timeout changes nothing here";
    assert!(files.printed(&["mine.conf", "--vary", idle]).contains(told));
    assert!(stderr(&files.simulate(&["mine.conf", "--json", "--vary", idle])).contains(told));
}

#[test]
fn what_is_varied_has_a_line_for_each_value_and_two_files() {
    let files = Files::new("vary");
    let calls = "dispatcher.work-settings.concurrent-calls=1,2,3";
    // Few enough that even the first limits have room for three calls of each.
    let few = ["mine.conf", "--set", "phases.0.rate=10", "--set", "phases.1.rate=10"];
    let args = [&few[..], &["--vary", calls, "--runs", "5", "--json", "--out", "there"]].concat();
    let lines = files.printed(&args);
    let cells: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let values: Vec<_> = cells.iter().map(|cell| cell["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["1", "2", "3"]);
    // The same requests, of which copies are made.
    assert!(cells.iter().all(|cell| cell["received"] == cells[0]["received"] && cell["runs"] == 5), "{lines}");
    let calls_of: Vec<_> = cells.iter().map(|cell| cell["attempts_per_request"].as_f64().unwrap()).collect();
    assert!(calls_of[0] <= 1.0 && calls_of[1] > 1.5 && calls_of[2] > calls_of[1], "{calls_of:?}");
    let p99: Vec<_> = cells.iter().map(|cell| cell["latency_ms"]["p99"].as_f64().unwrap()).collect();
    assert!(p99[1] < p99[0] && p99[2] < p99[0], "{p99:?}");
    let read = |name: &str| fs::read_to_string(files.0.join("there").join(name)).unwrap();
    assert!(read("vary.svg").starts_with("<svg xmlns="));
    assert!(names_nothing_else(&read("vary.html")) && names_nothing_else(&read("vary.svg")));
    assert!(read("vary.html").contains("two-steps") && read("vary.html").contains(calls));
    assert_eq!(lines, files.printed(&args));
    let table = files.printed(&["mine.conf", "mine.conf", "--vary", calls]);
    assert!(table.contains("two-steps, concurrent-calls = 3") && table.contains("p99.9"), "{table}");
}
