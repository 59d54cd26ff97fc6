//! A PostgreSQL server for tests: Debian's programs, a data folder and a port of its own, gone with the process.
//!
//! One server serves a test binary ([`Server::shared`]), each test takes a database of its own
//! ([`Server::database`]). `fsync` is on: what is tested is what is run.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row, ValueRef};

/// The superuser of the server and its password.
const USER: &str = "daybook";

/// Stops the server when the process that wanted it ends, however it does: its end of the pipe closes then.
const KEEPER: &str = r#"
trap '' INT TERM HUP
"$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 60 start >/dev/null || { cat "$2/log" >&2; exit 1; }
echo started
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1
cd / && rm -rf "$2"
"#;

/// How many ports are tried: one that was free a moment ago may be somebody's by the time a server binds it.
pub(super) const PORTS: u32 = 3;
/// What a server says of a port that is somebody's.
pub(super) const TAKEN: &str = "Address already in use";

/// A running server.
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    owner: Option<(u32, u32)>,
    databases: AtomicU32,
    keeper: Child,
}

impl Server {
    /// The server of this test binary; started by the first who asks.
    ///
    /// `None` only where `DAYBOOK_WITHOUT_POSTGRES=yes` says that tests without one are wanted; this says so loudly.
    ///
    /// # Panics
    /// When no server can be started, with the cure.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Server> = OnceLock::new();
        if Self::left_out() {
            return None;
        }
        Some(SHARED.get_or_init(|| Self::start(&[]).unwrap_or_else(|why| panic!("{why}"))))
    }

    /// Whether tests without a server are wanted (`DAYBOOK_WITHOUT_POSTGRES=yes`), which this says loudly. For tests that
    /// start servers of their own.
    #[must_use]
    pub fn left_out() -> bool {
        static SAID: Once = Once::new();
        let wanted = std::env::var("DAYBOOK_WITHOUT_POSTGRES").is_ok_and(|value| value == "yes");
        if wanted {
            // Not by a macro: what those print in a test that passes is shown to nobody.
            let said =
                b"\nLEFT OUT: DAYBOOK_WITHOUT_POSTGRES=yes, so nothing that needs PostgreSQL is tested here\n";
            SAID.call_once(|| drop(std::io::Write::write_all(&mut std::io::stderr(), said)));
        }
        wanted
    }

    /// A server of one's own, with settings beside those of all (`"max_connections=5"`).
    ///
    /// # Errors
    /// Why there is none, with the cure.
    pub fn start(settings: &[&str]) -> Result<Self, String> {
        Self::start_in(scratch()?, settings, None)
    }

    /// The same in an empty folder that is [theirs](scratch), which goes with it; with its write-ahead log in `wal`, which
    /// it makes, where that is to lie on another disk.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_in(folder: PathBuf, settings: &[&str], wal: Option<&Path>) -> Result<Self, String> {
        let programs = programs()?;
        let owner = owner()?;
        let told = |error: std::io::Error| format!("cannot run PostgreSQL's programs: {error}");
        let password = folder.join("password");
        std::fs::write(&password, USER).map_err(told)?;
        let mut initdb = command(programs.join("initdb"), owner);
        initdb.arg("-D").arg(folder.join("data")).args(["-U", USER, "-E", "UTF8", "--locale=C", "--no-sync"]);
        initdb
            .args(["--auth-local=scram-sha-256", "--auth-host=scram-sha-256"])
            .arg("--pwfile")
            .arg(&password);
        if let Some(wal) = wal {
            initdb.arg("--waldir").arg(wal);
        }
        let made = initdb.current_dir(&folder).output().map_err(told)?;
        if !made.status.success() {
            return Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr)));
        }
        let mut lines = vec![
            "listen_addresses = '127.0.0.1'".to_owned(),
            format!("unix_socket_directories = '{}'", folder.display()),
            "max_connections = 100".to_owned(),
            "shared_buffers = 64MB".to_owned(),
            "max_wal_size = 512MB".to_owned(),
        ];
        lines.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let conf = folder.join("data/postgresql.auto.conf");
        let mut tries = PORTS;
        loop {
            let port = free_ports(1).map_err(told)?[0];
            let settings = format!("{}\nport = {port}\n", lines.join("\n"));
            std::fs::write(&conf, settings).map_err(told)?;
            let mut keeper = command("sh".into(), owner);
            keeper.args(["-c", KEEPER, "keeper"]).arg(&programs).arg(&folder).current_dir(&folder);
            match started(&mut keeper).map_err(told)? {
                Ok(keeper) => {
                    return Ok(Self { programs, folder, port, owner, databases: AtomicU32::new(0), keeper });
                }
                Err(why) if tries > 1 && why.contains(TAKEN) => {
                    tries -= 1;
                    // What it said of that port is not to be read as said of the next one.
                    std::fs::remove_file(folder.join("log")).map_err(told)?;
                }
                Err(why) => return Err(format!("PostgreSQL did not start: {why}")),
            }
        }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database on this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and returns its URL.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        sql(&self.url("postgres"), &format!("CREATE DATABASE {name}")).unwrap_or_else(|why| panic!("{why}"));
        self.url(&name)
    }

    /// What the server has said so far, which it keeps in a file.
    ///
    /// # Panics
    /// When that cannot be read.
    #[must_use]
    pub fn said(&self) -> String {
        let said = std::fs::read(self.folder.join("log")).unwrap_or_else(|why| panic!("{why}"));
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Stops the server as a crash would and starts it again; returns when it takes connections.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn crash(&self) {
        let mut restart = command(self.programs.join("pg_ctl"), self.owner);
        restart.arg("-D").arg(self.folder.join("data")).arg("-l").arg(self.folder.join("log"));
        restart.args(["-m", "immediate", "-w", "-t", "60", "restart"]).current_dir(&self.folder);
        let done = restart.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(done.is_ok_and(|status| status.success()), "PostgreSQL did not come back");
    }
}

