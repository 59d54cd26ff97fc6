//! Merchants assessed (考核): what a period's figures score under a set of rules, who passes, and who is to go.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, Months, NaiveDate, TimeDelta};
use daybook_domain::{Currency, Money};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use super::after_sales::{AfterSales, AfterSalesQuestion};
use super::aftermath::{Aftermath, DepositChange};
use super::{Days, Dimension};
use crate::engine::ReadModelError;

/// Places that figures and scores are rounded to, half to even.
const PLACES: u32 = 4;
/// Most that a figure weighs.
const MOST_WEIGHT: u32 = 1_000;
/// Largest value that a rule names: that of the largest amount of money, about.
const MOST_VALUE: Decimal = Decimal::from_parts(1_874_919_424, 2_328_306, 0, false, 0); // 10^16
/// Most periods looked back over for fails in a row.
const MOST_PERIODS: u32 = 24;

/// Figures, and what is deposited with what must be.
type Standing = (AfterSales, Option<(Money, Money)>);

/// A figure that a merchant is assessed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// What buyers paid.
    Gmv,
    /// The same less what went back in the period.
    NetGmv,
    /// Orders paid.
    Orders,
    /// GMV by buyer.
    UnitPrice,
    /// Orders refunded / orders paid.
    RefundRate,
    /// Orders with a return asked for / orders delivered.
    ReturnRate,
    /// Orders disputed / orders paid.
    DisputeRate,
    /// Reviews of 4 or 5 / reviews.
    PositiveRate,
    /// Orders delivered on the day promised or before / orders delivered that had one.
    OnTimeRate,
    /// The same of shipping.
    ShippedOnTimeRate,
    /// What is deposited / what must be.
    DepositShare,
}

/// What a figure is worth.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which.
    pub figure: Figure,
    /// Its share of the score, among those of the figures that a merchant has.
    pub weight: u32,
    /// Where it scores nothing.
    pub nothing: Decimal,
    /// Where it scores all; in between it scores in proportion. Below `nothing` where less is better.
    pub full: Decimal,
    /// Who is on the wrong side of this fails, whatever the score.
    pub limit: Option<Decimal>,
}

/// A tier.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// The lowest score in it, of 100.
    pub from: Decimal,
    /// What it earns, as a word for whoever grants it.
    pub reward: Option<String>,
}

/// A set of rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssessmentRules {
    /// Which version they are: it stands beside every result.
    pub version: String,
    /// The lowest score that passes, of 100.
    pub pass: Decimal,
    /// So many fails in a row recommend that a merchant goes.
    pub fails_to_go: u32,
    /// Who sold fewer orders in a period is not assessed.
    pub fewest_orders: u64,
    /// Figures.
    pub rules: Vec<Rule>,
    /// Tiers, in any order.
    pub tiers: Vec<Tier>,
}

/// A merchant's assessment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The merchant.
    pub merchant: String,
    /// Its figures of the period.
    pub figures: AfterSales,
    /// What it has deposited at the end of the period, and what it must.
    pub deposit: Option<(Money, Money)>,
    /// Of 100; none where it sold too little to be assessed.
    pub score: Option<Decimal>,
    /// The tier that the score lies in.
    pub tier: Option<String>,
    /// What the tier earns.
    pub reward: Option<String>,
    /// Whether it passed.
    pub passed: Option<bool>,
    /// Figures on the wrong side of their limits.
    pub beyond: Vec<Figure>,
    /// Fails in a row, up to this period; periods without enough orders neither count nor break the row.
    pub fails: u32,
    /// Whether these are enough for it to go.
    pub should_go: bool,
}

impl Figure {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gmv => "gmv",
            Self::NetGmv => "net_gmv",
            Self::Orders => "orders",
            Self::UnitPrice => "unit_price",
            Self::RefundRate => "refund_rate",
            Self::ReturnRate => "return_rate",
            Self::DisputeRate => "dispute_rate",
            Self::PositiveRate => "positive_rate",
            Self::OnTimeRate => "on_time_rate",
            Self::ShippedOnTimeRate => "shipped_on_time_rate",
            Self::DepositShare => "deposit_share",
        }
    }

    /// Its value, not rounded: it is held against limits; money in units of the currency. None where there is nothing to take
    /// it of.
    fn of(self, figures: &AfterSales, deposit: Option<(Money, Money)>) -> Option<Decimal> {
        let ratio = |of: Decimal, through: Decimal| of.checked_div(through);
        let count = |of: u64, through: u64| ratio(of.into(), through.into());
        match self {
            Self::Gmv => Some(units(figures.gmv)),
            Self::NetGmv => Some(units(figures.gmv) - units(figures.refunded)),
            Self::Orders => Some(figures.orders.into()),
            Self::UnitPrice => ratio(units(figures.gmv), figures.buyers.into()),
            Self::RefundRate => count(figures.orders_refunded, figures.orders),
            Self::ReturnRate => count(figures.returns, figures.delivered),
            Self::DisputeRate => count(figures.orders_disputed, figures.orders),
            Self::PositiveRate => count(figures.positive, figures.reviews),
            Self::OnTimeRate => count(figures.delivered_on_time, figures.delivered_promised),
            Self::ShippedOnTimeRate => count(figures.shipped_on_time, figures.shipped_promised),
            Self::DepositShare => deposit.and_then(|(held, required)| ratio(units(held), units(required))),
        }
    }
}

