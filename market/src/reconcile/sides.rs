//! What books, provider and bank say of a payout.

use std::collections::BTreeMap;

use daybook_domain::provider::events::StatementLineMatched;
use daybook_domain::{Money, Timestamp, allocate};
use daybook_reconciliation::books::Entry;
use daybook_reconciliation::matching::Outcome;
use serde::Serialize;

use super::gather::Gathered;
use super::prepare::Prepared;

/// A payout of a provider: what the books, the provider and the bank say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThreeSides {
    /// The provider's reference.
    pub reference: String,
    /// When the books have it.
    pub at: Timestamp,
    /// What the books say left the provider, its fee included.
    pub sent: Money,
    /// What the provider's statement says left it.
    pub provider: Option<Money>,
    /// What the books say came to the bank.
    pub received: Money,
    /// What the bank's statement says came.
    pub bank: Option<Money>,
    /// The provider.
    pub from: String,
    /// The bank account.
    pub to: String,
}

/// Writes down what a match of an earlier file says of each of its entries.
pub(super) fn tell_of(told: &mut BTreeMap<String, Money>, x: &StatementLineMatched) {
    let entries = x.entries.iter().map(|e| (e.entry.as_str(), e.gross, e.fee)).collect::<Vec<_>>();
    tell(told, x.lines.iter().map(|l| l.net), &entries);
}

/// Writes down what lines say of each of the entries that they match: id, gross and fee.
fn tell(
    told: &mut BTreeMap<String, Money>,
    mut lines: impl Iterator<Item = Money>,
    entries: &[(&str, Money, Money)],
) {
    let Some(first) = lines.next() else { return };
    // no sum of two currencies says what moved
    let Ok(net) = lines.try_fold(first, Money::add) else { return };
    for ((id, ..), share) in entries.iter().zip(shares(net, entries)) {
        told.insert((*id).to_owned(), share);
    }
}

/// Lines speak of their entries together: each has its own of it where the sums agree, else its part by what the books
/// have of it. Empty where no part can be told.
fn shares(net: Money, entries: &[(&str, Money, Money)]) -> Vec<Money> {
    if let [_] = entries {
        return vec![net];
    }
    let own: Result<Vec<Money>, _> = entries.iter().map(|(_, gross, fee)| gross.sub(*fee)).collect();
    let Ok(own) = own else { return Vec::new() };
    if own.iter().try_fold(Money::zero(net.currency), |sum, of| sum.add(*of)) == Ok(net) {
        return own;
    }
    if own.iter().any(|of| of.currency != net.currency) {
        return Vec::new();
    }
    let weights: Vec<i64> = own.iter().map(|of| of.minor.saturating_abs()).collect();
    let parts = allocate(net.minor, &weights).unwrap_or_default();
    parts.into_iter().map(|minor| Money::new(minor, net.currency)).collect()
}

/// The provider's payouts within the period: what books, provider and bank say of each.
pub(super) fn three_sides(input: &Prepared, gathered: &Gathered, outcome: &Outcome) -> Vec<ThreeSides> {
    let mut told = gathered.told.clone();
    for found in &outcome.matches {
        let entries = found.entries.iter().map(|n| &gathered.entries[*n]);
        let entries = entries.map(|e| (e.id.as_str(), e.gross, e.fee)).collect::<Vec<_>>();
        tell(&mut told, found.lines.iter().map(|n| input.lines[*n].net), &entries);
    }
    // both halves of a payout are parts of one event: part 0 left the provider, part 1 reached the bank
    let here = gathered.entries.iter().filter(|e| e.event == "ProviderPaidOut");
    let here = here.filter(|e| e.at >= input.from && e.at < input.to);
    let halves: BTreeMap<&str, &Entry> = gathered
        .entries
        .iter()
        .chain(&gathered.elsewhere)
        .filter(|e| e.event == "ProviderPaidOut")
        .map(|e| (e.id.as_str(), e))
        .collect();
    let sides = here.filter_map(|e| {
        let id = e.id.rsplit_once('/')?.0;
        let left = halves.get(format!("{id}/0").as_str())?;
        let came = halves.get(format!("{id}/1").as_str())?;
        Some(ThreeSides {
            reference: left.references.first().cloned().unwrap_or_default(),
            at: left.at,
            sent: Money::new(-left.gross.minor.saturating_sub(left.fee.minor), left.gross.currency),
            provider: told.get(&left.id).map(|m| Money::new(-m.minor, m.currency)),
            received: came.gross,
            bank: told.get(&came.id).copied(),
            from: left.place.clone(),
            to: came.place.clone(),
        })
    });
    sides.collect()
}
