//! WeChat Pay: the trade bill (交易账单) and the fund flow (资金账单) of a merchant.
//!
//! Every cell begins with a backtick and nothing is quoted, so a comma in a product's name shifts the cells after
//! it: such a row is refused rather than guessed at. Times are Beijing's. The trailer's sums and its count are compared
//! with the lines; the sample that WeChat itself publishes counts 45 where it has twelve.

use daybook_domain::{Currency, Money};

use crate::table::{Columns, Row, lines, room};
use crate::text::{BEIJING, amount, currency, wall_clock};
use crate::{Finding, Format, Line, LineKind, Parsed, Statement, StatementError};

/// Which of the two a header is.
pub(super) fn sniff(text: &str) -> Option<Format> {
    let header = text.trim_start_matches('\u{feff}').lines().find(|l| !l.trim().is_empty())?;
    let columns = Columns::new(header.split(','), 1);
    if columns.has("微信订单号") && columns.has("商户订单号") {
        Some(Format::WechatBill)
    } else if columns.has("资金流水单号") {
        Some(Format::WechatFundFlow)
    } else {
        None
    }
}

/// The header, the rows of lines and the one row of the trailer, with its header.
struct Parts<'t> {
    columns: Columns,
    rows: Vec<Row<'t>>,
    trailer: Option<(Columns, Row<'t>)>,
    /// The last line that holds anything.
    last: u64,
}

fn parts(text: &str) -> Result<Parts<'_>, StatementError> {
    let mut filled = lines(text).filter(|(_, l)| !l.trim().is_empty());
    let (at, header) = filled.next().ok_or(StatementError::Truncated { line: 1, why: "no header".into() })?;
    let mut parts =
        Parts { columns: Columns::new(header.split(','), at), rows: Vec::new(), trailer: None, last: at };
    while let Some((at, line)) = filled.next() {
        parts.last = at;
        if line.starts_with('`') {
            let row = Row::unquoted(line, at)?;
            row.fits(&parts.columns)?;
            room(parts.rows.len())?;
            parts.rows.push(row);
            continue;
        }
        // the trailer's header is the first row without a backtick
        let columns = Columns::new(line.split(','), at);
        let (at, sums) = filled.next().ok_or_else(|| StatementError::Truncated {
            line: at,
            why: "the sums below the trailer's header".into(),
        })?;
        let row = Row::unquoted(sums, at)?;
        row.fits(&columns)?;
        parts.trailer = Some((columns, row));
        if let Some((at, _)) = filled.next() {
            return Err(StatementError::at(
                at,
                "there are lines after the trailer: two bills in one file? take one at a time",
            ));
        }
        break;
    }
    Ok(parts)
}