fn rounded(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(PLACES, RoundingStrategy::MidpointNearestEven)
}

fn units(money: Money) -> Decimal {
    Decimal::new(money.minor, money.currency.digits())
}

impl Rule {
    /// Whether it can be used.
    fn check(&self) -> Result<(), String> {
        let (figure, Self { nothing, full, .. }) = (self.figure.as_str(), self);
        if !(1..=MOST_WEIGHT).contains(&self.weight) {
            return Err(format!("rules: {figure} has a weight of {}: use 1 to {MOST_WEIGHT}", self.weight));
        }
        for (name, value) in
            [("nothing", Some(nothing)), ("full", Some(full)), ("limit", self.limit.as_ref())]
        {
            if let Some(value) = value.filter(|value| value.abs() > MOST_VALUE) {
                return Err(format!("rules: {figure} has {name} at {value}: use {MOST_VALUE} at most"));
            }
        }
        if nothing == full {
            return Err(format!("rules: {figure} scores nothing and all at {full}: set them apart"));
        }
        let Some(limit) = self.limit else { return Ok(()) };
        let less_is_better = full < nothing;
        // who scores all would be beyond it
        if if less_is_better { limit < *full } else { limit > *full } {
            let side = if less_is_better { "below" } else { "above" };
            return Err(format!(
                "rules: {figure} scores all at {full}, and its limit {limit} lies {side}: nobody would pass"
            ));
        }
        Ok(())
    }

    /// How much of its weight a value scores, from 0 to 1.
    fn score(&self, value: Decimal) -> Decimal {
        let share = (value - self.nothing).checked_div(self.full - self.nothing).unwrap_or(Decimal::ONE);
        share.clamp(Decimal::ZERO, Decimal::ONE)
    }

    fn is_beyond(&self, value: Decimal) -> bool {
        let less_is_better = self.full < self.nothing;
        self.limit.is_some_and(|limit| if less_is_better { value > limit } else { value < limit })
    }
}

impl AssessmentRules {
    /// The first day that an assessment of some days may look at.
    #[must_use]
    pub fn since(days: Days) -> NaiveDate {
        before(days, MOST_PERIODS - 1).map_or(NaiveDate::default(), |first| first.from)
    }

    /// Whether they can be used.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn check(&self) -> Result<(), String> {
        let hundred = Decimal::ONE_HUNDRED;
        if self.version.trim().is_empty() {
            return Err("version is empty: results are told apart by it".to_owned());
        }
        if !(Decimal::ZERO..=hundred).contains(&self.pass) {
            return Err(format!("pass is {}: a score is from 0 to 100", self.pass));
        }
        if self.rules.is_empty() {
            return Err("rules: there are none: name at least one figure".to_owned());
        }
        let mut seen = BTreeSet::new();
        for rule in &self.rules {
            rule.check()?;
            if !seen.insert(rule.figure) {
                return Err(format!("rules: {} stands twice: take one out", rule.figure.as_str()));
            }
        }
        let (mut names, mut from) = (BTreeSet::new(), BTreeSet::new());
        for tier in &self.tiers {
            let Tier { name, from: lowest, .. } = tier;
            if name.trim().is_empty() {
                return Err(format!("tiers: the one from {lowest} has no name: give it one"));
            }
            if !(Decimal::ZERO..=hundred).contains(lowest) {
                return Err(format!("tiers: {name} begins at {lowest}: a score is from 0 to 100"));
            }
            if !names.insert(name.as_str()) {
                return Err(format!("tiers: {name} stands twice: give one another name"));
            }
            if !from.insert(*lowest) {
                return Err(format!("tiers: two begin at {lowest}: set them apart"));
            }
        }
        // who passes has a tier: the lowest begins where passing does, or below
        if from.first().is_some_and(|lowest| *lowest > self.pass) {
            return Err(format!(
                "tiers: none holds a score of {}, which passes: let the lowest begin there",
                self.pass
            ));
        }
        if self.fails_to_go == 0 || self.fails_to_go > MOST_PERIODS {
            return Err(format!("fails_to_go is {}: use 1 to {MOST_PERIODS}", self.fails_to_go));
        }
        Ok(())
    }

    /// Score, not rounded, and figures beyond their limits.
    fn score(&self, figures: &AfterSales, deposit: Option<(Money, Money)>) -> Option<(Decimal, Vec<Figure>)> {
        if figures.orders < self.fewest_orders.max(1) {
            return None;
        }
        let (mut sum, mut weights, mut beyond) = (Decimal::ZERO, Decimal::ZERO, Vec::new());
        for rule in &self.rules {
            let Some(value) = rule.figure.of(figures, deposit) else { continue };
            let weight = Decimal::from(rule.weight);
            weights += weight;
            sum += weight * rule.score(value);
            if rule.is_beyond(value) {
                beyond.push(rule.figure);
            }
        }
        let score = (sum * Decimal::ONE_HUNDRED).checked_div(weights)?;
        Some((score, beyond))
    }

    fn tier(&self, score: Decimal) -> Option<&Tier> {
        self.tiers.iter().filter(|tier| tier.from <= score).max_by_key(|tier| tier.from)
    }
}

