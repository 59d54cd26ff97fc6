//! The page.

use daybook_packs::{DEFINITIONS, Definition, Facts, Figures, Series, Unit};

use super::lists::{ACCOUNT, BACK, CASES, CLOSING, COURSE, FIRST, LIQUIDITY, PAID_OUT, RATES, SALES, TRACES};
use super::{Head, grouped, percent, to_check};
use crate::page::{Branch, Drawn, Grid, Page, Part, Picture};

pub(super) fn page(facts: &Facts, figures: &Figures) -> Page {
    let subject = &facts.subject;
    let name = standing(facts, "name").map_or(String::new(), |name| format!(" ({name})"));
    let issued = subject.issued.as_ref();
    let mut of = vec![("Market", subject.market.clone())];
    of.extend(Head::from(subject).facts(Vec::new()));
    of.extend(issued.map(|issued| ("Consent", issued.consent_ref.clone())));
    of.push(to_check());
    let mut parts = vec![list(
        figures,
        "first",
        "What is asked first",
        "Turnover that buyers paid themselves, apart from what the market added; what is claimed and not decided is contingent. \
         Each figure has its definition at the end, by the id beside it.",
        FIRST,
    )];
    let elsewhere = figures.table("currencies").filter(|table| !table.rows.is_empty());
    parts.extend(elsewhere.map(|table| Part {
        note: "What the merchant did in other currencies is in none of the pack's figures. By the market's word: these lines are not in the \
               pack."
            .to_owned(),
        ..table_of("currencies", "Other currencies", table)
    }));
    parts.push(verification(
        "orders.csv, account.csv",
        "; that the account of closed months lacks no line is proved by the statement in proof/, and `account_complete` says of which months",
        issued.is_none(),
    ));
    parts.push(identity(facts));
    let net = lines(
        figures,
        "Net turnover, each month",
        &[("Net turnover", "turnover.net"), ("Refunds", "refunds.by_refund")],
    );
    parts.push(months(
        figures,
        ("sales", "Sales, each month"),
        "Sales count by the day on which their payment was complete.",
        SALES,
        net,
    ));
    parts.push(months(
        figures,
        ("back", "Refunds, each month"),
        "By their own day, and by their order's.",
        BACK,
        None,
    ));
    parts.push(months(
        figures,
        ("cases", "Disputes, each month"),
        "Those of the market, and claims of banks. Decided is what can no longer be appealed.",
        CASES,
        None,
    ));
    parts.push(months(
        figures,
        ("account", "Account, each month"),
        "As booked: what became the merchant's, and what was taken from it. What the deposit bore stands beside it.",
        ACCOUNT,
        None,
    ));
    parts.push(months(
        figures,
        ("paid-out", "Settled and paid out, each month"),
        "As booked. What is settled may be paid out.",
        PAID_OUT,
        None,
    ));
    let balance = lines(
        figures,
        "Balance at the end of each month",
        &[("Balance", "closing.balance"), ("Deposit", "closing.deposit")],
    );
    parts.push(months(
        figures,
        ("closing", "Balances, at the end of each month"),
        "What the market owes the merchant, and its deposit.",
        CLOSING,
        balance,
    ));
    parts.push(list(
        figures,
        "traces",
        "Corroboration",
        "How much of the turnover that was kept other traces of the same log speak for; each order's grade is in grades.csv. A and B have a \
         trace from outside, which neither buyer nor merchant made.",
        TRACES,
    ));
    for (id, title) in [("corroboration", "Grades of orders"), ("flags", "Patterns to ask about")] {
        let told = figures.table(id).filter(|table| !table.rows.is_empty());
        parts.extend(told.map(|table| Part { note: left_out(figures, table), ..table_of(id, title, table) }));
    }
    parts.push(list(
        figures,
        "rates",
        "Ratios",
        "Of orders paid within the days, as they stood on the last.",
        RATES,
    ));
    parts.push(list(
        figures,
        "course",
        "Growth, trend, variation",
        "The trend with its interval and the variations are estimates.",
        COURSE,
    ));
    parts.push(list(
        figures,
        "liquidity",
        "Liquidity and payouts",
        "Balances at the ends of days.",
        LIQUIDITY,
    ));
    for (id, title) in [
        ("buyers", "Largest buyers"),
        ("products", "Largest products"),
        ("categories", "Categories"),
        ("sales_channels", "Sales channels"),
        ("seasons", "Seasons"),
        ("weekdays", "Days of the week"),
    ] {
        parts.extend(figures.table(id).map(|table| table_of(id, title, table)));
    }
    parts.push(definitions(DEFINITIONS));
    Page {
        title: format!("Loan pack of {}{name}", subject.merchant),
        facts: of,
        tree: Some(tree(figures, subject.currency.as_str())),
        parts,
    }
}

