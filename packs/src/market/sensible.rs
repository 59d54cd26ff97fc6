//! What the lines of any market's pack are like: nothing is less than nothing, months add up to all days, and nobody comes back who never came.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::facts::{MarketFacts, Month, Traffic};

/// The accounts that are what a merchant is owed, its deposit in them.
const OWED: [&str; 7] = [
    "Liabilities:MerchantPending",
    "Liabilities:MerchantAvailable",
    "Liabilities:MerchantHeld",
    "Liabilities:MerchantReserve",
    "Liabilities:PayoutInTransit",
    "Liabilities:Deposit",
    "Liabilities:DepositFrozen",
];
/// Those that are its deposit.
const DEPOSIT: [&str; 2] = ["Liabilities:Deposit", "Liabilities:DepositFrozen"];

/// Finds lines that cannot be.
pub fn check(facts: &MarketFacts, wrong: &mut Vec<String>) {
    amounts(facts, wrong);
    owed(facts, wrong);
    visits(facts, wrong);
    cohorts(facts, wrong);
    members(facts, wrong);
    cases(facts, wrong);
    began(facts, wrong);
}

fn amounts(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let mut below = |file: &str, at: usize, amounts: &[crate::Minor]| {
        if amounts.iter().any(|amount| amount.0 < 0) {
            wrong.push(format!("{file}, row {}: an amount is below zero", at + 1));
        }
    };
    for (at, row) in facts.sales.iter().enumerate() {
        below("sales.csv", at, &[row.paid, row.subsidy, row.shortfall, row.refunded, row.refunded_of_orders]);
    }
    for (at, row) in facts.owed.iter().enumerate() {
        below("owed.csv", at, &[row.merchants, row.receivable, row.deposits]);
    }
    for (at, row) in facts.days.iter().enumerate() {
        below("days.csv", at, &[row.paid, row.refunded]);
    }
    for (at, row) in facts.buyers.iter().enumerate() {
        below("buyers.csv", at, &[row.paid]);
    }
    for (at, row) in facts.traffic.iter().enumerate() {
        below("traffic.csv", at, &[row.paid]);
    }
    for (at, row) in facts.cases.iter().enumerate() {
        below("cases.csv", at, &[row.claimed, row.closed_claims, row.lost]);
    }
    for (at, row) in facts.sales.iter().enumerate() {
        if row.refunded_of_orders > row.paid || (row.paid.0 > 0 && row.paid_orders == 0) {
            wrong.push(format!(
                "sales.csv, row {}: it gave back more than was paid, or was paid without an order",
                at + 1
            ));
        }
    }
    let sum = |of: fn(&super::Sales) -> i64| facts.sales.iter().map(|row| i128::from(of(row))).sum::<i128>();
    let (of_orders, all) = (sum(|row| row.refunded_of_orders.0), sum(|row| row.refunded.0));
    if of_orders > all {
        wrong.push(format!(
            "sales.csv: {of_orders} went back of the orders of these days, and {all} in all of them"
        ));
    }
}

/// What merchants are owed less what they owe is what the books say, and so are their deposits.
fn owed(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let mut books: BTreeMap<Option<Month>, (i128, i128)> = BTreeMap::new();
    for row in &facts.books {
        let (owed, deposit) = books.entry(row.month).or_default();
        let (account, change) = (row.account.as_str(), i128::from(row.change.0));
        *owed -= if OWED.contains(&account) { change } else { 0 };
        *deposit -= if DEPOSIT.contains(&account) { change } else { 0 };
    }
    let told: HashMap<Option<Month>, _> = facts.owed.iter().map(|row| (row.month, row)).collect();
    let mut so_far = (0, 0);
    for month in std::iter::once(None).chain(facts.subject.months().map(Some)) {
        let named = month
            .map_or_else(|| "before the first month".to_owned(), |month| format!("at the end of {month}"));
        let change = books.get(&month).copied().unwrap_or_default();
        so_far = (so_far.0 + change.0, so_far.1 + change.1);
        let Some(row) = told.get(&month) else {
            wrong.push(format!("owed.csv does not say what merchants were owed {named}"));
            continue;
        };
        let net = i128::from(row.merchants.0) - i128::from(row.receivable.0);
        if net != so_far.0 {
            wrong.push(format!(
                "what merchants are owed {named}: owed.csv comes to {net}, books.csv to {}",
                so_far.0
            ));
        }
        if i128::from(row.deposits.0) != so_far.1 {
            wrong.push(format!("deposits {named}: owed.csv has {}, books.csv {}", row.deposits.0, so_far.1));
        }
    }
}

