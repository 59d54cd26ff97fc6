//! Alipay: the fund ledger of a merchant (账务明细), GBK or GB18030, alone or packed with its summary.
//!
//! Lines that begin with `#` stand before and after the table: whose account, which days, how many and how much came in
//! and went out. Columns vary in order and number by product and are read by name; amounts stand in two columns, income and
//! expense; newest first, so balances are checked from the last line up.

use daybook_domain::{Currency, Money, Timestamp};

use crate::table::{Columns, Row, lines, room};
use crate::text::{BEIJING, amount, wall_clock};
use crate::{Finding, Format, Line, LineKind, Parsed, Statement, StatementError};

const FLOW: &str = "账务流水号";

/// Whether a text is such a ledger.
pub(super) fn sniff(text: &str) -> Option<Format> {
    let header =
        text.lines().find(|l| !l.trim_start_matches('\u{feff}').starts_with('#') && !l.trim().is_empty())?;
    let columns = Columns::new(header.split(','), 1);
    (columns.has(FLOW) && columns.has("收入金额(+元)")).then_some(Format::AlipayLedger)
}

/// The text between the first pair of full brackets after `label`.
fn bracketed<'t>(line: &'t str, label: &str) -> Option<&'t str> {
    let rest = line.split(label).nth(1)?;
    let rest = rest.split(['[', '【']).nth(1)?;
    rest.split([']', '】']).next()
}

/// The trailer's count and sum of one direction: `#收入合计：18笔，共14989.00元`.
fn total<'t>(line: &'t str, label: &str) -> Option<(&'t str, &'t str)> {
    let rest = line.split(label).nth(1)?.trim_start_matches(['：', ':']);
    let (count, rest) = rest.split_once('笔')?;
    let sum = rest.split_once('共')?.1;
    Some((count.trim(), sum.split('元').next().unwrap_or_default().trim()))
}

/// Reads a ledger.
pub(super) fn ledger(text: &str) -> Result<Parsed, StatementError> {
    let of = Currency::new("CNY").expect("invariant: CNY is in ISO 4217");
    let mut statement = Statement { line: 1, ..Statement::default() };
    let mut findings = Vec::new();
    let mut columns: Option<Columns> = None;
    let mut ended = false;
    let mut totals: Vec<(u64, bool, String, String)> = Vec::new();
    let mut balances: Vec<(u64, Money)> = Vec::new();
    let mut last = 1;
    for (at, line) in lines(text).filter(|(_, l)| !l.trim().is_empty()) {
        last = at;
        let line = line.trim_start_matches('\u{feff}');
        if line.starts_with('#') {
            if columns.is_none() {
                preamble(&mut statement, line, at)?;
            }
            ended |= columns.is_some() && line.contains("结束");
            let sums = [("支出合计", false), ("收入合计", true)];
            for (label, income) in sums {
                if let Some((count, sum)) = total(line, label) {
                    totals.push((at, income, count.to_owned(), sum.to_owned()));
                }
            }
            continue;
        }
        let Some(columns) = &columns else {
            columns = Some(Columns::new(line.split(','), at));
            continue;
        };
        if ended {
            return Err(StatementError::at(
                at,
                "there are lines after the end of the table: two ledgers in one file?",
            ));
        }
        room(statement.lines.len())?;
        let row = Row::unquoted(line, at)?;
        row.fits(columns)?;
        let (read, balance) = entry(columns, &row, of)?;
        if let Some(balance) = balance {
            balances.push((at, balance));
        }
        statement.lines.push(read);
    }
    if columns.is_none() {
        return Err(StatementError::Truncated { line: last, why: "no header".into() });
    }
    if !ended && totals.is_empty() {
        return Err(StatementError::Truncated {
            line: last,
            why: "the lines after the table are missing".into(),
        });
    }
    check_totals(&statement, &totals, of, &mut findings);
    check_running(&mut statement, &balances, &mut findings);
    Ok(Parsed { format: Format::AlipayLedger, statements: vec![statement], findings })
}

/// Account and days.
fn preamble(statement: &mut Statement, line: &str, at: u64) -> Result<(), StatementError> {
    if let Some(account) = bracketed(line, "账号") {
        if !statement.account.is_empty() && statement.account != account {
            let why = format!("account {account} after {}: take one account at a time", statement.account);
            return Err(StatementError::at(at, why));
        }
        account.clone_into(&mut statement.account);
    }
    let day = |text: &str| -> Result<Timestamp, StatementError> {
        let text = text.replace(['年', '月'], "-").replace('日', "");
        wall_clock(text.trim(), BEIJING, at, "起始日期")
    };
    if let Some(from) = bracketed(line, "起始日期") {
        statement.from = Some(day(from)?);
    }
    if let Some(to) = bracketed(line, "终止日期") {
        statement.to = Some(day(to)?);
    }
    Ok(())
}

