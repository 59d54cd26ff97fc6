//! From a file to a plan that holds together.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{Days, NaiveDate};
use daybook_domain::{Code, Currency, Money, allocate};
use rust_decimal::Decimal;

use super::file::{PlanFile, TargetFile, Text};
use super::metric::{Kind, Metric, Unit};
use super::times::{Span, after_months, months};
use super::{Fraction, MOST_CHANNELS, MOST_MONTHS, MOST_PHASES, MOST_TARGETS, Phase, Plan, Sense, Target};

/// Why a file is no plan: the key, and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPlan {
    /// Where it stands: `targets[2].phase`, counted from 1.
    pub key: String,
    /// What is wrong, and how it is put right.
    pub why: String,
}

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

impl std::error::Error for BadPlan {}

fn bad<T>(key: impl Into<String>, why: impl Into<String>) -> Result<T, BadPlan> {
    Err(BadPlan { key: key.into(), why: why.into() })
}

/// The weights of shares in whole numbers: parts of this.
const WHOLE: i64 = 1_000_000_000_000;
const PLACES: u32 = WHOLE.ilog10();

impl TryFrom<PlanFile> for Plan {
    type Error = BadPlan;

    fn try_from(file: PlanFile) -> Result<Self, BadPlan> {
        let name = name("name", &file.name)?;
        let starts = date("starts", &file.starts)?;
        let currency = Currency::new(&file.currency.0)
            .map_err(|error| BadPlan { key: "currency".to_owned(), why: error.to_string() })?;
        let (phases, days) = phases(starts, &file)?;
        let shares = shares(&file)?;
        let mut plan = Self { name, days, currency, phases, shares, targets: Vec::new() };
        for (at, target) in file.targets.iter().enumerate() {
            plan.add(&format!("targets[{}]", at + 1), starts, target)?;
        }
        if plan.targets.is_empty() {
            return bad("targets", "there is none: write [[targets]]");
        }
        Ok(plan)
    }
}

impl Plan {
    fn add(&mut self, key: &str, starts: NaiveDate, file: &TargetFile) -> Result<(), BadPlan> {
        let at = |name: &str| format!("{key}.{name}");
        let metric: Metric = file.metric.0.parse().map_err(|why| BadPlan { key: at("metric"), why })?;
        let (time, days) = self.time(key, starts, file)?;
        let said = [
            (Sense::AtLeast, &file.at_least),
            (Sense::MoreThan, &file.more_than),
            (Sense::AtMost, &file.at_most),
        ];
        let mut said = said.into_iter().filter_map(|(sense, text)| Some((sense, text.as_ref()?)));
        let (Some((sense, text)), None) = (said.next(), said.next()) else {
            return bad(key, "a target has one value: write at_least, more_than or at_most");
        };
        let value = value(at(sense.as_str()), text, metric, self.currency)?;
        let sales_channel = match &file.sales_channel {
            None => None,
            Some(_) if metric.needs().market => {
                let why = format!("{metric} is known for the whole market only: leave it out");
                return bad(at("sales_channel"), why);
            }
            Some(text) => Some(channel(at("sales_channel"), &text.0)?),
        };
        let whole = Target { metric, time, days, sales_channel, sense, value };
        let parts = match &file.by {
            None => Vec::new(),
            Some(by) if by.0 != "sales_channel" => {
                return bad(at("by"), format!("{:?} is nothing to split by: write \"sales_channel\"", by.0));
            }
            Some(_) => self.parts(&at("by"), &whole)?,
        };
        for target in [vec![whole], parts].concat() {
            let same = |other: &&Target| {
                let of = |t: &Target| (t.metric, t.days, t.sales_channel.clone(), t.sense);
                of(other) == of(&target)
            };
            if let Some(other) = self.targets.iter().find(same) {
                let of = target.sales_channel.as_deref().map_or(String::new(), |of| format!(" in {of}"));
                let why = format!(
                    "{metric} {} {}{of} is aimed at twice: leave one out",
                    sense.as_str(),
                    other.time
                );
                return bad(key, why);
            }
            if self.targets.len() == MOST_TARGETS {
                return bad(
                    key,
                    format!("a plan has {MOST_TARGETS} targets at most, those by sales channel counted"),
                );
            }
            self.targets.push(target);
        }
        Ok(())
    }

