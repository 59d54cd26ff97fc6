//! Rows as each format has them.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use daybook_domain::time::DAY;
use daybook_domain::{Money, Timestamp};
use daybook_reconciliation::{Format, LineKind};

use super::{Row, Sheet};

/// A file's ending and its bytes.
pub(super) fn write(sheet: &Sheet, from: Timestamp, until: Timestamp) -> (&'static str, Vec<u8>) {
    match sheet.format {
        Format::WechatBill => ("wechat.csv", wechat(sheet).into_bytes()),
        Format::AlipayLedger => {
            let text = alipay(sheet, from, until);
            ("alipay.csv", encoding_rs::GBK.encode(&text).0.into_owned())
        }
        Format::Camt053 => ("camt053.xml", camt(sheet, from, until).into_bytes()),
        Format::Mt940 => ("mt940.sta", mt940(sheet, from, until).into_bytes()),
        _ => ("stripe.csv", stripe(sheet).into_bytes()),
    }
}

/// Beijing's wall clock.
const BEIJING: i64 = 8 * 3_600 * 1_000_000;

fn clock(at: Timestamp, east: i64, format: &str) -> String {
    let at = DateTime::<Utc>::from_timestamp_micros(at.0.saturating_add(east)).unwrap_or_default();
    at.format(format).to_string()
}

fn sum(rows: &[Row], of: impl Fn(&Row) -> i64) -> i64 {
    rows.iter().map(of).sum()
}

fn yuan(minor: i64, like: Option<&Row>) -> String {
    like.map_or_else(|| "0.00".to_owned(), |r| Money::new(minor, r.gross.currency).amount().to_string())
}

fn wechat(sheet: &Sheet) -> String {
    let mut out = String::from(
        "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
         应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,\
         订单金额,申请退款金额,费率备注\r\n",
    );
    for row in &sheet.rows {
        let at = clock(row.at, BEIJING, "%Y-%m-%d %H:%M:%S");
        let (of, fee) = (row.gross.currency, row.fee.amount());
        let paid = row.kind == LineKind::Payment;
        let (state, order, refund) = if paid {
            ("SUCCESS", row.reference.as_str(), "0")
        } else {
            ("REFUND", "0", row.reference.as_str())
        };
        let (gross, back) = if paid { (row.gross.minor, 0) } else { (0, -row.gross.minor) };
        let (gross, back) = (Money::new(gross, of).amount(), Money::new(back, of).amount());
        let kind = if paid { ("", "") } else { ("ORIGINAL", "SUCCESS") };
        let _ = write!(
            out,
            "`{at},`wx0001,`1900001,`0,`,`{order},`{order},`u,`JSAPI,`{state},`OTHERS,`{of},`{gross},`0.00,`{refund},\
             `{refund},`{back},`0.00,`{},`{},`goods,`,`{fee}000,`0.60%,`{gross},`{back},`\r\n",
            kind.0, kind.1
        );
    }
    // the trailer adds what is in yuan
    let own: Vec<Row> = sheet.rows.iter().filter(|r| r.gross.currency.as_str() == "CNY").cloned().collect();
    let like = own.first();
    let paid = sum(&own, |r| if r.kind == LineKind::Payment { r.gross.minor } else { 0 });
    let back = sum(&own, |r| if r.kind == LineKind::Payment { 0 } else { -r.gross.minor });
    let fees = sum(&own, |r| r.fee.minor);
    let (paid, back, fees) = (yuan(paid, like), yuan(back, like), yuan(fees, like));
    let _ = write!(
        out,
        "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n\
         `{},`{paid},`{back},`0.00,`{fees},`{paid},`{back}\r\n",
        sheet.rows.len()
    );
    out
}

/// Alipay's word for a line.
fn word(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Payment => "在线支付",
        LineKind::Refund => "交易退款",
        LineKind::Fee => "收费",
        LineKind::Payout => "提现",
        LineKind::Chargeback => "拒付",
        LineKind::ChargebackReversal => "拒付退回",
        LineKind::Reversal => "退回",
        LineKind::Credit | LineKind::Debit | LineKind::Other => "其他",
    }
}