/// Compares a sum of the trailer with that of the lines. What cannot be read of it is a finding too: the trailer is
/// compared, never trusted.
fn compare(
    findings: &mut Vec<Finding>,
    trailer: &(Columns, Row<'_>),
    column: &[&str],
    what: &str,
    counted: Money,
) {
    let (columns, row) = trailer;
    let Some(at) = columns.any(column) else { return };
    let line = row.line;
    match amount(row.get(Some(at)), counted.currency, line, what) {
        Ok(said) if said == counted => {}
        Ok(said) => findings.push(
            Finding::new(line, format!("the trailer says {what} {said}, the lines come to {counted}"))
                .off(said.sub(counted).ok()),
        ),
        Err(e) => findings.push(Finding::new(line, e.to_string())),
    }
}

fn compare_count(findings: &mut Vec<Finding>, trailer: &(Columns, Row<'_>), column: &str, counted: usize) {
    let (columns, row) = trailer;
    let Some(at) = columns.any(&[column]) else { return };
    // counts are written as decimals: 45.0
    let said = row.get(Some(at));
    let whole = said.split('.').next().unwrap_or_default();
    if whole.parse::<usize>() != Ok(counted) {
        findings.push(Finding::new(
            row.line,
            format!("the trailer counts {said} ({column}), there are {counted}"),
        ));
    }
}

fn sum(lines: &[Line], currency: Currency, of: impl Fn(&Line) -> Option<Money>) -> Money {
    let own = lines.iter().filter_map(of).filter(|m| m.currency == currency);
    own.fold(Money::zero(currency), |a, b| a.add(b).unwrap_or(a))
}

/// A trade bill: every payment and refund of a day.
pub(super) fn bill(text: &str) -> Result<Parsed, StatementError> {
    let parts = parts(text)?;
    let c = &parts.columns;
    let (time, account) = (c.need(&["交易时间"])?, c.any(&["商户号"]));
    let (theirs, ours) = (c.need(&["微信订单号"])?, c.need(&["商户订单号"])?);
    let (state, money) = (c.need(&["交易状态"])?, c.need(&["货币种类"])?);
    // 订单金额 is what the buyer was asked; 应结订单金额 what of it is settled to the merchant
    let (paid, fee) = (c.need(&["应结订单金额", "总金额"])?, c.need(&["手续费"])?);
    let (refund, our_refund, refunded) =
        (c.any(&["微信退款单号"]), c.any(&["商户退款单号"]), c.any(&["退款金额"]));
    let goods = c.any(&["商品名称"]);
    let mut statement = Statement { line: parts.columns.line, ..Statement::default() };
    for row in &parts.rows {
        let line = row.line;
        let of = currency(row.get(Some(money)), line, "货币种类")?;
        let at = wall_clock(row.get(Some(time)), BEIJING, line, "交易时间")?;
        let fee = amount(row.get(Some(fee)), of, line, "手续费")?;
        let mut references = vec![row.get(Some(theirs)).to_owned()];
        let mut own = vec![row.get(Some(ours)).to_owned()];
        let (kind, gross) = match row.get(Some(state)) {
            "SUCCESS" => (LineKind::Payment, amount(row.get(Some(paid)), of, line, "应结订单金额")?),
            state @ ("REFUND" | "REVOKED") => {
                references.insert(0, row.get(refund).to_owned());
                own.insert(0, row.get(our_refund).to_owned());
                let back = amount(row.get(refunded), of, line, "退款金额")?;
                let kind = if state == "REFUND" { LineKind::Refund } else { LineKind::Reversal };
                (kind, Money::new(-back.minor, of))
            }
            other => {
                return Err(StatementError::at(
                    line,
                    format!("交易状态: {other:?} is none of SUCCESS, REFUND, REVOKED"),
                ));
            }
        };
        same_account(&mut statement, row.get(account), line)?;
        for list in [&mut references, &mut own] {
            list.retain(|r| !r.is_empty() && r != "0");
        }
        statement.lines.push(Line {
            line,
            references,
            ours: own,
            kind,
            gross,
            fee,
            net: gross.sub(fee).map_err(|e| StatementError::at(line, e.to_string()))?,
            at,
            value_at: None,
            day_only: false,
            text: row.get(goods).to_owned(),
        });
    }
    let mut findings = Vec::new();
    let Some(trailer) = &parts.trailer else {
        return Err(StatementError::Truncated {
            line: parts.last,
            why: "the trailer with its sums is missing".into(),
        });
    };
    if let Some(of) = statement.lines.first().map(|l| l.net.currency) {
        let lines = &statement.lines;
        compare_count(&mut findings, trailer, "总交易单数", lines.len());
        let payments = sum(lines, of, |l| (l.kind == LineKind::Payment).then_some(l.gross));
        compare(&mut findings, trailer, &["应结订单总金额", "总交易额"], "应结订单总金额", payments);
        let back = sum(lines, of, |l| (l.kind != LineKind::Payment).then(|| Money::new(-l.gross.minor, of)));
        compare(&mut findings, trailer, &["退款总金额"], "退款总金额", back);
        compare(&mut findings, trailer, &["手续费总金额"], "手续费总金额", sum(lines, of, |l| Some(l.fee)));
    }
    Ok(Parsed { format: Format::WechatBill, statements: vec![statement], findings })
}

/// Every row of one file is of one merchant.
fn same_account(statement: &mut Statement, account: &str, line: u64) -> Result<(), StatementError> {
    if statement.account.is_empty() {
        account.clone_into(&mut statement.account);
    }
    if statement.account == account || account.is_empty() {
        return Ok(());
    }
    Err(StatementError::at(
        line,
        format!(
            "this line is of account {account}, those before it of {}: take one account at a time",
            statement.account
        ),
    ))
}

/// A fund flow: every movement of the balance.
pub(super) fn fund_flow(text: &str) -> Result<Parsed, StatementError> {
    let parts = parts(text)?;
    let c = &parts.columns;
    let of = Currency::new("CNY").expect("invariant: CNY is in ISO 4217");
    let (time, business) = (c.need(&["记账时间"])?, c.need(&["微信支付业务单号"])?);
    let (flow, kind) = (c.need(&["资金流水单号"])?, c.need(&["业务类型"])?);
    let (way, money) = (c.need(&["收支类型"])?, c.need(&["收支金额(元)"])?);
    let (balance, voucher, note) = (c.need(&["账户结余(元)"])?, c.any(&["业务凭证号"]), c.any(&["备注"]));
    let mut statement = Statement { line: parts.columns.line, ..Statement::default() };
    let mut findings = Vec::new();
    for row in &parts.rows {
        let line = row.line;
        let size = amount(row.get(Some(money)), of, line, "收支金额(元)")?;
        let moved = match row.get(Some(way)) {
            "收入" => size,
            "支出" => Money::new(-size.minor, of),
            other => {
                return Err(StatementError::at(
                    line,
                    format!("收支类型: {other:?} is neither 收入 nor 支出"),
                ));
            }
        };
        let after = amount(row.get(Some(balance)), of, line, "账户结余(元)")?;
        let before = after.sub(moved).map_err(|e| StatementError::at(line, e.to_string()))?;
        if statement.opening.is_none() {
            statement.opening = Some(before);
        } else if statement.closing != Some(before) {
            let was = statement.closing.unwrap_or(Money::zero(of));
            findings.push(Finding::new(line, format!("账户结余 {after} does not follow from {was} by {moved}: a line is missing or out of order")).off(before.sub(was).ok()));
        }
        statement.closing = Some(after);
        let word = row.get(Some(kind));
        let kind = match word {
            w if w.contains("退款") => LineKind::Refund,
            w if w.contains("手续费") || w.contains("服务费") => LineKind::Fee,
            w if w.contains("提现") => LineKind::Payout,
            w if w.contains("交易") || w.contains("支付") => LineKind::Payment,
            _ => LineKind::Other,
        };
        let is_fee = kind == LineKind::Fee;
        statement.lines.push(Line {
            line,
            // the business number is the transaction's; every movement of it has a flow number of its own
            references: [row.get(Some(business)), row.get(Some(flow))]
                .iter()
                .filter(|r| !r.is_empty())
                .map(|r| (*r).to_owned())
                .collect(),
            ours: Some(row.get(voucher)).filter(|v| !v.is_empty()).map(str::to_owned).into_iter().collect(),
            kind,
            gross: if is_fee { Money::zero(of) } else { moved },
            fee: if is_fee { Money::new(-moved.minor, of) } else { Money::zero(of) },
            net: moved,
            at: wall_clock(row.get(Some(time)), BEIJING, line, "记账时间")?,
            value_at: None,
            day_only: false,
            text: format!("{word} {}", row.get(note)).trim().to_owned(),
        });
    }
    let Some(trailer) = &parts.trailer else {
        return Err(StatementError::Truncated {
            line: parts.last,
            why: "the trailer with its sums is missing".into(),
        });
    };
    let lines = &statement.lines;
    compare_count(&mut findings, trailer, "资金流水总笔数", lines.len());
    compare_count(&mut findings, trailer, "收入笔数", lines.iter().filter(|l| l.net.minor > 0).count());
    compare(
        &mut findings,
        trailer,
        &["收入金额"],
        "收入金额",
        sum(lines, of, |l| (l.net.minor > 0).then_some(l.net)),
    );
    compare_count(&mut findings, trailer, "支出笔数", lines.iter().filter(|l| l.net.minor < 0).count());
    let out = sum(lines, of, |l| (l.net.minor < 0).then(|| Money::new(-l.net.minor, of)));
    compare(&mut findings, trailer, &["支出金额"], "支出金额", out);
    Ok(Parsed { format: Format::WechatFundFlow, statements: vec![statement], findings })
}
