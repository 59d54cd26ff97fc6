//! A client that goes on: a connection that is made again when it breaks, and a request that is sent again until it
//! is answered.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take: longer than a restart's longest request.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before a request is sent again.
const AGAIN: Duration = Duration::from_millis(20);

pub struct Line<'a> {
    address: SocketAddr,
    key: &'a str,
    /// Nobody needs an answer any more.
    over: &'a AtomicBool,
    open: Option<BufReader<TcpStream>>,
}

impl<'a> Line<'a> {
    pub fn new(address: SocketAddr, key: &'a str, over: &'a AtomicBool) -> Self {
        Self { address, key, over, open: None }
    }

    /// Sends a command until it is answered for good; `None`: it is over.
    pub fn post(&mut self, path: &str, idempotency: &str, body: &Value) -> Option<Value> {
        let body = body.to_string();
        let head = format!("Idempotency-Key: {idempotency}\r\nContent-Type: application/json\r\n");
        self.until_answered(&format!("POST {path}"), &head, &body)
    }

    /// Reads what holds at this position, or later.
    pub fn get(&mut self, path: &str, at_least: u64) -> Option<Value> {
        self.until_answered(&format!("GET {path}"), &format!("Daybook-At-Least: {at_least}\r\n"), "")
    }

    fn until_answered(&mut self, what: &str, head: &str, body: &str) -> Option<Value> {
        while !self.over.load(Ordering::Relaxed) {
            match self.once(what, head, body) {
                Ok((200 | 201, answer)) => {
                    return Some(serde_json::from_str(&answer).expect("an answer in JSON"));
                }
                // no room, not yet, under way still, outcome unknown: what the problem says helps
                Ok((409 | 503, problem)) => assert!(!problem.contains("\"conflict\""), "{what}: {problem}"),
                Ok((status, problem)) => panic!("{what}: {status} {problem}"),
                // killed, or not there again
                Err(_) => self.open = None,
            }
            std::thread::sleep(AGAIN);
        }
        None
    }

    fn once(&mut self, what: &str, head: &str, body: &str) -> io::Result<(u16, String)> {
        let stream = match &mut self.open {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                none.insert(BufReader::new(stream))
            }
        };
        let request = format!(
            "{what} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {}\r\n{head}Content-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        let mut next = |stream: &mut BufReader<TcpStream>| -> io::Result<String> {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(line.trim_end().to_lowercase())
        };
        let status = next(stream)?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let mut length = 0;
        loop {
            let header = next(stream)?;
            if header.is_empty() {
                break;
            }
            if let Some(bytes) = header.strip_prefix("content-length: ") {
                length = bytes.parse().map_err(io::Error::other)?;
            }
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer)?;
        Ok((status, String::from_utf8(answer).map_err(io::Error::other)?))
    }
}
