//! `kanaloa demo --live`: a service that has its ups and downs behind a dispatcher, and the dashboard to see what becomes
//! of it.

mod script;
mod traffic;

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use kanaloa::http::AdminServer;
use kanaloa::metrics::Monitor;
use tokio::runtime;
use tokio::time::{Instant, sleep_until};

use self::script::{ROUND, SCENES, Script, What};
use super::error::DemoError;
use super::plan::Plan;
use super::protected::Protected;
use super::service::Service;
use super::sockets;
use crate::cli::console;
use crate::cli::interrupt::Interrupt;

/// The instances of the service, as they are called.
const NAMES: [&str; 2] = ["one", "two"];

/// Runs until Ctrl-C, with the dashboard at this address.
///
/// # Errors
///
/// When the dashboard cannot be shown there, or the parts of the demo cannot be started.
pub(super) fn run(address: SocketAddr, plan: &Plan) -> Result<(), DemoError> {
    let script = Script { rate: plan.rate, capacity: plan.capacity };
    if script.slots().contains(&0) {
        return Err(DemoError::TooSmallForTwo);
    }
    let monitor = Monitor::new();
    // Found out first, before anything runs.
    let admin = AdminServer::start(address, &monitor).map_err(DemoError::Dashboard)?;
    sockets::most_in_flight();
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(DemoError::Load)?;
    runtime.block_on(play(script, &admin, &monitor))
}

async fn play(script: Script, admin: &AdminServer, monitor: &Monitor) -> Result<(), DemoError> {
    let interrupt = Interrupt::on_ctrl_c();
    let [first, second] = script.slots();
    let services = [start(first)?, start(second)?];
    let instances = NAMES.into_iter().zip(services.iter().map(Service::uri)).collect();
    let target = Protected::live(instances, monitor)?;
    console::note(format!("Dashboard: http://{}/dashboard/", admin.address()));
    console::note("Two instances of a service, called one and two. Over and over, until Ctrl-C:");
    let start = Instant::now();
    let load = runtime::Builder::new_current_thread().enable_all().build().map_err(DemoError::Load)?;
    let sending = traffic::send(target, script, start, interrupt.clone());
    // Nothing else may delay it.
    let load = thread::Builder::new().name("load".to_owned()).spawn(move || load.block_on(sending));
    let load = load.map_err(DemoError::Load)?;
    let mut ended = interrupt;
    tokio::select! {
        () = direct(script, &services, start) => {}
        () = ended.wait() => {}
    }
    // A panic there has been printed; there is nothing to add.
    let _ = load.join();
    Ok(())
}

fn start(slots: usize) -> Result<Service, DemoError> {
    Service::start(slots).map_err(DemoError::Service)
}

/// Has happen what the script says, and says so.
async fn direct(script: Script, [first, second]: &[Service; 2], start: Instant) {
    let [slots, _] = script.slots();
    let mut round = start;
    loop {
        sleep_until(round).await;
        console::note(script.opening());
        for scene in &SCENES {
            let end = round + scene.end();
            sleep_until(round + scene.begins).await;
            console::note(script.line(scene));
            match scene.what {
                // Whoever sends it knows by itself.
                What::Traffic { .. } => {}
                What::HalfOfFirst => {
                    first.resize((slots / 2).max(1));
                    sleep_until(end).await;
                    first.resize(slots);
                }
                What::SecondHangs => second.hang_until(end),
            }
        }
        round += ROUND;
        let late = Instant::now().saturating_duration_since(round);
        if late > Duration::from_secs(1) {
            // The machine was asleep; the traffic goes by the same rounds.
            let missed = late.as_secs() / ROUND.as_secs() + 1;
            round += ROUND * u32::try_from(missed).unwrap_or(u32::MAX);
        }
    }
}
