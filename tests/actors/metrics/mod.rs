//! What StatsD gets.

mod happened;
mod keys;

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::Duration;

use kanaloa::config::{DispatcherSettings, Settings};
use kanaloa::{DispatcherHandle, PushingDispatcher, Shutdown};

use crate::support::*;

/// Where packets arrive.
struct Statsd(UdpSocket);

impl Statsd {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Failures only take so long.
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Statsd(socket)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Waits for the next packet. Virtual time stands still meanwhile.
    fn next(&self) -> String {
        let mut packet = vec![0; 70_000];
        let length = self.0.recv(&mut packet).expect("a packet arrives");
        String::from_utf8(packet[..length].to_vec()).unwrap()
    }

    /// Waits for packets until each of these names is in one of them.
    fn next_with(&self, names: &[&str]) -> Vec<String> {
        let mut packets = Vec::new();
        while !names.iter().all(|name| packets.iter().any(|packet: &String| packet.contains(name))) {
            packets.push(self.next());
        }
        lines(&packets)
    }

    /// What has arrived and was not read.
    fn packets(&self) -> Vec<String> {
        self.0.set_nonblocking(true).unwrap();
        let mut packet = vec![0; 70_000];
        let mut packets = Vec::new();
        while let Ok(length) = self.0.recv(&mut packet) {
            packets.push(String::from_utf8(packet[..length].to_vec()).unwrap());
        }
        packets
    }

    fn lines(&self) -> Vec<String> {
        lines(&self.packets())
    }
}

fn lines(packets: &[String]) -> Vec<String> {
    packets.iter().flat_map(|packet| packet.lines().map(str::to_owned)).collect()
}

/// Four slots, no control, and all reported to this port; then `more`.
fn settings(port: u16, more: &str) -> DispatcherSettings {
    let text = format!(
        "kanaloa {{
           statsD {{ host = 127.0.0.1, port = {port} }}
           default-dispatcher {{
             metrics {{ enabled = on, statsD.event-sample-rate = 1 }}
             worker-pool.starting-pool-size = 4
             autothrottle.algorithm = fixed
             back-pressure.enabled = off
             circuit-breaker.enabled = off
           }}
           {more}
         }}"
    );
    Settings::parse("test", &text).unwrap().dispatcher("shop")
}

/// What every name begins with.
fn prefix() -> String {
    let host = hostname::get().unwrap().into_string().unwrap();
    format!("kanaloa.shop.{}.", host.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_"))
}

/// `lines` as name, without what it begins with, and the rest.
fn parts(lines: &[String]) -> Vec<(String, String)> {
    let prefix = prefix();
    let part = |line: &String| {
        let (name, rest) = line.split_once(':').expect(line);
        (name.strip_prefix(&prefix).expect(line).to_owned(), rest.to_owned())
    };
    lines.iter().map(part).collect()
}

/// What is said of each name of a kind.
fn of_kind(lines: &[String], kind: &str) -> BTreeMap<String, Vec<String>> {
    let mut values = BTreeMap::<_, Vec<_>>::new();
    for (name, rest) in parts(lines) {
        if let Some(value) = rest.strip_suffix(kind) {
            values.entry(name).or_default().push(value.to_owned());
        }
    }
    values
}

/// The sum of each counter.
fn sums(lines: &[String]) -> BTreeMap<String, u64> {
    let sum = |values: Vec<String>| values.iter().map(|value| value.parse::<u64>().unwrap()).sum();
    of_kind(lines, "|c").into_iter().map(|(name, values)| (name, sum(values))).collect()
}

fn sums_are<const N: usize>(lines: &[String], expected: [(&str, u64); N]) {
    assert_eq!(sums(lines), expected.map(|(name, sum)| (name.to_owned(), sum)).into());
}

/// Each is known to within 3.2 %.
fn are_about(times: &[String], expected: &[f64]) -> Vec<f64> {
    let times: Vec<f64> = times.iter().map(|time| time.parse().unwrap()).collect();
    assert_eq!(times.len(), expected.len(), "{times:?}");
    for (time, expected) in times.iter().zip(expected) {
        assert!((time - expected).abs() <= expected * 0.032, "{times:?}");
    }
    times
}

/// Each is known to within 3.2 %, and their sum exactly.
fn are_all(times: &[String], expected: &[f64]) {
    let times = are_about(times, expected);
    let (sum, expected): (f64, f64) = (times.iter().sum(), expected.iter().sum());
    // Each is written in whole microseconds.
    assert!((sum - expected).abs() <= 0.0005 * times.len() as f64 + 1e-9, "{times:?}");
}

type Shop = DispatcherHandle<u64, u64, u64>;

async fn shop(settings: DispatcherSettings) -> Shop {
    let shop = PushingDispatcher::builder("shop").settings(settings).handler_from(till("till")).start().unwrap();
    settle().await;
    shop
}

/// What arrives when `calls` are made one after the other under these settings.
fn lines_of(more: &str, calls: &[u64]) -> Vec<String> {
    lines(&packets_of(more, calls))
}

fn packets_of(more: &str, calls: &[u64]) -> Vec<String> {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), more)).await;
        for n in calls {
            let _ = shop.call(*n).await;
        }
        assert_eq!(shop.shutdown().await, Shutdown::Finished);
    });
    statsd.packets()
}