/// Rows that are parts of one, and that one.
#[derive(Default)]
struct Parts<'f> {
    /// What adds up.
    sums: [i128; 4],
    /// Of people (visitors, buyers, new visitors) the sum and the most.
    people: [(i128, i128); 3],
    whole: Option<&'f Traffic>,
}

impl<'f> Parts<'f> {
    /// What adds up of a row: orders, payments, visits, views.
    fn adds(row: &Traffic) -> [i128; 4] {
        [row.orders.into(), row.paid.0.into(), row.visits.into(), row.views.into()]
    }

    /// People: they count once in each row.
    fn people(row: &Traffic) -> [i128; 3] {
        [row.visitors.unwrap_or_default().into(), row.buyers.into(), row.new_visitors.into()]
    }

    fn take(&mut self, row: &'f Traffic, part: bool) {
        if !part {
            self.whole = Some(row);
            return;
        }
        self.sums.iter_mut().zip(Self::adds(row)).for_each(|(sum, by)| *sum += by);
        for ((sum, most), of) in self.people.iter_mut().zip(Self::people(row)) {
            *sum += of;
            *most = (*most).max(of);
        }
    }

    /// Whether channels come to the whole; of people it has no fewer than any of them, and no more than all.
    fn fit(&self) -> bool {
        let all = self.whole.map(Self::people).unwrap_or_default();
        self.add_up() && self.people.iter().zip(all).all(|((sum, most), of)| *most <= of && of <= *sum)
    }

    /// Whether months come to the whole, likewise; but new is each visitor in one month alone. Whom channels report of a month nobody
    /// counts once.
    fn fit_months(&self, people: bool) -> bool {
        let all = self.whole.map(Self::people).unwrap_or_default();
        let [visitors, buyers, new] = self.people;
        let within = |(sum, most): (i128, i128), of: i128| most <= of && of <= sum;
        let fits = within(visitors, all[0]) && within(buyers, all[1]) && new.0 <= all[2];
        self.add_up() && (fits || !people)
    }

    fn add_up(&self) -> bool {
        self.sums == self.whole.map(Self::adds).unwrap_or_default()
    }
}

/// What adds up over months or over channels, and what of each can only be more.
fn visits(facts: &MarketFacts, wrong: &mut Vec<String>) {
    // by how it was counted and by channel, over months; by month, over channels
    let mut months: BTreeMap<(&str, Option<&str>), Parts<'_>> = BTreeMap::new();
    let mut channels: BTreeMap<Option<Month>, Parts<'_>> = BTreeMap::new();
    for (at, row) in facts.traffic.iter().enumerate() {
        let reported = row.counted == "reported";
        let of_channel = months.entry((&row.counted, row.channel.as_deref())).or_default();
        of_channel.take(row, row.month.is_some());
        if !reported {
            channels.entry(row.month).or_default().take(row, row.channel.is_some());
        }
        let counts = [row.buyers, row.views, row.visits, row.new_visitors];
        let unknown = if reported { counts.iter().any(|count| *count > 0) } else { row.visitors.is_none() };
        if unknown || row.buyers > row.orders {
            wrong.push(format!(
                "traffic.csv, row {}: it has more buyers than orders, or says what nobody knows",
                at + 1
            ));
        }
    }
    for ((counted, channel), parts) in &months {
        if !parts.fit_months(*counted == "recorded") {
            wrong.push(format!(
                "traffic.csv: the months of {} do not come to all days ({counted})",
                channel.unwrap_or("all channels")
            ));
        }
    }
    for (month, _) in channels.iter().filter(|(_, parts)| !parts.fit()) {
        let named = month.map_or_else(|| "all days".to_owned(), |month| month.to_string());
        wrong.push(format!("traffic.csv: the channels of {named} do not come to all of them"));
    }
}

