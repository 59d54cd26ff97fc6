//! A running service, asked over plain sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use crate::place::Place;

/// A server that runs, and what it says.
pub struct Server {
    child: Child,
    said: BufReader<ChildStderr>,
    address: String,
    begun: Instant,
}

impl Server {
    /// Begins to serve the market of a folder, and waits until somebody can ask.
    pub fn start(place: &Place, args: &[&str]) -> Self {
        let begun = Instant::now();
        let args = [&["serve", "--listen", "127.0.0.1:0", "--no-progress"], args].concat();
        let mut child = place.command(&args).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended before it listened");
            if let Some(rest) = line.trim().strip_prefix("listening on ") {
                break rest.split("://").nth(1).unwrap().to_owned();
            }
        };
        Self { child, said, address, begun }
    }

    /// Asks without a key; the whole answer.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let ask = format!("GET {path} HTTP/1.1\r\nHost: t\r\nX-Request-Id: r-1\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Asks with a key, with a body of JSON where there is one; the status and the body of the answer.
    pub fn ask(&self, key: &str, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let ask = format!(
            "{method} {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
             Idempotency-Key: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            path.len(),
            body.len()
        );
        stream.write_all(ask.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// Waits until it is ready; how long it took since it was started.
    pub fn ready(&self) -> Duration {
        while !self.get("/readyz").starts_with("HTTP/1.1 200 ") {
            assert!(self.begun.elapsed() < Duration::from_secs(60), "{}", self.get("/readyz"));
            std::thread::sleep(Duration::from_millis(5));
        }
        self.begun.elapsed()
    }

    /// How long ago it was started.
    pub fn runs(&self) -> Duration {
        self.begun.elapsed()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop; what it said until then.
    pub fn stop(mut self) -> (i32, String) {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code().unwrap_or(-1), rest)
    }
}
