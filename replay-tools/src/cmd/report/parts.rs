//! The parts of a page, from the tables that other subcommands print.

use daybook_domain::Money;
use daybook_metrics::Definition;
use daybook_metrics::plan::{Plan, State};
use daybook_projections::metrics::{Cell, Cells, Days, Dimension, Explanation, Funnel};
use daybook_reports::page::{Branch, Change, Drawn, Grid, Part, Picture, Step};
use rust_decimal::prelude::ToPrimitive;

use super::span;
use crate::cmd::{explain_gmv, funnel as funnel_of, metrics};
use crate::failure::Failure;
use crate::figures::{FOR_PROGRAMS, per, share};
use crate::plans::{self, ATTAINED_SHOWN, Held};
use crate::source::Sourced;
use crate::value::{Table, Value};

/// What is told.
pub struct Told {
    /// Of which days.
    pub days: Days,
    /// Beside which days.
    pub before: Days,
    /// Under whose definition.
    pub definition: Definition,
    /// In how many rows at most.
    pub limit: u32,
}

/// A table as people see it.
fn grid(table: &Table) -> Grid {
    let numbers = |at: usize| table.rows.iter().any(|row| row[at].is_number());
    let names = table.columns.iter().enumerate();
    Grid {
        columns: names.map(|(at, name)| (name.replace('_', " "), numbers(at))).collect(),
        rows: table.rows.iter().map(|row| row.iter().map(Value::pretty).collect()).collect(),
    }
}

/// Without what is said above the table already, and without what programs alone look at.
fn figures(table: &Table) -> Grid {
    let shown = |column: &&str| !FOR_PROGRAMS.contains(column) && *column != "currency";
    let columns: Vec<&str> = table.columns.iter().copied().filter(shown).collect();
    grid(&table.select(&columns).without_empty())
}

/// What a cell of a row says.
fn at<'t>(table: &'t Table, row: &'t [Value], name: &str) -> &'t Value {
    let column = table.columns.iter().position(|column| *column == name);
    column.and_then(|column| row.get(column)).unwrap_or(&Value::None)
}

/// A length to draw. What is read stands in the table.
fn length(value: &Value) -> f64 {
    match value {
        Value::Int(n) => *n as f64,
        Value::Real(x) => *x,
        Value::Ratio(ratio) => ratio.to_f64().unwrap_or(0.0),
        Value::Money(money) => money.minor as f64 / 10f64.powi(money.currency.digits() as i32),
        _ => 0.0,
    }
}

/// The rows that stand for one thing each, not for all.
fn single(row: &[Value]) -> bool {
    !matches!(row.first(), Some(Value::Text(name)) if name.starts_with('('))
}

/// A name in a picture, where there is little room.
fn short(name: &str) -> String {
    const MOST: usize = 24;
    if name.is_empty() {
        return "(none)".to_owned();
    }
    if name.chars().count() <= MOST {
        name.to_owned()
    } else {
        name.chars().take(MOST - 1).chain(['…']).collect()
    }
}

/// Bars of a column, each with its figure behind its name.
fn bars(table: &Table, column: &str, title: String) -> Picture {
    let bar = |row: &Vec<Value>| {
        let value = at(table, row, column);
        (format!("{} {}", short(&row[0].plain()), value.pretty()), length(value))
    };
    let mut bars: Vec<(String, f64)> = table.rows.iter().filter(|row| single(row)).map(bar).collect();
    bars.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    bars.truncate(20);
    Picture { title, drawn: Drawn::Bars(bars) }
}

fn signed(money: Money) -> Change {
    let shown = Value::Money(money).pretty();
    Change { text: if money.minor > 0 { format!("+{shown}") } else { shown }, way: money.minor.cmp(&0) }
}

