//! An actix-web service that protects a slow part of itself, and shows at <http://127.0.0.1:8080/kanaloa/> what is done.
//!
//! `cargo run --example actix_web_dashboard --features actix-web`, and then, for something to see:
//! `while true; do curl -s http://127.0.0.1:8080/report/7 & sleep 0.02; done`

use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use kanaloa::dashboard::Dashboard;
use kanaloa::metrics::Monitor;
use kanaloa::{CallError, DispatcherHandle, PushingDispatcher, handler_fn};

type Reports = DispatcherHandle<u32, String, String>;

async fn report(number: web::Path<u32>, reports: web::Data<Reports>) -> HttpResponse {
    match reports.call(*number).await {
        Ok(report) => HttpResponse::Ok().body(report),
        Err(CallError::Rejected(reason)) => HttpResponse::ServiceUnavailable().body(format!("{reason}\n")),
        Err(error) => HttpResponse::BadGateway().body(format!("{error}\n")),
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Stands for a database that makes four reports at once.
    let database = std::sync::Arc::new(tokio::sync::Semaphore::new(4));
    let make = move |number: u32| {
        let database = database.clone();
        async move {
            let _slot = database.acquire().await.map_err(|error| error.to_string())?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, String>(format!("report {number}\n"))
        }
    };
    let monitor = Monitor::new();
    // On a thread of its own, for the workers of the server are many.
    let reports = PushingDispatcher::builder("reports")
        .monitor(&monitor)
        .handler(handler_fn("database", make))
        .start_on_thread()?;
    let dashboard = Dashboard::start(&monitor);
    let shown = dashboard.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(reports.clone()))
            .route("/report/{number}", web::get().to(report))
            .service(shown.at("/kanaloa"))
    })
    .disable_signals()
    .bind(("127.0.0.1", 8080))?
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            // Viewers do not leave by themselves, and the server waits for them.
            dashboard.close();
            handle.stop(true).await;
        }
    });
    println!("http://127.0.0.1:8080/kanaloa/");
    server.await?;
    Ok(())
}
