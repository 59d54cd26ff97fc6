//! A primary and two standbys, for tests, made and moved by the script that docs/postgres-standbys.md offers.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::server::{as_owner, scratch, sql};

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
        let free: Vec<_> = (0..3).map(|_| must(std::net::TcpListener::bind("127.0.0.1:0"))).collect();
        let ports = free.iter().map(|free| must(free.local_addr()).port().to_string()).collect();
        drop(free);
        let mut keeper = must(as_owner("sh"));
        keeper.args(["-c", KEEPER, "keeper"]).arg(&folder).current_dir(&folder);
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let keeper = must(keeper);
        let mut cluster = Self { folder, ports, url: String::new(), keeper };
        cluster.url = cluster.does("start", more);
        cluster
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
        let mut script = must(as_owner("sh"));
        script.arg(self.folder.join("cluster.sh")).arg(what).arg(self.folder.join("servers")).args(more);
        let said = script.env("CLUSTER_PORTS", self.ports.join(" ")).current_dir(&self.folder).output();
        let said = must(said);
        assert!(said.status.success(), "{what}: {}", String::from_utf8_lossy(&said.stderr));
        must(String::from_utf8(said.stdout)).trim().to_owned()
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
    /// When there is none.
    pub fn cut_off_standbys(&self) {
        let senders = self.senders();
        assert!(!senders.is_empty(), "no standby is there");
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
