//! Metrics and attribution under two definitions.

use std::collections::BTreeMap;

use daybook_domain::Currency;
use daybook_journal::SqliteJournal;
use daybook_metrics::SessionRule;
use daybook_metrics::attribution::{AttributionRule, DEFAULT_LOOK_BACK};
use daybook_projections::metrics::{Attributed, Cell, Cells, Days, Dimension, Earned, History, Question};
use daybook_projections::{AsOf, Calendar};

use super::Args;
use super::difference::{Number, Row, Told};
use super::file::Asked;
use crate::cli::Global;
use crate::failure::Failure;
use crate::figures::{COLUMNS, sells, values};
use crate::open::told as progress_of;
use crate::progress::Progress;
use crate::value::Value;

/// The line of all rows together.
const ALL: &str = "(all)";

/// Adds what differs.
pub fn compare(
    global: &Global,
    args: &Args,
    asked: &Asked,
    (journal, at, days): (&SqliteJournal, AsOf, Days),
    told: &mut Told,
) -> Result<(), Failure> {
    let base = AttributionRule::default();
    let look_back = asked.attribution.map_or(DEFAULT_LOOK_BACK, |rule| rule.look_back.max(base.look_back));
    let mut history = {
        let progress = Progress::new(!global.no_progress, "traffic and sales", 1);
        let calendar = Calendar::of_journal(journal)?;
        // no read models are asked, so theirs are the lists that are named, or the rule's own
        let rule = args.rules.visits().named()?.unwrap_or_default().rule().clone();
        let told = &mut progress_of(&progress);
        History::read(journal, calendar, (days.from, look_back), rule, at, told)?
    };
    args.rules.prefer_sources(&mut history);
    let currency = args.rules.currency_of(&history.currencies())?;
    let question = |sessions| Question { days, by: vec![args.by], sessions, currency };
    let actual = args.rules.sessions();
    let what_if = asked.sessions.map_or(actual, |sessions| sessions.over(actual));
    if asked.sessions.is_some() {
        let cells = (history.cells(&question(actual))?, history.cells(&question(what_if))?);
        metrics(args.by, currency, (&cells.0, actual), (&cells.1, what_if), told);
    }
    if matches!(args.by, Dimension::Channel | Dimension::Campaign) {
        let rule = asked.attribution.unwrap_or(base);
        let before = history.attribute(&question(actual), &base)?;
        let after = history.attribute(&question(what_if), &rule)?;
        attribution(args.by, (&before, &after), told);
    } else if asked.attribution.is_some() {
        let why = "orders are attributed by channel or by campaign: leave --by out, or name one of them";
        return Err(Failure::Usage(why.to_owned()));
    }
    Ok(())
}

fn metrics(
    by: Dimension,
    currency: Currency,
    (actual, rule): (&Cells, SessionRule),
    (what_if, other): (&Cells, SessionRule),
    told: &mut Told,
) {
    let rows = |cells: &Cells| -> BTreeMap<String, Cell> {
        // what a sales channel reported may stand beside what was recorded under the same name
        let by = |cell: &Cell| if cell.reported.is_some() { " (reported)" } else { "" };
        let named = cells.cells.iter().map(|(words, cell)| (words.join(" ") + by(cell), *cell));
        named.chain([(ALL.to_owned(), cells.total)]).collect()
    };
    let (before, after) = (rows(actual), rows(what_if));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let actual = before.get(name).map(|cell| values(cell, rule.definition, name == ALL || sells(&[by])));
        let what_if = after.get(name).map(|cell| values(cell, other.definition, name == ALL || sells(&[by])));
        for (nth, figure) in COLUMNS.iter().enumerate() {
            let of = |all: &Option<Vec<Value>>| {
                all.as_ref().and_then(|all| all.get(nth)).and_then(Number::of_value)
            };
            told.add(Row {
                part: "metrics",
                by: by.as_str(),
                subject: name.clone(),
                figure: (*figure).to_owned(),
                currency: Some(currency),
                actual: of(&actual),
                what_if: of(&what_if),
            });
        }
    }
}

fn attribution(by: Dimension, (actual, what_if): (&Attributed, &Attributed), told: &mut Told) {
    fn rows(of: &Attributed) -> BTreeMap<&str, &Earned> {
        let named = of.earned.iter().map(|(name, earned)| (name.as_str(), earned));
        named.chain([("(unattributed)", &of.unattributed), (ALL, &of.total)]).collect()
    }
    let (before, after) = (rows(actual), rows(what_if));
    let names: std::collections::BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    for name in names {
        let of = |rows: &BTreeMap<&str, &Earned>, number: fn(&Earned) -> Number| {
            rows.get(name).map(|earned| number(earned))
        };
        let mut add = |figure: &str, number: fn(&Earned) -> Number| {
            told.add(Row {
                part: "attribution",
                by: by.as_str(),
                subject: name.to_owned(),
                figure: figure.to_owned(),
                currency: Some(what_if.total.gmv.currency),
                actual: of(&before, number),
                what_if: of(&after, number),
            });
        };
        add("orders", |of| Number::millionths(of.orders));
        add("gmv", |of| Number::Money(of.gmv));
        add("refund_net", |of| Number::Money(of.net));
    }
}
