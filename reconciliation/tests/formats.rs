//! Small statements made by hand, one per format, and what is refused of them.

use std::io::Write;

use daybook_reconciliation::{Format, LineKind, StatementError, read};

const BILL: &str = "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n\
`2026-05-31 08:00:00,`wx1,`190001,`0,`,`4200001,`c-1,`u1,`JSAPI,`SUCCESS,`OTHERS,`CNY,`100.00,`0.00,`0,`0,`0.00,`0.00,`,`,`tea,`,`0.60000,`0.60%,`100.00,`0.00,`\r\n\
`2026-05-31 09:30:00,`wx1,`190001,`0,`,`4200001,`c-1,`u1,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`5000001,`r-1,`40.00,`0.00,`ORIGINAL,`SUCCESS,`tea,`,`-0.24000,`0.60%,`0.00,`40.00,`\r\n";
const BILL_END: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n\
`2.0,`100.00,`40.00,`0.00,`0.36,`100.00,`40.00\r\n";

fn bill() -> String {
    format!("{BILL}{BILL_END}")
}

fn refused(text: &str) -> String {
    read(text.as_bytes(), None).expect_err("refused").to_string()
}

#[test]
fn a_wechat_bill_reads_payments_and_refunds_with_their_fees() {
    let parsed = read(bill().as_bytes(), None).expect("read");
    assert_eq!((parsed.format, parsed.findings.as_slice()), (Format::WechatBill, [].as_slice()));
    let [payment, refund] = parsed.statements[0].lines.as_slice() else { panic!("two lines") };
    assert_eq!((payment.line, payment.kind, refund.kind), (2, LineKind::Payment, LineKind::Refund));
    assert_eq!(payment.net.to_string(), "99.40 CNY");
    assert_eq!(payment.at.to_string(), "2026-05-31T00:00:00Z", "Beijing's clock");
    assert_eq!((refund.gross.to_string(), refund.fee.to_string()), ("-40.00 CNY".into(), "-0.24 CNY".into()));
    assert_eq!((refund.references[0].as_str(), refund.ours[0].as_str()), ("5000001", "r-1"));
}

#[test]
fn a_bill_without_its_trailer_was_cut_off() {
    assert_eq!(
        refused(BILL),
        "line 3: the file ends before the statement does (the trailer with its sums is missing): it was cut off; export \
         it again"
    );
}

#[test]
fn a_trailer_is_compared_and_not_trusted() {
    let text = bill().replace("`2.0,", "`3.0,").replace("`40.00,`0.00,`0.36", "`41.00,`0.00,`0.36");
    let parsed = read(text.as_bytes(), None).expect("read");
    let said: Vec<_> = parsed.findings.iter().map(|f| (f.line, f.what.as_str())).collect();
    assert_eq!(
        said,
        [
            (5, "the trailer counts 3.0 (总交易单数), there are 2"),
            (5, "the trailer says 退款总金额 41.00 CNY, the lines come to 40.00 CNY"),
        ]
    );
}

#[test]
fn a_comma_in_a_products_name_shifts_cells_and_is_refused_with_its_line() {
    let why = refused(&bill().replacen("`tea,", "`tea, green,", 1));
    assert_eq!(why, "line 2: 28 cells where the header has 27: a cell is missing or holds a comma");
}

#[test]
fn two_merchants_in_one_bill_are_refused() {
    let text = bill();
    let second = text.rfind("`190001").expect("there");
    let mixed = format!("{}`190002{}", &text[..second], &text[second + 7..]);
    assert_eq!(
        refused(&mixed),
        "line 3: this line is of account 190002, those before it of 190001: take one account at a time"
    );
}

#[test]
fn an_amount_finer_than_a_fen_is_refused_unless_it_is_zeros() {
    let why = refused(&bill().replace("`0.60000", "`0.60500"));
    assert!(why.starts_with("line 2: 手续费: amount \"0.605\" is finer"), "{why}");
}

