//! Taking an address to listen on.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use thiserror::Error;

/// Connections that the system keeps until they are accepted; it cuts this down to its own limit. A burst that does not
/// fit is slowed by a second at least, which is how long clients wait before they knock again.
const BACKLOG: i32 = 4096;

/// A peer that has vanished without a word, with its network or its power, is noticed after two minutes. Whoever has a
/// request under way would otherwise hold its slot until that has been answered.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
pub(crate) enum BindError {
    #[error("cannot listen on {0}: another program does already; stop it, or listen elsewhere")]
    InUse(SocketAddr),
    #[error(
        "cannot listen on {0}: no permission; take a port of 1024 or above, or give the program CAP_NET_BIND_SERVICE"
    )]
    NoPermission(SocketAddr),
    #[error("cannot listen on {0}: the address is not of this machine; 0.0.0.0 and [::] stand for all that are")]
    NotOfThisMachine(SocketAddr),
    #[error("cannot listen on {0}: {1}; check the address")]
    Other(SocketAddr, io::Error),
}

impl BindError {
    fn new(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::NoPermission(address),
            io::ErrorKind::AddrNotAvailable => Self::NotOfThisMachine(address),
            _ => Self::Other(address, error),
        }
    }
}

/// Listens on `address`. Clones of the listener may each be served by a thread.
///
/// # Errors
/// When another program listens there, the port takes a privilege, or the address is not of this machine.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|error| BindError::new(address, error))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a process that has just ended linger for a minute, and would keep its successor from starting.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // The connections inherit it, which spares each some system calls.
    SockRef::from(&socket).set_tcp_keepalive(
        &TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(PROBES),
    )?;
    socket.set_tcp_nodelay(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_taken_is_named_with_what_to_do() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();

        let error = bind(address).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot listen on {address}: another program does already; stop it, or listen elsewhere")
        );
    }

    #[test]
    fn an_address_of_another_machine_is_named_with_what_to_do() {
        // Of the range for documentation, which no machine has.
        let error = bind("192.0.2.1:8080".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot listen on 192.0.2.1:8080: the address is not of this machine; 0.0.0.0 and [::] stand for all that are"
        );
    }
}
