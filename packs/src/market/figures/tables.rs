//! What the months come to, as tables by what it is about.

use std::collections::BTreeSet;

use daybook_domain::Currency;

use super::months::{Months, Sums};
use crate::figures::{Out, Series};
use crate::market::facts::Traffic;
use crate::numbers::{money, money_each, ratio};

const FEES: [&str; 3] = ["PlatformFee", "Advertising", "FeeWaived"];
const SUBSIDIES: [&str; 2] = ["Subsidy", "Points"];
const PROVIDERS: [&str; 2] = ["ProviderFee", "BankFee"];
const PROMOTION: [&str; 2] = ["Advertising", "Affiliate"];
const CLAIMS: [&str; 4] = ["Goodwill", "ChargebackLoss", "ReturnFreight", "PaymentDifference"];

/// Columns of a table, with their values for some sums.
type Columns = Vec<(&'static str, Option<String>)>;

/// What a table tells of a month, or of all.
type Told = fn(&Sums<'_>, Currency) -> Columns;

impl Months<'_> {
    pub fn tell(&self, out: &mut Out) {
        let currency = self.facts.subject.currency;
        for (table, of) in TABLES {
            for (id, value) in of(&self.all, currency) {
                out.figure(id, value);
            }
            let ids = of(&self.all, currency).into_iter().map(|(id, _)| id);
            let rows = self.names.iter().zip(&self.months).map(|(name, sums)| {
                let values = of(sums, currency).into_iter().map(|(_, value)| value);
                std::iter::once(Some(name.to_string())).chain(values).collect()
            });
            out.tables.push(Series {
                id: table,
                columns: std::iter::once("month").chain(ids).collect(),
                rows: rows.collect(),
            });
        }
        self.share(out, currency);
    }

    /// The share of what is stated to be the whole, of full months.
    fn share(&self, out: &mut Out, currency: Currency) {
        let stated = self.names.iter().zip(&self.months).filter_map(|(name, sums)| {
            let size = sums.size.filter(|_| self.facts.subject.full(*name))?;
            Some((name, sums.gmv, size))
        });
        let stated: Vec<_> = stated.collect();
        let size: i128 = stated.iter().map(|(_, _, size)| i128::from(size.amount.0)).sum();
        let gmv = stated.iter().map(|(_, gmv, _)| gmv).sum();
        let sources: BTreeSet<&str> = stated.iter().map(|(_, _, size)| size.source.as_str()).collect();
        let any = !stated.is_empty();
        out.figure("market.size", any.then(|| money(size, currency)));
        out.figure("market.size.share", ratio(gmv, size));
        out.figure("market.size.source", any.then(|| sources.into_iter().collect::<Vec<_>>().join("; ")));
        let rows = stated.iter().map(|(name, gmv, size)| {
            let amount = i128::from(size.amount.0);
            vec![
                Some(name.to_string()),
                Some(money(*gmv, currency)),
                Some(money(amount, currency)),
                ratio(*gmv, amount),
                Some(size.source.clone()),
            ]
        });
        out.tables.push(Series {
            id: "share",
            columns: vec!["month", "market.gmv", "market.size", "market.size.share", "market.size.source"],
            rows: rows.collect(),
        });
    }
}

/// The tables by month, and what their columns are.
const TABLES: [(&str, Told); 6] = [
    ("sales", sales),
    ("traffic", traffic),
    ("merchants", merchants),
    ("take", take),
    ("owed", owed),
    ("cases", cases),
];

fn count(count: impl ToString) -> Option<String> {
    Some(count.to_string())
}

fn sales(of: &Sums<'_>, currency: Currency) -> Columns {
    let amount = |minor: i128| Some(money(minor, currency));
    vec![
        ("market.orders.placed", count(of.placed)),
        ("market.orders.paid", count(of.paid_orders)),
        ("market.buyers", count(of.buyers)),
        ("market.buyers.new", count(of.new_buyers)),
        ("market.gmv", amount(of.gmv)),
        ("market.subsidised", amount(of.added)),
        ("market.refunds", amount(of.refunded)),
        ("market.net_gmv", amount(of.net())),
        ("market.unit_price", money_each(of.gmv, of.buyers.into(), currency)),
        ("market.order_average", money_each(of.gmv, of.paid_orders.into(), currency)),
        ("market.refunds.rate", ratio(of.refunded_of_orders, of.gmv)),
    ]
}

fn traffic(of: &Sums<'_>, currency: Currency) -> Columns {
    let amount = |minor: i128| Some(money(minor, currency));
    let seen = |figure: fn(&Traffic) -> u64| of.recorded.map(|row| figure(row).to_string());
    let uv = of.recorded.and_then(|row| row.visitors);
    let gmv = |row: Option<&Traffic>| row.map_or(0, |row| i128::from(row.paid.0));
    let buyers = of.recorded.map_or(0, |row| i128::from(row.buyers));
    let (tracked, reported) = (gmv(of.recorded), gmv(of.reported));
    vec![
        ("market.uv", uv.map(|uv| uv.to_string())),
        ("market.uv.new", seen(|row| row.new_visitors)),
        ("market.visits", seen(|row| row.visits)),
        ("market.views", seen(|row| row.views)),
        ("market.tracked.buyers", count(buyers)),
        ("market.tracked.conversion", uv.and_then(|uv| ratio(buyers, uv.into()))),
        ("market.tracked.unit_price", money_each(tracked, buyers, currency)),
        ("market.tracked.gmv", amount(tracked)),
        ("market.reported.uv", of.reported.and_then(|row| row.visitors).map(|uv| uv.to_string())),
        ("market.reported.gmv", amount(reported)),
        ("market.untracked.gmv", amount(of.gmv - tracked - reported)),
        ("market.tracked.share", ratio(tracked + reported, of.gmv)),
    ]
}

fn merchants(of: &Sums<'_>, _: Currency) -> Columns {
    vec![
        ("market.merchants", count(of.there)),
        ("market.merchants.active", count(of.active.len())),
        ("market.merchants.opened", count(of.opened)),
        ("market.merchants.new", count(of.first_sales)),
        ("market.merchants.left", count(of.left)),
        ("market.merchants.kept", ratio(of.kept.1, of.kept.0)),
    ]
}

fn take(of: &Sums<'_>, currency: Currency) -> Columns {
    let amount = |minor: i128| Some(money(minor, currency));
    let income = -of.booked("Income", |_| true);
    let (commission, fees) = (of.income(&["Commission"]), of.income(&FEES));
    let cost = of.booked("Expenses", |_| true);
    let [subsidies, providers, promotion, claims] =
        [&SUBSIDIES[..], &PROVIDERS, &PROMOTION, &CLAIMS].map(|names| of.cost(names));
    vec![
        ("market.take.commission", amount(commission)),
        ("market.take.fees", amount(fees)),
        ("market.take.other", amount(income - commission - fees)),
        ("market.take", amount(income)),
        ("market.take.rate", ratio(income, of.gmv)),
        ("market.cost.subsidies", amount(subsidies)),
        ("market.cost.providers", amount(providers)),
        ("market.cost.promotion", amount(promotion)),
        ("market.cost.claims", amount(claims)),
        ("market.cost.other", amount(cost - subsidies - providers - promotion - claims)),
        ("market.contribution", amount(income - cost)),
    ]
}

fn owed(of: &Sums<'_>, currency: Currency) -> Columns {
    let amount = |minor: i128| Some(money(minor, currency));
    let all = of.owed + of.clients;
    vec![
        ("market.owed.merchants", amount(of.owed)),
        ("market.owed.receivable", amount(of.receivable)),
        ("market.owed.deposits", amount(of.deposits)),
        ("market.owed.buyers", amount(of.clients)),
        ("market.owed", amount(all)),
        ("market.held", amount(of.held)),
        ("market.held.own", amount(of.held - all)),
        ("market.held.cover", ratio(of.held, all)),
    ]
}

fn cases(of: &Sums<'_>, currency: Currency) -> Columns {
    let amount = |minor: i128| Some(money(minor, currency));
    let (d, c) = (&of.disputes, &of.chargebacks);
    vec![
        ("market.disputes.opened", count(d.opened)),
        ("market.disputes.opened_amount", amount(d.opened_amount)),
        ("market.disputes.for_buyer", count(d.for_buyer)),
        ("market.disputes.for_merchant", count(d.for_merchant)),
        ("market.disputes.split", count(d.split)),
        ("market.disputes.open", count(d.open)),
        ("market.disputes.open_amount", amount(d.open_amount)),
        ("market.disputes.rate", ratio(i128::from(d.opened) + i128::from(c.opened), of.paid_orders.into())),
        ("market.chargebacks.opened", count(c.opened)),
        ("market.chargebacks.opened_amount", amount(c.opened_amount)),
        ("market.chargebacks.won", count(c.closed.saturating_sub(c.for_buyer))),
        ("market.chargebacks.lost", count(c.for_buyer)),
        ("market.chargebacks.lost_amount", amount(c.lost_amount)),
        ("market.chargebacks.open", count(c.open)),
        ("market.chargebacks.open_amount", amount(c.open_amount)),
    ]
}
