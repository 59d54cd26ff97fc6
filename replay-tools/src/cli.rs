//! What can be said on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use daybook_journal::kurrentdb;

use crate::cmd;
use crate::output::Format;

/// Daybook: the event-sourced ledger for online marketplaces.
#[derive(Debug, Parser)]
#[command(
    name = "daybook",
    version,
    about,
    after_help = "Exit codes: 0 done, 1 a check found something, 2 usage, 3 input refused, 4 unavailable.\n\
                  Data goes to standard output, everything else to standard error.",
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every subcommand understands.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Where the journal is: sqlite:PATH, postgres://USER@HOST/DATABASE or esdb://USER@HOST:2113
    #[arg(
        long,
        global = true,
        env = "DAYBOOK_JOURNAL",
        hide_env_values = true,
        value_name = "URL",
        default_value = "sqlite:daybook.db",
        help_heading = "Global options"
    )]
    pub journal: Url,
    /// Where the read models are: sqlite:PATH, or postgres://USER@HOST/DATABASE with ?schema=NAME behind it where they are not
    /// to lie in daybook_views [default: a file beside the journal]
    #[arg(
        long,
        global = true,
        env = "DAYBOOK_READ_MODELS",
        hide_env_values = true,
        value_name = "URL",
        value_parser = of_read_models,
        help_heading = "Global options"
    )]
    pub read_models: Option<Url>,
    /// The folder of the market's other files (its own, keys, webhooks, log) where the journal is in a database [default:
    /// beside the read models' file, or the current folder where these are in PostgreSQL too]
    #[arg(long, global = true, env = "DAYBOOK_FILES", value_name = "DIR", help_heading = "Global options")]
    pub files: Option<PathBuf>,
    /// How data is printed
    #[arg(long, global = true, value_enum, default_value = "table", help_heading = "Global options")]
    pub format: Format,
    /// Show no progress bar
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_progress: bool,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
#[allow(clippy::enum_variant_names)] // one subcommand is called `command`
pub enum Command {
    Demo(cmd::demo::Args),
    Import(cmd::import::Args),
    Status(cmd::status::Args),
    Verify(cmd::verify::Args),
    Rebuild(cmd::rebuild::Args),
    Replay(cmd::replay::Args),
    Digest(cmd::digest::Args),
    TrialBalance(cmd::trial_balance::Args),
    Ledger(cmd::ledger::Args),
    ProfitLoss(cmd::profit_loss::Args),
    BalanceSheet(cmd::balance_sheet::Args),
    Metrics(cmd::metrics::Args),
    Funnel(cmd::funnel::Args),
    Buyers(cmd::buyers::Args),
    Products(cmd::products::Args),
    AfterSales(cmd::after_sales::Args),
    Service(cmd::service::Args),
    Assessment(cmd::assessment::Args),
    Liabilities(cmd::liabilities::Args),
    Leads(cmd::leads::Args),
    ExplainGmv(cmd::explain_gmv::Args),
    Attribution(cmd::attribution::Args),
    Roi(cmd::roi::Args),
    Plan(cmd::plan::Args),
    Report(cmd::report::Args),
    Period(cmd::period::Args),
    Voucher(cmd::voucher::Args),
    Order(cmd::order::Args),
    Merchant(cmd::merchant::Args),
    Merchants(cmd::merchants::Args),
    Settle(cmd::settle::Args),
    Settlement(cmd::settlement::Args),
    Events(cmd::events::Args),
    Payout(cmd::payout::Args),
    Adjustment(cmd::adjustment::Args),
    Charge(cmd::charge::Args),
    Statement(cmd::statement::Args),
    VerifyStatement(cmd::verify_statement::Args),
    Export(cmd::export::Args),
    Reconcile(cmd::reconcile::Args),
    Breaks(cmd::breaks::Args),
    Campaign(cmd::campaign::Args),
    Command(cmd::command::Args),
    Serve(cmd::serve::Args),
    Key(cmd::key::Args),
    AccessLog(cmd::access_log::Args),
    Backup(cmd::backup::Args),
    Restore(cmd::restore::Args),
    Journal(cmd::journal::Args),
    LoanPack(cmd::loan_pack::Args),
    Log(cmd::log::Args),
    Bench(cmd::bench::Args),
    Completions(cmd::completions::Args),
}

