//! What arrives at a StatsD, and what becomes of it when there is none.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::Actor;
use tokio::sync::oneshot;

use super::*;
use crate::config::{DispatcherSettings, MetricsSettings};
use crate::dispatcher::{Queued, RejectionReason, Shared};
use crate::metrics::{Finish, Observed, Reporting};
use crate::queue::Backlog;

/// Failures only take so long.
const LONG: Duration = Duration::from_secs(30);

/// Everything is tried again at once, and nothing is looked up again.
const HASTY: Pace = Pace { retry: Duration::from_millis(1), refresh: LONG };

/// What fails is not tried again in the time of a test.
const PATIENT: Pace = Pace { retry: LONG, refresh: LONG };

fn server() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let at = socket.local_addr().unwrap();
    (socket, at)
}

/// An address at which nobody listens.
fn deserted() -> SocketAddr {
    server().1
}

fn next(server: &UdpSocket) -> String {
    let mut packet = [0; 2048];
    let length = server.recv(&mut packet).unwrap();
    String::from_utf8(packet[..length].to_vec()).unwrap()
}

/// What has arrived and was not read.
fn rest(server: &UdpSocket) -> Vec<String> {
    server.set_nonblocking(true).unwrap();
    let mut packet = [0; 2048];
    std::iter::from_fn(|| {
        server.recv(&mut packet).ok().map(|length| String::from_utf8(packet[..length].to_vec()).unwrap())
    })
    .collect()
}

/// One metric a packet.
fn statsd(pace: Pace, look_up: impl FnMut() -> io::Result<Vec<SocketAddr>> + Send + 'static) -> Statsd {
    // Each reports elsewhere: what is reported to one place under one name is reported together.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let host = format!("host {}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut settings = MetricsSettings::new(&host).statsd;
    settings.multi_metrics = false;
    Statsd::with("d", "web.1", &settings, "a test".to_owned(), Box::new(look_up), pace).unwrap()
}

/// Tells of pools of each of these sizes, by handlers that are called after them.
fn report(statsd: &mut Statsd, sizes: impl IntoIterator<Item = u64>) {
    let metric = |size: u64| Metric {
        name: MetricName::ConcurrencyLimit,
        handler: Some(size.to_string().into()),
        value: Value::Gauge(size as f64),
    };
    let metrics: Vec<_> = sizes.into_iter().map(metric).collect();
    statsd.report(&Report { dispatcher: "d", metrics: &metrics, is_last: false });
}

/// Waits until all has been sent, or given up; but no longer than this.
fn end(statsd: &mut Statsd, longest: Duration) -> bool {
    statsd.mailbox.close();
    statsd.mailbox.wait_until_left(longest)
}

fn line(n: u64) -> String {
    format!("kanaloa.d.web_1.{n}.pool.size:{n}|g")
}

fn unknown() -> io::Error {
    io::Error::other("no such host")
}

/// Answers with each in turn, and with the last from then on.
fn in_turn(answers: Vec<Option<SocketAddr>>) -> (impl FnMut() -> io::Result<Vec<SocketAddr>> + Send, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let look_up = move || {
        let turn = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        answers[turn].map(|at| vec![at]).ok_or_else(unknown)
    };
    (look_up, asked)
}

