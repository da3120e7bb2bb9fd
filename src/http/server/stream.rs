//! What a client sends and is sent, with or without TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;
use super::wire::Wire;

/// What an HTTP/2 client begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's bytes, in the clear.
pub(super) struct Stream {
    inner: Inner,
    /// Read already, and to be read again.
    again: Bytes,
}

enum Inner {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

impl Stream {
    pub(super) fn plain(wire: Wire) -> Self {
        Self { inner: Inner::Plain(wire), again: Bytes::new() }
    }

    pub(super) fn tls(stream: TlsStream<Wire>) -> Self {
        Self { inner: Inner::Tls(Box::new(stream)), again: Bytes::new() }
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        self.wire().activity()
    }

    /// Has these bytes read again before all others.
    pub(super) fn put_back(&mut self, bytes: Bytes) {
        debug_assert!(self.again.is_empty(), "what is put back is older than what was not read again");
        self.again = bytes;
    }

    /// Resolves when there may be something to be read, be it the end.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.again.is_empty() { self.wire().poll_readable(cx) } else { Poll::Ready(Ok(())) }
    }

    /// Whether the client begins as HTTP/2 does. Reads as much as takes to tell, which is a byte from all others.
    ///
    /// # Cancel safety
    /// What was read is lost.
    pub(super) async fn begins_as_http2(&mut self) -> io::Result<bool> {
        let mut start = [0; PREFACE.len()];
        let mut filled = 0;
        while filled < start.len() && start[..filled] == PREFACE[..filled] {
            match self.read(&mut start[filled..]).await? {
                0 => break,
                read => filled += read,
            }
        }
        self.put_back(Bytes::copy_from_slice(&start[..filled]));
        Ok(start == *PREFACE)
    }

    fn wire(&self) -> &Wire {
        match &self.inner {
            Inner::Plain(wire) => wire,
            Inner::Tls(stream) => stream.get_ref().0,
        }
    }

    fn writer(&mut self) -> Pin<&mut dyn AsyncWrite> {
        match &mut self.inner {
            Inner::Plain(wire) => Pin::new(wire) as Pin<&mut dyn AsyncWrite>,
            Inner::Tls(stream) => Pin::new(stream.as_mut()) as Pin<&mut dyn AsyncWrite>,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.again.is_empty() {
            let length = self.again.len().min(buffer.remaining());
            buffer.put_slice(&self.again[..length]);
            self.again.advance(length);
            if self.again.is_empty() {
                // It keeps what it was cut from alive.
                self.again = Bytes::new();
            }
            self.activity().receive();
            return Poll::Ready(Ok(()));
        }
        match &mut self.inner {
            Inner::Plain(wire) => Pin::new(wire).poll_read(cx, buffer),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writer().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.inner {
            Inner::Plain(wire) => wire.is_write_vectored(),
            Inner::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(cx)
    }
}
