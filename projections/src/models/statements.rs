//! One row per statement file of a provider or bank. Its child rows are its lines, each with what came of it.

use daybook_domain::Event;
use daybook_domain::provider::events::{BooksEntry, BreakKind, StatementLine};

use super::{count, set, text};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::world::World;

record! {
    /// A statement file that was taken. Amounts are minor units of `currency`, the currency of most of its lines;
    /// signed as the market sees them.
    StatementFileRow in "statement_files", key(provider_id, digest) {
        /// The provider, or the bank account.
        provider_id: String,
        /// SHA-256 of the file, hex.
        digest: String,
        /// provider or bank.
        side: String,
        /// wechat_bill, alipay_ledger, stripe_itemised, camt_053, mt940, ...
        format: String,
        /// The account as the writer names it.
        account: String,
        /// The writer's number of the statement.
        number: Option<String>,
        /// Where its period begins.
        from_at: i64 = time,
        /// Where its period ends, not part of it.
        to_at: i64 = time,
        /// ISO 4217 code.
        currency: String,
        /// Lines, in all currencies.
        lines: i64,
        /// Before fees.
        gross: i64 = money,
        /// What the writer kept.
        fee: i64 = money,
        /// The change of the balance there.
        net: i64 = money,
        /// Balance before the first line.
        opening: Option<i64> = money,
        /// Balance after the last line.
        closing: Option<i64> = money,
        /// When it was taken.
        imported_at: i64 = time,
        /// Matches, breaks and resolutions that belong to it.
        results: i64,
        /// Of these, those recorded.
        recorded: i64,
        /// Matches.
        matches: i64,
        /// Lines that are matched, by this file or a later one.
        lines_matched: i64,
        /// Breaks found.
        breaks: i64,
        /// Of these, those not resolved.
        breaks_open: i64,
        /// Lines that stand in `statement_lines`.
        lines_shown: i64,
    }
}

record! {
    /// A line of a statement, with what came of it.
    StatementLineRow in "statement_lines", number {
        /// 1, 2, ... in the order in which they were recorded.
        number: i64,
        /// Line of the file.
        line: i64,
        /// The earlier file that the line is of; empty where it is of this one.
        earlier_file: Option<String>,
        /// payment, refund, chargeback, fee, payout, credit, debit, ...
        kind: String,
        /// The writer's reference.
        reference: String,
        /// What it repeats of ours.
        ours: Option<String>,
        /// ISO 4217 code.
        currency: String,
        /// Before the fee; minor units.
        gross: i64 = money,
        /// What the writer kept.
        fee: i64 = money,
        /// The change of the balance.
        net: i64 = money,
        /// When it was booked.
        booked_at: i64 = time,
        /// matched or break.
        outcome: String,
        /// Why it matches, or the kind of the break.
        reason: String,
        /// The break.
        break_id: Option<String>,
        /// Stream of the books' entry; of the first where there are several.
        stream: Option<String>,
        /// Id of the books' entry; of the first where there are several.
        entry: Option<String>,
        /// How many entries of the books belong to it.
        entries: i64,
    }
}

/// The model of [`StatementFileRow`].
#[derive(Debug)]
pub struct Statements;

/// The provider that a stream is of.
pub(super) fn provider<'e>(e: &'e Envelope<'e>) -> &'e str {
    e.stream.strip_prefix("provider-").unwrap_or(e.stream)
}

impl Model for Statements {
    type Row = StatementFileRow;
    type Child = StatementLineRow;
    const VERSION: u32 = 2;
    const KINDS: KindSet = KindSet::of_category("provider");
    const INDEXES: &'static [Index] = &[Index::on(&["provider_id", "from_at"])];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        let (digest, others) = match e.event {
            Event::StatementImported(x) => (&x.digest, Vec::new()),
            // a line of an earlier file counts there, what arrived where it came
            Event::StatementLineMatched(x) => {
                (&x.digest, x.lines.iter().filter_map(|l| l.file.as_ref()).collect())
            }
            Event::BreakFound(x) => (&x.digest, Vec::new()),
            Event::BreakResolved(x) => (&x.digest, x.file.iter().collect()),
            _ => return,
        };
        for digest in [digest].into_iter().chain(others) {
            let key = Key::new(&[provider(e), digest.as_str()]);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }

    fn empty(key: &Key<'_>) -> StatementFileRow {
        StatementFileRow {
            provider_id: text(key.part(0)),
            digest: text(key.part(1)),
            ..StatementFileRow::default()
        }
    }

    fn fold(
        row: &mut StatementFileRow,
        _: usize,
        e: &Envelope<'_>,
        _: &World,
        out: &mut Out<StatementLineRow>,
    ) {
        match e.event {
            Event::StatementImported(x) => {
                set(&mut row.side, x.side.as_str());
                row.format = text(x.format);
                row.account.clone_from(&x.account);
                row.number.clone_from(&x.number);
                (row.from_at, row.to_at) = (x.from.0, x.to.0);
                row.lines = whole(x.lines);
                row.results = whole(x.results);
                row.imported_at = e.occurred_at;
                if let Some(most) = x.totals.iter().max_by_key(|t| t.lines) {
                    row.currency = text(most.currency.as_str());
                    (row.gross, row.fee, row.net) = (most.gross.minor, most.fee.minor, most.net.minor);
                    row.opening = most.opening.map(|m| m.minor);
                    row.closing = most.closing.map(|m| m.minor);
                }
            }
            Event::StatementLineMatched(x) => {
                let own = row.digest == x.digest.as_str();
                let of = |l: &&StatementLine| l.file.as_ref().map_or(own, |f| row.digest == f.as_str());
                row.lines_matched += count(x.lines.iter().filter(of).count());
                if own {
                    row.recorded += 1;
                    row.matches += 1;
                    row.show(&x.lines, &x.entries, ("matched", x.reason.as_str(), None), out);
                }
            }
            Event::BreakFound(x) => {
                row.recorded += 1;
                row.breaks += 1;
                row.breaks_open += 1;
                // what agrees but for this stands as matched already; one more of it does not
                let alone = x.kind == BreakKind::Duplicate || x.lines.is_empty() || x.entries.is_empty();
                if alone {
                    row.show(&x.lines, &x.entries, ("break", x.kind.as_str(), Some(x.r#break.as_str())), out);
                }
            }
            Event::BreakResolved(x) => {
                row.breaks_open -= i64::from(row.digest == x.digest.as_str());
                row.recorded += i64::from(x.file.is_some_and(|f| row.digest == f.as_str()));
            }
            _ => {}
        }
    }
}

fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl StatementFileRow {
    fn show(
        &mut self,
        lines: &[StatementLine],
        entries: &[BooksEntry],
        (outcome, reason, broken): (&str, &str, Option<&str>),
        out: &mut Out<StatementLineRow>,
    ) {
        let first = entries.first();
        for line in lines {
            self.lines_shown += 1;
            out.append(StatementLineRow {
                number: self.lines_shown,
                line: whole(line.line),
                earlier_file: line.file.map(text),
                kind: text(line.kind),
                reference: line.reference.clone(),
                ours: line.ours.clone(),
                currency: text(line.net.currency.as_str()),
                gross: line.gross.minor,
                fee: line.fee.minor,
                net: line.net.minor,
                booked_at: line.at.0,
                outcome: text(outcome),
                reason: text(reason),
                break_id: broken.map(text),
                stream: first.map(|e| e.stream.clone()),
                entry: first.map(|e| text(e.entry)),
                entries: count(entries.len()),
            });
        }
    }
}