    /// The days of a target, and their words.
    fn time(&self, key: &str, starts: NaiveDate, file: &TargetFile) -> Result<(String, Span), BadPlan> {
        let at = |name: &str| format!("{key}.{name}");
        let whens = [
            file.phase.is_some(),
            file.months.is_some(),
            file.last_days.is_some(),
            file.from.is_some(),
            file.after.is_some(),
        ];
        if whens.into_iter().filter(|said| *said).count() > 1 {
            return bad(
                key,
                "a target has one time: write phase, months, from, after or last_days, or none for all of the plan",
            );
        }
        if file.to.is_some() && file.from.is_none() && file.after.is_none() {
            return bad(at("to"), "nothing begins there: write from or after as well");
        }
        if let Some(text) = &file.phase {
            let Some(phase) = self.phases.iter().find(|phase| phase.name == text.0) else {
                let all: Vec<&str> = self.phases.iter().map(|phase| phase.name.as_str()).collect();
                return bad(at("phase"), format!("{:?} is no phase: name one of {}", text.0, all.join(", ")));
            };
            return Ok((phase.name.clone(), phase.days));
        }
        if let Some(text) = &file.months {
            let (time, span) = numbered(at("months"), &text.0, starts)?;
            return self.within(at("months"), time, span);
        }
        if let Some(last) = file.last_days {
            let back = last.checked_sub(1).filter(|_| last <= self.days.count());
            let Some(from) = back.and_then(|back| self.days.to.checked_sub_days(Days::new(back.into())))
            else {
                return bad(
                    at("last_days"),
                    format!("the plan has {} days: write 1 to that", self.days.count()),
                );
            };
            return Ok((format!("last {last} days"), Span { from, ..self.days }));
        }
        let (word, name, first) = match (&file.from, &file.after) {
            (Some(text), _) => ("from", at("from"), date(at("from"), text)?),
            (_, Some(text)) => {
                let day = date(at("after"), text)?;
                let next = day
                    .succ_opt()
                    .ok_or_else(|| BadPlan { key: at("after"), why: "no day follows".to_owned() });
                ("after", at("after"), next?)
            }
            _ => return Ok(("all of it".to_owned(), self.days)),
        };
        let said = file.from.as_ref().or(file.after.as_ref()).map_or("", |text| text.0.as_str());
        let (time, last) = match &file.to {
            None => (format!("{word} {said}"), self.days.to),
            Some(text) => (format!("{word} {said} to {}", text.0), date(at("to"), text)?),
        };
        if first > last {
            return bad(name, format!("{first} lies after {last}: nothing is between them"));
        }
        self.within(name, time, Span { from: first, to: last })
    }

    fn within(&self, key: String, time: String, span: Span) -> Result<(String, Span), BadPlan> {
        let Span { from, to } = self.days;
        if !self.days.holds(span) {
            let why = format!("{} to {} is not within the plan, which is {from} to {to}", span.from, span.to);
            return bad(key, why);
        }
        Ok((time, span))
    }

