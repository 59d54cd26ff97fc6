//! `daybook key create|list|rotate|revoke`

use std::time::Duration;

use daybook_api::access::{Access, Key, NewKey, Role, Settings};
use daybook_commands::{Clock, SystemClock};
use daybook_domain::{MerchantId, PartyId, Timestamp};

use crate::cli::{Global, Url};
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::value::Table;

/// Make, list, rotate and revoke the keys with which the API is used
#[derive(Debug, clap::Args)]
#[command(long_about = "Make, list, rotate and revoke the keys with which the API is used.\n\n\
    Keys lie beside the journal in a file of their own, as hashes: a key's text is told once, when it is made or rotated. \
    A service that runs sees every change within a second.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Create(Create),
    List(List),
    Rotate(Rotate),
    Revoke(Revoke),
}

/// Make a key and tell its text, once
#[derive(Clone, Debug, clap::Args)]
struct Create {
    /// What it is for: storefront, merchant, finance, analyst, operator or admin
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// The merchant that a merchant's key is bound to
    #[arg(long, value_name = "MERCHANT")]
    merchant: Option<MerchantId>,
    /// Whose it is, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    name: String,
    /// Until when it may be used (RFC 3339) [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    expires: Option<Timestamp>,
}

/// List keys, the oldest first
#[derive(Clone, Debug, clap::Args)]
struct List {
    /// Go on after the key of this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Give a key a new text and tell it, once
#[derive(Clone, Debug, clap::Args)]
struct Rotate {
    /// The key's id, which stands in its text after dbk_
    id: String,
    /// Seconds for which the text that it had counts on, at most a week
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    grace: u64,
}

/// Put a key out of force, at once and for good
#[derive(Clone, Debug, clap::Args)]
struct Revoke {
    /// The key's id, which stands in its text after dbk_
    id: String,
}

/// Who makes keys here.
const HERE: &str = "command-line";

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    global.must_exist()?;
    let access = global.access(Settings::default())?;
    let by = PartyId::new(HERE).expect("invariant: a short word");
    match &args.action {
        Action::Create(Create { role, merchant, name, expires }) => {
            let new = NewKey { role: *role, merchant: *merchant, name: name.clone(), expires_at: *expires };
            let (key, text) = access.create(new, by)?;
            tell(global, &key, &text)
        }
        Action::List(args) => list(global, &access, args),
        Action::Rotate(Rotate { id, grace }) => {
            let (key, text) = access.rotate(id, Duration::from_secs(*grace))?;
            tell(global, &key, &text)
        }
        Action::Revoke(Revoke { id }) => {
            access.revoke(id, by)?;
            say!("key {id} is revoked; a service that runs refuses it within a second");
            Ok(())
        }
    }
}

fn tell(global: &Global, key: &Key, text: &str) -> Result<(), Failure> {
    let mut table = shown(std::slice::from_ref(key));
    table.columns.push("key");
    table.rows.iter_mut().for_each(|row| row.push(text.into()));
    let mut out = Output::new(global.format);
    if out.format == Format::Table {
        table = table.without_empty();
    }
    out.record(&table)?;
    out.finish()?;
    say!("its text is not told again; send it as `Authorization: Bearer KEY`");
    Ok(())
}

fn list(global: &Global, access: &Access, args: &List) -> Result<(), Failure> {
    let keys = access.page(args.after.as_deref(), args.limit)?;
    let table = shown(&keys);
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table if keys.is_empty() => say!("there are no keys; make one with\n  {}", first(global)),
        Format::Table => out.table(&table.without_empty())?,
        Format::Json | Format::Csv => out.table(&table)?,
    }
    out.finish()?;
    if let Some(last) = keys.last().filter(|_| keys.len() == args.limit as usize) {
        say!("{} keys; go on with --after {}", keys.len(), last.id);
    }
    Ok(())
}

fn shown(keys: &[Key]) -> Table {
    let mut table = Table::new(&[
        "id",
        "role",
        "merchant",
        "name",
        "state",
        "created_at",
        "created_by",
        "rotated_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
        "revoked_by",
    ]);
    let now = Timestamp(SystemClock.now());
    let text = |id: Option<&str>| id.map(str::to_owned);
    for key in keys {
        table.push(vec![
            key.id.as_str().into(),
            key.role.name().into(),
            text(key.merchant.as_ref().map(MerchantId::as_str)).into(),
            key.name.as_str().into(),
            key.state(now).into(),
            key.created_at.into(),
            key.created_by.as_str().into(),
            key.rotated_at.into(),
            key.expires_at.into(),
            key.last_used_at.into(),
            key.revoked_at.into(),
            text(key.revoked_by.as_ref().map(PartyId::as_str)).into(),
        ]);
    }
    table
}

/// How to make the first key of this journal.
pub fn first(global: &Global) -> String {
    command(global, "key create --role admin")
}

/// A command to type, for the journal that is used here.
pub fn command(global: &Global, rest: &str) -> String {
    let journal = global.journal.to_string();
    match (&global.journal, &global.read_models) {
        (Url::Postgres(_) | Url::Kurrent(_), Some(models)) => {
            let files = global
                .files
                .as_ref()
                .map_or(String::new(), |folder| format!(" --files {}", folder.display()));
            format!("daybook --journal {journal} --read-models {models}{files} {rest}")
        }
        _ if journal == "sqlite:daybook.db" => format!("daybook {rest}"),
        _ => format!("daybook --journal {journal} {rest}"),
    }
}