/// GMV as visitors, conversion and unit price, and what no visit led to.
pub fn tree(explained: &Explanation) -> Result<Branch, Failure> {
    let beyond = |error: daybook_domain::MoneyError| Failure::Refused(error.to_string());
    let total = &explained.total.explained;
    let tracked = explained.cells.first();
    let (before, after) = (tracked.and_then(|of| of.before), tracked.and_then(|of| of.after));
    let leaf = |sign, name: &str, of: &dyn Fn(&Cell) -> Value, change: Option<Money>| Branch {
        sign,
        name: name.to_owned(),
        value: after
            .as_ref()
            .map(|cell| of(cell).pretty())
            .filter(|text| !text.is_empty())
            .unwrap_or("–".to_owned()),
        before: before.as_ref().map(|cell| of(cell).pretty()).filter(|text| !text.is_empty()),
        change: change.map(signed),
        branches: Vec::new(),
    };
    let parts = tracked.map(|of| &of.explained);
    let of_visits = Branch {
        branches: vec![
            leaf("", "Visitors (UV)", &|cell| cell.visitors().into(), parts.map(|of| of.traffic)),
            leaf("×", "Conversion", &|cell| share(cell.buyers, cell.uv), parts.map(|of| of.conversion)),
            leaf("×", "Unit price", &|cell| per(cell.gmv, cell.buyers), parts.map(|of| of.unit_price)),
        ],
        ..leaf(
            "",
            "After a recorded visit",
            &|cell| cell.gmv.into(),
            parts.map(|of| of.change()).transpose().map_err(beyond)?,
        )
    };
    let unseen = &explained.untracked.explained;
    let without = Branch {
        sign: "+",
        name: "Without one".to_owned(),
        value: Value::Money(unseen.after).pretty(),
        before: Some(Value::Money(unseen.before).pretty()),
        change: Some(signed(unseen.change().map_err(beyond)?)),
        branches: Vec::new(),
    };
    Ok(Branch {
        sign: "",
        name: "GMV".to_owned(),
        value: Value::Money(total.after).pretty(),
        before: Some(Value::Money(total.before).pretty()),
        change: Some(signed(total.change().map_err(beyond)?)),
        branches: vec![of_visits, without],
    })
}

/// The change and its parts.
pub fn change(told: &Told, explained: &Explanation) -> Result<Part, Failure> {
    let table = explain_gmv::table(explained, None)?;
    let total = &explained.total.explained;
    let by = |money: Money| Step::By(length(&Value::Money(money)));
    let steps = [
        ("before", Step::From(length(&Value::Money(total.before)))),
        ("traffic", by(total.traffic)),
        ("conversion", by(total.conversion)),
        ("unit price", by(total.unit_price)),
        ("untracked", by(total.untracked)),
        ("after", Step::Total),
    ];
    let steps = steps.map(|(name, step)| (name.to_owned(), step)).to_vec();
    Ok(Part {
        id: "change",
        title: "Why GMV changed".to_owned(),
        note: format!(
            "From {} to {}: what more or fewer visitors, their conversion and what a buyer spent contributed, to the cent.",
            span(told.before),
            span(told.days)
        ),
        picture: Some(Picture {
            title: "GMV before, what changed it, and after".to_owned(),
            drawn: Drawn::Steps(steps),
        }),
        grid: figures(&table),
        folded: false,
    })
}

/// GMV of each day beside that of the days before.
pub fn each_day(told: &Told, cells: &Cells, before: &Cells) -> Part {
    let table = metrics::table(of_pass(cells), &[Dimension::Day], told.definition, u32::MAX);
    let gmv = |cells: &Cells, days: Days| -> Vec<(String, Option<f64>)> {
        let of = |day: &str| cells.cells.iter().find(|(words, _)| words[0] == day).map(|(_, cell)| cell.gmv);
        let all = days.from.iter_days().take_while(|day| *day <= days.to).take(366);
        all.map(|day| day.to_string())
            .map(|day| (day.clone(), Some(of(&day).map_or(0.0, |gmv| length(&Value::Money(gmv))))))
            .collect()
    };
    let (names, now): (Vec<String>, Vec<Option<f64>>) = gmv(cells, told.days).into_iter().unzip();
    let mut then: Vec<Option<f64>> = gmv(before, told.before).into_iter().map(|(_, gmv)| gmv).collect();
    then.resize(names.len(), None);
    let names = names.into_iter().map(|day| day.get(5..).unwrap_or_default().to_owned()).collect();
    let lines = vec![("these days".to_owned(), now), ("days before".to_owned(), then)];
    Part {
        id: "days",
        title: "Day by day".to_owned(),
        note: "A view counts on its own day, a visit on the one it began on, an order on the one on which it was paid for."
            .to_owned(),
        picture: Some(Picture {
            title: "GMV of orders that a recorded visit led to, each day".to_owned(),
            drawn: Drawn::Lines { names, lines },
        }),
        grid: figures(&table),
        folded: true,
    }
}

