//! Representations: which one a caller wants, and rows as comma-separated values.

use axum::http::{HeaderMap, header};
use daybook_projections::fields::{Field, Fields};

use crate::problem::{INTERNAL, NOT_ACCEPTABLE, Problem};

pub(super) const JSON: &str = "application/json";
pub(super) const CSV: &str = "text/csv";

/// Which of the representations on offer the caller wants most; the first where it says nothing.
pub(crate) fn wanted(headers: &HeaderMap, offered: &[&'static str]) -> Result<&'static str, Problem> {
    let asked: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let mut best: Option<(f32, u8, &'static str)> = None;
    let ranges = asked.iter().flat_map(|value| value.split(','));
    let ranges: Vec<(&str, f32)> = ranges.filter_map(range).collect();
    if ranges.is_empty() {
        return Ok(offered[0]);
    }
    for kind in offered {
        // the most precise range that covers it says how much it is wanted
        let (main, _) = kind.split_once('/').unwrap_or((kind, ""));
        let precise = |range: &str| match range {
            range if range.eq_ignore_ascii_case(kind) => Some(2),
            range if range.strip_suffix("/*").is_some_and(|of| of.eq_ignore_ascii_case(main)) => Some(1),
            "*/*" => Some(0),
            _ => None,
        };
        let covering = ranges.iter().filter_map(|(range, q)| Some((precise(range)?, *q)));
        let Some((precision, q)) = covering.max_by_key(|(precision, _)| *precision) else { continue };
        if q > 0.0 && best.is_none_or(|(most, closest, _)| (q, precision) > (most, closest)) {
            best = Some((q, precision, kind));
        }
    }
    best.map(|(_, _, kind)| kind).ok_or_else(|| {
        Problem::new(NOT_ACCEPTABLE, format!("Accept: there is {} here", offered.join(" or ")))
    })
}

/// A media range and how much it is wanted.
fn range(text: &str) -> Option<(&str, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let q = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
    Some((range, q.unwrap_or(0.0)))
}

/// Rows under a line with the names of their columns. An amount is its decimal: the currency has a column.
pub(super) fn csv(columns: &[&str], rows: &[Fields]) -> Result<Vec<u8>, Problem> {
    let failed = |error: csv::Error| Problem::new(INTERNAL, error.to_string());
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    out.write_record(columns).map_err(failed)?;
    for row in rows {
        out.write_record(row.0.iter().map(|(_, field)| cell(field))).map_err(failed)?;
    }
    out.into_inner().map_err(|error| Problem::new(INTERNAL, error.to_string()))
}

fn cell(field: &Field) -> String {
    match field {
        Field::None => String::new(),
        Field::Text(text) => plain(text),
        Field::Flag(yes) => yes.to_string(),
        Field::Count(n) => n.to_string(),
        Field::Money(money) => money.amount().to_string(),
        Field::Time(time) => time.to_string(),
    }
}

/// A text that a spreadsheet takes for a text: others chose it, and one that begins like a formula would be carried out.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn choice(accept: &str, offered: &[&'static str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        wanted(&headers, offered).ok()
    }

    #[test]
    fn no_cell_is_a_formula_but_amounts_stay_numbers() {
        let money = daybook_domain::Money::new(-150, daybook_domain::Currency::new("EUR").unwrap());
        let row = Fields(vec![
            ("a", Field::Text("=HYPERLINK(\"http://x/\")".to_owned())),
            ("b", Field::Text("@x".to_owned())),
            ("c", Field::Text("a=b".to_owned())),
            ("d", Field::Money(money)),
            ("e", Field::Count(-2)),
        ]);
        let text = String::from_utf8(csv(&["a", "b", "c", "d", "e"], &[row]).unwrap()).unwrap();
        assert_eq!(text, "a,b,c,d,e\r\n\"'=HYPERLINK(\"\"http://x/\"\")\",'@x,a=b,-1.50,-2\r\n");
    }

    #[test]
    fn the_caller_gets_what_it_wants_most_of_what_there_is() {
        let both = [JSON, CSV];
        assert_eq!(wanted(&HeaderMap::new(), &both).unwrap(), JSON);
        for (accept, expected) in [
            ("*/*", Some(JSON)),
            ("text/csv", Some(CSV)),
            ("Text/CSV; charset=utf-8", Some(CSV)),
            ("text/*", Some(CSV)),
            ("application/json;q=0.1, text/csv", Some(CSV)),
            ("text/csv;q=0.1, */*", Some(JSON)),
            ("text/csv;q=0, */*", Some(JSON)),
            ("text/html, */*;q=0.8", Some(JSON)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json;q=much", None),
        ] {
            assert_eq!(choice(accept, &both), expected, "{accept}");
        }
    }
}
