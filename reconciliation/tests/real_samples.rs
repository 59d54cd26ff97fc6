//! Statement files that others published, where they are at hand: `DAYBOOK_DATA` names the folder that holds
//! `finance_samples/`. Those of MT940 come with what another parser read in them.

use std::path::{Path, PathBuf};

use daybook_reconciliation::{Format, LineKind, Parsed, StatementError, read};

/// The folder, or a loud word that the test was skipped.
#[allow(clippy::print_stderr)] // a test that did not run must say so
fn samples(of: &str) -> Option<PathBuf> {
    let data =
        std::env::var_os("DAYBOOK_DATA").map(|data| PathBuf::from(data).join("finance_samples").join(of));
    let found = data.filter(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!(
            "SKIPPED: set DAYBOOK_DATA to the folder that holds finance_samples/ to test with published files"
        );
    }
    found
}

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|e| path.extension().is_some_and(|x| x == *e)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn parse(path: &Path) -> Result<Parsed, StatementError> {
    read(&std::fs::read(path).expect("a file"), None)
}

fn name(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    format!("{folder}/{}", path.file_name().unwrap_or_default().to_string_lossy())
}

/// What the other parser read: of each entry its date, amount, currency and references.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    entries: Vec<Entry>,
    opening: Option<String>,
    closing: Option<String>,
    account: Option<String>,
}

#[derive(Debug, Default, PartialEq, Clone)]
struct Entry {
    date: String,
    amount: String,
    currency: String,
    bank_reference: Option<String>,
    customer_reference: Option<String>,
    reversed: bool,
}