/// Ports of 127.0.0.1 that are nobody's at this moment, no two the same.
pub(super) fn free_ports(many: usize) -> std::io::Result<Vec<u16>> {
    let held: Vec<_> =
        (0..many).map(|_| std::net::TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    held.iter().map(|free| Ok(free.local_addr()?.port())).collect()
}

/// The keeper of a server that has started, or why it has not.
fn started(keeper: &mut Command) -> std::io::Result<Result<Child, String>> {
    let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut keeper = keeper.spawn()?;
    let mut said = [0; 7];
    let started = keeper.stdout.as_mut().map(|out| std::io::Read::read_exact(out, &mut said));
    if matches!(started, Some(Ok(()))) {
        return Ok(Ok(keeper));
    }
    let mut why = String::new();
    if let Some(err) = &mut keeper.stderr {
        let _ = std::io::Read::read_to_string(err, &mut why);
    }
    keeper.wait()?;
    Ok(Err(why))
}

/// A program, to be run as whoever a server may run as, that finds the server's programs by `DAYBOOK_POSTGRES`.
///
/// # Errors
/// Why it cannot be, with the cure.
pub fn as_owner(program: &str) -> Result<Command, String> {
    let mut command = command(program.into(), owner()?);
    command.env("DAYBOOK_POSTGRES", programs()?);
    Ok(command)
}

/// A new folder that is theirs.
///
/// # Errors
/// Why there is none.
pub fn scratch() -> Result<PathBuf, String> {
    folder(owner()?)
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Runs statements in a database and returns the rows as texts, NULL as an empty one.
///
/// # Errors
/// What the server says, or why it says nothing.
pub fn sql(url: &str, statements: &str) -> Result<Vec<Vec<String>>, String> {
    let (url, statements) = (url.to_owned(), statements.to_owned());
    let run = async move {
        let options: PgConnectOptions = url.parse()?;
        let mut conn = PgConnection::connect_with(&options).await?;
        let rows = sqlx::raw_sql(AssertSqlSafe(statements)).fetch_all(&mut conn).await?;
        let text = |row: &sqlx::postgres::PgRow, column: usize| {
            let value = row.try_get_raw(column)?;
            if value.is_null() {
                return Ok(String::new());
            }
            value.as_str().map(str::to_owned).map_err(sqlx::Error::Decode)
        };
        rows.iter().map(|row| (0..row.len()).map(|column| text(row, column)).collect()).collect()
    };
    let outcome: Result<Result<_, sqlx::Error>, _> = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("invariant: a runtime can be made").block_on(run)
    })
    .join();
    match outcome {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the thread that asked is gone".to_owned()),
    }
}

/// Where the server's programs are: as named, Debian's newest, or on the path.
fn programs() -> Result<PathBuf, String> {
    let whole =
        |folder: &Path| ["postgres", "initdb", "pg_ctl"].iter().all(|name| folder.join(name).exists());
    if let Some(named) = std::env::var_os("DAYBOOK_POSTGRES") {
        let named = PathBuf::from(named);
        return if whole(&named) {
            Ok(named)
        } else {
            Err(format!("DAYBOOK_POSTGRES names {}, which lacks postgres, initdb or pg_ctl", named.display()))
        };
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| whole(folder))
        .collect();
    versions.sort();
    if let Some((_, newest)) = versions.pop() {
        return Ok(newest);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).find(|folder| whole(folder)).ok_or_else(|| {
        "this test starts a PostgreSQL server of its own and finds no programs for it: install Debian's package \
         postgresql (apt-get install --no-install-recommends postgresql), name the folder of initdb and postgres in \
         DAYBOOK_POSTGRES, or set DAYBOOK_WITHOUT_POSTGRES=yes to leave out what needs one"
            .to_owned()
    })
}

/// Whom the server runs as: it refuses to be root.
fn owner() -> Result<Option<(u32, u32)>, String> {
    let id = |args: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(args).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return Ok(None);
    }
    for user in ["postgres", "nobody"] {
        if let (Some(uid), Some(gid)) = (id(&["-u", user]), id(&["-g", user])) {
            return Ok(Some((uid, gid)));
        }
    }
    Err("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as".to_owned())
}

fn command(program: PathBuf, owner: Option<(u32, u32)>) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    // Settings of a PostgreSQL that the machine runs are not meant for this one.
    for name in ["PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGOPTIONS"] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C");
    command
}

/// A folder that is the owner's. The socket lies in it: a folder for temporary files deep in others is too long for one.
fn folder(owner: Option<(u32, u32)>) -> Result<PathBuf, String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let began = Instant::now();
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("daybook-postgres-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        match std::fs::create_dir(&folder) {
            Ok(()) => {
                if let Some((uid, gid)) = owner {
                    std::os::unix::fs::chown(&folder, Some(uid), Some(gid))
                        .map_err(|error| error.to_string())?;
                }
                return Ok(folder);
            }
            Err(_) if began.elapsed() < Duration::from_secs(1) => {}
            Err(error) => return Err(format!("cannot make {}: {error}", folder.display())),
        }
    }
}