/// From a product to its payment.
pub fn funnel(found: &Funnel) -> Result<Part, Failure> {
    let table = funnel_of::table(found, &[])?;
    let row = table.rows.first().cloned().unwrap_or_default();
    let bar = |name: &str, column: &str| {
        let value = at(&table, &row, column);
        (format!("{name} {}", value.pretty()), length(value))
    };
    let bars = vec![
        bar("viewed a product", "viewed"),
        bar("put it into the cart", "carted"),
        bar("ordered", "ordered"),
        bar("paid", "paid"),
    ];
    Ok(Part {
        id: "funnel",
        title: "Funnel".to_owned(),
        note: "Distinct visitors who took each step after the one before.".to_owned(),
        picture: Some(Picture { title: "Visitors at each step".to_owned(), drawn: Drawn::Bars(bars) }),
        grid: grid(&table),
        folded: false,
    })
}

/// The page asks all its questions of one pass.
fn of_pass(cells: &Cells) -> Sourced<Cells> {
    Sourced { answer: cells.clone(), source: "journal" }
}

/// Where visitors came from, and what they bought.
pub fn channels(told: &Told, cells: &Cells) -> Part {
    let table = metrics::table(of_pass(cells), &[Dimension::Channel], told.definition, told.limit);
    Part {
        id: "channels",
        title: "Traffic channels".to_owned(),
        note: "Visitors are distinct within a row, so rows do not add up to (tracked). An order counts for the last visit before it."
            .to_owned(),
        picture: Some(bars(&table, "uv", "Visitors by traffic channel".to_owned())),
        grid: figures(&table),
        folded: false,
    }
}

/// What each channel did to the change.
pub fn change_by_channel(told: &Told, explained: &Explanation) -> Result<Part, Failure> {
    let table = explain_gmv::table(explained, Some(Dimension::Channel))?;
    Ok(Part {
        id: "change-by-channel",
        title: "Why GMV changed, by traffic channel".to_owned(),
        note: format!("Against {}; mix is what a channel's share of all visitors did.", span(told.before)),
        picture: None,
        grid: figures(&table),
        folded: false,
    })
}

/// What campaigns cost and brought.
pub fn campaigns(table: &Table) -> Part {
    let none = table.rows.is_empty();
    let said = if none {
        "No campaign is planned."
    } else {
        "Since each began; an order is credited to the last visit before it. ROI is the credited GMV by the cost, net ROI what is left of it \
         after refunds by the cost."
    };
    Part {
        id: "campaigns",
        title: "Campaigns".to_owned(),
        note: said.to_owned(),
        picture: (!none).then(|| bars(table, "roi", "ROI: credited GMV by the cost".to_owned())),
        grid: grid(&table.without_empty()),
        folded: false,
    }
}

/// What a plan's targets came to, and what the rest takes.
pub fn plan(plan: &Plan, held: &Held<'_>) -> Vec<Part> {
    /// Bars end here: one target that is far exceeded would leave nothing to see of the others.
    const LONGEST: f64 = 1.5;
    let all = plans::table(plan, &held.reached);
    let begun = |row: &&Vec<Value>| at(&all, row, "state").plain() != State::NotBegun.as_str();
    let table =
        Table { columns: all.columns.clone(), rows: all.rows.iter().filter(begun).cloned().collect() };
    let ahead = all.rows.len() - table.rows.len();
    let bar = |row: &Vec<Value>| {
        let word = |name| at(&table, row, name).plain();
        let attainment = at(&table, row, "attainment");
        let name = [word("time"), word("metric"), word("sales_channel")].join(" ");
        (*attainment != Value::None).then(|| {
            (format!("{} {}", short(name.trim_end()), attainment.pretty()), length(attainment).min(LONGEST))
        })
    };
    let bars: Vec<(String, f64)> = table.rows.iter().filter_map(bar).take(30).collect();
    let today = held.last.to;
    let mut parts = vec![Part {
        id: "plan",
        title: format!("Plan: {}", plan.name),
        note: format!(
            "As of {today}, in {}. Attainment is the actual by the target to date; 1 is on course, and bars end at {LONGEST}. \
             {ahead} more targets have not begun.",
            plan.currency
        ),
        picture: Some(Picture {
            title: "Attainment of targets to date".to_owned(),
            drawn: Drawn::Bars(bars),
        }),
        grid: grid(&table.select(ATTAINED_SHOWN).without_empty()),
        folded: false,
    }];
    let takes = plans::takes(&all);
    if !takes.rows.is_empty() {
        parts.push(Part {
            id: "plan-takes",
            title: "What the plan takes".to_owned(),
            note: format!(
                "At the rates of {} to {today}, one factor moved and the others as they are.",
                held.last.from
            ),
            picture: None,
            grid: grid(&takes.without_empty()),
            folded: false,
        });
    }
    parts
}
