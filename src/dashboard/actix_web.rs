//! The dashboard in an actix-web application.

use std::convert::Infallible;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Scope, web};
use futures::StreamExt;

use super::Dashboard;

impl Dashboard {
    /// Serves it at `path` of an actix-web application, as in `App::new().service(dashboard.at("/kanaloa"))`: the page is
    /// at `/kanaloa/` then, which `/kanaloa` redirects to. `path` begins with `/` and is more than that; it may be within a
    /// scope.
    ///
    /// Who may see it is for the application to say: wrap it, or the scope that it is in, in a middleware.
    ///
    /// A server that is stopped waits for its connections, viewers' included, for
    /// [`shutdown_timeout`](actix_web::HttpServer::shutdown_timeout): [close](Dashboard::close) the dashboard first.
    pub fn at(&self, path: &str) -> impl HttpServiceFactory + 'static {
        let path = path.trim_end_matches('/');
        let dashboard = self.clone();
        let events = move |request: HttpRequest| {
            let answer = events(&dashboard, &request);
            async move { answer }
        };
        let resource = |at: &str| web::resource(at).default_service(web::to(only_get));
        Scope::new(path)
            .service(resource("").get(to_page).route(web::head().to(to_page)))
            .service(resource("/").get(page).route(web::head().to(page)))
            .service(resource("/events").get(events).route(web::head().to(events_head)))
    }
}

async fn to_page(request: HttpRequest) -> HttpResponse {
    // Relative, so that it holds whatever is in front of this server.
    let last = request.path().rsplit('/').next().unwrap_or_default();
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, format!("{last}/"))).finish()
}

async fn page() -> HttpResponse {
    with(HttpResponse::Ok(), &Dashboard::PAGE_HEADERS).body(Dashboard::page())
}

fn events(dashboard: &Dashboard, request: &HttpRequest) -> HttpResponse {
    let last_event_id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    match dashboard.events(last_event_id) {
        Ok(events) => with(HttpResponse::Ok(), &Dashboard::EVENTS_HEADERS).streaming(events.map(Ok::<_, Infallible>)),
        Err(error) => HttpResponse::ServiceUnavailable().body(format!("{error}\n")),
    }
}

async fn events_head() -> HttpResponse {
    with(HttpResponse::Ok(), &Dashboard::EVENTS_HEADERS).finish()
}

async fn only_get() -> HttpResponse {
    HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")).body("only GET and HEAD\n")
}

fn with(mut response: HttpResponseBuilder, headers: &'static [(&'static str, &'static str)]) -> HttpResponseBuilder {
    for (name, value) in headers {
        response.insert_header((HeaderName::from_static(name), HeaderValue::from_static(value)));
    }
    response
}
