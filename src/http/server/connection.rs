//! One connection, from its beginning to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use log::debug;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::activity::Activity;
use super::service::Answerer;
use super::slots::Slot;
use super::stream::Stream;
use super::wire::Wire;
use super::{Client, Serve, Server, Terms, http1, http2};

/// Serves a connection until it ends. Each stage is in a box of its own, which the next does not carry on: idle
/// connections are many, and are to be small.
pub(super) async fn serve<S: Serve>(
    server: Arc<Server>,
    terms: Arc<Terms>,
    socket: TcpStream,
    address: SocketAddr,
    slot: Slot,
    serve: S,
) {
    let since = Instant::now();
    let local = match socket.set_nodelay(true).and_then(|()| socket.local_addr()) {
        Ok(local) => local,
        Err(error) => return debug!("{address}: left at once: {error}"),
    };
    let wire = Wire::new(socket, Arc::<Activity>::default(), terms.settings.write_timeout, slot);
    let Some((stream, is_http2)) = Box::pin(begin(&server, &terms, wire, address, since)).await else { return };
    let client = Client { address, local, is_tls: terms.tls.is_some() };
    if is_http2 {
        Box::pin(http2::serve(server, terms, stream, serve, client)).await;
    } else {
        let answerer = Answerer::new(server.clone(), serve, client, stream.activity().clone());
        http1::serve(server, terms, stream, answerer, since).await;
    }
}

/// Finds out which HTTP is spoken.
async fn begin(
    server: &Server,
    terms: &Terms,
    wire: Wire,
    address: SocketAddr,
    since: Instant,
) -> Option<(Stream, bool)> {
    let activity = wire.activity().clone();
    let beginning = async {
        let Some(tls) = &terms.tls else {
            let mut stream = Stream::plain(wire);
            let is_http2 = stream.begins_as_http2().await?;
            return Ok::<_, std::io::Error>((stream, is_http2));
        };
        let stream = TlsAcceptor::from(tls.clone()).accept(wire).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Stream::tls(stream), is_http2))
    };
    let no_beginning = async {
        server.grace_over(since).await;
        if activity.has_received() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        beginning = timeout_at(since + terms.settings.header_timeout, beginning) => match beginning {
            Ok(Ok(begun)) => return Some(begun),
            Ok(Err(error)) => debug!("{address}: {error}"),
            Err(_) => debug!("{address}: sent nothing that makes sense within {:?}", terms.settings.header_timeout),
        },
        () = no_beginning => debug!("{address}: closed, for the server drains"),
    }
    None
}
