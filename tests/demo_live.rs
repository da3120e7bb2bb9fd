//! `kanaloa demo --live` as a program.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

fn demo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kanaloa"));
    command.arg("demo").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What one that ends by itself says.
fn said(args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = demo(args).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

struct Live {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Live {
    fn start() -> Live {
        let mut child = demo(&["--live", "127.0.0.1:0"]).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Dashboard: http://").and_then(|url| url.strip_suffix("/dashboard/"));
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        Live { child, stderr, address }
    }

    fn get(&self, path: &str) -> TcpStream {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
        socket
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn it_shows_both_instances_at_work_until_ctrl_c() {
    let mut live = Live::start();
    let mut page = String::new();
    live.get("/dashboard/").read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"), "{page}");
    let events = BufReader::new(live.get("/dashboard/events"));
    let at_work = |line: &String| {
        let Some(tick) =
            line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<serde_json::Value>(data).ok())
        else {
            return false;
        };
        let handlers = &tick["dispatchers"][0]["handlers"];
        ["one", "two"].iter().enumerate().all(|(at, name)| {
            handlers[at]["name"] == *name && handlers[at]["now"]["completed"].as_f64().is_some_and(|done| done > 0.0)
        })
    };
    assert!(events.lines().map_while(Result::ok).any(|line| at_work(&line)), "it ends before that");

    let pid = Pid::from_raw(live.child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(live.child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    live.stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(
        rest,
        "Two instances of a service, called one and two. Over and over, until Ctrl-C:\n\
         0:00  120 requests/s arrive, of 200/s that both instances can do\n"
    );
}

#[test]
fn what_cannot_be_is_said() {
    let live = Live::start();
    let address = &live.address;
    let error = format!(
        "error: the dashboard cannot be shown: cannot listen on {address}: another program does already; stop it, or listen \
         elsewhere, with --live ADDR\n"
    );
    assert_eq!(said(&["--live", address]), (Some(1), error));
    let error = "error: --live has two instances of the service, each with a slot of 100 ms at least: use --capacity 20 or more\n";
    assert_eq!(said(&["--live", "127.0.0.1:0", "--capacity", "10"]), (Some(1), error.to_owned()));
    for args in [["--live", "--json"], ["--live", "--seconds=3"], ["--live", "--out=x"], ["--live", "nowhere"]] {
        assert_eq!(said(&args).0, Some(2), "{args:?}");
    }
}

#[test]
fn the_help_says_what_happens_when() {
    let help = demo(&["--help"]).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    for scene in ["at 0:10, for 10 s", "at 0:30, for 20 s", "at 1:00, for 2 s", "at 1:15, for 8 s", "127.0.0.1:8081"] {
        assert!(help.contains(scene), "{scene}: {help}");
    }
}

/// What viewers cost: see the lines that it prints. The dashboard has a thread of its own, whose time is counted.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "measures"]
fn cost() {
    let live = Live::start();
    let tasks = std::fs::read_dir(format!("/proc/{}/task", live.child.id())).unwrap().map(|task| task.unwrap().path());
    let is_it =
        |task: &std::path::PathBuf| std::fs::read_to_string(task.join("comm")).unwrap().trim() == "kanaloa-admin";
    let task = tasks.into_iter().find(is_it).unwrap();
    let nanos = || {
        let times = std::fs::read_to_string(task.join("schedstat")).unwrap();
        times.split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let mut viewers = Vec::new();
    for count in [0, 1, 10, 60] {
        while viewers.len() < count {
            let events = BufReader::new(live.get("/dashboard/events"));
            viewers.push(std::thread::spawn(move || events.lines().map_while(Result::ok).count()));
        }
        std::thread::sleep(Duration::from_secs(5));
        let (before, seconds) = (nanos(), 30);
        std::thread::sleep(Duration::from_secs(seconds));
        let share = (nanos() - before) / 1e9 / seconds as f64 * 100.0;
        println!("{count} viewers: {share:.3} % of a core");
    }
    drop(live);
    viewers.into_iter().for_each(|viewer| drop(viewer.join()));
}
