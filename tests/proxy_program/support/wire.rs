use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;

/// A request or an answer of HTTP/1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Message {
    /// The first line.
    pub(crate) line: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{self:?}"))
    }

    /// Of a request.
    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// One side of a connection, which reads strictly: what could be read in two ways is an error.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::new(soon("a connection", TcpStream::connect(address)).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends to somebody who may have gone.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Sends a request without a body and takes the answer.
    pub(crate) async fn get(&mut self, path: &str) -> Message {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: kanaloa.test\r\n\r\n")).await;
        self.answer().await
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Message {
        let answer = soon("an answer", self.next(true)).await;
        answer.unwrap_or_else(|error| panic!("no answer: {error}")).expect("an answer, not the end")
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> Message {
        soon("the head of an answer", self.read_head()).await.unwrap().expect("an answer, not the end")
    }

    /// One chunk of a body; empty for the last.
    pub(crate) async fn chunk(&mut self) -> Vec<u8> {
        soon("a chunk", self.read_chunk()).await.unwrap()
    }

    /// The next request, `None` if the other side has closed the connection.
    pub(crate) async fn request(&mut self) -> io::Result<Option<Message>> {
        self.next(false).await
    }

    /// Waits for the end of the connection, before which nothing comes.
    pub(crate) async fn end(&mut self) {
        let more = soon("the end of a connection", self.fill()).await;
        // A reset ends it too.
        assert!(matches!(more, Ok(false) | Err(_)), "{:?}", String::from_utf8_lossy(&self.buffer));
        assert!(self.buffer.is_empty(), "{:?}", String::from_utf8_lossy(&self.buffer));
    }

    /// All that comes until the end.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        soon("the end of a connection", async { while matches!(self.fill().await, Ok(true)) {} }).await;
        std::mem::take(&mut self.buffer)
    }

    /// Reads more; false at the end.
    async fn fill(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 8192];
        let count = self.stream.read(&mut bytes).await?;
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count > 0)
    }

    async fn next(&mut self, is_answer: bool) -> io::Result<Option<Message>> {
        let Some(mut message) = self.read_head().await? else { return Ok(None) };
        let lengths: Vec<_> = message.headers.iter().filter(|(name, _)| name == "content-length").collect();
        let encodings: Vec<_> = message.headers.iter().filter(|(name, _)| name == "transfer-encoding").collect();
        match (lengths.as_slice(), encodings.as_slice()) {
            ([], []) if is_answer && message.status() != 204 => message.body = self.rest().await,
            ([], []) => {}
            ([(_, length)], []) => {
                let length: usize = length.parse().map_err(|_| broken("a length"))?;
                while self.buffer.len() < length {
                    self.fill_or_fail().await?;
                }
                message.body = self.buffer.drain(..length).collect();
            }
            ([], [(_, encoding)]) if encoding == "chunked" => loop {
                let chunk = self.read_chunk().await?;
                if chunk.is_empty() {
                    break;
                }
                message.body.extend(chunk);
            },
            _ => return Err(broken("several lengths")),
        }
        Ok(Some(message))
    }

    async fn read_head(&mut self) -> io::Result<Option<Message>> {
        let mut message = Message::default();
        if self.buffer.is_empty() && !self.fill().await? {
            return Ok(None);
        }
        message.line = self.read_line().await?;
        loop {
            let line = self.read_line().await?;
            if line.is_empty() {
                return Ok(Some(message));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken("a header"))?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(broken("the name of a header"));
            }
            message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    async fn read_chunk(&mut self) -> io::Result<Vec<u8>> {
        let size = self.read_line().await?;
        let size = usize::from_str_radix(&size, 16).map_err(|_| broken("the size of a chunk"))?;
        while self.buffer.len() < size {
            self.fill_or_fail().await?;
        }
        let chunk = self.buffer.drain(..size).collect();
        match self.read_line().await?.is_empty() {
            true => Ok(chunk),
            false => Err(broken("the end of a chunk")),
        }
    }

    async fn read_line(&mut self) -> io::Result<String> {
        let end = loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                break end;
            }
            self.fill_or_fail().await?;
        };
        let line: Vec<_> = self.buffer.drain(..end + 2).take(end).collect();
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(broken("a line"));
        }
        String::from_utf8(line).map_err(|_| broken("a line"))
    }

    async fn fill_or_fail(&mut self) -> io::Result<()> {
        match self.fill().await? {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} that is none"))
}