#[test]
fn what_is_reported_arrives_in_order_and_before_the_end() {
    let (server, at) = server();
    let (look_up, asked) = in_turn(vec![Some(at)]);
    let mut statsd = statsd(HASTY, look_up);
    report(&mut statsd, [1, 2]);
    report(&mut statsd, [3]);
    assert!(end(&mut statsd, LONG));
    assert_eq!(rest(&server), [line(1), line(2), line(3)]);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn what_cannot_be_sent_waits_until_the_name_is_known() {
    let (server, at) = server();
    let (look_up, _) = in_turn(vec![None, None, None, Some(at)]);
    let mut statsd = statsd(HASTY, look_up);
    report(&mut statsd, [1, 2]);
    assert_eq!([next(&server), next(&server)], [line(1), line(2)]);
}

#[test]
fn while_there_is_no_way_nothing_piles_up_and_the_name_is_asked_for_once_more_at_the_end() {
    let (look_up, asked) = in_turn(vec![None]);
    let mut statsd = statsd(PATIENT, look_up);
    let mut reports = 0;
    while statsd.mailbox.has_room() && reports < 10 {
        report(&mut statsd, [1]);
        reports += 1;
        while asked.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
    }
    // One is at hand, two wait.
    assert_eq!(reports, 3);
    assert!(end(&mut statsd, LONG));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(!statsd.mailbox.has_room());
}

#[test]
fn a_look_up_that_takes_its_time_is_not_waited_for() {
    let (held, holds) = std::sync::mpsc::channel::<()>();
    let mut statsd = statsd(HASTY, move || {
        let _ = holds.recv();
        Err(unknown())
    });
    report(&mut statsd, [1]);
    assert!(!end(&mut statsd, Duration::from_millis(1)));
    drop(held);
    assert!(end(&mut statsd, LONG));
}

#[test]
fn the_end_is_told_when_the_last_report_has_been_sent() {
    let (server, at) = server();
    let (found, look_up) = std::sync::mpsc::channel::<()>();
    let statsd = statsd(HASTY, move || {
        let _ = look_up.recv();
        Ok(vec![at])
    });
    actix::System::new().block_on(async {
        let settings = DispatcherSettings::default();
        let shared = Arc::new(Shared::new(1, &settings.work));
        shared.count_refused(RejectionReason::QueueFull);
        let backlog = Arc::new(Backlog::<Queued<(), (), ()>>::new(settings.queue.order));
        let observed = Arc::new(Observed::new("d".into(), shared, backlog, settings.most_reported_handlers));
        let reporter = Reporting::new(observed, settings.update_interval, Box::new(statsd)).start();
        let (reply_to, mut reported) = oneshot::channel();
        reporter.do_send(Finish(reply_to));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(reported.try_recv().is_err());
        drop(found);
        reported.await.unwrap();
    });
    assert!(rest(&server).contains(&"kanaloa.d.web_1.work.received:1|c".to_owned()));
}

#[test]
fn where_nobody_listens_the_next_address_is_tried() {
    let (server, at) = server();
    let deserted = deserted();
    let mut statsd = statsd(PATIENT, move || Ok(vec![deserted, at]));
    report(&mut statsd, [1, 2, 3]);
    assert!(end(&mut statsd, LONG));
    // That the first was lost is known only afterwards.
    assert_eq!(rest(&server), [line(2), line(3)]);
}

#[test]
fn ipv4_comes_first() {
    let (server, at) = server();
    let v6 = SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), at.port());
    let mut statsd = statsd(PATIENT, move || Ok(vec![v6, at]));
    report(&mut statsd, [1]);
    assert!(end(&mut statsd, LONG));
    assert_eq!(rest(&server), [line(1)]);
}

#[test]
fn a_server_that_comes_back_gets_all_but_what_was_sent_before_it_was_missed() {
    let (server, at) = server();
    let mut statsd = statsd(HASTY, move || Ok(vec![at]));
    report(&mut statsd, [1]);
    assert_eq!(next(&server), line(1));
    drop(server);
    report(&mut statsd, [2, 3, 4]);
    let server = UdpSocket::bind(at).unwrap();
    server.set_read_timeout(Some(LONG)).unwrap();
    let mut last = 0;
    while last < 4 {
        let packet = next(&server);
        let n = (1..=4).find(|n| packet == line(*n)).unwrap();
        assert!(n > last, "{packet}");
        last = n;
    }
}

#[test]
fn an_address_that_has_changed_is_found_and_one_that_is_not_found_again_stands() {
    let ((old, old_at), (new, new_at)) = (server(), server());
    let (look_up, asked) = in_turn(vec![Some(old_at), Some(old_at), Some(new_at), None]);
    let always = Pace { retry: LONG, refresh: Duration::ZERO };
    let mut statsd = statsd(always, look_up);
    report(&mut statsd, [1, 2, 3, 4]);
    assert!(end(&mut statsd, LONG));
    assert_eq!((rest(&old), rest(&new)), (vec![line(1), line(2)], vec![line(3), line(4)]));
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}
