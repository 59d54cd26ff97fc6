//! A wire between the journal and its server that is cut where a test wants it cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What happens to the next COMMIT that comes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    /// The connection goes before the server hears of it.
    Before = 1,
    /// The server hears of it, its answer is lost.
    After,
}

pub struct Proxy {
    port: u16,
    /// Connections made so far, and how many of them are forgotten.
    forgotten: Arc<AtomicU64>,
    made: Arc<AtomicU64>,
    next: Arc<AtomicU8>,
    cuts: Arc<AtomicU64>,
}

impl Proxy {
    /// A way to the server at `port`.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap().port();
        let (next, cuts) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicU64::new(0)));
        let (forgotten, connected) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (gone, number) = (Arc::clone(&forgotten), Arc::clone(&connected));
        let (plan, made) = (Arc::clone(&next), Arc::clone(&cuts));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (plan, made) = (Arc::clone(&plan), Arc::clone(&made));
                let (client_back, server_back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (gone, me) = (Arc::clone(&gone), number.fetch_add(1, Ordering::SeqCst));
                let silent = move || me < gone.load(Ordering::SeqCst);
                std::thread::spawn(move || forward(client, server, &plan, &made, &silent));
                std::thread::spawn(move || {
                    let mut from = server_back;
                    let _ = std::io::copy(&mut from, &mut &client_back);
                    let _ = client_back.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port: here, next, cuts, forgotten, made: connected }
    }

    /// The same URL by way of the proxy.
    pub fn url(&self, direct: &str, port: u16) -> String {
        direct.replace(&format!(":{port}/"), &format!(":{}/", self.port)) + "?sslmode=disable"
    }

    /// The one after goes through.
    pub fn cut_next(&self, cut: Cut) {
        self.next.store(cut as u8, Ordering::SeqCst);
    }

    /// Swallows all that comes on the connections of today, as a firewall does that has forgotten them.
    pub fn forget(&self) {
        self.forgotten.store(self.made.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Connections cut so far.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// From client to server, chunk by chunk. A COMMIT ends a message: the client waits for answers before it and behind it.
fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    plan: &AtomicU8,
    made: &AtomicU64,
    silent: &dyn Fn() -> bool,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        if silent() {
            continue;
        }
        let chunk = &buffer[..read];
        let commit = chunk.first() == Some(&b'Q') && chunk.ends_with(b"COMMIT\0");
        let cut = if commit { plan.swap(0, Ordering::SeqCst) } else { 0 };
        if cut == Cut::Before as u8 {
            made.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if cut == Cut::After as u8 {
            // Nobody reads the answer: the client's end goes first.
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.write_all(chunk);
            made.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if server.write_all(chunk).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Write);
}
