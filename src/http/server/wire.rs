//! A client's socket.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::slots::Slot;

/// A client's socket, which tells what goes on, and fails when the client takes nothing of what is sent to it for too
/// long. It holds its place among the connections for as long as it is open, whoever has it.
pub(super) struct Wire {
    socket: TcpStream,
    activity: Arc<Activity>,
    write_timeout: Duration,
    stall: Option<Stall>,
    _slot: Slot,
}

/// Since when the client takes nothing.
struct Stall {
    since: Option<Instant>,
    /// Stays when the client takes something again: it is looked at when it is over, and not moved before. Slow clients
    /// stall with every buffer.
    timer: Pin<Box<Sleep>>,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, activity: Arc<Activity>, write_timeout: Duration, slot: Slot) -> Self {
        Self { socket, activity, write_timeout, stall: None, _slot: slot }
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Resolves when there is something to be read, be it the end.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_read_ready(cx)
    }

    /// Whether the client has closed the connection, however much of what it has sent is still to be read.
    fn has_left(&self) -> bool {
        let ready = pin!(self.socket.ready(Interest::READABLE));
        match ready.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            ready!(self.poll_stalled(cx));
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the client took nothing for {:?}", self.write_timeout),
            )));
        }
        if let Poll::Ready(Ok(bytes)) = written {
            self.activity.send(bytes);
        }
        if let Some(stall) = &mut self.stall {
            stall.since = None;
            self.activity.set_blocked(false);
        }
        written
    }

    /// Resolves when the client has taken nothing for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.write_timeout;
        let stall = self.stall.get_or_insert_with(|| {
            let now = Instant::now();
            Stall { since: Some(now), timer: Box::pin(sleep_until(now + timeout)) }
        });
        let since = *stall.since.get_or_insert_with(Instant::now);
        self.activity.set_blocked(true);
        loop {
            ready!(stall.timer.as_mut().poll(cx));
            let deadline = since + timeout;
            if stall.timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            stall.timer.as_mut().reset(deadline);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        self.activity.set_listening(read.is_pending());
        ready!(read)?;
        if buffer.filled().len() > before {
            self.activity.receive();
        } else if buffer.remaining() > 0 {
            self.activity.end();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.activity.is_asked() && self.has_left() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "the client has left")));
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
