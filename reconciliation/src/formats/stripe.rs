//! Stripe: the balance history as it used to be exported, and the itemised reports of today.
//!
//! The choice of columns is free in the dashboard, so they are read by name. Net = amount - fee holds for every line: for
//! refunds, whose fee comes back, and chargebacks, whose amount is negative and whose fee is not.

use csv::ReaderBuilder;

use crate::table::{Columns, room};
use crate::text::{amount, bounded, clean, currency, wall_clock};
use crate::{Finding, Format, Line, LineKind, Parsed, Statement, StatementError};

/// Which of the two a header is.
pub(super) fn sniff(text: &str) -> Option<Format> {
    let header = text.trim_start_matches('\u{feff}').lines().find(|l| !l.trim().is_empty())?;
    let columns = Columns::new(header.split(','), 1);
    let money = columns.has("currency") && columns.has("net");
    if money && columns.has("reporting_category") {
        Some(Format::StripeItemised)
    } else if money && columns.has("amount") && columns.any(&["created (utc)", "created"]).is_some() {
        Some(Format::StripeBalance)
    } else {
        None
    }
}

/// What Stripe calls a line.
fn kind(word: &str, text: &str, negative: bool) -> LineKind {
    match word {
        "charge" | "payment" | "contribution" => LineKind::Payment,
        "refund" | "payment_refund" | "partial_capture_reversal" => LineKind::Refund,
        "refund_failure" | "charge_failure" | "payment_failure_refund" => LineKind::Reversal,
        "dispute" => LineKind::Chargeback,
        "dispute_reversal" => LineKind::ChargebackReversal,
        "fee" | "stripe_fee" | "network_cost" | "tax_fee" | "application_fee" => LineKind::Fee,
        "payout" | "transfer" => LineKind::Payout,
        "payout_reversal" | "payout_cancel" | "payout_failure" => LineKind::Reversal,
        // in the old export a dispute is an adjustment that says so
        "adjustment" if text.to_ascii_lowercase().contains("chargeback") => {
            if negative {
                LineKind::Chargeback
            } else {
                LineKind::ChargebackReversal
            }
        }
        _ => LineKind::Other,
    }
}

/// Reads a report.
pub(super) fn read(text: &str, format: Format) -> Result<Parsed, StatementError> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let bad = |e: csv::Error| StatementError::at(e.position().map_or(1, csv::Position::line), e.to_string());
    let header =
        records.next().ok_or(StatementError::Truncated { line: 1, why: "no header".into() })?.map_err(bad)?;
    let c = Columns::new(header.iter(), header.position().map_or(1, csv::Position::line));
    let id = c.need(&["balance_transaction_id", "id"])?;
    let word = c.need(&["reporting_category", "type"])?;
    let (gross_at, fee_at, net_at) = (c.need(&["gross", "amount"])?, c.need(&["fee"])?, c.need(&["net"])?);
    let money = c.need(&["currency"])?;
    let created = c.need(&["created_utc", "created (utc)", "created"])?;
    let available = c.any(&["available_on_utc", "available on (utc)", "available_on"]);
    let references = ["source_id", "source", "charge_id", "payment_intent_id"].map(|n| c.any(&[n]));
    let payout = c.any(&["automatic_payout_id"]);
    let note = c.any(&["description"]);
    let order =
        c.any(&["payment_metadata[order_id]", "customer_facing_reference", "payment_metadata[order]"]);
    let account = c.any(&["connected_account_id"]);
    let mut statement = Statement { line: c.line, ..Statement::default() };
    let mut findings = Vec::new();
    for record in records {
        let record = record.map_err(bad)?;
        let line = record.position().map_or(0, csv::Position::line);
        let get = |at: Option<usize>| at.and_then(|at| record.get(at)).map(clean).unwrap_or_default();
        if record.len() != c.width {
            let why = format!("{} cells where the header has {}", record.len(), c.width);
            return Err(if text.trim_end().lines().count() as u64 <= line && record.len() < c.width {
                StatementError::Truncated { line, why }
            } else {
                StatementError::at(line, why)
            });
        }
        room(statement.lines.len())?;
        bounded(get(note), line, "description")?;
        let of = currency(get(Some(money)), line, "currency")?;
        let gross = amount(get(Some(gross_at)), of, line, "gross")?;
        let fee = amount(get(Some(fee_at)), of, line, "fee")?;
        let net = amount(get(Some(net_at)), of, line, "net")?;
        match gross.sub(fee).and_then(|n| net.sub(n)) {
            Ok(off) if off.is_zero() => {}
            Ok(off) => {
                let what = format!("net {net} is not gross {gross} less fee {fee}");
                findings.push(Finding::new(line, what).off(Some(off)));
            }
            Err(e) => return Err(StatementError::at(line, e.to_string())),
        }
        let own = get(account);
        if !own.is_empty() && !statement.account.is_empty() && own != statement.account {
            let why = format!("account {own} after {}: take one account at a time", statement.account);
            return Err(StatementError::at(line, why));
        }
        if !own.is_empty() {
            own.clone_into(&mut statement.account);
        }
        let kind = kind(get(Some(word)), get(note), gross.minor < 0);
        let mut theirs: Vec<String> = references.iter().map(|at| get(*at).to_owned()).collect();
        // the transaction's own id comes after its source: the source is what the books keep
        theirs.push(get(Some(id)).to_owned());
        if kind == LineKind::Payout {
            theirs.insert(0, get(payout).to_owned());
        }
        theirs.retain(|r| !r.is_empty());
        let (at, day) = crate::text::iso_time(get(Some(created)), line, "created")?;
        // a fee line has its whole amount as a fee
        let is_fee = kind == LineKind::Fee && fee.is_zero();
        statement.lines.push(Line {
            line,
            references: theirs,
            ours: Some(get(order)).filter(|o| !o.is_empty()).map(str::to_owned).into_iter().collect(),
            kind,
            gross: if is_fee { daybook_domain::Money::zero(of) } else { gross },
            fee: if is_fee { daybook_domain::Money::new(-gross.minor, of) } else { fee },
            net,
            at,
            value_at: match get(available) {
                "" => None,
                text => Some(wall_clock(text, 0, line, "available_on")?),
            },
            day_only: day,
            text: get(note).to_owned(),
        });
    }
    Ok(Parsed { format, statements: vec![statement], findings })
}