const LEDGER: &str = "#支付宝账务明细查询\r\n#账号：[2088001]\r\n#起始日期：[2026年05月31日 00:00:00]   终止日期：[2026年06月01日 00:00:00]\r\n\
#-----------------------------------------账务明细列表----------------------------------------\r\n\
账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注\r\n\
3\t,2026003\t,r-1\t,茶\t,2026-05-31 12:00:00,u\t,0.00,40.00,659.40,支付宝,交易退款,\r\n\
2\t,2026001\t,c-1\t,茶\t,2026-05-31 08:00:01,u\t,0.00,0.60,699.40,支付宝,收费,服务费\r\n\
1\t,2026001\t,c-1\t,茶\t,2026-05-31 08:00:00,u\t,100.00,0.00,700.00,支付宝,在线支付,\r\n\
#----------------------------------------账务明细列表结束-------------------------------------\r\n\
#支出合计：2笔，共40.60元\r\n#收入合计：1笔，共100.00元\r\n#导出时间：[2026年06月01日 01:00:00]\r\n";

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GBK.encode(text).0.into_owned()
}

#[test]
fn an_alipay_ledger_in_gbk_reads_fees_as_lines_of_their_payment() {
    let parsed = read(&gbk(LEDGER), None).expect("read");
    assert_eq!((parsed.format, parsed.findings.as_slice()), (Format::AlipayLedger, [].as_slice()));
    let statement = &parsed.statements[0];
    assert_eq!(statement.account, "2088001");
    assert_eq!(statement.opening.map(|m| m.to_string()), Some("600.00 CNY".into()));
    assert_eq!(statement.closing.map(|m| m.to_string()), Some("659.40 CNY".into()));
    let [refund, fee, payment] = statement.lines.as_slice() else { panic!("three lines") };
    assert_eq!((refund.kind, fee.kind, payment.kind), (LineKind::Refund, LineKind::Fee, LineKind::Payment));
    assert_eq!((fee.gross.minor, fee.fee.minor, fee.net.minor), (0, 60, -60));
    assert_eq!(fee.references[0], payment.references[0], "the transaction's number joins them");
}

#[test]
fn a_fee_that_alipay_gives_back_is_a_fee_and_no_refund() {
    let ledger = LEDGER.replace("交易退款", "服务退费").replace("0.00,40.00,659.40", "0.60,0.00,700.00");
    let ledger = ledger.replace("#支出合计：2笔，共40.60元", "#支出合计：1笔，共0.60元");
    let ledger = ledger.replace("#收入合计：1笔，共100.00元", "#收入合计：2笔，共100.60元");
    let parsed = read(&gbk(&ledger), None).expect("read");
    assert_eq!(parsed.findings, []);
    let back = &parsed.statements[0].lines[0];
    assert_eq!((back.kind, back.gross.minor, back.fee.minor, back.net.minor), (LineKind::Fee, 0, -60, 60));
}

