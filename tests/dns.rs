//! A handler for each address of a DNS name: a real resolver, a real server on loopback, real services behind it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};
use kanaloa::config::DispatcherSettings;
use kanaloa::{DispatcherHandle, DnsProvider, HandlerSource, PoolState, PushingDispatcher, handler_fn};
use log::{LevelFilter, Log, Metadata};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// Whatever is waited for happens within that, or never.
const PATIENCE: Duration = Duration::from_secs(30);

const SHORTEST: Duration = Duration::from_millis(10);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What the server answers.
#[derive(Clone, Default)]
struct Zone {
    addresses: Vec<IpAddr>,
    time_to_live: u32,
    code: ResponseCode,
    /// The code for questions for IPv6 addresses, if it is another.
    code_v6: Option<ResponseCode>,
    /// `None`: it does not answer.
    takes: Option<Duration>,
}

/// A DNS server on loopback; it ends when it is dropped.
struct Server {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Mutex<Vec<Instant>>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(zone: Zone) -> Self {
        Self::start_at("127.0.0.1:0", zone).await
    }

    async fn start_at(address: &str, zone: Zone) -> Self {
        let socket = UdpSocket::bind(address).await.unwrap();
        let address = socket.local_addr().unwrap();
        let (zone, asked) = (Arc::new(Mutex::new(zone)), Arc::<Mutex<Vec<Instant>>>::default());
        let task = actix::spawn(serve(Arc::new(socket), Arc::clone(&zone), Arc::clone(&asked)));
        Server { address, zone, asked, task }
    }

    fn set(&self, zone: Zone) {
        *self.zone.lock().unwrap() = zone;
    }