impl Aftermath {
    /// Assesses each merchant that sold, returned or owed anything in a period, looking back over as many periods of the same
    /// length, calendar months where it is one, as the rules ask for.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for rules that cannot be used, or sums beyond 64 bits.
    pub fn assess(
        &self,
        days: Days,
        currency: Currency,
        rules: &AssessmentRules,
    ) -> Result<Vec<Assessment>, ReadModelError> {
        rules.check().map_err(ReadModelError::BadQuestion)?;
        let now = self.by_merchant(days, currency)?;
        let mut fails: BTreeMap<String, u32> = BTreeMap::new();
        let mut in_a_row: BTreeSet<String> = now.keys().cloned().collect();
        // a period with too few orders neither counts nor breaks the row, so one may have to look further back
        for back in 0..MOST_PERIODS {
            let Some(days) = before(days, back).filter(|_| !in_a_row.is_empty()) else { break };
            let then = if back == 0 { now.clone() } else { self.by_merchant(days, currency)? };
            for (merchant, (figures, deposit)) in then {
                let Some((score, beyond)) = rules.score(&figures, deposit) else { continue };
                if score >= rules.pass && beyond.is_empty() {
                    in_a_row.remove(&merchant);
                } else if in_a_row.contains(&merchant) {
                    let fails = fails.entry(merchant.clone()).or_default();
                    *fails += 1;
                    if *fails == rules.fails_to_go {
                        in_a_row.remove(&merchant);
                    }
                }
            }
        }
        let assess = |(merchant, (figures, deposit)): (String, Standing)| {
            let scored = rules.score(&figures, deposit);
            let (score, beyond) = scored.map_or((None, Vec::new()), |(score, beyond)| (Some(score), beyond));
            let passed = score.map(|score| score >= rules.pass && beyond.is_empty());
            // who did not pass earns no tier, however high the rest scores
            let tier = score.filter(|_| passed == Some(true)).and_then(|score| rules.tier(score));
            let fails = fails.get(&merchant).copied().unwrap_or_default();
            Assessment {
                figures,
                deposit,
                score: score.map(rounded),
                tier: tier.map(|tier| tier.name.clone()),
                reward: tier.and_then(|tier| tier.reward.clone()),
                passed,
                beyond,
                fails,
                should_go: fails >= rules.fails_to_go,
                merchant,
            }
        };
        Ok(now.into_iter().map(assess).collect())
    }

    /// Figures and deposits of merchants in a period.
    fn by_merchant(
        &self,
        days: Days,
        currency: Currency,
    ) -> Result<BTreeMap<String, Standing>, ReadModelError> {
        let by = vec![Dimension::Merchant];
        let (cells, _) = self.after_sales(&AfterSalesQuestion { days, by, currency })?;
        let named = cells.into_iter().map(|(words, figures)| (words.concat(), figures));
        let known = named.filter(|(merchant, _)| !merchant.is_empty());
        Ok(known
            .map(|(merchant, figures)| {
                let deposit = self.deposit_at(&merchant, days.to);
                (merchant, (figures, deposit))
            })
            .collect())
    }