    /// A target's parts by sales channel: to the cent, or the piece.
    fn parts(&self, key: &str, whole: &Target) -> Result<Vec<Target>, BadPlan> {
        let (metric, value) = (whole.metric, whole.value);
        if self.shares.is_empty() {
            return bad(key, "the plan has no shares of sales channels: write them under [sales_channels]");
        }
        if whole.sales_channel.is_some() {
            return bad(key, "the target is of one sales channel already: leave one of both out");
        }
        if !metric.adds_up_over_channels() {
            let all: Vec<&str> = Metric::ALL
                .into_iter()
                .filter(|metric| metric.adds_up_over_channels())
                .map(Metric::as_str)
                .collect();
            let each = if metric.needs().market { "leave it out" } else { "name each channel's own target" };
            let why = format!(
                "{metric} is not the sum of its sales channels: {each}; {} can be split",
                all.join(", ")
            );
            return bad(key, why);
        }
        let of = |(channel, value): (&String, Fraction)| Target {
            sales_channel: Some(channel.clone()),
            value,
            ..whole.clone()
        };
        let channels = self.shares.iter().map(|(channel, _)| channel);
        let beyond = || BadPlan { key: key.to_owned(), why: "the value is too large to be split".to_owned() };
        if metric.kind() == Kind::Daily {
            // a level is split as it is: half an order a day is 15 a month
            let parts = self.shares.iter().map(|(_, share)| value.times(Fraction::of_decimal(*share)));
            let parts = parts.collect::<Option<Vec<_>>>().ok_or_else(beyond)?;
            return Ok(channels.zip(parts).map(of).collect());
        }
        let weights: Option<Vec<i64>> = self.shares.iter().map(|(_, share)| weight(*share)).collect();
        let total = i64::try_from(value.floor()).ok();
        let parts = total.zip(weights).and_then(|(total, weights)| allocate(total, &weights).ok());
        let parts = parts.ok_or_else(beyond)?;
        Ok(channels.zip(parts.into_iter().map(|part| Fraction::whole(part.into()))).map(of).collect())
    }
}

/// A share in parts of [`WHOLE`]; none of one that is finer.
fn weight(share: Decimal) -> Option<i64> {
    let mut exact = share.normalize();
    if exact.scale() > PLACES {
        return None;
    }
    exact.rescale(PLACES);
    i64::try_from(exact.mantissa()).ok()
}

fn phases(starts: NaiveDate, file: &PlanFile) -> Result<(Vec<Phase>, Span), BadPlan> {
    if file.phases.is_empty() || file.phases.len() > MOST_PHASES {
        return bad("phases", format!("a plan has 1 to {MOST_PHASES} phases: write [[phases]]"));
    }
    let (mut phases, mut begun) = (Vec::<Phase>::new(), Decimal::ZERO);
    for (at, phase) in file.phases.iter().enumerate() {
        let key = format!("phases[{}].months", at + 1);
        let length = decimal(&key, &phase.months)?;
        let ends = begun.checked_add(length).filter(|ends| *ends <= Decimal::from(MOST_MONTHS));
        let Some(ends) = ends else { return bad(key, format!("a plan has {MOST_MONTHS} months at most")) };
        let Some(days) = months(starts, begun, ends) else {
            return bad(key, format!("{:?} months are not a day: a phase has one at least", phase.months.0));
        };
        let name = name(&format!("phases[{}].name", at + 1), &phase.name)?;
        if phases.iter().any(|other| other.name == name) {
            return bad(
                format!("phases[{}].name", at + 1),
                format!("{name:?} is a phase already: names differ"),
            );
        }
        phases.push(Phase { name, days });
        begun = ends;
    }
    let to = after_months(starts, begun).and_then(|day| day.pred_opt());
    to.map(|to| (phases, Span { from: starts, to })).map_or_else(|| bad("starts", "too late"), Ok)
}

fn shares(file: &PlanFile) -> Result<Vec<(String, Decimal)>, BadPlan> {
    if file.sales_channels.len() > MOST_CHANNELS {
        return bad("sales_channels", format!("a plan has shares of {MOST_CHANNELS} sales channels at most"));
    }
    let mut shares = Vec::new();
    for (word, text) in &file.sales_channels {
        let key = format!("sales_channels.{word}");
        let share = decimal(&key, text)?;
        if share > Decimal::ONE || weight(share).is_none() {
            return bad(
                key,
                format!(
                    "{:?} is no share: write a part of one with {PLACES} decimals at most, such as \"0.40\"",
                    text.0
                ),
            );
        }
        shares.push((channel(key, word)?, share));
    }
    let sum: Decimal = shares.iter().map(|(_, share)| share).sum();
    if !shares.is_empty() && sum != Decimal::ONE {
        let off = (Decimal::ONE - sum).normalize();
        let (by, way) = (off.abs(), if off.is_sign_positive() { "missing" } else { "too much" });
        return bad(
            "sales_channels",
            format!("the shares sum to {}, not to 1: {by} is {way}", sum.normalize()),
        );
    }
    shares.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(shares)
}

