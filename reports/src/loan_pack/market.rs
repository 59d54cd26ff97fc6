//! The page of a market's pack.

use daybook_packs::{Figures, MarketFacts, market_definitions};

use super::page::{by_month, definitions, lines_of, list, table_of, value, verification};
use super::{Head, to_check};
use crate::page::{Branch, Page, Part};

/// What is asked first.
const FIRST: &[&str] = &[
    "market.gmv",
    "market.refunds",
    "market.net_gmv",
    "market.take",
    "market.take.rate",
    "market.contribution",
    "market.merchants",
    "market.merchants.active",
    "market.buyers",
    "market.owed",
    "market.held",
    "market.held.own",
    "market.held.cover",
    "market.size.share",
    "market.size.source",
];
const CONCENTRATION: &[&str] = &[
    "market.concentration.hhi",
    "market.concentration.top_1",
    "market.concentration.top_10",
    "market.concentration.top_100",
];
const RETENTION: &[&str] = &[
    "market.retention.buyers_1",
    "market.retention.buyers_3",
    "market.retention.buyers_12",
    "market.retention.merchants_1",
    "market.retention.merchants_3",
    "market.retention.merchants_12",
    "market.retention.known_gmv",
    "market.merchants.kept",
];
const COURSE: &[&str] = &[
    "market.measured.from",
    "market.growth.year",
    "market.growth.quarter",
    "market.trend.slope",
    "market.trend.low",
    "market.trend.high",
    "market.volatility.weekly",
    "market.volatility.drawdown",
    "market.days.zero",
];

/// A table by month: its id, its id on the page, heading, note, columns besides the month, and the lines that are drawn.
type ByMonth = (
    &'static str,
    (&'static str, &'static str),
    &'static str,
    &'static [&'static str],
    (&'static str, &'static [(&'static str, &'static str)]),
);

const BY_MONTH: &[ByMonth] = &[
    (
        "sales",
        ("sales", "Sales, each month"),
        "Sales count by the day on which their payment was complete, refunds by their own.",
        &[
            "month",
            "market.orders.paid",
            "market.buyers",
            "market.buyers.new",
            "market.gmv",
            "market.subsidised",
            "market.refunds",
            "market.net_gmv",
            "market.unit_price",
            "market.order_average",
        ],
        ("GMV and refunds, each month", &[("GMV", "market.gmv"), ("Refunds", "market.refunds")]),
    ),
    (
        "traffic",
        ("traffic", "Traffic and conversion, each month"),
        "Where there are visitors, GMV after a visit = visitors x conversion x unit price after a visit, exactly, before rounding. What no visit is known to have led to \
         stands apart: all three come to the GMV.",
        &[
            "month",
            "market.uv",
            "market.visits",
            "market.tracked.buyers",
            "market.tracked.conversion",
            "market.tracked.unit_price",
            "market.tracked.gmv",
            "market.reported.gmv",
            "market.untracked.gmv",
            "market.tracked.share",
        ],
        (
            "Visitors and buyers, each month",
            &[("Visitors", "market.uv"), ("Buyers after a visit", "market.tracked.buyers")],
        ),
    ),
    (
        "merchants",
        ("merchants", "Merchants, each month"),
        "Merchants are counted, and numbered by what they sold: none is named.",
        &[
            "month",
            "market.merchants",
            "market.merchants.active",
            "market.merchants.opened",
            "market.merchants.new",
            "market.merchants.left",
            "market.merchants.kept",
        ],
        ("Merchants, each month", &[("There", "market.merchants"), ("Active", "market.merchants.active")]),
    ),
    (
        "take",
        ("take", "What the market took and bore, each month"),
        "As booked: the market's own revenue is not its sales. What it spends outside of these books (staff, rent) is in none of it.",
        &[
            "month",
            "market.take.commission",
            "market.take.fees",
            "market.take.other",
            "market.take",
            "market.take.rate",
            "market.cost.subsidies",
            "market.cost.providers",
            "market.cost.promotion",
            "market.cost.claims",
            "market.cost.other",
            "market.contribution",
        ],
        (
            "Income and contribution, each month",
            &[("Income", "market.take"), ("Contribution", "market.contribution")],
        ),
    ),
    (
        "owed",
        ("owed", "Owed and held, at the end of each month"),
        "What merchants and buyers are owed against what the books say that providers and banks hold. Whether they hold it they alone can say.",
        &[
            "month",
            "market.owed.merchants",
            "market.owed.receivable",
            "market.owed.deposits",
            "market.owed.buyers",
            "market.owed",
            "market.held",
            "market.held.own",
            "market.held.cover",
        ],
        ("Owed and held", &[("Owed", "market.owed"), ("Held", "market.held")]),
    ),
    (
        "cases",
        ("cases", "Disputes and chargebacks, each month"),
        "A dispute counts as closed when nothing more can come of it.",
        &[
            "month",
            "market.disputes.opened",
            "market.disputes.opened_amount",
            "market.disputes.for_buyer",
            "market.disputes.for_merchant",
            "market.disputes.split",
            "market.disputes.open_amount",
            "market.chargebacks.opened",
            "market.chargebacks.lost",
            "market.chargebacks.lost_amount",
            "market.chargebacks.open_amount",
        ],
        (
            "Disputes and chargebacks opened",
            &[("Disputes", "market.disputes.opened"), ("Chargebacks", "market.chargebacks.opened")],
        ),
    ),
];