    /// Waits until it has been asked so many more times.
    async fn asked(&self, times: usize) {
        let goal = self.asked.lock().unwrap().len() + times;
        until("it is asked", || async { self.asked.lock().unwrap().len() >= goal }).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: Arc<UdpSocket>, zone: Arc<Mutex<Zone>>, asked: Arc<Mutex<Vec<Instant>>>) {
    let (mut packet, mut current) = ([0; 4096], Zone::default());
    loop {
        let (length, from) = socket.recv_from(&mut packet).await.unwrap();
        let question = Message::from_vec(&packet[..length]).unwrap();
        // The questions come in pairs, of which both are answered from the same zone.
        if question.queries[0].query_type() == RecordType::A {
            current = zone.lock().unwrap().clone();
        }
        asked.lock().unwrap().push(Instant::now());
        let Some(takes) = current.takes else { continue };
        let answer = answer(&question, &current).to_vec().unwrap();
        let socket = Arc::clone(&socket);
        actix::spawn(async move {
            sleep(takes).await;
            socket.send_to(&answer, from).await.unwrap();
        });
    }
}

fn answer(question: &Message, zone: &Zone) -> Message {
    let query = question.queries[0].clone();
    let mut answer = Message::response(question.id, OpCode::Query);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    let is_v6 = query.query_type() == RecordType::AAAA;
    answer.metadata.response_code = zone.code_v6.filter(|_| is_v6).unwrap_or(zone.code);
    if answer.response_code == ResponseCode::NoError {
        for address in zone.addresses.iter().filter(|address| address.is_ipv6() == is_v6) {
            let data = match *address {
                IpAddr::V4(address) => RData::A(address.into()),
                IpAddr::V6(address) => RData::AAAA(address.into()),
            };
            answer.add_answer(Record::from_rdata(query.name().clone(), zone.time_to_live, data));
        }
    }
    answer.add_query(query);
    answer
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

fn zone(lasts: &[u8]) -> Zone {
    let addresses = lasts.iter().map(|last| ip(*last)).collect();
    Zone { addresses, takes: Some(Duration::ZERO), ..Zone::default() }
}

fn failing(code: ResponseCode) -> Zone {
    Zone { code, ..zone(&[]) }
}

async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let wait = async {
        while !is_so().await {
            sleep(ms(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

type Dispatcher = DispatcherHandle<u64, String, Infallible>;
type Provider = DnsProvider<u64, String, Infallible>;

const PORT: u16 = 8080;

/// The handlers answer with their addresses, after as many milliseconds as they are asked for.
fn provider(server: SocketAddr) -> Provider {
    let make = |address: SocketAddr| {
        HandlerSource::new(handler_fn("any", move |n: u64| async move {
            sleep(ms(n)).await;
            Ok::<_, Infallible>(address.to_string())
        }))
    };
    Provider::new("backend.test.", PORT, make).unwrap().name_servers([server]).intervals(SHORTEST, ms(50))
}

fn start(provider: Provider) -> Dispatcher {
    let mut settings = DispatcherSettings::default();
    settings.back_pressure = None;
    settings.initial_grace_period = PATIENCE;
    PushingDispatcher::builder("dns").settings(settings).provider(provider).start().unwrap()
}

async fn running(handle: &Dispatcher) -> BTreeSet<String> {
    let pools = handle.status().await.unwrap().pools.into_iter();
    pools.filter(|pool| pool.state == PoolState::Running).map(|pool| pool.handler).collect()
}

fn names(lasts: &[u8]) -> BTreeSet<String> {
    lasts.iter().map(|last| format!("{}:{PORT}", ip(*last))).collect()
}

async fn until_running(handle: &Dispatcher, names: &BTreeSet<String>) {
    until(&format!("{names:?} running"), || async { running(handle).await == *names }).await;
}

fn in_system(test: impl Future<Output = ()>) {
    actix::System::new().block_on(test);
}

#[test]
fn addresses_come_and_go() {
    in_system(async {
        let server = Server::start(zone(&[1, 2])).await;
        let handle = start(provider(server.address));
        until_running(&handle, &names(&[1, 2])).await;
        server.set(zone(&[2, 3, 4]));
        until_running(&handle, &names(&[2, 3, 4])).await;
        server.set(zone(&[9]));
        until_running(&handle, &names(&[9])).await;
        assert_eq!(handle.call(1).await.unwrap(), format!("127.0.0.9:{PORT}"));
    });
}

#[test]
fn both_kinds_of_addresses_are_asked_for() {
    in_system(async {
        let mut both = zone(&[1]);
        both.addresses.push("2001:db8::7".parse().unwrap());
        let server = Server::start(both).await;
        let handle = start(provider(server.address));
        let mut expected = names(&[1]);
        expected.insert(format!("[2001:db8::7]:{PORT}"));
        until_running(&handle, &expected).await;
        // One kind cannot be resolved any more: it stays, and the other is followed.
        server.set(Zone { code_v6: Some(ResponseCode::ServFail), ..zone(&[2]) });
        expected.remove(&format!("127.0.0.1:{PORT}"));
        expected.insert(format!("127.0.0.2:{PORT}"));
        until_running(&handle, &expected).await;
        server.asked(8).await;
        assert_eq!(running(&handle).await, expected);
        // It has none any more.
        server.set(zone(&[2]));
        until_running(&handle, &names(&[2])).await;
    });
}

#[test]
fn the_old_stay_whatever_is_wrong_with_the_dns() {
    in_system(async {
        let server = Server::start(zone(&[1, 2])).await;
        let handle = start(provider(server.address).timeout(ms(100)));
        until_running(&handle, &names(&[1, 2])).await;
        let silent = Zone { takes: None, ..zone(&[5]) };
        let too_slow = Zone { takes: Some(PATIENCE), ..zone(&[6]) };
        for wrong in [
            failing(ResponseCode::ServFail),
            failing(ResponseCode::NXDomain),
            failing(ResponseCode::Refused),
            zone(&[]),
            silent,
            too_slow,
        ] {
            server.set(wrong);
            // So often that at least one resolution has ended.
            server.asked(8).await;
            assert_eq!(running(&handle).await, names(&[1, 2]));
        }
        server.set(zone(&[2, 3]));
        until_running(&handle, &names(&[2, 3])).await;
    });
}

#[test]
fn a_server_that_dies_changes_nothing_and_is_found_again() {
    in_system(async {
        let server = Server::start(zone(&[1, 2])).await;
        let address = server.address.to_string();
        let handle = start(provider(server.address).timeout(ms(100)));
        until_running(&handle, &names(&[1, 2])).await;
        let socket_is_free = async |address: &str| UdpSocket::bind(address).await.is_ok();
        drop(server);
        until("its socket is closed", || socket_is_free(&address)).await;
        // Several resolutions fail meanwhile; nothing of them can be seen from here.
        let served = Instant::now();
        while served.elapsed() < ms(500) {
            assert!(handle.call(5).await.is_ok());
        }
        assert_eq!(running(&handle).await, names(&[1, 2]));
        let server = Server::start_at(&address, zone(&[3])).await;
        until_running(&handle, &names(&[3])).await;
        drop(server);
    });
}

#[test]
fn a_dns_that_is_late_at_the_start_is_waited_for() {
    in_system(async {
        let server = Server::start(failing(ResponseCode::ServFail)).await;
        let handle = start(provider(server.address));
        let call = handle.call(1);
        server.asked(6).await;
        server.set(Zone { takes: Some(ms(200)), ..zone(&[4]) });
        assert_eq!(call.await.unwrap(), format!("127.0.0.4:{PORT}"));
    });
}

#[test]
fn the_time_to_live_is_followed_between_the_bounds() {
    in_system(async {
        // A time to live of zero: as often as is allowed. A day: as late as is allowed.
        for (time_to_live, shortest, longest, least) in
            [(0, ms(100), PATIENCE, ms(100)), (1, SHORTEST, PATIENCE, ms(1_000)), (86_400, SHORTEST, ms(100), ms(100))]
        {
            let server = Server::start(Zone { time_to_live, ..zone(&[1]) }).await;
            let _handle = start(provider(server.address).intervals(shortest, longest));
            server.asked(6).await;
            // Each time two questions: for IPv4 and for IPv6.
            let asked: Vec<_> = server.asked.lock().unwrap().iter().copied().step_by(2).collect();
            assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= least), "{time_to_live}: {asked:?}");
        }
    });
}

#[test]
fn an_address_stands_for_itself() {
    in_system(async {
        let handle = start(
            Provider::new("::1", PORT, |address| {
                HandlerSource::new(handler_fn("any", move |_| async move { Ok::<_, Infallible>(address.to_string()) }))
            })
            .unwrap(),
        );
        assert_eq!(handle.call(1).await.unwrap(), format!("[::1]:{PORT}"));
        for wrong in ["", ".", "two..dots", &"long".repeat(100)] {
            let make = |_| -> HandlerSource<u64, String, Infallible> { unreachable!() };
            assert!(Provider::new(wrong, PORT, make).is_err(), "{wrong:?}");
        }
    });
}

#[test]
fn the_system_is_asked_unless_said_otherwise() {
    in_system(async {
        let make = |address: SocketAddr| {
            HandlerSource::new(handler_fn("any", move |_| async move { Ok::<_, Infallible>(address.to_string()) }))
        };
        let handle = start(Provider::new("localhost", PORT, make).unwrap());
        let answer = handle.call(1).await.unwrap();
        assert!(answer == format!("127.0.0.1:{PORT}") || answer == format!("[::1]:{PORT}"), "{answer}");
    });
}

// ## What is logged

struct Memory(Mutex<Vec<String>>);

static MEMORY: Memory = Memory(Mutex::new(Vec::new()));

impl Log for Memory {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        if let Some((_, line)) = record.args().to_string().split_once(": addresses of logged.test.: ") {
            self.0.lock().unwrap().push(format!("{}: {line}", record.level()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn each_change_and_each_change_of_state_is_logged_once() {
    log::set_logger(&MEMORY).unwrap();
    log::set_max_level(LevelFilter::Info);
    in_system(async {
        let server = Server::start(zone(&[1, 2])).await;
        let make = |_| HandlerSource::new(handler_fn("any", |_| async { Ok::<_, Infallible>(String::new()) }));
        let logged = Provider::new("logged.test.", PORT, make).unwrap();
        let handle = start(logged.name_servers([server.address]).intervals(SHORTEST, ms(20)));
        until_running(&handle, &names(&[1, 2])).await;
        for wrong in [failing(ResponseCode::ServFail), failing(ResponseCode::NXDomain)] {
            server.set(wrong);
            server.asked(8).await;
        }
        server.set(zone(&[2, 3]));
        until_running(&handle, &names(&[2, 3])).await;
        server.asked(8).await;
        server.set(Zone { code_v6: Some(ResponseCode::ServFail), ..zone(&[2, 3]) });
        server.asked(8).await;
    });
    let lines = MEMORY.0.lock().unwrap().clone();
    let starts = [
        "INFO: 2 now, 2 new, 0 gone",
        "WARN: not resolved, so the 2 known stay: ",
        "INFO: 2 now, 1 new, 1 gone",
        "INFO: resolved again, 2 there",
        "WARN: a part could not be resolved, and stays as it is: ",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    assert!(lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{lines:#?}");
}

// ## Real services

/// A service that takes as many milliseconds as it is asked for; it ends when it is dropped.
struct Service {
    task: JoinHandle<()>,
}

impl Service {
    async fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let task = actix::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                actix::spawn(async move {
                    let mut request = [0; 8];
                    if stream.read_exact(&mut request).await.is_ok() {
                        sleep(ms(u64::from_be_bytes(request))).await;
                        let _ = stream.write_all(&request).await;
                    }
                });
            }
        });
        Service { task }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn ask(address: SocketAddr, n: u64) -> std::io::Result<IpAddr> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&n.to_be_bytes()).await?;
    let mut reply = [0; 8];
    stream.read_exact(&mut reply).await?;
    Ok(address.ip())
}

/// Not every system has several addresses on loopback.
#[cfg(target_os = "linux")]
#[test]
fn what_is_in_flight_at_an_address_that_goes_is_answered() {
    in_system(async {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let _services =
            [Service::start(SocketAddr::new(ip(1), port)).await, Service::start(SocketAddr::new(ip(2), port)).await];
        let server = Server::start(zone(&[1, 2])).await;
        let make = |address: SocketAddr| HandlerSource::new(handler_fn("any", move |n: u64| ask(address, n)));
        let backends = DnsProvider::new("backend.test.", port, make).unwrap();
        let backends = backends.name_servers([server.address]).intervals(SHORTEST, ms(50));
        let mut settings = DispatcherSettings::default();
        settings.back_pressure = None;
        let handle = PushingDispatcher::builder("dns").settings(settings).provider(backends).start().unwrap();
        let slow: Vec<_> = {
            let pools = || async { handle.status().await.unwrap().pools };
            until("both are there", || async { pools().await.len() == 2 }).await;
            let calls: Vec<_> = (0..8).map(|_| handle.call(1_000)).collect();
            let busy = || async { pools().await.iter().map(|pool| pool.busy).min() };
            until("both have work", || async { busy().await >= Some(1) }).await;
            calls
        };
        server.set(zone(&[2]));
        let removed = || async {
            let pools = handle.status().await.unwrap().pools;
            pools.iter().filter(|pool| pool.state == PoolState::Running).count() == 1
        };
        until("one is removed", removed).await;
        for _ in 0..20 {
            assert_eq!(handle.call(0).await.unwrap(), ip(2));
        }
        let mut from = BTreeSet::new();
        for call in slow {
            from.insert(call.await.unwrap());
        }
        assert_eq!(from, BTreeSet::from([ip(1), ip(2)]));
        let totals = handle.totals();
        assert_eq!((totals.received, totals.completed), (28, 28));
    });
}
