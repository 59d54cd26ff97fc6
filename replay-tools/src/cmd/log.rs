//! `daybook log key|checkpoint|prove|verify|consistency`

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::Timestamp;
use daybook_domain::time::SECOND;
use daybook_market::secret::keep;
use daybook_market::transparency::{folder, grow, prove, recount, sign};
use daybook_proofs::{
    Checkpoint, Consistency, Log, MarketKey, Proof, ProofError, PublicKey, Recount, SignedBy, Zeroizing,
};

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::value::{Table, Value};

/// Longest proof or checkpoint that is read, in bytes.
const MOST_PROOF: u64 = 4 << 20;

/// Keep a signed log of the journal, and prove from it what nobody changed since
#[derive(Debug, clap::Args)]
#[command(long_about = "Keep a signed log of the journal, and prove from it what nobody changed since.\n\n\
    Every event is a leaf of one Merkle tree, whose root over the first N events is signed: a checkpoint. Who has a checkpoint \
    can be shown that an event is among these N (`prove`), and that a later checkpoint only adds to it (`consistency`), \
    both checked by `verify FILE` without the journal. The log lies beside the journal (daybook.db: the folder daybook.db.tlog) \
    and can be made again from it; checkpoints are worth what others keep of them, so give them away.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Key(Key),
    Checkpoint(Sign),
    Prove(Prove),
    Consistency(Grown),
    Verify(Verify),
}

/// Make the key with which a market signs its log
///
/// The file is secret; what is printed is for everybody who checks.
#[derive(Clone, Debug, clap::Args)]
struct Key {
    /// The market's name for it, such as shop.example/ledger: no spaces, no plus
    #[arg(value_name = "NAME")]
    name: String,
    /// The file to make, readable by you alone; refuses one that is there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Bring the log up to the journal's end, sign it and print the checkpoint
///
/// Where nothing came since, the last checkpoint is printed. A log that does not go on from its last checkpoint is not signed.
#[derive(Clone, Debug, clap::Args)]
struct Sign {
    /// The market's key, as `daybook log key` makes it; twice to sign with an old and a new one
    #[arg(long, value_name = "FILE", env = "DAYBOOK_LOG_KEY")]
    key: Vec<PathBuf>,
    /// A copy of a checkpoint that witnesses have signed: their signatures are added to it, and nothing is signed anew
    #[arg(long, value_name = "FILE", requires = "witness")]
    cosigned: Option<PathBuf>,
    /// A witness's public key
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse)]
    witness: Vec<PublicKey>,
    /// Make the tree again from the journal, where its files are damaged or lost; it is held against every checkpoint
    #[arg(long, conflicts_with = "cosigned")]
    anew: bool,
}

/// Prove that an event stands in the log
#[derive(Clone, Debug, clap::Args)]
struct Prove {
    /// Its position (`daybook events` prints them)
    #[arg(value_name = "POSITION")]
    position: u64,
    /// Under the checkpoint of so many events [default: the newest]
    #[arg(long, value_name = "SIZE")]
    under: Option<u64>,
    /// The file to make [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Prove that a checkpoint only adds to an older one
#[derive(Clone, Debug, clap::Args)]
struct Grown {
    /// The older: its size, or a file that somebody has kept it in
    #[arg(value_name = "OLD")]
    old: String,
    /// The newer [default: the newest]
    #[arg(value_name = "NEW")]
    new: Option<String>,
    /// The file to make [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Check a proof without the journal; or, without a file, the whole log against the journal
///
/// Exits with 1 when something does not hold.
#[derive(Clone, Debug, clap::Args)]
struct Verify {
    /// A proof of an event or of consistency, or a checkpoint
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A public key: the market's, one of which must have signed, and witnesses', all of which must
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse)]
    key: Vec<PublicKey>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Key(args) => key(global, args),
        Action::Checkpoint(args) => checkpoint(global, args),
        Action::Prove(args) => proved(global, args),
        Action::Consistency(args) => grown(global, args),
        Action::Verify(Verify { file: Some(file), key }) => check(global, file, key),
        Action::Verify(Verify { file: None, key }) => check_all(global, key),
    }
}

