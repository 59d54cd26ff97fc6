//! ISO 20022 camt.052 (report), camt.053 (statement) and camt.054 (notification), of any version since the first.
//!
//! An entry is a line; the transactions in it give their references, however many there are. An amount is positive and
//! its sign stands beside it (`CdtDbtInd`); each amount has a currency of its own.

use daybook_domain::{Money, Timestamp};

use crate::limits::MAX_REFERENCES;
use crate::table::room;
use crate::text::{amount, currency, iso_time};
use crate::xml::{Element, tree};
use crate::{Format, Line, LineKind, Parsed, Statement, StatementError};

/// Which of the three a document is, by its namespace, else by what its first elements are called.
pub(super) fn sniff(text: &str) -> Option<Format> {
    let known = [
        ("camt.052", "<BkToCstmrAcctRpt", Format::Camt052),
        ("camt.053", "<BkToCstmrStmt", Format::Camt053),
        ("camt.054", "<BkToCstmrDbtCdtNtfctn", Format::Camt054),
    ];
    let by_name = known.iter().find(|(_, element, _)| text.contains(element));
    by_name.or_else(|| known.iter().find(|(space, ..)| text.contains(space))).map(|(.., format)| *format)
}

/// Reads a document.
pub(super) fn read(text: &str, format: Format) -> Result<Parsed, StatementError> {
    let root = tree(text)?;
    let message = match root.name.as_str() {
        "Document" => {
            root.children.first().ok_or_else(|| StatementError::at(root.line, "Document is empty"))?
        }
        _ => &root,
    };
    let wanted = match format {
        Format::Camt052 => "Rpt",
        Format::Camt054 => "Ntfctn",
        _ => "Stmt",
    };
    let mut parsed = Parsed { format, statements: Vec::new(), findings: Vec::new() };
    let mut lines = 0;
    for element in message.all(wanted) {
        let statement = statement(element, &mut lines)?;
        statement.check_balances(&mut parsed.findings);
        parsed.statements.push(statement);
    }
    if parsed.statements.is_empty() {
        let why = format!("{} holds no {wanted}: there is no statement in this file", message.name);
        return Err(StatementError::at(message.line, why));
    }
    Ok(parsed)
}

fn statement(element: &Element, lines: &mut usize) -> Result<Statement, StatementError> {
    let mut statement = Statement {
        line: element.line,
        account: element.child("Acct").and_then(account).unwrap_or_default(),
        number: element.text_at(&["Id"]).unwrap_or_default().to_owned(),
        ..Statement::default()
    };
    if let Some(span) = element.child("FrToDt") {
        statement.from = moment(span.child("FrDtTm"))?.map(|(at, _)| at);
        statement.to = moment(span.child("ToDtTm"))?.map(|(at, _)| at);
    }
    let created = moment(element.child("CreDtTm"))?;
    for entry in element.all("Ntry") {
        room(*lines)?;
        *lines += 1;
        if let Some(line) = line(entry, created)? {
            statement.lines.push(line);
        }
    }
    // the currency of the account is that of its entries where it does not say
    let of = element.text_at(&["Acct", "Ccy"]).map(str::to_owned);
    let of = of.or_else(|| statement.lines.first().map(|l| l.net.currency.as_str().to_owned()));
    for balance in element.all("Bal") {
        let kind = balance.text_at(&["Tp", "CdOrPrtry", "Cd"]).or_else(|| balance.text_at(&["Tp", "Cd"]));
        let place = match kind {
            Some("OPBD" | "PRCD") => &mut statement.opening,
            Some("CLBD") => &mut statement.closing,
            _ => continue,
        };
        let (money, _) = signed(balance, "Bal")?;
        if place.is_none() && of.as_deref().is_none_or(|of| of == money.currency.as_str()) {
            *place = Some(money);
        }
    }
    Ok(statement)
}

fn account(acct: &Element) -> Option<String> {
    let id = acct.child("Id")?;
    let paths: [&[&str]; 5] = [&["IBAN"], &["Othr", "Id"], &["PrtryAcct", "Id"], &["BBAN"], &["UPIC"]];
    paths.iter().find_map(|path| id.text_at(path)).map(str::to_owned)
}

