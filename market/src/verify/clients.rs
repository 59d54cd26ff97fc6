//! Invariant 14: the clients' money apart from the market's own.

use std::collections::BTreeMap;

use daybook_domain::posting::{Class, account_sides};
use daybook_domain::{Currency, Money};

use super::books::Books;
use super::report::{Check, Report};

/// One currency, minor units.
#[derive(Default)]
struct Funds {
    held: i128,
    owed: i128,
    /// The market's own, by account name: positive where it brought funds, negative where it used them.
    own: BTreeMap<String, i128>,
}

/// Sets what providers and banks hold for clients against what these are owed, and explains the difference. A
/// difference in the clients' disfavour is a shortfall, with what it went on: the market must put in funds of its own.
pub fn check(books: &Books, report: &mut Report) {
    let mut check = Check::new(
        14,
        "what is held for clients less what they are owed is the market's own funds, item by item",
        "currencies",
    );
    let mut funds: BTreeMap<Currency, Funds> = BTreeMap::new();
    for (class, name, currency, balance) in books.balances() {
        let of = funds.entry(currency).or_default();
        let balance = i128::from(balance);
        let clients = account_sides(class, name).is_some_and(|line| line.clients);
        match (clients, class) {
            (true, Class::Assets) => of.held += balance,
            // what one client owes the market pays nobody else
            (true, _) if balance <= 0 => of.owed -= balance,
            (true, _) => *of.own.entry(format!("owed to the market on {name}")).or_default() -= balance,
            (false, _) => *of.own.entry(format!("{}:{name}", class.as_str())).or_default() -= balance,
        }
    }
    for (currency, of) in funds {
        let own: i128 = of.own.values().sum();
        let wrong = (of.held - of.owed != own)
            .then(|| format!("held {}, owed {}, and own funds of {own} minor units", of.held, of.owed));
        check.look(|| currency.to_string(), wrong);
        if of.held < of.owed {
            check.short(shortfall(currency, &of));
        }
    }
    report.add(check);
}

fn shortfall(currency: Currency, of: &Funds) -> String {
    let money = |minor: i128| {
        i64::try_from(minor).map_or_else(|_| minor.to_string(), |m| Money::new(m, currency).to_string())
    };
    let used: Vec<String> = of
        .own
        .iter()
        .filter(|(_, amount)| **amount != 0)
        .map(|(name, amount)| format!("{name} {}", money(*amount)))
        .collect();
    format!(
        "{} of the clients' money is not covered: held {}, owed {}; the market's own funds: {}",
        money(of.owed - of.held),
        money(of.held),
        money(of.owed),
        used.join(", ")
    )
}
