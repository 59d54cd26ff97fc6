//! What a service may be told: its limits and what it sends to browsers.

use std::time::Duration;

/// The settings of a service; the defaults serve a market on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Largest body of a request, in bytes.
    pub body_limit: usize,
    /// Bytes that the bodies of all requests under way may take together.
    pub body_memory: usize,
    /// How long a body may take to come in.
    pub body_timeout: Duration,
    /// How long a request may take until its answer begins.
    pub request_timeout: Duration,
    /// Most requests under way at once.
    pub max_requests: usize,
    /// Most events that may wait for the journal's writer before commands are turned away.
    pub max_queued: u64,
    /// How far the read models may be behind while the service is ready.
    pub max_lag: Duration,
    /// Origins that browsers may call from; `*` is any.
    pub cors: Vec<String>,
    /// Whether answers are compressed for those who ask for it.
    pub compression: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_limit: 1 << 20,
            body_memory: 256 << 20,
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_requests: 2_048,
            max_queued: 16_384,
            max_lag: Duration::from_secs(10),
            cors: Vec::new(),
            compression: true,
        }
    }
}
