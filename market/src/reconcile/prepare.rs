//! A file made ready to be matched: its lines with those of earlier files, its period, what does not agree.

use std::collections::BTreeSet;

use daybook_domain::provider::events::StatementLine;
use daybook_domain::time::DAY;
use daybook_domain::{Money, Reference, Timestamp};
use daybook_reconciliation::matching::{Input, Known};
use daybook_reconciliation::{Finding, Line, LineKind, Parsed, Statement, StatementError};

use super::gather::Gathered;

/// The statement of a file: several of one account, one after the other, are one.
pub(super) fn one_statement(parsed: &Parsed) -> Result<Statement, StatementError> {
    let mut parts = parsed.statements.iter();
    let mut whole = parts.next().cloned().unwrap_or_default();
    for part in parts {
        if part.account != whole.account {
            let why = format!(
                "this statement is of account {:?}, the one before it of {:?}: take one account at a time",
                part.account, whole.account
            );
            return Err(StatementError::Line { line: part.line, why });
        }
        whole.lines.extend(part.lines.iter().cloned());
        whole.closing = part.closing.or(whole.closing);
        whole.from = whole.from.min(part.from).or(whole.from);
        whole.to = whole.to.max(part.to);
    }
    match parsed.findings.iter().find(|f| f.cut_off) {
        Some(cut) => Err(StatementError::Truncated { line: cut.line, why: cut.what.clone() }),
        None => Ok(whole),
    }
}

/// Lines and period, ready to be matched.
pub(super) struct Prepared {
    /// Lines of the file, then lines of earlier ones that the books lacked.
    pub lines: Vec<Line>,
    /// How many of them are of the file.
    pub own: usize,
    /// What is known of each entry of the books.
    pub known: Vec<Known>,
    /// What does not agree within the file, or with its neighbours.
    pub findings: Vec<Finding>,
    /// Breaks of earlier files whose balances meet those of their neighbours now that this one is there.
    pub closed: Vec<Reference>,
    /// Where its period begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
}

impl Prepared {
    pub fn new(gathered: &Gathered, parsed: &Parsed, statement: &Statement) -> Result<Self, StatementError> {
        if let Some(was) =
            gathered.account.as_ref().filter(|a| !statement.account.is_empty() && **a != statement.account)
        {
            let why = format!(
                "the statement is of account {}, those before it of {was}: keep each account under a name of its own",
                statement.account
            );
            return Err(StatementError::Line { line: statement.line, why });
        }
        let mut lines = statement.lines.clone();
        let of_books: BTreeSet<_> = gathered.entries.iter().map(|e| e.gross.currency).collect();
        if let Some(first) = lines.first()
            && !lines.iter().any(|l| of_books.contains(&l.net.currency))
        {
            let known: Vec<&str> = of_books.iter().map(|c| c.as_str()).collect();
            let why = format!(
                "it is in {}, the books have {} there: is it another account's?",
                first.net.currency,
                known.join(", ")
            );
            return Err(StatementError::Line { line: first.line, why });
        }
        let first = lines.iter().map(|l| l.at).min();
        let last = lines.iter().map(|l| l.at).max();
        // without a period of its own: whole days of the lines, by the clock that the writer keeps
        let from = statement.from.or_else(|| first.map(|at| day(at, parsed)));
        let to = statement.to.or_else(|| last.map(|at| day(at, parsed).plus(DAY)));
        let (Some(from), Some(to)) = (from, to) else {
            return Err(StatementError::Line {
                line: statement.line,
                why: "the statement has no line and no period: there is nothing to take".into(),
            });
        };
        let to = to.max(from);
        let mut findings = parsed.findings.clone();
        findings.extend(continuity(gathered, statement, from, to));
        let closed = closed(gathered, statement, from, to);
        let known = gathered.known(parsed.format, from);
        let own = lines.len();
        lines.extend(gathered.missing.iter().map(|missing| again(&missing.line)));
        Ok(Self { lines, own, known, findings, closed, from, to })
    }

    pub fn input<'a>(&'a self, gathered: &'a Gathered, parsed: &Parsed, window: i64) -> Input<'a> {
        Input {
            side: parsed.format.side(),
            lines: &self.lines,
            earlier: gathered.missing.len(),
            named_only: gathered.missing.iter().filter(|m| m.named_only).count(),
            entries: &gathered.entries,
            known: &self.known,
            elsewhere: &gathered.elsewhere,
            findings: &self.findings,
            from: gathered.files.iter().map(|f| f.from).fold(self.from, Timestamp::min),
            to: self.to,
            window,
        }
    }
}

/// The start of a day, Beijing's for what is written there, else UTC's.
fn day(at: Timestamp, parsed: &Parsed) -> Timestamp {
    use daybook_reconciliation::Format::{AlipayLedger, WechatBill, WechatFundFlow};
    let east = match parsed.format {
        WechatBill | WechatFundFlow | AlipayLedger => 8 * 3_600 * 1_000_000,
        _ => 0,
    };
    Timestamp((at.0 + east).div_euclid(DAY) * DAY - east)
}

