//! A primary and two standbys, for tests, made and moved by the script that docs/postgres-standbys.md offers.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::server::{PORTS, TAKEN, as_owner, free_ports, scratch, sql};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/postgres-cluster.sh");
/// Stops the servers when the process that wanted them ends, however it does: its end of the pipe closes then.
const KEEPER: &str =
    r#"trap '' INT TERM HUP; cat >/dev/null; sh "$1/cluster.sh" stop "$1/servers"; cd /; rm -rf "$1""#;

/// A test that cannot go on fails.
fn must<T>(done: Result<T, impl std::fmt::Display>) -> T {
    done.unwrap_or_else(|why| panic!("{why}"))
}

/// Three running servers.
pub struct Cluster {
    folder: PathBuf,
    ports: Vec<String>,
    url: String,
    keeper: Child,
}

impl Cluster {
    /// Makes them; with `--async` no commit waits for a standby.
    ///
    /// # Panics
    /// When they cannot be made.
    #[must_use]
    pub fn start(more: &[&str]) -> Self {
        let folder = must(scratch());
        must(std::fs::copy(SCRIPT, folder.join("cluster.sh")));
        let mut keeper = must(as_owner("sh"));
        keeper.args(["-c", KEEPER, "keeper"]).arg(&folder).current_dir(&folder);
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let keeper = must(keeper);
        let mut cluster = Self { folder, ports: Vec::new(), url: String::new(), keeper };
        let mut tries = PORTS;
        loop {
            cluster.ports = must(free_ports(3)).iter().map(u16::to_string).collect();
            match cluster.asked("start", more) {
                Ok(url) => {
                    cluster.url = url;
                    return cluster;
                }
                Err(_) if tries > 1 && cluster.found_a_port_taken() => {
                    tries -= 1;
                    cluster.does("stop", &[]);
                    must(std::fs::remove_dir_all(cluster.folder.join("servers")));
                }
                Err(why) => panic!("start: {why}"),
            }
        }
    }

    /// Whether a server could not start since its port was somebody's.
    fn found_a_port_taken(&self) -> bool {
        (1..=3).any(|server| {
            let said = std::fs::read(self.folder.join(format!("servers/{server}.log"))).unwrap_or_default();
            String::from_utf8_lossy(&said).contains(TAKEN)
        })
    }

    /// The URL of the journal on them.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has the script do something (`kill`, `promote`, `rejoin`, ...); what it says.
    ///
    /// # Panics
    /// When that fails.
    pub fn does(&self, what: &str, more: &[&str]) -> String {
        self.asked(what, more).unwrap_or_else(|why| panic!("{what}: {why}"))
    }

    /// What the script says, or why it has not done it.
    fn asked(&self, what: &str, more: &[&str]) -> Result<String, String> {
        let mut script = must(as_owner("sh"));
        script.arg(self.folder.join("cluster.sh")).arg(what).arg(self.folder.join("servers")).args(more);
        let said = script.env("CLUSTER_PORTS", self.ports.join(" ")).current_dir(&self.folder).output();
        let said = must(said);
        if !said.status.success() {
            return Err(String::from_utf8_lossy(&said.stderr).into_owned());
        }
        Ok(must(String::from_utf8(said.stdout)).trim().to_owned())
    }

    /// The primary's processes that send to standbys.
    fn senders(&self) -> Vec<String> {
        let asked = self.ports.iter().find_map(|port| {
            let url = format!("postgres://daybook:daybook@127.0.0.1:{port}/postgres");
            let found = sql(&url, "SELECT pid FROM pg_stat_replication").ok()?;
            (!found.is_empty()).then_some(found)
        });
        asked.unwrap_or_default().into_iter().flatten().collect()
    }

    /// Nothing reaches a standby any more.
    ///
    /// # Panics
    /// When the two are not there within half a minute: one that comes later would not be cut off.
    pub fn cut_off_standbys(&self) {
        let began = Instant::now();
        let senders = loop {
            let senders = self.senders();
            if senders.len() >= 2 {
                break senders;
            }
            assert!(began.elapsed().as_secs() < 30, "of two standbys {} are there", senders.len());
            std::thread::sleep(Duration::from_millis(50));
        };
        let stopped = must(as_owner("kill")).arg("-STOP").args(senders).status();
        assert!(stopped.is_ok_and(|status| status.success()));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