/// How many patterns the table has not.
fn left_out(figures: &Figures, table: &Series) -> String {
    let all = figures.get("flags").and_then(|all| all.parse::<usize>().ok()).filter(|_| table.id == "flags");
    match all.and_then(|all| all.checked_sub(table.rows.len())) {
        Some(more) if more > 0 => format!("The largest by turnover; {more} more are in none of these rows."),
        _ => String::new(),
    }
}

/// The last that was said of the merchant.
fn standing<'f>(facts: &'f Facts, what: &str) -> Option<&'f str> {
    facts.standing.iter().rev().find(|row| row.what == what).map(|row| row.value.as_str())
}

/// A value as a person reads it.
fn shown(definition: Option<&Definition>, value: Option<&str>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    match definition.map(|definition| definition.unit) {
        Some(Unit::Ratio)
            if !definition.is_some_and(|of| of.id.contains("hhi") || of.id.ends_with("index")) =>
        {
            percent(value)
        }
        Some(Unit::Text) => value.to_owned(),
        _ => grouped(value),
    }
}

pub(super) fn value(figures: &Figures, id: &str) -> String {
    shown(Definition::of(id), figures.get(id))
}

fn tree(figures: &Figures, currency: &str) -> Branch {
    let branch = |sign: &'static str, name: &str, id: &str| Branch {
        sign,
        name: name.to_owned(),
        value: value(figures, id),
        ..Branch::default()
    };
    let paid = Branch {
        branches: vec![
            branch("", "Orders paid", "orders.paid"),
            branch("×", "Average order", "order_average"),
        ],
        ..branch("", "Paid by buyers", "turnover.buyer_paid")
    };
    Branch {
        name: format!("Net turnover, {currency}"),
        branches: vec![paid, branch("−", "Refunds, by their own day", "refunds.by_refund")],
        ..branch("", "", "turnover.net")
    }
}