const FUND_FLOW: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\r\n\
`2026-05-31 08:00:00,`4200001,`1900001,`交易,`交易,`收入,`100.00,`100.00,`system,`,`c-1\r\n\
`2026-05-31 08:00:00,`4200001,`1900002,`扣除交易手续费,`扣除交易手续费,`支出,`0.60,`99.40,`system,`,`c-1\r\n\
资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n\
`2,`1,`100.00,`1,`0.60\r\n";

#[test]
fn a_fund_flow_names_the_transaction_before_the_movement() {
    let parsed = read(FUND_FLOW.as_bytes(), None).expect("read");
    assert_eq!((parsed.format, parsed.findings.as_slice()), (Format::WechatFundFlow, [].as_slice()));
    let lines = &parsed.statements[0].lines;
    assert_eq!(lines[0].references, ["4200001", "1900001"]);
    assert_eq!(lines[1].references, ["4200001", "1900002"], "a payment and its fee have one transaction");
}

#[test]
fn a_ledger_that_is_neither_gbk_nor_utf8_is_refused() {
    let mut bytes = gbk(LEDGER);
    let at = bytes.windows(3).position(|w| w == b"c-1").expect("there");
    bytes[at] = 0xff;
    let why = read(&bytes, None).expect_err("refused").to_string();
    assert_eq!(why, "line 7: a byte that is not GB18030: export the file again in GBK or GB18030");
}

#[test]
fn a_missing_line_shows_in_the_running_balance() {
    let text: String = LEDGER.lines().filter(|l| !l.contains("收费")).map(|l| format!("{l}\r\n")).collect();
    let parsed = read(&gbk(&text), None).expect("read");
    let off: Vec<_> = parsed.findings.iter().filter_map(|f| f.off).map(|m| m.to_string()).collect();
    assert_eq!(off, ["0.60 CNY", "-0.60 CNY"], "{:?}", parsed.findings);
}

fn zipped(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a file");
        writer.write_all(content).expect("written");
    }
    writer.finish().expect("a zip").into_inner()
}

#[test]
fn a_packed_ledger_is_chosen_by_its_header_not_by_its_place() {
    let summary = gbk("#支付宝账务汇总\r\n业务类型,收入笔数\r\n在线支付,1\r\n");
    let parsed = read(&zipped(&[("汇总.csv", summary), ("明细.csv", gbk(LEDGER))]), None).expect("read");
    assert_eq!(parsed.statements[0].lines.len(), 3);
}

#[test]
fn a_bomb_is_refused_by_what_it_unpacks_to() {
    let bomb = zipped(&[("明细.csv", vec![b'0'; 40 << 20])]);
    assert!(bomb.len() < 100 << 10, "it is small: {}", bomb.len());
    let why = read(&bomb, None).expect_err("refused");
    assert!(matches!(why, StatementError::TooLarge { .. }), "{why}");
}

const STRIPE: &str = "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,reporting_category,source_id,description\n\
txn_1,2026-05-31 08:00:00,2026-06-02 00:00:00,usd,100.00,3.20,96.80,charge,ch_1,\"tea, green\"\n\
txn_2,2026-05-31 09:00:00,2026-06-02 00:00:00,usd,-100.00,15.00,-115.00,dispute,dp_1,\n\
txn_3,2026-06-01 00:00:00,2026-06-01 00:00:00,usd,-50.00,0.00,-50.00,payout,po_1,STRIPE PAYOUT\n";

#[test]
fn a_stripe_report_reads_by_the_names_of_its_columns() {
    let parsed = read(STRIPE.as_bytes(), None).expect("read");
    assert_eq!((parsed.format, parsed.findings.as_slice()), (Format::StripeItemised, [].as_slice()));
    let lines = &parsed.statements[0].lines;
    let kinds: Vec<_> = lines.iter().map(|l| l.kind).collect();
    assert_eq!(kinds, [LineKind::Payment, LineKind::Chargeback, LineKind::Payout]);
    assert_eq!((lines[0].references[0].as_str(), lines[0].text.as_str()), ("ch_1", "tea, green"));
    assert_eq!((lines[0].at.to_string(), lines[0].day_only), ("2026-05-31T08:00:00Z".to_owned(), false));
}

#[test]
fn a_stripe_report_that_ends_in_a_row_was_cut_off() {
    let why = refused(&STRIPE[..STRIPE.len() - 30]);
    assert!(why.starts_with("line 4: the file ends before the statement does"), "{why}");
}

const CAMT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>m</MsgId></GrpHdr>
<Stmt><Id>1</Id><Acct><Id><IBAN>DE001</IBAN></Id></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">7.75</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Ntry><Amt Ccy="EUR">2.250</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-05-31</Dt></BookgDt>
<AcctSvcrRef>bank-1</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>po-1</EndToEndId></Refs><RmtInf><Ustrd>A &amp; B</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>"#;

#[test]
fn a_camt_statement_reads_entries_with_signs_and_references() {
    let parsed = read(CAMT.as_bytes(), None).expect("read");
    assert_eq!((parsed.format, parsed.findings.as_slice()), (Format::Camt053, [].as_slice()));
    let line = &parsed.statements[0].lines[0];
    assert_eq!((line.line, line.net.to_string(), line.kind), (6, "-2.25 EUR".to_owned(), LineKind::Debit));
    assert_eq!(
        (line.references[0].as_str(), line.ours[0].as_str(), line.text.as_str()),
        ("bank-1", "po-1", "A & B")
    );
    assert!(line.day_only);
}

#[test]
fn a_camt_statement_that_does_not_add_up_says_by_how_much() {
    let parsed = read(CAMT.replace("7.75", "8.00").as_bytes(), None).expect("read");
    assert_eq!(parsed.findings[0].off.map(|m| m.to_string()), Some("0.25 EUR".into()));
}

#[test]
fn xml_that_is_cut_off_deep_or_declares_a_type_is_refused() {
    let why = refused(&CAMT[..CAMT.len() - 60]);
    assert!(why.contains("the file ends before the statement does"), "{why}");
    let deep = format!("<Document><BkToCstmrStmt>{}", "<a>".repeat(100));
    assert!(refused(&deep).contains("nested deeper than 48"));
    let typed = CAMT.replacen("<Document", "<!DOCTYPE d [<!ENTITY x \"y\">]><Document", 1);
    assert!(refused(&typed).contains("document type"));
}

const MT940: &str = ":20:STMT1\r\n:25:DE001/1\r\n:28C:1/1\r\n:60F:C260530EUR10,00\r\n\
:61:2605310531D2,25NTRFpo-1//bank-1\r\n:86:166?00UEBERWEISUNG?20EREF+pay-7?21SVWZ+May\r\n\
:61:260531RC1,NTRFNONREF\r\n:62F:C260531EUR6,75\r\n-\r\n";

#[test]
fn an_mt940_statement_reads_entries_reversals_and_balances() {
    let parsed = read(MT940.as_bytes(), None).expect("read");
    assert_eq!((parsed.format, parsed.findings.as_slice()), (Format::Mt940, [].as_slice()));
    let [paid, reversed] = parsed.statements[0].lines.as_slice() else { panic!("two lines") };
    assert_eq!(
        (paid.references[0].as_str(), paid.ours.as_slice()),
        ("bank-1", ["po-1".to_owned(), "pay-7".into()].as_slice())
    );
    assert_eq!((reversed.net.to_string(), reversed.kind), ("-1.00 EUR".to_owned(), LineKind::Reversal));
}

#[test]
fn an_mt940_line_of_a_batch_names_all_that_is_in_it() {
    let batch = MT940.replace("?20EREF+pay-7?21SVWZ+May", "?20EREF+pay-7?21EREF+pay-8");
    let parsed = read(batch.as_bytes(), None).expect("read");
    assert_eq!(parsed.statements[0].lines[0].ours, ["po-1", "pay-7", "pay-8"]);
}

#[test]
fn an_mt940_statement_without_its_closing_balance_may_be_cut_off() {
    let cut = &MT940[..MT940.find(":62F:").expect("there")];
    let parsed = read(cut.as_bytes(), None).expect("read");
    assert!(parsed.findings.iter().any(|f| f.cut_off && f.line == 7), "{:?}", parsed.findings);
}

#[test]
fn what_is_no_statement_is_refused_with_what_it_looks_like() {
    assert!(refused("").contains("it is empty"));
    assert!(refused("order,amount\n1,2\n").contains("it begins with \"order,amount\""));
    assert!(refused("<html></html>").contains("no statement that is known here"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400), which in 0..6usize) {
        let seeds = [bill(), LEDGER.to_owned(), STRIPE.to_owned(), CAMT.to_owned(), MT940.to_owned(), String::new()];
        // a whole statement with a part of it replaced by chance
        let mut text = seeds[which].clone().into_bytes();
        let at = bytes.first().map_or(0, |b| usize::from(*b) * text.len() / 256);
        text.splice(at..(at + bytes.len() / 8).min(text.len()), bytes.drain(..bytes.len() / 4));
        let _ = read(&text, None);
    }
}
