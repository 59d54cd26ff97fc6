//! Settings of the service: one table of them, and four places they may come from. A flag wins over the environment,
//! that over the file, that over the default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use crate::cli::{Url, without_password};
use crate::failure::Failure;

/// A setting, as the command line, the environment, the file and the printed list know it.
pub struct Setting {
    /// Its name in the file; with dashes, its flag.
    pub name: &'static str,
    flag: &'static str,
    env: &'static str,
    kind: &'static str,
    /// Its value where nobody says another.
    pub default: &'static str,
    /// Whether it is shown to nobody.
    secret: bool,
    help: &'static str,
}

macro_rules! settings {
    ($($name:ident $flag:literal $env:literal $kind:literal = $default:literal, $help:literal;)*) => {
        /// Every setting.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            name: stringify!($name), flag: $flag, env: $env, kind: $kind, default: $default,
            secret: is_secret($kind), help: $help,
        }),*];
    };
}

const fn is_secret(kind: &str) -> bool {
    matches!(kind.as_bytes(), b"SECRET")
}

settings! {
    listen "listen" "DAYBOOK_LISTEN" "ADDRESS" = "127.0.0.1:8080", "Where to listen";
    metrics_listen "metrics-listen" "DAYBOOK_METRICS_LISTEN" "ADDRESS" = "", "Where /metrics and /readyz are to be had without a key, such as 127.0.0.1:9090; they are at --listen as well";
    tls_cert "tls-cert" "DAYBOOK_TLS_CERT" "FILE" = "", "Certificates to speak TLS with, PEM; read again on SIGHUP";
    tls_key "tls-key" "DAYBOOK_TLS_KEY" "FILE" = "", "Their key, PEM";
    body_limit "body-limit" "DAYBOOK_BODY_LIMIT" "SIZE" = "1MiB", "Largest body of a request";
    body_memory "body-memory" "DAYBOOK_BODY_MEMORY" "SIZE" = "256MiB", "What the bodies of all requests under way may take";
    body_timeout "body-timeout" "DAYBOOK_BODY_TIMEOUT" "TIME" = "10s", "How long a body may take to come in";
    head_timeout "head-timeout" "DAYBOOK_HEAD_TIMEOUT" "TIME" = "60s", "How long the head of a request may take, and how long a connection may lie idle";
    request_timeout "request-timeout" "DAYBOOK_REQUEST_TIMEOUT" "TIME" = "30s", "How long a request may take until its answer begins";
    drain_timeout "drain-timeout" "DAYBOOK_DRAIN_TIMEOUT" "TIME" = "30s", "How long stopping waits for requests under way";
    max_connections "max-connections" "DAYBOOK_MAX_CONNECTIONS" "N" = "8192", "Most connections at once";
    max_requests "max-requests" "DAYBOOK_MAX_REQUESTS" "N" = "2048", "Most requests under way at once";
    max_queued_events "max-queued-events" "DAYBOOK_MAX_QUEUED_EVENTS" "N" = "16384", "Most events that may wait to be written before commands are turned away";
    max_lag "max-lag" "DAYBOOK_MAX_LAG" "TIME" = "10s", "How far the read models may be behind while /readyz says ready";
    cors "cors" "DAYBOOK_CORS" "ORIGINS" = "", "Origins that browsers may call from, with commas between them; * is any";
    compression "compression" "DAYBOOK_COMPRESSION" "true|false" = "true", "Compress answers (gzip, br) for those who ask for it";
    webhooks_allow_http "webhooks-allow-http" "DAYBOOK_WEBHOOKS_ALLOW_HTTP" "true|false" = "false", "Let webhooks call receivers without TLS";
    webhooks_allow_private "webhooks-allow-private" "DAYBOOK_WEBHOOKS_ALLOW_PRIVATE" "true|false" = "false", "Let webhooks call receivers in private networks and on this machine";
    access_log_days "access-log-days" "DAYBOOK_ACCESS_LOG_DAYS" "N" = "400", "For how many days accesses to merchants' data are kept in the log";
    access_log_entries "access-log-entries" "DAYBOOK_ACCESS_LOG_ENTRIES" "N" = "5000000", "More accesses in the log than this are warned of";
    access_rates_storefront "access-rates-storefront" "DAYBOOK_ACCESS_RATES_STOREFRONT" "RATE" = "0", "Requests a second and at once that a storefront's key may make, such as 100/200; 0 sets no limit";
    access_rates_merchant "access-rates-merchant" "DAYBOOK_ACCESS_RATES_MERCHANT" "RATE" = "100/200", "The same of a merchant's key";
    access_rates_finance "access-rates-finance" "DAYBOOK_ACCESS_RATES_FINANCE" "RATE" = "200/400", "The same of finance's keys";
    access_rates_analyst "access-rates-analyst" "DAYBOOK_ACCESS_RATES_ANALYST" "RATE" = "100/200", "The same of an analyst's key";
    access_rates_operator "access-rates-operator" "DAYBOOK_ACCESS_RATES_OPERATOR" "RATE" = "500/1000", "The same of an operator's key";
    access_rates_admin "access-rates-admin" "DAYBOOK_ACCESS_RATES_ADMIN" "RATE" = "0", "The same of an admin's key";
    access_rates_collector "access-rates-collector" "DAYBOOK_ACCESS_RATES_COLLECTOR" "RATE" = "5000/20000", "Hits a second and at once that a collector's key may send; all visitors of a storefront use it";
    sites "sites" "DAYBOOK_SITES" "FILE" = "", "A TOML file of the market's own hosts, and of search engines, social networks and partners of its own: read models tell channels by it, and are made anew where it changed";
    log_key "log-key" "DAYBOOK_LOG_KEY" "FILE" = "", "The key with which the journal's log is kept and signed while this runs: see `daybook log`";
    log_interval "log-interval" "DAYBOOK_LOG_INTERVAL" "TIME" = "10m", "How often it is signed, where something came";
    state_liabilities "state-liabilities" "DAYBOOK_STATE_LIABILITIES" "true|false" = "true", "State once in each business day what the market owes, where the log is kept: see `daybook liabilities`";
    access_issuer "access-issuer" "DAYBOOK_ACCESS_ISSUER" "TEXT" = "", "Whose tokens (JWT) are taken beside keys: their iss; with --access-audience and --access-jwks";
    access_audience "access-audience" "DAYBOOK_ACCESS_AUDIENCE" "TEXT" = "", "Whom these tokens are for: among their aud";
    access_jwks "access-jwks" "DAYBOOK_ACCESS_JWKS" "FILE|URL" = "", "The issuer's public keys, a JWK set: a file, or an https URL";
    access_jwks_ca "access-jwks-ca" "DAYBOOK_ACCESS_JWKS_CA" "FILE" = "", "Certificates that the URL's server is held to, PEM, in place of the public authorities'";
    access_jwks_every "access-jwks-every" "DAYBOOK_ACCESS_JWKS_EVERY" "TIME" = "10m", "How often the URL is read";
    access_jwks_floor "access-jwks-floor" "DAYBOOK_ACCESS_JWKS_FLOOR" "TIME" = "10s", "Least time between two readings of the URL, also where a token names a key that is not known";
    access_role_claim "access-role-claim" "DAYBOOK_ACCESS_ROLE_CLAIM" "CLAIM" = "role", "The claim that names the role, or a JSON pointer to it";
    access_merchant_claim "access-merchant-claim" "DAYBOOK_ACCESS_MERCHANT_CLAIM" "CLAIM" = "merchant", "The claim that names the merchant, or a JSON pointer to it";
    access_leeway "access-leeway" "DAYBOOK_ACCESS_LEEWAY" "TIME" = "60s", "By how much the issuer's clock may differ";
    traces_endpoint "traces-endpoint" "DAYBOOK_TRACES_ENDPOINT" "URL" = "", "The OpenTelemetry collector that traces go to (OTLP over HTTP), such as http://127.0.0.1:4318; none are made where it is not set";
    traces_share "traces-share" "DAYBOOK_TRACES_SHARE" "N" = "1", "The share of traces that are made of requests which name none of their own, 0 to 1";
    log_level "log-level" "DAYBOOK_LOG_LEVEL" "LEVELS" = "info", "What is logged: error, warn, info, debug, trace, or by part: info,daybook::access=warn";
    log_format "log-format" "DAYBOOK_LOG_FORMAT" "text|json" = "text", "How it is logged, on standard error";
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag(&'static str),
    /// The environment.
    Environment(&'static str),
    /// The file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Environment(name) => f.write_str(name),
            Self::File(path) => f.write_str(&path.display().to_string()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What the command line and the environment said.
#[derive(Debug)]
pub struct Args {
    given: BTreeMap<&'static str, (String, Origin)>,
    config: Option<PathBuf>,
    /// Show the settings and go.
    pub print: bool,
}

/// Settings that every subcommand has: the file may say them for `serve`.
const GLOBAL: [(&str, &str, &str); 3] = [
    ("journal", "journal", "DAYBOOK_JOURNAL"),
    ("read_models", "read-models", "DAYBOOK_READ_MODELS"),
    ("files", "files", "DAYBOOK_FILES"),
];

impl clap::FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = BTreeMap::new();
        for setting in SETTINGS {
            if let Some(value) = matches.get_one::<String>(setting.name)
                && let Some(origin) = origin(matches, setting.name, setting.flag, setting.env)
            {
                given.insert(setting.name, (value.clone(), origin));
            }
        }
        for (name, flag, env) in GLOBAL {
            let url = match name {
                "files" => matches.get_one::<PathBuf>(name).map(|path| path.display().to_string()),
                _ => matches.get_one::<Url>(name).map(Url::to_open),
            };
            if let (Some(origin), Some(url)) = (origin(matches, name, flag, env), url) {
                given.insert(name, (url, origin));
            }
        }
        let config = matches.get_one::<PathBuf>("config").cloned();
        Ok(Self { given, config, print: matches.get_flag("print_config") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn origin(matches: &ArgMatches, name: &str, flag: &'static str, env: &'static str) -> Option<Origin> {
    match matches.value_source(name)? {
        ValueSource::CommandLine => Some(Origin::Flag(flag)),
        ValueSource::EnvVariable => Some(Origin::Environment(env)),
        _ => None,
    }
}

impl clap::Args for Args {
    fn augment_args(command: clap::Command) -> clap::Command {
        let config = Arg::new("config")
            .long("config")
            .env("DAYBOOK_CONFIG")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help(
                "A TOML file of settings: `listen = \"0.0.0.0:8080\"`, named as the flags, with underscores",
            );
        let print = Arg::new("print_config")
            .long("print-config")
            .action(ArgAction::SetTrue)
            .help("Show the settings in force and where each comes from, and go");
        let args = SETTINGS.iter().map(|setting| {
            let default = match setting.default {
                "" => String::new(),
                default => format!(" [default: {default}]"),
            };
            let flag = Arg::new(setting.name);
            // of what is on or off, the bare flag says on
            let flag = match setting.kind {
                "true|false" => flag.num_args(0..=1).default_missing_value("true").require_equals(true),
                _ => flag,
            };
            flag.long(setting.flag)
                .env(setting.env)
                .hide_env_values(setting.secret)
                .value_name(setting.kind)
                .help(format!("{}{default}", setting.help))
        });
        let args: Vec<Arg> = args.collect();
        command.about(super::ABOUT).long_about(super::LONG_ABOUT).arg(config).arg(print).args(args)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// The settings in force.
#[derive(Debug)]
pub struct InForce(BTreeMap<&'static str, (String, Origin)>);

impl InForce {
    /// Puts together what was said.
    pub fn of(args: &Args) -> Result<Self, Failure> {
        let mut all: BTreeMap<&'static str, (String, Origin)> =
            SETTINGS.iter().map(|s| (s.name, (s.default.to_owned(), Origin::Default))).collect();
        if let Some(path) = &args.config {
            all.extend(from_file(path)?);
        }
        all.extend(args.given.clone());
        Ok(Self(all))
    }

    /// Name, value (secrets masked) and origin of each.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, String, &Origin)> {
        self.0.iter().map(|(name, (value, origin))| (*name, shown(name, value), origin))
    }

    /// The text of a setting; `None` when it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(value, _)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A setting that is written as its type is.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Failure> {
        let parsed = self.text(name).map(|text| text.parse().map_err(|error| self.wrong(name, &error)));
        parsed.transpose()
    }

    /// As [`parsed`](Self::parsed), for a setting that must be there.
    pub fn get<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Failure> {
        self.parsed(name)?.ok_or_else(|| self.wrong(name, &"may not be empty"))
    }

    /// A number of bytes.
    pub fn size(&self, name: &str) -> Result<usize, Failure> {
        let Size(bytes) = self.get(name)?;
        Ok(bytes)
    }

    /// A time span.
    pub fn time(&self, name: &str) -> Result<Duration, Failure> {
        let Span(time) = self.get(name)?;
        Ok(time)
    }

    /// Says which setting is wrong, and where it was said.
    pub fn wrong(&self, name: &str, why: &dyn std::fmt::Display) -> Failure {
        let (value, origin) = self.0.get(name).cloned().unwrap_or((String::new(), Origin::Default));
        Failure::Usage(format!("{name} = {:?} (from {origin}): {why}", shown(name, &value)))
    }
}

/// The value of a setting as it may be shown: nothing of a secret, and of a database's URL no password.
fn shown(name: &str, value: &str) -> String {
    let secret = SETTINGS.iter().any(|setting| setting.name == name && setting.secret);
    match name {
        _ if secret && !value.is_empty() => "***".to_owned(),
        "journal" | "read_models" => without_password(value),
        _ => value.to_owned(),
    }
}

fn from_file(path: &Path) -> Result<BTreeMap<&'static str, (String, Origin)>, Failure> {
    let at = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| Failure::Usage(format!("cannot read {at}: {e}")))?;
    let members: toml::Table =
        text.parse().map_err(|error: toml::de::Error| Failure::Usage(format!("{at}: {error}")))?;
    let mut found = BTreeMap::new();
    for (member, value) in flat(members) {
        let known = SETTINGS.iter().map(|setting| setting.name).chain(GLOBAL.map(|(name, ..)| name));
        let Some(name) = known.clone().find(|name| *name == member) else {
            let known: Vec<&str> = known.collect();
            let why = format!("{at}: there is no setting {member:?}; there are {}", known.join(", "));
            return Err(Failure::Usage(why));
        };
        let text = plain(&value).ok_or_else(|| {
            Failure::Usage(format!("{at}: {name}: write text, a number, true or false, or a list of texts"))
        })?;
        found.insert(name, (text, Origin::File(path.to_owned())));
    }
    Ok(found)
}

/// The members of tables beside those outside of them: `rates` in `[access]` is `access_rates`.
fn flat(members: toml::Table) -> Vec<(String, toml::Value)> {
    let mut all = Vec::new();
    for (name, value) in members {
        match value {
            toml::Value::Table(inner) => {
                all.extend(flat(inner).into_iter().map(|(inner, value)| (format!("{name}_{inner}"), value)));
            }
            value => all.push((name, value)),
        }
    }
    all
}

/// A value as a flag would have it.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}

/// A number and the unit behind it, of these units.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

struct Size(usize);

impl std::str::FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units = [("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        let bytes = with_unit(text, &units).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or("write bytes, or 512KiB, 1MiB, 2GiB")
    }
}

struct Span(Duration);

impl std::str::FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
        let millis = with_unit(text, &units).filter(|millis| (1..=86_400_000).contains(millis));
        millis
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or("write 500ms, 10s, 2m or 1h; at most a day")
    }
}