fn alipay(sheet: &Sheet, from: Timestamp, until: Timestamp) -> String {
    let day = |at: Timestamp| clock(at, BEIJING, "%Y年%m月%d日 %H:%M:%S");
    let mut out = format!(
        "#支付宝账务明细查询\r\n#账号：[2088000000000001]\r\n#起始日期：[{}]   终止日期：[{}]\r\n\
         #-----------------------------------------账务明细列表----------------------------------------\r\n\
         账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注\r\n",
        day(from),
        day(until)
    );
    // each movement a line of its own: the fee stands below what it is for, so it comes first in the file
    let mut lines = Vec::new();
    let (mut balance, mut flow) = (0i64, 0u64);
    let (mut went, mut came) = ((0u64, 0i64), (0u64, 0i64));
    for row in &sheet.rows {
        let fee = Money::new(-row.fee.minor, row.fee.currency);
        for (kind, moved) in [(row.kind, row.gross), (LineKind::Fee, fee)] {
            if moved.is_zero() {
                continue;
            }
            balance += moved.minor;
            flow += 1;
            let side = if moved.minor > 0 { &mut came } else { &mut went };
            *side = (side.0 + 1, side.1 + moved.minor.abs());
            let of = moved.currency;
            let (income, expense) =
                if moved.minor > 0 { (moved.minor, 0) } else { (0, moved.minor.saturating_neg()) };
            lines.push(format!(
                "2026{flow:012}\t,{}\t,{}\t,goods\t,{},buyer\t,{},{},{},支付宝,{},\r\n",
                row.reference,
                row.reference,
                clock(row.at, BEIJING, "%Y-%m-%d %H:%M:%S"),
                Money::new(income, of).amount(),
                Money::new(expense, of).amount(),
                Money::new(balance, of).amount(),
                word(kind)
            ));
        }
    }
    lines.iter().rev().for_each(|line| out.push_str(line));
    let like = sheet.rows.first();
    let _ = write!(
        out,
        "#----------------------------------------账务明细列表结束-------------------------------------\r\n\
         #支出合计：{}笔，共{}元\r\n#收入合计：{}笔，共{}元\r\n#导出时间：[{}]\r\n",
        went.0,
        yuan(went.1 + sheet.trailer_off, like),
        came.0,
        yuan(came.1, like),
        day(until)
    );
    out
}

fn stripe(sheet: &Sheet) -> String {
    let mut out = String::from(
        "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,reporting_category,source_id,description\n",
    );
    for (n, row) in sheet.rows.iter().enumerate() {
        let word = match row.kind {
            LineKind::Payment => "charge",
            LineKind::Refund => "refund",
            LineKind::Chargeback => "dispute",
            LineKind::ChargebackReversal => "dispute_reversal",
            LineKind::Payout => "payout",
            LineKind::Reversal => "charge_failure",
            LineKind::Fee => "fee",
            LineKind::Credit | LineKind::Debit | LineKind::Other => "other_adjustment",
        };
        let _ = writeln!(
            out,
            "txn_{:08},{},{},{},{},{},{},{word},{},\"{word}, {}\"",
            n + 1,
            clock(row.at, 0, "%Y-%m-%d %H:%M:%S"),
            clock(row.at.plus_days(2), 0, "%Y-%m-%d %H:%M:%S"),
            row.gross.currency.as_str().to_lowercase(),
            row.gross.amount(),
            row.fee.amount(),
            row.net().amount(),
            row.reference,
            sheet.provider
        );
    }
    out
}

/// A balance with its sign beside it.
fn signed(minor: i64, like: &Row) -> (String, &'static str) {
    let size = Money::new(minor.abs(), like.gross.currency).amount().to_string();
    (size, if minor < 0 { "DBIT" } else { "CRDT" })
}