fn key(global: &Global, args: &Key) -> Result<(), Failure> {
    let secret = MarketKey::generate(&args.name, *chance()?)?;
    let made = MarketKey::parse(&secret)?;
    let line = Zeroizing::new(format!("{}\n", &*secret));
    let failed = |error: std::io::Error| Failure::Unavailable(format!("{}: {error}", args.out.display()));
    keep(&args.out, &line).map_err(failed)?;
    let mut table = Table::new(&["name", "public_key", "file"]);
    table.push(vec![made.name().into(), made.public().into(), args.out.display().to_string().into()]);
    let mut out = Output::new(global.format);
    out.record(&table)?;
    out.finish()
}

/// 32 bytes of chance.
pub fn chance() -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut chance = Zeroizing::new([0; 32]);
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), chance.as_mut())
        .map_err(|_| Failure::Unavailable("the operating system gives no random numbers".to_owned()))?;
    Ok(chance)
}

/// Reads a market's key.
pub fn market_key(path: &Path) -> Result<MarketKey, Failure> {
    let bytes = Zeroizing::new(read(path)?);
    MarketKey::parse(std::str::from_utf8(&bytes).unwrap_or_default())
        .map_err(|error| Failure::Refused(format!("{}: {error}", path.display())))
}

fn checkpoint(global: &Global, args: &Sign) -> Result<(), Failure> {
    if args.key.is_empty() && args.cosigned.is_none() {
        return Err(Failure::Usage("name the market's key with --key; `daybook log key` makes one".into()));
    }
    let journal = global.read_journal()?;
    let folder = folder(&global.file()?);
    let signed = if let Some(file) = &args.cosigned {
        let (copy, log) = (read(file)?, Log::open(&folder)?);
        let signed = log.of_size(Checkpoint::parse(&copy)?.size)?.cosigned(&copy, &args.witness)?;
        log.keep(&signed)?;
        signed
    } else {
        let keys = args.key.iter().map(|path| market_key(path)).collect::<Result<Vec<_>, _>>()?;
        let mut log = Log::open(&folder)?;
        if args.anew {
            log.begin_again()?;
        }
        let progress =
            Progress::new(!global.no_progress, "logging", daybook_journal::Journal::head(&journal)?);
        grow(&journal, &mut log, &mut |position| {
            progress.set(position);
            true
        })?;
        let market = daybook_market::Options::default().market;
        sign(&journal, market, &mut log, &keys, Timestamp(SystemClock.now()))?
    };
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => out.line(signed.note.trim_end())?,
        Format::Json | Format::Csv => {
            let mut table = Table::new(&["origin", "size", "root", "note"]);
            let root = signed.root.to_string();
            let cells =
                [signed.origin.as_str().into(), signed.size.into(), root.into(), signed.note.as_str().into()];
            table.push(cells.to_vec());
            out.record(&table)?;
        }
    }
    out.finish()
}

/// The folder of the journal's log, which is there.
pub fn there(global: &Global) -> Result<PathBuf, Failure> {
    global.must_exist()?;
    let folder = folder(&global.file()?);
    if folder.is_dir() {
        return Ok(folder);
    }
    let folder = folder.display();
    Err(Failure::Refused(format!("{folder} is not there: `daybook log checkpoint` makes the log")))
}

fn newest(log: &Log) -> Result<Checkpoint, Failure> {
    let none =
        || Failure::Refused("no checkpoint was signed yet: `daybook log checkpoint` signs one".to_owned());
    log.newest()?.ok_or_else(none)
}

fn proved(global: &Global, args: &Prove) -> Result<(), Failure> {
    let log = Log::read(&there(global)?)?;
    let under = args.under.map_or_else(|| newest(&log), |size| Ok(log.of_size(size)?))?;
    let proof = prove(&global.read_journal()?, &log, args.position, &under)?;
    put(args.out.as_deref(), &proof.to_text())
}

fn grown(global: &Global, args: &Grown) -> Result<(), Failure> {
    let log = Log::read(&there(global)?)?;
    let named = |text: &str| match text.parse() {
        Ok(size) => Ok(log.of_size(size)?),
        Err(_) => Ok::<_, Failure>(Checkpoint::parse(&read(Path::new(text))?)?),
    };
    let new = args.new.as_deref().map_or_else(|| newest(&log), named)?;
    let proof = log.consistency(&named(&args.old)?, &new)?;
    put(args.out.as_deref(), &proof.to_text())
}

/// Writes a text to a file, or to standard output.
pub fn put(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    match path {
        Some(path) => fs::write(path, text)
            .map_err(|error| Failure::Unavailable(format!("{}: {error}", path.display()))),
        None => {
            let mut out = Output::new(Format::Table);
            out.line(text.trim_end())?;
            out.finish()
        }
    }
}

