//! Services in processes of their own that are really killed, behind one dispatcher, over real sockets.
//!
//! This file is the service too: run again with an address in its environment, it serves there until it is killed.
//!
//! The services have another address than their callers, so that no caller is given the port of one that is dead. Not every
//! system has several on loopback.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use kanaloa::config::{AutothrottleAlgorithm, DispatcherSettings};
use kanaloa::{
    CallError, DispatcherHandle, HandlerSource, PoolState, PoolStatus, ProviderControl, PushingDispatcher,
    controlled_provider, handler_fn,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

/// Set for a process that is to be a service; the address where.
const SERVE_AT: &str = "KANALOA_TEST_SERVE_AT";

/// Whatever is waited for happens within that, or never.
const PATIENCE: Duration = Duration::from_secs(60);

const SERVICES: usize = 3;
const CALLERS: u64 = 12;

/// Not a test: what a process does that is started as a service.
#[test]
fn service() {
    let Ok(address) = std::env::var(SERVE_AT) else { return };
    let listener = TcpListener::bind(address).unwrap();
    println!("\nat {}", listener.local_addr().unwrap());
    // Its parent holds the other end: when that is gone, whatever has ended it, so is this.
    thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        thread::spawn(move || {
            let mut request = [0; 8];
            if stream.read_exact(&mut request).is_ok() {
                thread::sleep(Duration::from_millis(5));
                let _ = stream.write_all(&request);
            }
        });
    }
}

/// A service in a process of its own, which is killed when this is dropped.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(address: SocketAddr) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["service", "--exact", "--nocapture"])
            .env(SERVE_AT, address.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = Process { address, child };
        let lines = BufReader::new(process.child.stdout.take().unwrap()).lines();
        let address = lines.map(Result::unwrap).find_map(|line| line.strip_prefix("at ").map(str::to_string));
        process.address = address.expect("it has not started").parse().unwrap();
        process
    }

    fn start_anywhere() -> Self {
        Self::start(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 0).into())
    }

    /// With SIGKILL: it has no chance to say so.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it is dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Dispatcher = DispatcherHandle<u64, u64, std::io::Error>;
type Control = ProviderControl<u64, u64, std::io::Error>;

fn source(address: SocketAddr) -> HandlerSource<u64, u64, std::io::Error> {
    HandlerSource::new(handler_fn(address.to_string(), move |n: u64| async move {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&n.to_be_bytes()).await?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await?;
        Ok(u64::from_be_bytes(answer))
    }))
}

fn start(services: &[Process], work_retry: u32) -> (Control, Dispatcher) {
    let (control, provider) = controlled_provider();
    let mut settings = DispatcherSettings::default();
    settings.back_pressure = None;
    settings.worker_pool.starting_pool_size = CALLERS as usize;
    settings.work.work_retry = work_retry;
    if let Some(autothrottle) = &mut settings.autothrottle {
        autothrottle.algorithm = AutothrottleAlgorithm::Fixed;
    }
    for service in services {
        control.add(source(service.address)).unwrap();
    }
    let builder = PushingDispatcher::builder("processes").settings(settings).clone_requests();
    (control, builder.provider(provider).start().unwrap())
}

/// What callers were told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    completed: u64,
    failed: u64,
}

/// Calls again and again until told to stop.
async fn call_on(handle: Dispatcher, caller: u64, is_over: Arc<AtomicBool>) -> Told {
    let (mut told, mut n) = (Told::default(), caller);
    while !is_over.load(Ordering::Relaxed) {
        match timeout(PATIENCE, handle.call(n)).await.expect("every call has an outcome") {
            Ok(answer) => {
                assert_eq!(answer, n);
                told.completed += 1;
            }
            Err(CallError::Failed(_)) => told.failed += 1,
            Err(error) => panic!("{error}"),
        }
        n += CALLERS;
    }
    told
}

async fn pool(handle: &Dispatcher, name: &str) -> Option<PoolStatus> {
    let pools = handle.status().await.unwrap().pools.into_iter();
    pools.filter(|pool| pool.state != PoolState::Ending).find(|pool| pool.handler == name)
}

/// Waits until so many more works than now have succeeded there.
async fn until_succeeded(handle: &Dispatcher, name: &str, more: u64) {
    let succeeded = async || pool(handle, name).await.map_or(0, |pool| pool.succeeded);
    let (start, goal) = (Instant::now(), succeeded().await + more);
    while succeeded().await < goal {
        assert!(start.elapsed() < PATIENCE, "{name} does not serve");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Kills one of several services under load and starts it again at the same port.
fn kill_one(work_retry: u32) -> (Told, Dispatcher) {
    actix::System::new().block_on(async {
        let mut services: Vec<_> = (0..SERVICES).map(|_| Process::start_anywhere()).collect();
        let (control, handle) = start(&services, work_retry);
        let is_over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> =
            (0..CALLERS).map(|n| actix::spawn(call_on(handle.clone(), n, Arc::clone(&is_over)))).collect();
        let names: Vec<_> = services.iter().map(|service| service.address.to_string()).collect();
        for name in &names {
            until_succeeded(&handle, name, 100).await;
        }

        services[0].kill();
        // The others carry the load.
        for name in &names[1..] {
            until_succeeded(&handle, name, 200).await;
        }

        // Whoever watches over the services notices, and adds it again when it is back.
        control.remove(&*names[0]).unwrap();
        let address = services[0].address;
        services[0] = spawn_blocking(move || Process::start(address)).await.unwrap();
        control.add(source(services[0].address)).unwrap();
        for name in &names {
            until_succeeded(&handle, name, 100).await;
        }

        is_over.store(true, Ordering::Relaxed);
        let mut told = Told::default();
        for caller in callers {
            let Told { completed, failed } = caller.await.unwrap();
            (told.completed, told.failed) = (told.completed + completed, told.failed + failed);
        }
        (told, handle)
    })
}

#[test]
fn a_service_that_is_killed_costs_what_it_had_and_serves_again_when_it_is_back() {
    let (told, handle) = kill_one(0);
    let totals = handle.totals();
    assert_eq!(told, Told { completed: totals.completed, failed: totals.failed });
    assert_eq!((totals.received, totals.in_flight), (told.completed + told.failed, 0));
    assert!(told.failed > 0, "it was not killed under load: {told:?}");
}

#[test]
fn what_a_service_that_is_killed_had_goes_to_the_others() {
    let (told, handle) = kill_one(2);
    let totals = handle.totals();
    assert_eq!(told, Told { completed: totals.completed, failed: 0 });
    assert_eq!((totals.received, totals.in_flight), (told.completed, 0));
}
