//! Plans of a file, held against the journal, as tables.

use std::path::Path;

use chrono::NaiveDate;
use daybook_domain::{Currency, Money};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::plan::{Counts, Fraction, Kind, Lever, Metric, Plan, PlanFile, Sense, Target, Unit};
use daybook_metrics::{ChannelRule, SessionRule};
use daybook_projections::metrics::{Asked, Days, MarketDays, Reached};
use daybook_projections::{AsOf, Calendar, Events, ReadModels};

use crate::cli::Global;
use crate::failure::Failure;
use crate::figures::{Rules, tell_unclear};
use crate::value::{Table, Value};

/// The largest file of a plan, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads a plan.
pub fn read(path: &Path) -> Result<Plan, Failure> {
    let at = |why: String| Failure::Refused(format!("{}: {why}", path.display()));
    let unavailable = |error: std::io::Error| Failure::Unavailable(format!("{}: {error}", path.display()));
    let bytes = std::fs::metadata(path).map_err(unavailable)?.len();
    if bytes > LARGEST {
        return Err(at(format!("{bytes} bytes are no plan: {LARGEST} are the most that is read")));
    }
    let text = std::fs::read_to_string(path).map_err(unavailable)?;
    let file: PlanFile = toml::from_str(&text).map_err(|error| at(error.to_string()))?;
    Plan::try_from(file).map_err(|error| at(error.to_string()))
}

/// What the targets came to, and what is said about all of them.
pub struct Held<'p> {
    /// By target.
    pub reached: Vec<Reached<'p>>,
    /// The days of today's rates, through today.
    pub last: Days,
}

/// Holds a plan against what was recorded.
pub fn hold<'p>(
    global: &Global,
    models: &ReadModels,
    plan: &'p Plan,
    rules: &Rules,
    (at, today): (AsOf, NaiveDate),
    last_days: u32,
) -> Result<Held<'p>, Failure> {
    let events = models.events(at);
    let (channels, sessions) = (rules.visits().channels(models)?, rules.sessions());
    hold_events(global, (&events, models.calendar()?), plan, (rules, channels, sessions), today, last_days)
}

/// The same of any events, under another definition of visits than that of the command line.
pub fn hold_events<'p>(
    global: &Global,
    (events, calendar): (&dyn Events, Calendar),
    plan: &'p Plan,
    (rules, channels, sessions): (&Rules, ChannelRule, SessionRule),
    today: NaiveDate,
    last_days: u32,
) -> Result<Held<'p>, Failure> {
    rules.only(plan.currency)?;
    let back = today.checked_sub_days(chrono::Days::new(u64::from(last_days.saturating_sub(1))));
    let mut last = Days { from: back.unwrap_or(today), to: today };
    let since = plan.days.from.min(last.from);
    let history = rules.fold(global, (events, calendar), channels, (since, DEFAULT_LOOK_BACK))?;
    tell_unclear(&history, Days { from: since, to: today });
    // days before there was anything are no days of today's rates
    last.from = history.begins().map_or(last.from, |begins| begins.clamp(last.from, today));
    let reached = history.reached(plan, &MarketDays::read(events, calendar)?, &Asked { last, sessions })?;
    Ok(Held { reached, last })
}

/// How many of the first columns name a target.
pub const NAMED_BY: usize = 4;

/// What is said of each target.
const TARGET: &[&str] = &["time", "metric", "sales_channel", "sense", "target"];
/// How far it is reached.
const ATTAINED: &[&str] =
    &["from", "to", "state", "days", "elapsed", "to_date", "actual", "attainment", "forecast", "met", "note"];
/// What it takes.
const TAKES: &[&str] = &[
    "over_days",
    "goal",
    "at_this_rate",
    "uv_now",
    "uv_needed",
    "uv_cost",
    "buyers_now",
    "buyers_needed",
    "conversion_now",
    "conversion_needed",
    "orders_per_buyer_now",
    "orders_per_buyer_needed",
    "unit_price_now",
    "unit_price_needed",
    "worth",
];

/// The columns that people are shown of attainment.
pub const ATTAINED_SHOWN: &[&str] = &[
    "time",
    "metric",
    "sales_channel",
    "sense",
    "target",
    "state",
    "to_date",
    "actual",
    "attainment",
    "forecast",
    "met",
    "note",
];