/// How a finding begins that an opening balance is not the closing one of the file before; a later file that lies between
/// knows the break by it.
const OPENS: &str = "it opens at";
/// The same of a closing balance and the file after.
const CLOSES: &str = "it closes at";

/// The balance of this one's currency.
fn balance(balances: &[Money], of: Option<Money>) -> Option<Money> {
    balances.iter().find(|m| of.is_some_and(|of| of.currency == m.currency)).copied()
}

/// Of files by their end and closing balance: the last that ends by `from`.
fn before(
    files: impl Iterator<Item = (Timestamp, Option<Money>)>,
    from: Timestamp,
) -> Option<(Timestamp, Money)> {
    files
        .filter_map(|(to, closing)| Some((to, closing?)))
        .filter(|(to, _)| *to <= from)
        .max_by_key(|(to, _)| *to)
}

/// Of files by their beginning and opening balance: the first that begins at `to` or after.
fn after(
    files: impl Iterator<Item = (Timestamp, Option<Money>)>,
    to: Timestamp,
) -> Option<(Timestamp, Money)> {
    files
        .filter_map(|(from, opening)| Some((from, opening?)))
        .filter(|(from, _)| *from >= to)
        .min_by_key(|(from, _)| *from)
}

/// The balances of the files next to this one in time, in whatever order they were taken.
fn continuity(gathered: &Gathered, statement: &Statement, from: Timestamp, to: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut compare = |ours: Option<Money>,
                       theirs: Option<(Timestamp, Money)>,
                       what: &dyn Fn(Money, Timestamp, Money) -> String| {
        if let (Some(ours), Some((at, theirs))) = (ours, theirs)
            && ours != theirs
        {
            findings.push(Finding {
                line: statement.line,
                what: what(ours, at, theirs),
                off: ours.sub(theirs).ok(),
                cut_off: false,
            });
        }
    };
    let (opening, closing) = (statement.opening, statement.closing);
    let files = &gathered.files;
    compare(
        opening,
        before(files.iter().map(|f| (f.to, balance(&f.closing, opening))), from),
        &|ours, until, was| {
            format!("{OPENS} {ours}, the statement up to {until} closed at {was}: one between is missing")
        },
    );
    compare(
        closing,
        after(files.iter().map(|f| (f.from, balance(&f.opening, closing))), to),
        &|ours, since, was| {
            format!("{CLOSES} {ours}, the statement from {since} opened at {was}: one between is missing")
        },
    );
    findings
}

/// Breaks that said that one between is missing, where nothing is any more.
fn closed(gathered: &Gathered, statement: &Statement, from: Timestamp, to: Timestamp) -> Vec<Reference> {
    let (opening, closing) = (Vec::from_iter(statement.opening), Vec::from_iter(statement.closing));
    let all = || {
        let earlier = gathered.files.iter().map(|f| (f.from, f.to, &f.opening, &f.closing));
        earlier.chain([(from, to, &opening, &closing)])
    };
    let is_closed = |digest: Reference, detail: &str| {
        let Some(file) = gathered.files.iter().find(|f| f.digest == digest) else { return false };
        let what = detail.split_once(": ").map_or(detail, |(_, what)| what);
        // the file's balances are of one currency
        if what.starts_with(OPENS) {
            let ours = file.opening.first().copied();
            let theirs = before(all().map(|(_, to, _, closing)| (to, balance(closing, ours))), file.from);
            ours.is_some() && theirs.map(|(_, theirs)| theirs) == ours
        } else if what.starts_with(CLOSES) {
            let ours = file.closing.first().copied();
            let theirs = after(all().map(|(from, _, opening, _)| (from, balance(opening, ours))), file.to);
            ours.is_some() && theirs.map(|(_, theirs)| theirs) == ours
        } else {
            false
        }
    };
    let gaps = gathered.gaps.iter().filter(|(_, digest, detail)| is_closed(*digest, detail));
    gaps.map(|(name, _, _)| *name).collect()
}

/// A line of an earlier file as it was kept.
fn again(line: &StatementLine) -> Line {
    let with = |first: Option<&String>, others: Option<&Vec<String>>| {
        let first = first.filter(|r| !r.is_empty());
        first.into_iter().chain(others.into_iter().flatten()).cloned().collect()
    };
    Line {
        line: line.line,
        references: with(Some(&line.reference), line.other_references.as_ref()),
        ours: with(line.ours.as_ref(), line.other_ours.as_ref()),
        kind: line.kind.as_str().parse().unwrap_or(LineKind::Other),
        gross: line.gross,
        fee: line.fee,
        net: line.net,
        at: line.at,
        value_at: None,
        day_only: line.day_only.unwrap_or(false),
        text: line.words.as_ref().map(|words| words.join(" ")).unwrap_or_default(),
    }
}