fn entry(columns: &Columns, row: &Row<'_>, of: Currency) -> Result<(Line, Option<Money>), StatementError> {
    let line = row.line;
    let (income, expense) = (columns.need(&["收入金额(+元)"])?, columns.need(&["支出金额(-元)"])?);
    // an empty cell, or a blank one, is nothing
    let read = |at: usize, field: &str| match row.get(Some(at)) {
        "" => Ok(Money::zero(of)),
        text => amount(text, of, line, field),
    };
    let came = read(income, "收入金额(+元)")?;
    // the expense may be written with its sign or without
    let went = Money::new(-read(expense, "支出金额(-元)")?.minor.abs(), of);
    let moved = came.add(went).map_err(|e| StatementError::at(line, e.to_string()))?;
    let word = row.get(columns.any(&["业务类型"]));
    let note = row.get(columns.any(&["备注"]));
    let kind = match word {
        w if w.contains("拒付") && moved.minor < 0 => LineKind::Chargeback,
        w if w.contains("拒付") => LineKind::ChargebackReversal,
        w if w.contains("退回") => LineKind::Reversal,
        w if w.contains("退款") => LineKind::Refund,
        // 退费 gives a fee back, no payment
        w if w.contains("收费") || w.contains("服务费") || w.contains("退费") => LineKind::Fee,
        w if w.contains("提现") => LineKind::Payout,
        w if w.contains("支付") || w.contains("交易") || w.contains("收款") => LineKind::Payment,
        _ => LineKind::Other,
    };
    let is_fee = kind == LineKind::Fee;
    let filled = |names: &[&str]| -> Vec<String> {
        let cells = names.iter().map(|n| row.get(columns.any(&[n])));
        cells.filter(|c| !c.is_empty() && *c != "0").map(str::to_owned).collect()
    };
    let balance = match columns.any(&["账户余额(元)"]) {
        Some(at) if !row.get(Some(at)).is_empty() => {
            Some(amount(row.get(Some(at)), of, line, "账户余额(元)")?)
        }
        _ => None,
    };
    let goods = row.get(columns.any(&["商品名称", "业务描述"]));
    let read = Line {
        line,
        // the business number is the transaction's; every movement of it has a flow number of its own
        references: filled(&["业务流水号", FLOW]),
        ours: filled(&["商户订单号", "业务订单号", "业务基础订单号"]),
        kind,
        gross: if is_fee { Money::zero(of) } else { moved },
        fee: if is_fee { Money::new(-moved.minor, of) } else { Money::zero(of) },
        net: moved,
        at: wall_clock(row.get(Some(columns.need(&["发生时间"])?)), BEIJING, line, "发生时间")?,
        value_at: None,
        day_only: false,
        text: [word, goods, note].iter().filter(|t| !t.is_empty()).copied().collect::<Vec<_>>().join(" "),
    };
    Ok((read, balance))
}

fn check_totals(
    statement: &Statement,
    totals: &[(u64, bool, String, String)],
    of: Currency,
    findings: &mut Vec<Finding>,
) {
    for (line, income, count, sum) in totals {
        let what = if *income { "收入合计" } else { "支出合计" };
        let of_it =
            || statement.lines.iter().filter(|l| if *income { l.net.minor > 0 } else { l.net.minor < 0 });
        let counted = of_it().count();
        if count.parse::<usize>() != Ok(counted) {
            let what = format!("the trailer counts {count} ({what}), there are {counted}");
            findings.push(Finding::new(*line, what));
        }
        let came = Money::new(of_it().map(|l| l.net.minor.abs()).sum(), of);
        match amount(sum, of, *line, what) {
            Ok(said) if said.minor.abs() == came.minor => {}
            Ok(said) => findings.push(
                Finding::new(*line, format!("the trailer says {what} {said}, the lines come to {came}"))
                    .off(said.sub(came).ok()),
            ),
            Err(e) => findings.push(Finding::new(*line, e.to_string())),
        }
    }
}

/// The balance after each line follows from the one below it, or above it where the oldest is first.
fn check_running(statement: &mut Statement, balances: &[(u64, Money)], findings: &mut Vec<Finding>) {
    if balances.len() != statement.lines.len() || balances.is_empty() {
        return;
    }
    let n = balances.len();
    let newest_first = statement.lines[0].at > statement.lines[n - 1].at
        || (n > 1
            && statement.lines[0].at == statement.lines[n - 1].at
            && follows(statement, balances, 1, 0));
    let order: Vec<usize> = if newest_first { (0..n).rev().collect() } else { (0..n).collect() };
    let (first, end) = (order[0], order[n - 1]);
    statement.opening = balances[first].1.sub(statement.lines[first].net).ok();
    statement.closing = Some(balances[end].1);
    for pair in order.windows(2) {
        if !follows(statement, balances, pair[0], pair[1]) {
            let (line, after) = balances[pair[1]];
            let was = balances[pair[0]].1;
            let moved = statement.lines[pair[1]].net;
            let off = after.sub(was).and_then(|d| d.sub(moved)).ok();
            let what = format!(
                "账户余额 {after} does not follow from {was} by {moved}: a line is missing or out of order"
            );
            findings.push(Finding::new(line, what).off(off));
        }
    }
}

fn follows(statement: &Statement, balances: &[(u64, Money)], before: usize, after: usize) -> bool {
    balances[before].1.add(statement.lines[after].net) == Ok(balances[after].1)
}