fn camt(sheet: &Sheet, from: Timestamp, until: Timestamp) -> String {
    let moment = |at: Timestamp| clock(at, 0, "%Y-%m-%dT%H:%M:%SZ");
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\n\
         <BkToCstmrStmt>\n<GrpHdr><MsgId>{0}-1</MsgId><CreDtTm>{1}</CreDtTm></GrpHdr>\n<Stmt>\n<Id>{0}-1</Id>\n\
         <CreDtTm>{1}</CreDtTm>\n<FrToDt><FrDtTm>{2}</FrDtTm><ToDtTm>{1}</ToDtTm></FrToDt>\n\
         <Acct><Id><Othr><Id>{0}</Id></Othr></Id></Acct>\n",
        sheet.provider,
        moment(until),
        moment(from)
    );
    if let Some(like) = sheet.rows.first() {
        let closing = sum(&sheet.rows, |r| r.net().minor);
        for (code, minor, at) in [("OPBD", 0, from), ("CLBD", closing, until)] {
            let (size, mark) = signed(minor, like);
            let _ = writeln!(
                out,
                "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{}\">{size}</Amt><CdtDbtInd>{mark}</CdtDbtInd>\
                 <Dt><Dt>{}</Dt></Dt></Bal>",
                like.gross.currency,
                clock(at, 0, "%Y-%m-%d")
            );
        }
    }
    for (n, row) in sheet.rows.iter().enumerate() {
        let (size, mark) = signed(row.net().minor, row);
        let _ = writeln!(
            out,
            "<Ntry><Amt Ccy=\"{}\">{size}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
             <BookgDt><Dt>{}</Dt></BookgDt><AcctSvcrRef>{}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs>\
             <RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
            row.gross.currency,
            clock(row.at, 0, "%Y-%m-%d"),
            bank_reference(sheet, row, n),
            row.reference,
            row.text
        );
    }
    out.push_str("</Stmt>\n</BkToCstmrStmt>\n</Document>\n");
    out
}

/// A bank's own number; what nobody else knows goes by the number it was planted with.
fn bank_reference(sheet: &Sheet, row: &Row, n: usize) -> String {
    if row.kind == LineKind::Fee { row.reference.clone() } else { format!("{}-{:06}", sheet.provider, n + 1) }
}

fn mt940(sheet: &Sheet, from: Timestamp, until: Timestamp) -> String {
    let day = |at: Timestamp| clock(at, 0, "%y%m%d");
    let comma = |minor: i64, like: &Row| -> String {
        Money::new(minor.abs(), like.gross.currency).amount().to_string().replace('.', ",")
    };
    let mut out = format!(":20:STATEMENT1\r\n:25:{}\r\n:28C:1/1\r\n", sheet.provider);
    let Some(like) = sheet.rows.first() else { return out };
    let of = like.gross.currency;
    let _ = write!(out, ":60F:C{}{of}0,00\r\n", day(from.plus(-DAY)));
    for (n, row) in sheet.rows.iter().enumerate() {
        let net = row.net().minor;
        let mark = if net < 0 { "D" } else { "C" };
        let kind = if row.kind == LineKind::Fee { "NCHG" } else { "NTRF" };
        let at = day(row.at);
        let _ = write!(
            out,
            ":61:{at}{}{mark}{}{kind}{}//{}\r\n:86:{} {}\r\n",
            &at[2..],
            comma(net, row),
            if row.kind == LineKind::Fee { "NONREF" } else { &row.reference },
            bank_reference(sheet, row, n),
            row.reference,
            row.text
        );
    }
    let closing = sum(&sheet.rows, |r| r.net().minor);
    let mark = if closing < 0 { "D" } else { "C" };
    let _ = write!(out, ":62F:{mark}{}{of}{}\r\n-\r\n", day(until.plus(-1)), comma(closing, like));
    out
}