/// A date or time that stands in an element itself, or in `Dt` or `DtTm` within it.
fn moment(element: Option<&Element>) -> Result<Option<(Timestamp, bool)>, StatementError> {
    let Some(element) = element else { return Ok(None) };
    let inner = element.child("DtTm").or_else(|| element.child("Dt")).unwrap_or(element);
    if inner.text.trim().is_empty() {
        return Ok(None);
    }
    iso_time(&inner.text, inner.line, &element.name).map(Some)
}

/// An amount with the sign beside it; whether money came.
fn signed(element: &Element, field: &str) -> Result<(Money, bool), StatementError> {
    let amt = element
        .child("Amt")
        .ok_or_else(|| StatementError::at(element.line, format!("{field} has no Amt")))?;
    let code = amt.ccy.as_deref().ok_or_else(|| StatementError::at(amt.line, "Amt has no attribute Ccy"))?;
    let of = currency(code, amt.line, "Ccy")?;
    let size = amount(amt.text.trim(), of, amt.line, "Amt")?;
    match element.text_at(&["CdtDbtInd"]) {
        Some("CRDT") => Ok((size, true)),
        Some("DBIT") => Ok((Money::new(-size.minor, of), false)),
        other => {
            let why = format!("CdtDbtInd is {:?}: it is CRDT or DBIT", other.unwrap_or_default());
            Err(StatementError::at(element.line, why))
        }
    }
}

/// An entry; none when it is only announced (PDNG, INFO): nothing has moved.
fn line(entry: &Element, created: Option<(Timestamp, bool)>) -> Result<Option<Line>, StatementError> {
    let status = entry.text_at(&["Sts", "Cd"]).or_else(|| entry.text_at(&["Sts"]));
    if matches!(status, Some("PDNG" | "INFO" | "FUTR")) {
        return Ok(None);
    }
    let (net, came) = signed(entry, "Ntry")?;
    let booked = moment(entry.child("BookgDt"))?;
    let value = moment(entry.child("ValDt"))?;
    // a notification may leave both out: it tells of what moved when it was made
    let (at, day_only) = booked.or(value).or(created).ok_or_else(|| {
        StatementError::at(entry.line, "Ntry has neither BookgDt nor ValDt, and its statement no CreDtTm")
    })?;
    let reversal = entry.text_at(&["RvslInd"]) == Some("true");
    let mut references = Vec::new();
    let mut ours = Vec::new();
    let keep = |list: &mut Vec<String>, text: Option<&str>| {
        if let Some(text) = text
            && text != "NOTPROVIDED"
            && list.len() < MAX_REFERENCES
            && !list.iter().any(|t| t == text)
        {
            list.push(text.to_owned());
        }
    };
    keep(&mut references, entry.text_at(&["AcctSvcrRef"]));
    keep(&mut references, entry.text_at(&["NtryRef"]));
    let mut texts: Vec<&str> = Vec::new();
    for details in entry.all("NtryDtls").chain([entry]) {
        let batch = details.child("Btch");
        for name in ["PmtInfId", "MsgId"] {
            keep(&mut ours, batch.and_then(|b| b.text_at(&[name])));
        }
        for tx in details.all("TxDtls") {
            for name in ["EndToEndId", "InstrId", "PmtInfId", "MsgId", "TxId", "UETR", "ChqNb", "MndtId"] {
                keep(&mut ours, tx.text_at(&["Refs", name]));
            }
            keep(&mut references, tx.text_at(&["Refs", "AcctSvcrRef"]));
            let mut structured = Vec::new();
            tx.deep("CdtrRefInf", &mut structured);
            for of in structured {
                keep(&mut ours, of.text_at(&["Ref"]).or_else(|| of.text_at(&["CdtrRef"])));
            }
            if let Some(about) = tx.child("RmtInf") {
                texts.extend(about.all("Ustrd").map(|u| u.text.trim()));
            }
            texts.extend(tx.text_at(&["AddtlTxInf"]));
        }
    }
    texts.extend(entry.text_at(&["AddtlNtryInf"]));
    let text: String = texts.join(" ").chars().take(500).collect();
    let kind = match (reversal, came) {
        (true, _) => LineKind::Reversal,
        (false, true) => LineKind::Credit,
        (false, false) => LineKind::Debit,
    };
    Ok(Some(Line {
        line: entry.line,
        references,
        ours,
        kind,
        gross: net,
        fee: Money::zero(net.currency),
        net,
        at,
        value_at: value.map(|(at, _)| at),
        day_only,
        text,
    }))
}
