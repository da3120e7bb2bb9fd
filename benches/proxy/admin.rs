//! What Kanaloa tells at its admin address.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Its status, or why there is none.
pub(crate) fn status(admin: SocketAddr) -> io::Result<Value> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET /status HTTP/1.1\r\nHost: {admin}\r\nAccept: application/json\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = crate::wire::end_of_head(&answer).ok_or_else(|| io::Error::other("no head"))?;
    serde_json::from_slice(&answer[end..]).map_err(io::Error::other)
}

/// The limits in a status, wherever they are.
pub(crate) fn limits(status: io::Result<Value>) -> String {
    match status {
        Ok(status) => {
            let mut found = Vec::new();
            collect(&status, &mut found);
            if found.is_empty() { "/status tells no limit".to_owned() } else { found.join(", ") }
        }
        Err(error) => format!("no /status ({error})"),
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if value.is_number() && key.contains("limit") {
                    found.push(format!("{key} {value}"));
                }
                collect(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}