/// `3` or `3-6`: months of the plan, counted from 1.
fn numbered(key: String, text: &str, starts: NaiveDate) -> Result<(String, Span), BadPlan> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| (1..=MOST_MONTHS).contains(n));
    let (first, last) = match text.split_once('-') {
        None => (number(text), number(text)),
        Some((first, last)) => (number(first), number(last)),
    };
    let span = first
        .zip(last)
        .filter(|(first, last)| first <= last)
        .and_then(|(first, last)| months(starts, Decimal::from(first - 1), Decimal::from(last)));
    let word = if first == last { "month" } else { "months" };
    span.map_or_else(
        || bad(key, format!("{text:?} are no months of a plan: write \"3\" or \"3-6\", counted from 1")),
        |span| Ok((format!("{word} {text}"), span)),
    )
}

fn name(key: &str, text: &Text) -> Result<String, BadPlan> {
    let name = text.0.trim();
    let fits = (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { bad(key, "a name has 1 to 200 characters, and no line breaks") }
}

fn date(key: impl Into<String>, text: &Text) -> Result<NaiveDate, BadPlan> {
    let day = NaiveDate::parse_from_str(&text.0, "%Y-%m-%d").ok().filter(|day| day.to_string() == text.0);
    day.map_or_else(|| bad(key, format!("{:?} is no day: write it as \"2026-02-01\"", text.0)), Ok)
}

fn channel(key: String, word: &str) -> Result<String, BadPlan> {
    match Code::new(word) {
        Ok(code) => Ok(code.as_str().to_owned()),
        Err(error) => bad(key, error.to_string()),
    }
}

/// A plain decimal, zero or more.
fn decimal(key: &str, text: &Text) -> Result<Decimal, BadPlan> {
    let plain = text.0.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !text.0.ends_with('.');
    let read = Some(&text.0).filter(|_| plain).and_then(|text| Decimal::from_str_exact(text).ok());
    read.map_or_else(|| bad(key, format!("{:?} is no decimal: write it as \"0.985\"", text.0)), Ok)
}

fn value(key: String, text: &Text, metric: Metric, currency: Currency) -> Result<Fraction, BadPlan> {
    if metric.unit() == Unit::Money {
        let money = Money::parse(&text.0, currency).map_err(|error| error.to_string());
        return match money {
            Ok(money) if money.minor >= 0 => Ok(Fraction::whole(money.minor.into())),
            Ok(_) => bad(key, format!("{:?} is below zero: a target is not", text.0)),
            Err(why) => bad(key, why),
        };
    }
    let read = decimal(&key, text)?;
    if metric.unit() == Unit::Share && read > Decimal::ONE {
        let part = (read / Decimal::ONE_HUNDRED).normalize();
        return bad(key, format!("{metric} is a part of one: for {read} % write \"{part}\""));
    }
    if matches!(metric.kind(), Kind::Sum | Kind::Distinct) && !read.fract().is_zero() {
        return bad(key, format!("{metric} is counted in whole numbers: {read} is none"));
    }
    Ok(Fraction::of_decimal(read))
}

/// Sales channels that targets name.
impl Plan {
    /// The sales channels that its targets are of.
    #[must_use]
    pub fn sales_channels(&self) -> BTreeSet<&str> {
        self.targets.iter().filter_map(|target| target.sales_channel.as_deref()).collect()
    }
}