pub(super) fn page(facts: &MarketFacts, figures: &Figures) -> Page {
    let subject = &facts.subject;
    let others = Some(subject.orders_in_other_currencies).filter(|count| *count > 0);
    let others = others.map(|count| ("Not in it", format!("{count} orders paid in other currencies")));
    let mut of = Head::from(subject).facts(others.into_iter().collect());
    of.push(to_check());
    let mut parts = vec![
        list(
            figures,
            "first",
            "What is asked first",
            "GMV is what buyers paid to merchants; the market's own revenue is its income. Each figure has its definition at the end, by the id \
             beside it.",
            FIRST,
        ),
        verification(
            "sales.csv, traffic.csv, books.csv",
            ", nor that the counts of visitors and buyers are those of the journal: who has it draws the pack again (`daybook loan-pack redraw`)",
            subject.issued.is_none(),
        ),
    ];
    for (table, named, note, columns, (title, drawn)) in BY_MONTH {
        let Some(table) = figures.table(table) else { continue };
        parts.push(by_month(table, *named, note, columns, lines_of(table, title, drawn)));
    }
    let some = |id: &'static str, title: &str, note: &str| -> Option<Part> {
        let table = figures.table(id).filter(|table| !table.rows.is_empty())?;
        Some(Part { note: note.to_owned(), ..table_of(id, title, table) })
    };
    parts.extend(some(
        "channels",
        "How visitors came",
        "Over all days; an order counts for its visitor's last visit.",
    ));
    parts.push(list(
        figures,
        "concentration",
        "Concentration",
        "On how few merchants the GMV rests.",
        CONCENTRATION,
    ));
    parts.extend(some("largest", "Largest merchants", "By their numbers in merchants.csv."));
    parts.push(list(
        figures,
        "retention",
        "Retention",
        "Of those who first came in a month of the pack, who came again.",
        RETENTION,
    ));
    parts.extend(some("buyers", "Buyers by first month", "").map(|part| Part { picture: None, ..part }));
    parts.extend(some("sellers", "Merchants by first sale", "").map(|part| Part { picture: None, ..part }));
    parts.push(list(
        figures,
        "course",
        "Growth, trend, variation",
        "Of net GMV. The trend with its interval and the variation are estimates.",
        COURSE,
    ));
    parts.extend(some(
        "share",
        "Share of the stated market size",
        "The market's own claim: the size is not known to the journal, and rests on the source that is named.",
    ).map(|part| Part { picture: None, ..part }));
    parts.push(definitions(&market_definitions()));
    Page {
        title: format!("Loan pack of {}", subject.market),
        facts: of,
        tree: Some(tree(figures, subject.currency.as_str())),
        parts,
    }
}

fn tree(figures: &Figures, currency: &str) -> Branch {
    let branch = |sign: &'static str, name: &str, id: &str| Branch {
        sign,
        name: name.to_owned(),
        value: value(figures, id),
        ..Branch::default()
    };
    let tracked = Branch {
        branches: vec![
            branch("", "Visitors", "market.uv"),
            branch("×", "Conversion", "market.tracked.conversion"),
            branch("×", "Unit price", "market.tracked.unit_price"),
        ],
        ..branch("", "After a visit", "market.tracked.gmv")
    };
    Branch {
        name: format!("GMV, {currency}"),
        branches: vec![
            tracked,
            branch("+", "Where sales channels report", "market.reported.gmv"),
            branch("+", "Without a visit", "market.untracked.gmv"),
        ],
        ..branch("", "", "market.gmv")
    }
}
