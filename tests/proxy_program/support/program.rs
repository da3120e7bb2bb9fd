use std::net::SocketAddr;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::{Message, Wire, soon};

/// Variables of the environment with which there is room for 80 requests at each upstream, and none is refused for how long
/// it would wait: what a machine that is busy with other things makes of that is not what is tested here.
pub(crate) const CALM: [(&str, &str); 2] = [
    ("CONFIG_FORCE_kanaloa_default__dispatcher_back__pressure_enabled", "off"),
    ("CONFIG_FORCE_kanaloa_default__dispatcher_autothrottle_enabled", "off"),
];

/// `kanaloa proxy` as a process, which is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    pid: Pid,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    lines: watch::Receiver<Vec<String>>,
    /// How many of them have been looked at.
    read: usize,
}

impl Program {
    /// Starts it on ports that are free, and waits until it listens. Nothing is [refused](CALM).
    pub(crate) async fn start(args: &[&str]) -> Self {
        Self::start_with(args, &CALM).await
    }

    /// The same with other variables of the environment.
    pub(crate) async fn start_with(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let all = [&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], args].concat();
        Self::start_where(&all, environment).await
    }

    /// Starts it where its files say, and waits until it listens.
    pub(crate) async fn start_as_it_is(args: &[&str]) -> Self {
        Self::start_where(args, &[]).await
    }

    async fn start_where(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut child = command(args).envs(environment.iter().copied()).spawn().unwrap();
        let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
        let (lines, receiver) = watch::channel(Vec::new());
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = said.next_line().await {
                lines.send_modify(|lines| lines.push(line));
            }
        });
        let mut program = Self { child, pid, address: nowhere, admin: nowhere, lines: receiver, read: 0 };
        program.address = address(&program.line(" listens on http").await);
        program.admin = address(&program.line("admin: http").await);
        program
    }

    /// The next line on standard error that has this in it.
    pub(crate) async fn line(&mut self, part: &str) -> String {
        let find = |lines: &Vec<String>, from: usize| lines.iter().skip(from).position(|line| line.contains(part));
        let read = self.read;
        let found = soon(part, self.lines.wait_for(|lines| find(lines, read).is_some())).await;
        let Ok(lines) = found.map(|lines| lines.clone()) else {
            panic!("it ended without a word of {part:?}: {:#?}", self.lines.borrow());
        };
        self.read += find(&lines, read).unwrap() + 1;
        lines[self.read - 1].clone()
    }

    /// All lines until now.
    pub(crate) fn said(&self) -> String {
        self.lines.borrow().join("\n")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Has it read its files again, and waits until it has.
    pub(crate) async fn reload(&mut self) {
        self.signal(Signal::HUP);
        self.line(" listens on http").await;
    }

    /// Waits for its end, and gives its status.
    pub(crate) async fn status(&mut self) -> Option<i32> {
        soon("its end", self.child.wait()).await.unwrap().code()
    }

    pub(crate) async fn connect(&self) -> Wire {
        Wire::connect(self.address).await
    }

    /// What it answers to one request on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Message {
        self.connect().await.get(path).await
    }

    /// What it tells about itself.
    pub(crate) async fn admin(&self, path: &str) -> Message {
        Wire::connect(self.admin).await.get(path).await
    }

    /// All that it tells about itself.
    pub(crate) async fn all(&self) -> serde_json::Value {
        serde_json::from_slice(&self.admin("/status").await.body).unwrap()
    }

    /// What it tells of its first route.
    pub(crate) async fn route(&self) -> serde_json::Value {
        self.all().await["routes"][0].take()
    }

    /// Waits until each upstream of each route takes requests. Until then copies of a request have only one to go to.
    pub(crate) async fn wait_for_upstreams(&self) {
        let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
        let all_run = |all: serde_json::Value| {
            let upstreams = list(&all["routes"]).into_iter().flat_map(|route| list(&route["upstreams"]));
            upstreams.into_iter().all(|upstream| upstream["state"] == "running")
        };
        soon("all upstreams", async { while !all_run(self.all().await) {} }).await;
    }

    /// Waits until its first route has something to tell.
    pub(crate) async fn wait_for_route(&self, what: &str, holds: impl Fn(&serde_json::Value) -> bool) {
        soon(what, async { while !holds(&self.route().await) {} }).await;
    }

    /// Its memory, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }
}

/// What the program says, and its status, when it ends by itself.
pub(crate) async fn run(args: &[&str]) -> (Option<i32>, String) {
    let output = soon("its end", command(args).output()).await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    let said = String::from_utf8(output.stderr).unwrap();
    // Not every machine lets a process open as many files as the default settings may need.
    let said = said.split_inclusive('\n').filter(|line| !line.starts_with("warning: this process may open ")).collect();
    (output.status.code(), said)
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kanaloa"));
    command.arg("proxy").args(args).env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// The address in a line.
fn address(line: &str) -> SocketAddr {
    let (_, url) = line.split_once("://").unwrap();
    url.split(',').next().unwrap().parse().unwrap_or_else(|error| panic!("{line}: {error}"))
}