    /// What a merchant has deposited at the end of a day, and what it must: in the currency that was required last, and
    /// nothing of another beside it.
    fn deposit_at(&self, merchant: &str, day: NaiveDate) -> Option<(Money, Money)> {
        let end = self.calendar.end_of(day);
        let changes = self.deposits.get(&self.names.known(merchant)?)?;
        let mut required = changes.iter().filter_map(|change| match change {
            DepositChange::Required(at, amount) if *at <= end => Some(*amount),
            _ => None,
        });
        let required = required.next_back()?;
        let held = changes.iter().filter_map(|change| match change {
            DepositChange::Held(at, amount) if *at <= end => Some(amount),
            _ => None,
        });
        let ours = held.filter(|amount| amount.currency == required.currency);
        let held = ours.fold(0i64, |sum, amount| sum.saturating_add(amount.minor));
        Some((Money::new(held, required.currency), required))
    }
}

/// The period so many before some days: calendar months before calendar months, else days before days.
fn before(days: Days, back: u32) -> Option<Days> {
    let Days { from, to } = days;
    let after = to.succ_opt()?;
    if from.day() == 1 && after.day() == 1 {
        let months = (after.year() - from.year()) * 12 + after.month() as i32 - from.month() as i32;
        let shift = Months::new(u32::try_from(months).ok()?.checked_mul(back)?);
        let to = after.checked_sub_months(shift)?.pred_opt()?;
        return Some(Days { from: from.checked_sub_months(shift)?, to });
    }
    let shift = TimeDelta::days((after - from).num_days() * i64::from(back));
    Some(Days { from: from.checked_sub_signed(shift)?, to: to.checked_sub_signed(shift)? })
}

#[cfg(test)]
mod tests {
    use daybook_domain::Timestamp;
    use daybook_domain::time::DAY;

    use super::*;
    use crate::calendar::Calendar;

    #[test]
    fn a_calendar_month_follows_a_calendar_month_and_days_follow_days() {
        let of = |from: &str, to: &str, back| {
            let days = Days { from: from.parse().unwrap(), to: to.parse().unwrap() };
            before(days, back).map(|days| format!("{}..{}", days.from, days.to)).unwrap()
        };
        assert_eq!(of("2024-03-01", "2024-03-31", 0), "2024-03-01..2024-03-31");
        assert_eq!(of("2024-03-01", "2024-03-31", 1), "2024-02-01..2024-02-29");
        assert_eq!(of("2024-01-01", "2024-03-31", 2), "2023-07-01..2023-09-30");
        assert_eq!(of("2024-03-04", "2024-03-10", 1), "2024-02-26..2024-03-03");
    }

    #[test]
    fn a_deposit_is_what_is_held_in_the_currency_that_is_required() {
        let mut found = Aftermath::new(Calendar::UTC, Timestamp(0));
        let money = |minor, of: &str| Money::new(minor, Currency::new(of).unwrap());
        let merchant = found.names.number("m1");
        let of = [
            DepositChange::Required(Timestamp(0), money(500, "CNY")),
            DepositChange::Held(Timestamp(1), money(500, "CNY")),
            DepositChange::Required(Timestamp(2), money(100, "BRL")),
            DepositChange::Held(Timestamp(3), money(70, "BRL")),
            DepositChange::Required(Timestamp(DAY), money(900, "BRL")),
        ];
        found.deposits.insert(merchant, of.to_vec());
        let first = "1970-01-01".parse().unwrap();
        assert_eq!(found.deposit_at("m1", first), Some((money(70, "BRL"), money(100, "BRL"))));
        assert_eq!(found.deposit_at("m2", first), None);
    }

    #[test]
    fn a_value_scores_in_proportion_whichever_way_is_better() {
        let rule = |nothing: &str, full: &str, limit: &str| Rule {
            figure: Figure::Gmv,
            weight: 1,
            nothing: nothing.parse().unwrap(),
            full: full.parse().unwrap(),
            limit: limit.parse().ok(),
        };
        let score = |rule: &Rule, value: &str| rule.score(value.parse().unwrap()).normalize().to_string();
        let more = rule("0.90", "1.00", "0.95");
        assert_eq!(score(&more, "0.95"), "0.5");
        assert_eq!(score(&more, "0.80"), "0");
        assert!(more.is_beyond("0.94".parse().unwrap()) && !more.is_beyond("0.95".parse().unwrap()));
        let less = rule("0.20", "0.00", "0.10");
        assert_eq!(score(&less, "0.05"), "0.75");
        assert!(less.is_beyond("0.11".parse().unwrap()) && !less.is_beyond("0.10".parse().unwrap()));
    }
}