/// No more of a cohort come back than came.
fn cohorts(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let first = Month::of(facts.subject.from);
    let sizes: HashMap<Month, u64> = facts
        .buyers
        .iter()
        .filter(|row| row.cohort == row.month)
        .map(|row| (row.month, row.buyers))
        .collect();
    for (at, row) in facts.buyers.iter().enumerate() {
        let size = sizes.get(&row.cohort).copied().unwrap_or_default();
        if row.cohort >= first && row.buyers > size {
            wrong.push(format!(
                "buyers.csv, row {}: {} of the {size} buyers of {} came back",
                at + 1,
                row.buyers,
                row.cohort
            ));
        }
    }
}

fn members(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let (first, last) = (Month::of(facts.subject.from), Month::of(facts.subject.to));
    let sold: HashSet<(u32, Month)> =
        facts.sales.iter().filter(|row| row.paid_orders > 0).map(|row| (row.merchant, row.month)).collect();
    let mut turnover = vec![0i128; facts.members.len()];
    for row in &facts.sales {
        if let Some(sum) = turnover.get_mut((row.merchant as usize).wrapping_sub(1)) {
            *sum += i128::from(row.paid.0);
        }
    }
    for (at, member) in facts.members.iter().enumerate() {
        let months = [member.opened, member.left, member.first_sale];
        let late = months.into_iter().flatten().any(|month| month > last);
        let gone = member.left.is_some_and(|left| member.opened.is_none_or(|opened| left < opened));
        let new = member.first_sale.filter(|month| *month >= first);
        if late || gone || new.is_some_and(|month| !sold.contains(&(member.merchant, month))) {
            wrong.push(format!(
                "merchants.csv, row {}: it left before it opened, came after the last day, or first sold in a month without a sale",
                at + 1
            ));
        }
        if at > 0 && turnover[at] > turnover[at - 1] {
            wrong.push(format!("merchants.csv: merchant {} sold more than merchant {at}", at + 1));
        }
    }
}

/// No more is closed than was opened.
fn cases(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let mut open: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    let mut rows: Vec<_> = facts.cases.iter().collect();
    rows.sort_by_key(|row| row.month);
    for row in rows {
        let (count, claims) = open.entry(&row.kind).or_default();
        *count += i128::from(row.opened) - i128::from(row.closed);
        *claims += i128::from(row.claimed.0) - i128::from(row.closed_claims.0);
        // a bank ends a case for one of the two, and keeps money where it ends for the buyer: more than it claimed, if it says so
        let chargeback = row.kind == "chargeback";
        let odd = if chargeback { row.split > 0 } else { row.lost.0 > 0 };
        let of_none = (row.opened == 0 && row.claimed.0 > 0)
            || (row.closed == 0 && row.closed_claims.0 > 0)
            || (row.for_buyer == 0 && row.lost.0 > 0);
        let odd = odd || of_none;
        if *count < 0 || *claims < 0 || odd {
            let named =
                row.month.map_or_else(|| "before the first month".to_owned(), |month| month.to_string());
            wrong.push(format!(
                "cases.csv: more {}s were closed by {named} than opened, or they ended as none of them does, or amounts are of none",
                row.kind
            ));
        }
    }
}

/// Nothing was sold, booked or opened before the market began.
fn began(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let subject = &facts.subject;
    let began = Month::of(subject.began);
    let before = facts.books.iter().any(|row| row.month.is_none())
        || facts.cases.iter().any(|row| row.month.is_none());
    let mut months =
        facts.buyers.iter().map(|row| row.cohort).chain(facts.books.iter().filter_map(|row| row.month));
    let early = (subject.began > subject.from && before)
        || facts.days.iter().any(|row| row.day < subject.began)
        || months.any(|month| month < began);
    if early {
        wrong.push(format!(
            "something stands there from before {}, when the market is said to have begun",
            subject.began
        ));
    }
}