/// A number without zeros that say nothing.
fn number(text: &str) -> String {
    let text = text.trim_matches('\'');
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// Four bytes in base64: a Python date as it is pickled.
fn pickled_date(text: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0u64;
    for c in text.trim_end_matches('=').chars() {
        bits = bits << 6 | alphabet.find(c).expect("base64") as u64;
    }
    let bytes = (bits >> (text.trim_end_matches('=').len() * 6 - 32)).to_be_bytes();
    format!("{:04}-{:02}-{:02}", u16::from_be_bytes([bytes[4], bytes[5]]), bytes[6], bytes[7])
}

/// Reads the dump of the other parser, of whose YAML only a few shapes occur.
fn expected(path: &Path) -> Expected {
    let text = std::fs::read_to_string(path.with_extension("yml")).expect("the expected result");
    let (head, entries) = text.split_once("\ntransactions:").expect("entries");
    let word = |block: &str, key: &str| -> Option<String> {
        let line = block.lines().find_map(|l| l.strip_prefix(&format!("{key}: ")))?;
        Some(line.trim_matches('\'').trim().to_owned()).filter(|w| w != "null" && !w.is_empty())
    };
    let indented = |block: &str, by: usize| -> String {
        block.lines().filter_map(|l| l.get(by..)).collect::<Vec<_>>().join("\n")
    };
    let after = |block: &str, key: &str| -> Option<String> {
        let at = block.find(&format!("{key}: !!python"))?;
        block[at..].lines().find_map(|l| l.trim().strip_prefix("- '").map(number))
    };
    let data = indented(head, 2);
    let mut read = Expected {
        opening: after(&data, "final_opening_balance"),
        closing: after(&data, "final_closing_balance"),
        account: word(&data, "account_identification"),
        entries: Vec::new(),
    };
    for block in entries.split("\n- !!python/object:mt940.models.Transaction\n").skip(1) {
        let data = indented(block, 4);
        let at = data.find("\ndate: ").or(data.starts_with("date: ").then_some(0)).expect("a date");
        let pickled =
            data[at..].lines().skip_while(|l| !l.contains("!!binary")).nth(1).expect("its bytes").trim();
        read.entries.push(Entry {
            date: pickled_date(pickled),
            amount: after(&data, "amount").expect("an amount"),
            currency: word(&data, "currency").unwrap_or_default(),
            bank_reference: word(&data, "bank_reference"),
            customer_reference: word(&data, "customer_reference"),
            reversed: word(&data, "status").is_some_and(|s| s.starts_with('R')),
        });
    }
    read
}

/// Fragments without a currency, and one in a currency that ended: refused with the line.
const MT940_REFUSED: &[(&str, &str)] = &[
    ("betterplace/empty_entry_date.sta", "line 1: :61: stands before any currency"),
    ("cmxl/mt940.sta", "line 4: :60:: unknown currency \"DEM\""),
    ("cmxl/statement_details.sta", "line 1: :61: stands before any currency"),
    ("cmxl/statement_line.sta", "line 1: :61: stands before any currency"),
    ("self-provided/raphaelm.sta", "line 13: :60:: unknown currency \"DEM\""),
    ("self-provided/sparkassen.sta", "line 1: :61: stands before any currency"),
    ("self-provided/invalid_statement.sta", "line 1: this is no statement that is known here"),
    // a tag that only one bank knows, and nothing in it
    ("self-provided/empty_non_swift.sta", "line 1: this is no statement that is known here"),
];

/// Where this parser knows better than the other: files of several statements, whose balances the other
/// overwrites with those of the last.
fn first_of_many(parsed: &Parsed) -> bool {
    parsed.statements.len() > 1
}

#[test]
fn every_published_mt940_file_reads_as_expected_or_is_refused_with_its_line() {
    let Some(folder) = samples("mt940") else { return };
    let files = files(&folder, &["sta", "txt"]);
    assert_eq!(files.len(), 54, "the files of the collection");
    let mut entries = 0;
    let mut refused = Vec::new();
    for path in &files {
        let name = name(path);
        let parsed = match parse(path) {
            Ok(parsed) => parsed,
            Err(e) => {
                refused.push((name, e.to_string()));
                continue;
            }
        };
        let lines: Vec<_> = parsed.statements.iter().flat_map(|s| &s.lines).collect();
        entries += lines.len();
        // the two files that the other parser refuses, and one that it has no dump of
        if !path.with_extension("yml").exists() {
            assert!(lines.len() >= 5, "{name} has {} entries", lines.len());
            assert!(parsed.findings.is_empty(), "{name}: {:?}", parsed.findings);
            continue;
        }
        let expected = expected(path);
        let read: Vec<Entry> = lines
            .iter()
            .zip(&expected.entries)
            .map(|(l, e)| Entry {
                date: l.value_at.expect("a value date").to_string()[..10].to_owned(),
                amount: number(&l.net.amount().to_string()),
                currency: l.net.currency.as_str().to_owned(),
                // what the dump leaves out, or cuts at sixteen letters or in the middle of its text, is not compared
                bank_reference: l.references.first().cloned().filter(|_| e.bank_reference.is_some()),
                customer_reference: e.customer_reference.clone(),
                reversed: l.kind == LineKind::Reversal,
            })
            .collect();
        assert_eq!(lines.len(), expected.entries.len(), "{name}: number of entries");
        for (n, (read, expected)) in read.iter().zip(&expected.entries).enumerate() {
            // the other parser forgets that a reversed credit is a debit; the balances of the file say it is
            let mut amount = number(&expected.amount);
            if expected.reversed {
                amount = format!("-{amount}");
            }
            assert_eq!(read.reversed, expected.reversed, "{name}: entry {}", n + 1);
            let theirs = expected.bank_reference.as_deref().filter(|r| *r != "NONREF");
            assert_eq!(
                (&read.date, &read.amount, &read.currency, read.bank_reference.as_deref()),
                (&expected.date, &amount, &expected.currency, theirs),
                "{name}: entry {}",
                n + 1
            );
        }
        for (line, expected) in lines.iter().zip(&expected.entries) {
            let Some(reference) = expected.customer_reference.as_deref() else { continue };
            if !matches!(reference, "NONREF" | "EREF" | "'KREF+" | "''" | "N") && !reference.starts_with('\'')
            {
                assert!(
                    line.ours.iter().any(|o| o.starts_with(reference)),
                    "{name}: {reference} in {:?}",
                    line.ours
                );
            }
        }
        if !first_of_many(&parsed) {
            let statement = &parsed.statements[0];
            let money = |m: Option<daybook_domain::Money>| m.map(|m| number(&m.amount().to_string()));
            assert_eq!(money(statement.opening), expected.opening.map(|n| number(&n)), "{name}: opening");
            assert_eq!(money(statement.closing), expected.closing.map(|n| number(&n)), "{name}: closing");
        }
    }
    let expected: Vec<&str> = MT940_REFUSED.iter().map(|(name, _)| *name).collect();
    let mut names: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_by_key(|n| expected.iter().position(|e| e == n));
    assert_eq!(names, expected, "{refused:#?}");
    for (name, why) in &refused {
        let (_, begins) = MT940_REFUSED.iter().find(|(n, _)| n == name).expect("listed");
        assert!(why.starts_with(begins), "{name}: {why}");
    }
    assert_eq!(entries, 203);
}

#[test]
fn every_published_camt_file_reads_or_is_refused_with_its_line() {
    let Some(folder) = samples("camt") else { return };
    let files = files(&folder, &["xml"]);
    assert_eq!(files.len(), 31);
    let (mut statements, mut lines) = (0, 0);
    let mut refused = Vec::new();
    for path in &files {
        match parse(path) {
            Ok(parsed) => {
                let version = name(path);
                let wanted = ["052", "054"].iter().find(|v| version.contains(*v)).copied().unwrap_or("053");
                assert_eq!(parsed.format.as_str(), format!("camt_{wanted}"), "{version}");
                statements += parsed.statements.len();
                lines += parsed.statements.iter().map(|s| s.lines.len()).sum::<usize>();
                assert!(parsed.statements.iter().all(|s| !s.account.is_empty()), "{version}");
            }
            Err(e) => refused.push(format!("{}: {e}", name(path))),
        }
    }
    assert_eq!(
        refused,
        [
            "camt/genkgo_camt053.v2.wrong.xml: line 3: BkToCstmrStmt holds no Stmt: there is no statement in this file",
            "camt/sebr_camt053_garbled_amount.xml: line 17: Amt: amount \"12..34\" is not a decimal number such as \"12.30\"",
        ]
    );
    // three entries are only announced (PDNG, INFO): nothing has moved
    assert_eq!((statements, lines), (31, 31));
    let parsed = parse(&folder.join("sebr_camt.053.001.02.xml")).expect("read");
    assert_eq!(parsed.findings, [], "it adds up");
    let twice = parse(&folder.join("sebr_camt053_duplicate_same_day.xml")).expect("read");
    assert_eq!(twice.statements[0].lines.len(), 2, "an entry that is there twice is read twice");
}

#[test]
fn the_published_files_of_wechat_alipay_and_stripe_read_or_are_refused_with_their_line() {
    let Some(folder) = samples("") else { return };
    // its trailer counts and sums what is there
    let bill = parse(&folder.join("wechat/wechatpay_merchant_bill_ALL.csv")).expect("read");
    let statement = &bill.statements[0];
    assert_eq!((bill.format, statement.lines.len()), (Format::WechatBill, 45));
    assert_eq!((statement.account.as_str(), bill.findings.as_slice()), ("1921000401", [].as_slice()));
    let flow = parse(&folder.join("wechat/wechatpay_merchant_fundflow.csv")).expect("read");
    assert_eq!((flow.format, flow.statements[0].lines.len()), (Format::WechatFundFlow, 2));
    // its trailer counts three where two are left, and one income where there is none
    let said: Vec<&str> = flow.findings.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    let ledger = parse(&folder.join("alipay/MASKED_merchant_signcustomer_layout_gbk.csv")).expect("read");
    let statement = &ledger.statements[0];
    assert_eq!((ledger.format, statement.lines.len()), (Format::AlipayLedger, 3));
    assert_eq!(statement.account, "2088000000000000156");
    assert_eq!(statement.lines[0].net.to_string(), "2274.00 CNY");
    assert_eq!(statement.lines[0].ours, ["3226563"]);
    assert!(!ledger.findings.is_empty(), "its trailer counts 18");
    let stripe = parse(&folder.join("stripe/stripe_balance_history_legacy_6rows.csv")).expect("read");
    let lines = &stripe.statements[0].lines;
    let kinds: Vec<LineKind> = lines.iter().map(|l| l.kind).collect();
    use LineKind::{Chargeback, Payment, Payout, Refund};
    assert_eq!(kinds, [Payout, Refund, Payout, Payment, Payout, Chargeback]);
    assert_eq!(stripe.findings, [], "net = amount - fee in every row");
    // what is not of a merchant is not a statement
    for personal in [
        "wechat/deg_wechat_personal_utf8.csv",
        "alipay/deg_alipay_personal_gbk.csv",
        "wechat/deg_jd_personal_utf8bom.csv",
    ] {
        let refused = parse(&folder.join(personal)).expect_err("a person's own bill");
        assert!(matches!(refused, StatementError::UnknownFormat { .. }), "{personal}: {refused}");
    }
    let sheet = parse(&folder.join("wechat/deg_wechat_personal.xlsx")).expect_err("a workbook");
    assert!(matches!(sheet, StatementError::Packed { .. }), "{sheet}");
}
