//! The market's settings.

use std::collections::BTreeSet;

use super::commands::{MarketCommand, MarketPack};
use super::events::{MarketOpened, MarketPackIssued, PolicyAdopted};
use super::{Policy, TierReward};
use crate::decider::{pack_described, positive, said};
use crate::merchant::entry_rules;
use crate::merchant::events::MerchantKind;
use crate::{Aggregate, Code, Context, Currency, Event, Reference, Refs, Rejection, Timestamp};

/// The state of `market-{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Market {
    time_zone: Option<Code>,
    currencies: Vec<Currency>,
    version: u32,
    policy: Policy,
    /// Digests of the packs that were handed on.
    packs: BTreeSet<Reference>,
}

impl Market {
    /// IANA name of its time zone, once it is open.
    #[must_use]
    pub const fn time_zone(&self) -> Option<Code> {
        self.time_zone
    }
    /// The currencies it trades in.
    #[must_use]
    pub fn currencies(&self) -> &[Currency] {
        &self.currencies
    }
    /// The settings in force: the defaults until some were adopted.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }
    /// Version of the settings in force; 0 for the defaults.
    #[must_use]
    pub const fn policy_version(&self) -> u32 {
        self.version
    }
}

/// Whether the text has the shape of an IANA zone name: `UTC` or `Area/City[/Place]`. Whether the zone exists is
/// for those to say who hold the table of zones.
fn zone_shaped(name: &str) -> bool {
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'))
    };
    name == "UTC" || ((2..=3).contains(&name.split('/').count()) && name.split('/').all(word))
}

/// Longest duration in a policy, in days: the arithmetic of instants stays far from its bounds.
const MAX_DAYS: u32 = 3_650;

fn sensible(policy: &Policy) -> Result<(), Rejection> {
    let days = [
        ("release_after_days", policy.release_after_days),
        ("ship_within_days", policy.ship_within_days),
        ("after_sales_days", policy.after_sales_days),
        ("return_answer_days", policy.return_answer_days),
        ("dispute_answer_days", policy.dispute_answer_days),
        ("appeal_days", policy.appeal_days),
        ("deposit_grace_days", policy.deposit_grace_days),
        ("chargeback_window_days", policy.chargeback_window_days),
        ("checkout_expires_hours", policy.checkout_expires_hours.div_ceil(24)),
        ("clock_tolerance_seconds", policy.clock_tolerance_seconds.div_ceil(86_400)),
    ];
    if let Some((field, days)) = days.iter().find(|(_, days)| *days > MAX_DAYS) {
        let message = format!("policy.{field} comes to {days} days: use at most {MAX_DAYS}");
        return Err(Rejection::new("policy_out_of_range", message));
    }
    for (at, reward) in policy.tier_rewards.iter().enumerate() {
        positive("policy.tier_rewards.amount", reward.amount)?;
        let same =
            |other: &TierReward| other.tier == reward.tier && other.amount.currency == reward.amount.currency;
        if policy.tier_rewards[..at].iter().any(same) {
            let message = format!(
                "policy.tier_rewards names tier {} in {} twice: give it one reward",
                reward.tier, reward.amount.currency
            );
            return Err(Rejection::new("tier_twice", message));
        }
    }
    entry_rules::requirements(policy.entry_rules, MerchantKind::Retailer).map(|_| ())
}

/// Of its own history a market may tell whom it likes, once for each pack.
fn issue(market: &Market, pack: &MarketPack) -> Result<Vec<Event>, Rejection> {
    if market.time_zone.is_none() {
        return Err(Rejection::new("market_not_open", "a market that is not open has no history"));
    }
    pack_described(&pack.purpose, pack.from, pack.to, pack.digest)?;
    if !market.currencies.contains(&pack.currency) {
        let message = format!("currency {} is none that the market trades in", pack.currency);
        return Err(Rejection::new("currency_unknown", message));
    }
    if market.packs.contains(&pack.digest) {
        return Ok(Vec::new());
    }
    let MarketPack { digest, recipient, purpose, from, to, currency, through, definitions } = pack.clone();
    Ok(vec![MarketPackIssued { digest, recipient, purpose, from, to, currency, through, definitions }.into()])
}

impl Aggregate for Market {
    const CATEGORY: &'static str = "market";
    type Command = MarketCommand;

    fn named(_id: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: &MarketCommand, _context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        match command {
            MarketCommand::Open { name, time_zone, currencies } => {
                said("name", name)?;
                if !zone_shaped(time_zone.as_str()) {
                    let message =
                        format!("time_zone {time_zone} is no IANA name such as Asia/Shanghai, nor UTC");
                    return Err(Rejection::new("time_zone_malformed", message));
                }
                if currencies.is_empty() {
                    return Err(Rejection::new("no_currency", "currencies is empty: name at least one"));
                }
                if let Some(twice) =
                    (1..currencies.len()).find(|n| currencies[..*n].contains(&currencies[*n]))
                {
                    let message = format!("currencies names {} twice", currencies[twice]);
                    return Err(Rejection::new("currency_twice", message));
                }
                match self.time_zone {
                    None => {
                        let (name, currencies) = (name.clone(), currencies.clone());
                        Ok(vec![MarketOpened { name, time_zone: *time_zone, currencies }.into()])
                    }
                    Some(zone) if zone == *time_zone && self.currencies == *currencies => Ok(Vec::new()),
                    Some(zone) => {
                        let message = format!("the market is open in {zone}: its zone and currencies stay");
                        Err(Rejection::new("market_open", message))
                    }
                }
            }
            MarketCommand::AdoptPolicy { policy } => {
                if self.time_zone.is_none() {
                    return Err(Rejection::new("market_not_open", "open the market before its settings"));
                }
                sensible(policy)?;
                if self.version > 0 && self.policy == *policy {
                    return Ok(Vec::new());
                }
                Ok(vec![PolicyAdopted { version: self.version + 1, policy: policy.clone() }.into()])
            }
            MarketCommand::IssueMarketPack(pack) => issue(self, pack),
        }
    }

    fn evolve(&mut self, event: &Event, _occurred_at: Timestamp) {
        match event {
            Event::MarketOpened(e) => {
                self.time_zone = Some(e.time_zone);
                self.currencies.clone_from(&e.currencies);
            }
            Event::PolicyAdopted(e) => {
                self.version = e.version;
                self.policy = e.policy.clone();
            }
            Event::MarketPackIssued(e) => {
                self.packs.insert(e.digest);
            }
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        Refs::default()
    }

    fn status(&self) -> &'static str {
        if self.time_zone.is_some() { "open" } else { "unknown" }
    }
}

#[cfg(test)]
mod tests {
    use super::zone_shaped;

    #[test]
    fn a_time_zone_is_utc_or_area_and_city() {
        for good in
            ["UTC", "Asia/Shanghai", "America/Sao_Paulo", "America/Argentina/Buenos_Aires", "Etc/GMT+3"]
        {
            assert!(zone_shaped(good), "{good}");
        }
        for bad in ["", "Shanghai", "asia/shanghai", "Asia/", "/Asia", "GMT+8", "A/B/C/D", "Asia/Shang hai"] {
            assert!(!zone_shaped(bad), "{bad}");
        }
    }
}