/// A row for each target, with all there is to say.
pub fn table(plan: &Plan, reached: &[Reached<'_>]) -> Table {
    let mut table = Table::new(&[TARGET, &["currency"], ATTAINED, TAKES].concat());
    for of in reached {
        table.push(row(plan.currency, of));
    }
    table
}

/// What it takes, for people: of all sales, and of the sales channels whose visitors are known.
pub fn takes(table: &Table) -> Table {
    let of = |row: &[Value], name: &str| {
        let at = table.columns.iter().position(|column| *column == name);
        at.map_or(Value::None, |at| row[at].clone())
    };
    let mut shown = Table::new(&[
        "time",
        "metric",
        "sales_channel",
        "over_days",
        "goal",
        "at_this_rate",
        "uv",
        "uv_cost",
        "or_conversion",
        "or_orders_per_buyer",
        "or_unit_price",
        "worth",
    ]);
    for row in &table.rows {
        let known = of(row, "uv_needed") != Value::None || of(row, "sales_channel") == Value::None;
        if of(row, "over_days") == Value::None || !known {
            continue;
        }
        let both = |name: &str| match (of(row, &format!("{name}_now")), of(row, &format!("{name}_needed"))) {
            (Value::None, _) | (_, Value::None) => Value::None,
            (now, needed) => Value::Text(format!("{} to {}", now.pretty(), needed.pretty())),
        };
        let plain = |name| of(row, name);
        shown.push(vec![
            plain("time"),
            plain("metric"),
            plain("sales_channel"),
            plain("over_days"),
            plain("goal"),
            plain("at_this_rate"),
            both("uv"),
            plain("uv_cost"),
            both("conversion"),
            both("orders_per_buyer"),
            both("unit_price"),
            plain("worth"),
        ]);
    }
    shown
}

fn row(currency: Currency, of: &Reached<'_>) -> Vec<Value> {
    let Target { metric, time, days, sales_channel, sense, value } = of.target;
    let attained = &of.attained;
    let shown = |fraction: Option<Fraction>| fraction.map(|of| show(*metric, of, currency)).into();
    let mut row: Vec<Value> = vec![
        time.as_str().into(),
        metric.as_str().into(),
        sales_channel.as_deref().into(),
        sense.as_str().into(),
        show(*metric, *value, currency),
        currency.as_str().into(),
        days.from.to_string().into(),
        days.to.to_string().into(),
        attained.state.as_str().into(),
        attained.days.into(),
        attained.elapsed.into(),
        shown(attained.to_date),
        shown(attained.actual),
        places(attained.attainment, 4),
        shown(attained.forecast),
        attained.met.into(),
        note(*metric, &of.so_far).into(),
    ];
    let Some(takes) = &of.takes else {
        row.resize(row.len() + TAKES.len(), Value::None);
        return row;
    };
    // what has to be exceeded is not met by itself
    let more = *sense == Sense::MoreThan;
    let whole = |lever: Option<Lever>| {
        let of = lever.map(|of| [of.now.rounded(), of.needed.ceil()].map(count));
        of.map_or([Value::None, Value::None], |of| of)
    };
    let rate = |lever: Option<Lever>| {
        let needed = |of: Fraction| if more { of.decimal_above(4) } else { of.decimal_up(4) };
        let of = |lever: Lever| [places(Some(lever.now), 4), needed(lever.needed).map(Value::Ratio).into()];
        lever.map_or([Value::None, Value::None], of)
    };
    let price = takes.unit_price.map(|of| {
        let needed = if more { of.needed.floor().saturating_add(1) } else { of.needed.ceil() };
        [money(of.now.rounded(), currency), money(needed, currency)]
    });
    row.extend([takes.days.into(), show(*metric, takes.goal, currency), show(*metric, takes.now, currency)]);
    row.extend(whole(takes.uv));
    row.push(takes.uv_cost.map(|of| money(of.rounded(), currency)).into());
    row.extend(whole(takes.buyers));
    row.extend(rate(takes.conversion));
    row.extend(rate(takes.orders_per_buyer));
    row.extend(price.unwrap_or([Value::None, Value::None]));
    row.push(takes.worth.map(|of| money(of.rounded(), currency)).into());
    row
}

/// What of a metric nobody knows, because sales channels reported their visitors.
fn note(metric: Metric, so_far: &Counts) -> Option<String> {
    if metric.is_unknown(so_far.unknown) {
        let why = match metric {
            Metric::Pv
            | Metric::DailyUv
            | Metric::DailyFreeUv
            | Metric::DailyPaidUv
            | Metric::DailyConversion => "several sources reported one day: name one with --report-source",
            Metric::FreeUv | Metric::PaidUv => {
                "not known: the channel reports each day's visitors, or does not say who was paid for"
            }
            Metric::Uv | Metric::Conversion | Metric::CostPerUv | Metric::PvPerUv => {
                "not known: the channel reports each day's visitors, not who came on several"
            }
            _ => "not known: the channel reports visitors, not their visits",
        };
        return Some(why.to_owned());
    }
    let not_said = match metric {
        Metric::DailyFreeUv => so_far.daily.not_said_free,
        Metric::DailyPaidUv => so_far.daily.not_said_paid,
        _ => 0,
    };
    (not_said > 0)
        .then(|| format!("without {not_said} reported visitors who were not split into free and paid"))
}

/// A value of a metric, rounded once.
fn show(metric: Metric, of: Fraction, currency: Currency) -> Value {
    match (metric.unit(), metric.kind()) {
        (Unit::Money, _) => money(of.rounded(), currency),
        (Unit::Count, Kind::Daily) => places(Some(of), 2),
        (Unit::Count, _) => count(of.rounded()),
        (Unit::Share | Unit::Number, _) => places(Some(of), 4),
    }
}

fn money(minor: i128, currency: Currency) -> Value {
    i64::try_from(minor).ok().map(|minor| Money::new(minor, currency)).into()
}

fn count(number: i128) -> Value {
    i64::try_from(number).ok().into()
}

fn places(of: Option<Fraction>, places: u32) -> Value {
    of.and_then(|of| of.decimal(places)).map(Value::Ratio).into()
}