/// A file that is no longer than any proof.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::Unavailable(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MOST_PROOF + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_PROOF {
        let why = format!("{} has more than {MOST_PROOF} bytes, more than any proof", path.display());
        return Err(Failure::Refused(why));
    }
    Ok(bytes)
}

/// A text of somebody else as a terminal may show it.
pub fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What a file proves.
fn check(global: &Global, path: &Path, keys: &[PublicKey]) -> Result<(), Failure> {
    if keys.is_empty() {
        return Err(Failure::Usage(
            "name the market's public key with --key: whose proof is it to be?".into(),
        ));
    }
    let bytes = read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut table = Table::new(&[
        "proves",
        "size",
        "time",
        "signed_by",
        "witnesses",
        "position",
        "stream",
        "version",
        "type",
        "occurred_at",
        "recorded_at",
        "actor",
        "data",
    ]);
    let mut row = |proves: &str, under: &Checkpoint, by: &SignedBy, event: Vec<Value>| {
        let time = under.lines.iter().find_map(|line| line.strip_prefix("time ")).unwrap_or_default();
        let mut cells: Vec<Value> =
            vec![proves.into(), under.size.into(), visible(time).into(), by.market.join(" ").into()];
        cells.push(by.witnesses.iter().map(seen).collect::<Vec<_>>().join(" ").into());
        cells.extend(event);
        cells.resize(13, Value::None);
        table.push(cells);
    };
    let one = !text.starts_with("daybook/consistency");
    let verdict = if text.starts_with("c2sp.org/tlog-proof") {
        Proof::parse(&text).and_then(|proof| {
            let (e, by) = proof.verify(keys)?;
            let at = |micros| Value::from(Some(Timestamp(micros)));
            let event: Vec<Value> = vec![
                e.position.into(),
                visible(e.stream).into(),
                e.version.into(),
                visible(e.kind).into(),
                at(e.occurred_at),
                at(e.recorded_at),
                visible(e.actor).into(),
                visible(e.data).into(),
            ];
            row("this event was logged", &proof.checkpoint, &by, event);
            Ok(())
        })
    } else if text.starts_with("daybook/consistency") {
        Consistency::parse(&text).and_then(|proof| {
            let (old, new) = proof.verify(keys)?;
            row("signed", &proof.old, &old, vec![]);
            row("only adds to it", &proof.new, &new, vec![]);
            Ok(())
        })
    } else {
        Checkpoint::parse(&bytes).and_then(|checkpoint| {
            let by = checkpoint.verify(keys)?;
            row("signed", &checkpoint, &by, vec![]);
            Ok(())
        })
    };
    if let Err(error) = verdict {
        let what =
            if matches!(error, ProofError::Malformed { .. }) { "it is no proof" } else { "it does not hold" };
        say!("{what}: {}", visible(&error.to_string()));
        return Err(Failure::Found);
    }
    let mut out = Output::new(global.format);
    let table = table.without_empty();
    let printed = if one { out.record(&table) } else { out.table(&table) };
    unheard(printed.and_then(|()| out.finish()))
}

/// A witness and when it saw what it signed.
pub fn seen((name, seconds): &(String, u64)) -> String {
    let at = i64::try_from(*seconds).ok().and_then(|seconds| seconds.checked_mul(SECOND));
    format!("{name}@{}", at.map_or_else(String::new, |at| Timestamp(at).to_string()))
}

/// Counts the whole log again.
fn check_all(global: &Global, keys: &[PublicKey]) -> Result<(), Failure> {
    let log = Recount::of(&there(global)?, keys.to_vec())?;
    let journal = global.read_journal()?;
    let (size, head) = (log.logged(), daybook_journal::Journal::head(&journal)?);
    let progress = Progress::new(!global.no_progress, "verifying", head);
    let (found, checkpoints) = recount(&journal, log, &mut |position| {
        progress.set(position);
        true
    })?;
    drop(progress);
    let mut table = Table::new(&["events", "logged", "checkpoints", "signatures", "found"]);
    let signatures = if keys.is_empty() { "not checked: name --key" } else { "checked" };
    table.push(vec![
        head.into(),
        size.into(),
        checkpoints.into(),
        signatures.into(),
        (found.len() as u64).into(),
    ]);
    let mut out = Output::new(global.format);
    unheard(out.record(&table).and_then(|()| out.finish()))?;
    found.iter().for_each(|what| say!("{what}"));
    if found.is_empty() { Ok(()) } else { Err(Failure::Found) }
}