pub(super) fn columns(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    names.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

pub(super) fn list(
    figures: &Figures,
    id: &'static str,
    title: &str,
    note: &str,
    ids: &[&'static str],
) -> Part {
    let row = |id: &&str| {
        let title = Definition::of(id).map_or(*id, |definition| definition.title);
        vec![title.to_owned(), value(figures, id), (*id).to_owned()]
    };
    Part {
        id,
        title: title.to_owned(),
        note: note.to_owned(),
        grid: Grid {
            columns: columns(&[("Figure", false), ("Value", true), ("Definition", false)]),
            rows: ids.iter().map(row).collect(),
        },
        ..Part::default()
    }
}

fn months(
    figures: &Figures,
    named: (&'static str, &str),
    note: &str,
    ids: &[&'static str],
    picture: Option<Picture>,
) -> Part {
    figures.table("months").map_or_else(Part::default, |table| by_month(table, named, note, ids, picture))
}

/// Some columns of a table by month.
pub(super) fn by_month(
    table: &Series,
    (id, title): (&'static str, &str),
    note: &str,
    ids: &[&'static str],
    picture: Option<Picture>,
) -> Part {
    let places: Vec<(usize, &Definition)> = ids
        .iter()
        .filter_map(|id| Some((table.columns.iter().position(|column| column == id)?, Definition::of(id)?)))
        .collect();
    let rows = table.rows.iter().map(|row| {
        places.iter().map(|(place, definition)| shown(Some(definition), row[*place].as_deref())).collect()
    });
    Part {
        id,
        title: title.to_owned(),
        note: note.to_owned(),
        picture,
        grid: Grid {
            columns: places
                .iter()
                .map(|(_, definition)| (definition.title.to_owned(), definition.unit != Unit::Text))
                .collect(),
            rows: rows.collect(),
        },
        ..Part::default()
    }
}

/// Lines over the months.
fn lines(figures: &Figures, title: &str, of: &[(&str, &str)]) -> Option<Picture> {
    lines_of(figures.table("months")?, title, of)
}

/// Lines over the months of a table.
pub(super) fn lines_of(table: &Series, title: &str, of: &[(&str, &str)]) -> Option<Picture> {
    let column = |id: &str| table.columns.iter().position(|column| *column == id);
    let values = |id: &str| {
        let place = column(id)?;
        // lengths to draw, not figures
        Some(table.rows.iter().map(|row| row[place].as_deref()?.parse().ok()).collect())
    };
    let names = table.rows.iter().map(|row| row[0].clone().unwrap_or_default()).collect();
    let lines = of.iter().filter_map(|(name, id)| Some(((*name).to_owned(), values(id)?))).collect();
    Some(Picture { title: title.to_owned(), drawn: Drawn::Lines { names, lines } })
}

pub(super) fn table_of(id: &'static str, title: &str, table: &Series) -> Part {
    let defined: Vec<Option<&Definition>> = table.columns.iter().map(|id| Definition::of(id)).collect();
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| row.iter().zip(&defined).map(|(cell, of)| shown(*of, cell.as_deref())).collect())
        .collect();
    // the name, and the last column's length
    let name = usize::from(table.columns.first() == Some(&"rank"));
    let bars: Vec<(String, f64)> = table
        .rows
        .iter()
        .filter_map(|row| Some((row.get(name)?.clone()?, row.last()?.as_deref()?.parse().ok()?)))
        .map(|(name, length)| (name.chars().take(16).collect(), length))
        .collect();
    Part {
        id,
        title: title.to_owned(),
        picture: Some(Picture { title: title.to_owned(), drawn: Drawn::Bars(bars) }),
        grid: Grid {
            columns: table
                .columns
                .iter()
                .zip(&defined)
                .map(|(id, of)| {
                    (of.map_or(*id, |of| of.title).to_owned(), of.is_some_and(|of| of.unit != Unit::Text))
                })
                .collect(),
            rows,
        },
        ..Part::default()
    }
}

fn identity(facts: &Facts) -> Part {
    let rows = facts.standing.iter().map(|row| {
        vec![row.at.to_string().replacen('T', " ", 1), row.what.replace('_', " "), row.value.clone()]
    });
    Part {
        id: "standing",
        title: "Identity and standing".to_owned(),
        note: "Entry, papers, contract, terms and deposit, in the order of time, as of the last day."
            .to_owned(),
        grid: Grid {
            columns: columns(&[("When (UTC)", false), ("What", false), ("Value", false)]),
            rows: rows.collect(),
        },
        ..Part::default()
    }
}

/// How whoever gets it checks it: `lines` names files that the figures rest on, and `left` what is left to the market's word.
pub(super) fn verification(lines: &str, left: &str, draft: bool) -> Part {
    let whole = format!(
        "the whole pack (folder or zip), not this page alone: the figures rest on its lines ({lines}, ...)."
    );
    let steps = [
        ("Take", whole.as_str()),
        (
            "Get",
            "the market's public key from the market itself, not from the pack; it is the same for every pack.",
        ),
        ("Run", "daybook loan-pack verify FILE --key PUBLIC_KEY, on any machine, without network."),
        (
            "Read",
            "exit code 0: every file is the one listed, every figure was made of the lines again and is the same, and the market's \
                  signed log has this pack as issued. 1: what does not hold is printed.",
        ),
    ];
    let rows = steps.iter().map(|(step, what)| vec![(*step).to_owned(), (*what).to_owned()]).collect();
    let draft = if draft { " This is a draft: no log has it." } else { "" };
    Part {
        id: "verify",
        title: "How to check this".to_owned(),
        note: format!(
            "It proves that these figures follow from these lines and that the market recorded handing over just these; not that what was \
             recorded was true{left}.{draft}"
        ),
        grid: Grid { columns: columns(&[("Step", false), ("What", false)]), rows },
        ..Part::default()
    }
}

pub(super) fn definitions(of: &[Definition]) -> Part {
    let rows = of.iter().map(|of| vec![of.id.to_owned(), of.title.to_owned(), of.means.to_owned()]).collect();
    Part {
        id: "definitions",
        title: "Definitions".to_owned(),
        note: "\"Within\" is within the days of the pack, or of the month; business days of the market's time zone.".to_owned(),
        grid: Grid { columns: columns(&[("Id", false), ("Name", false), ("What it is", false)]), rows },
        ..Part::default()
    }
}
