//! One end of a connection, byte for byte.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::support::PATIENCE;

/// One end of a connection that speaks HTTP/1, as bytes.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    /// Read, and not yet looked at.
    rest: Vec<u8>,
}

/// The head of a request or an answer. Names are in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether it came to its end as HTTP has it.
    pub(crate) is_complete: bool,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) is_complete: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> Head {
        let text = String::from_utf8(bytes.to_vec()).expect("a head is text here");
        let mut lines = text.split("\r\n");
        let first = lines.next().expect("a line").to_owned();
        let headers = lines.filter(|line| !line.is_empty()).map(pair).collect();
        Head { first, headers }
    }

    /// The only value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} is there more than once: {self:#?}");
        all.first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn status(&self) -> u16 {
        let digits = self.first.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {:?}", self.first));
        digits.parse().unwrap_or_else(|_| panic!("no answer: {:?}", self.first))
    }

    /// The target of a request.
    pub(crate) fn target(&self) -> &str {
        self.first.split(' ').nth(1).expect("a line of a request has three parts")
    }
}

fn pair(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.head.get(name)
    }

    /// Its status and, if it is the proxy's own, the reason.
    pub(crate) fn said(&self) -> (u16, &str) {
        (self.status, self.get("kanaloa-reason").unwrap_or(""))
    }
}

impl Wire {
    pub(crate) fn new(socket: TcpStream) -> Wire {
        socket.set_nodelay(true).expect("open");
        socket.set_read_timeout(Some(PATIENCE)).expect("open");
        socket.set_write_timeout(Some(PATIENCE)).expect("open");
        Wire { socket, rest: Vec::new() }
    }

    pub(crate) fn connect(address: SocketAddr) -> Wire {
        Wire::new(TcpStream::connect(address).expect("somebody listens"))
    }

    /// The same connection once more, for a thread that writes while another reads.
    pub(crate) fn twin(&self) -> Wire {
        Wire { socket: self.socket.try_clone().expect("a descriptor"), rest: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("the other end takes it");
    }

    /// Sends as much as the other end takes before it has gone.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref())
    }

    /// Says that no more comes from here.
    pub(crate) fn finish(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("open");
    }

    /// Ends the connection as a process does that is killed with bytes unread.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).expect("open");
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 64 << 10];
        let read = self.socket.read(&mut buffer)?;
        self.rest.extend_from_slice(&buffer[..read]);
        Ok(read)
    }

    /// The next head; `None` if the connection ends before it begins.
    pub(crate) fn try_head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.rest.split_off(end + 4);
                let head = std::mem::replace(&mut self.rest, rest);
                return Some(Head::parse(&head));
            }
            match self.more() {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no head comes: {:?}", self.rest),
                _ => return None,
            }
        }
    }

    pub(crate) fn head(&mut self) -> Head {
        self.try_head().expect("the connection ends before the head")
    }

    /// Exactly so many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.rest.len() < count {
            assert_ne!(self.more().expect("more comes"), 0, "it ends after {} of {count} bytes", self.rest.len());
        }
        let rest = self.rest.split_off(count);
        std::mem::replace(&mut self.rest, rest)
    }

    /// What follows this head. `to_end`: whether a body without a length goes on to the end of the connection, as those
    /// of answers do.
    pub(crate) fn body(&mut self, head: &Head, to_end: bool) -> Body {
        if head.get("transfer-encoding") == Some("chunked") {
            return self.chunks();
        }
        let length = head.get("content-length").map(|length| length.parse::<usize>().expect("a number"));
        let wanted = length.unwrap_or(if to_end { usize::MAX } else { 0 });
        let mut failed = false;
        while self.rest.len() < wanted {
            match self.more() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the body does not end"),
                Err(_) => {
                    failed = true;
                    break;
                }
            }
        }
        let rest = self.rest.split_off(wanted.min(self.rest.len()));
        let bytes = std::mem::replace(&mut self.rest, rest);
        let is_complete = !failed && length.is_none_or(|length| length == bytes.len());
        Body { bytes, trailers: Vec::new(), is_complete }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|two| two == b"\r\n") {
                let rest = self.rest.split_off(end + 2);
                let line = std::mem::replace(&mut self.rest, rest);
                return Some(String::from_utf8(line[..end].to_vec()).expect("text"));
            }
            match self.more() {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no line comes: {:?}", self.rest),
                _ => return None,
            }
        }
    }

    fn chunks(&mut self) -> Body {
        let mut body = Body { bytes: Vec::new(), trailers: Vec::new(), is_complete: false };
        loop {
            let Some(line) = self.line() else { return body };
            let size = usize::from_str_radix(line.split(';').next().unwrap_or(""), 16);
            let size = size.unwrap_or_else(|_| panic!("no size of a chunk: {line:?}"));
            if size == 0 {
                break;
            }
            while self.rest.len() < size + 2 {
                match self.more() {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the chunk does not end"),
                    _ => {
                        let part = self.rest.len().min(size);
                        body.bytes.extend(self.rest.drain(..part));
                        return body;
                    }
                }
            }
            body.bytes.extend(self.rest.drain(..size));
            assert_eq!(self.rest.drain(..2).collect::<Vec<_>>(), b"\r\n");
        }
        loop {
            match self.line() {
                Some(line) if line.is_empty() => break,
                Some(line) => body.trailers.push(pair(&line)),
                None => return body,
            }
        }
        body.is_complete = true;
        body
    }

    /// The answer to a request that is not HEAD.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    pub(crate) fn answer_to(&mut self, request: &str) -> Answer {
        let head = self.head();
        let status = head.status();
        let has_none = request.starts_with("HEAD ") || status < 200 || status == 204 || status == 304;
        let (body, is_complete) = match has_none {
            true => (Vec::new(), true),
            false => {
                let Body { bytes, is_complete, .. } = self.body(&head, true);
                (bytes, is_complete)
            }
        };
        Answer { status, head, body, is_complete }
    }

    /// Waits for the other end to close, in whichever way; what it sends before is an error.
    pub(crate) fn closed(&mut self) {
        assert_eq!(String::from_utf8_lossy(&self.rest), "", "unread");
        match self.more() {
            Ok(0) => {}
            Ok(_) => panic!("it sends {:?}", String::from_utf8_lossy(&self.rest)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it does not close"),
            Err(_) => {}
        }
    }

    /// Whether nothing has come that was not looked at, and the other end has not closed.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.socket.set_nonblocking(true).expect("open");
        let read = self.more();
        self.socket.set_nonblocking(false).expect("open");
        self.rest.is_empty() && read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Answers 200 with this text.
    pub(crate) fn ok(&mut self, text: &str) {
        self.send(ok(text));
    }
}

/// An answer of 200 with this text.
pub(crate) fn ok(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

/// A GET without anything else.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: example.com\r\n\r\n")
}

/// A POST with this text.
pub(crate) fn post(path: &str, headers: &str, text: &str) -> String {
    let length = text.len();
    format!("POST {path} HTTP/1.1\r\nhost: example.com\r\ncontent-length: {length}\r\n{headers}\r\n{text}")
}
