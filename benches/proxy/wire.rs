//! HTTP/1.1 as far as a load needs it: raw, so that it costs much less than what is measured.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Heads that are longer are an error.
const LONGEST_HEAD: usize = 4096;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Bytes of the body.
    pub(crate) length: u64,
    /// Whether the connection is of no use any more.
    pub(crate) closes: bool,
}

/// A client's connection, for one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8; LONGEST_HEAD]>,
    /// Whether a request was answered on it.
    pub(crate) used: bool,
    /// Why the last answer was not 200, as Kanaloa says it.
    pub(crate) reason: Option<String>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Box::new([0; LONGEST_HEAD]), used: false, reason: None })
    }

    /// Sends a request and reads the answer to its last byte.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        let (answer, read) = self.read_head().await?;
        let mut missing = answer.length.saturating_sub(read);
        while missing > 0 {
            missing = missing.saturating_sub(self.read_some().await?);
        }
        self.used = true;
        Ok(answer)
    }

    /// Reads a head, and returns it with how many bytes of the body came along.
    pub(crate) async fn read_head(&mut self) -> io::Result<(Answer, u64)> {
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(end) = end_of_head(&self.buffer[..filled]) {
                let answer = answer(&self.buffer[..end])?;
                if answer.status != 200 {
                    let reason = header(&self.buffer[..end], b"kanaloa-reason");
                    self.reason = reason.map(|reason| String::from_utf8_lossy(reason).into_owned());
                }
                return Ok((answer, (filled - end) as u64));
            }
            if filled == LONGEST_HEAD {
                return Err(invalid("the head of the answer is longer than this client reads"));
            }
        }
    }

    async fn read_some(&mut self) -> io::Result<u64> {
        match self.stream.read(&mut self.buffer[..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read as u64),
        }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

/// How many bytes the first head has with its empty line, if it is there to its end.
pub(crate) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD).map(|at| at + END_OF_HEAD.len())
}

fn answer(head: &[u8]) -> io::Result<Answer> {
    let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let status = status.ok_or_else(|| invalid("the answer has no status"))?;
    let length = number(head, b"content-length").ok_or_else(|| invalid("the answer has no content-length"))?;
    let closes = header(head, b"connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
    Ok(Answer { status, length, closes })
}

/// The value of a header that is a number.
pub(crate) fn number(head: &[u8], name: &[u8]) -> Option<u64> {
    std::str::from_utf8(header(head, name)?).ok()?.parse().ok()
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (found, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":")?;
        found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A request as a browser's or a library's: a few headers.
pub(crate) fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: kanaloa-bench\r\nAccept: */*\r\n\r\n").into_bytes()
}