/// A file: `sqlite:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUrl(pub PathBuf);

impl FromStr for FileUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                // sqlite:file, sqlite:/file and sqlite:///file all name a path.
                let path = path.strip_prefix("//").unwrap_or(path);
                Ok(Self(PathBuf::from(path)))
            }
            Some(("sqlite", _)) => Err("names no file: write sqlite:daybook.db".to_owned()),
            Some((scheme, _)) => Err(format!("scheme {scheme:?} is not known here: write sqlite:PATH")),
            None => Err(format!("no scheme: write sqlite:{text}")),
        }
    }
}

impl std::fmt::Display for FileUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sqlite:{}", self.0.display())
    }
}

/// Where a journal is, or read models: `sqlite:PATH`, `postgres://USER@HOST/DATABASE`; a journal also `esdb://USER@HOST:2113`.
#[derive(Clone, PartialEq, Eq)]
pub enum Url {
    Sqlite(PathBuf),
    /// The URL as it was given, which may hold a password.
    Postgres(String),
    /// The same.
    Kurrent(String),
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(text.to_owned()))
            }
            Some(("sqlite", _)) | None => text.parse().map(|FileUrl(path)| Self::Sqlite(path)),
            Some((scheme, rest)) if kurrentdb::is_scheme(scheme) && rest.starts_with("//") => {
                Ok(Self::Kurrent(text.to_owned()))
            }
            Some((scheme, _)) => Err(format!(
                "scheme {scheme:?} is not known here: write sqlite:PATH, postgres://USER@HOST/DATABASE or \
                 esdb://USER@HOST:2113"
            )),
        }
    }
}

/// Where read models are: refused before anything is opened where they cannot be.
fn of_read_models(text: &str) -> Result<Url, String> {
    match text.parse()? {
        Url::Kurrent(_) => {
            Err("read models do not lie there: write sqlite:PATH or postgres://USER@HOST/DATABASE".to_owned())
        }
        url => Ok(url),
    }
}

impl Url {
    /// As the market opens it.
    pub fn to_open(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) | Self::Kurrent(url) => url.clone(),
        }
    }
}

/// Without a password.
impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&without_password(&self.to_open()))
    }
}

/// A URL, or what was meant for one, without the passwords that it may hold: behind the user and among the parameters.
pub fn without_password(url: &str) -> String {
    let shown = match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)))
    {
        Some((scheme, (who, at))) => {
            format!("{scheme}://{}@{at}", who.split(':').next().unwrap_or_default())
        }
        None => url.to_owned(),
    };
    let (shown, parameters) = shown.split_once('?').unwrap_or((&shown, ""));
    let told: Vec<&str> = parameters
        .split('&')
        .filter(|of| !of.is_empty() && !of.to_lowercase().starts_with("password"))
        .collect();
    if told.is_empty() { shown.to_owned() } else { format!("{shown}?{}", told.join("&")) }
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_never_shown() {
        for (given, shown) in [
            (
                "postgres://ann:s3cret@db:5433/books?sslmode=require",
                "postgres://ann@db:5433/books?sslmode=require",
            ),
            ("postgres://ann@db/books?password=s3cret", "postgres://ann@db/books"),
            (
                "postgres://db/books?user=ann&Password=s3cret&sslmode=require",
                "postgres://db/books?user=ann&sslmode=require",
            ),
            ("postgres://ann:s3c@ret@db/books", "postgres://ann@db/books"),
            ("postgres://ann:s3?cret@db/books", "postgres://ann@db/books"),
        ] {
            let url: Url = given.parse().unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(url.to_open(), given);
        }
        // nor where it is none
        assert_eq!(without_password("postgre://ann:s3cret@db/books"), "postgre://ann@db/books");
    }
}
