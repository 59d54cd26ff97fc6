//! Statement files of the simulated market: every break that was planted is found, and no other.

#![allow(clippy::unwrap_used)] // a test may panic

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use daybook_commands::ManualClock;
use daybook_domain::Event;
use daybook_domain::provider::commands::{MAX_RESULTS, ProviderCommand, StatementResult};
use daybook_domain::provider::events::{BreakKind, Resolution};
use daybook_domain::time::DAY;
use daybook_journal::{Filter, Journal};
use daybook_market::demo::statements::{Manifest, Planted, files};
use daybook_market::demo::{self};
use daybook_market::reconcile::{Ask, ReconcileError, Report, Taken};
use daybook_market::verify::verify;
use daybook_market::{AnyCommand, AnyRequest, Market, Options};
use uuid::Uuid;

struct Stage {
    runtime: tokio::runtime::Runtime,
    market: Market,
    files: BTreeMap<String, Vec<u8>>,
    manifest: Manifest,
}

fn stage() -> Stage {
    stage_of(40)
}

fn stage_of(orders_per_day: u32) -> Stage {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Arc::new(ManualClock::at(0));
    let market =
        Market::open("memory:", Options { clock: Arc::clone(&clock) as _, ..Options::default() }).unwrap();
    let options = demo::Options { days: 20, orders_per_day, seed: 7 };
    let report = runtime.block_on(demo::run(&market, &clock, options, &mut |_, _| {})).unwrap();
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let (written, manifest) = files(&**market.journal()).unwrap();
    Stage { runtime, market, files: written.into_iter().collect(), manifest }
}

impl Stage {
    fn take(&self, provider: &str, bytes: &[u8]) -> Result<Taken, ReconcileError> {
        let ask = Ask {
            provider: provider.parse().unwrap(),
            bytes,
            format: None,
            window: 3 * DAY,
            actor: "reconciler".parse().unwrap(),
        };
        self.runtime.block_on(self.market.reconcile(&ask))
    }

    fn now(&self, provider: &str, bytes: &[u8]) -> Report {
        match self.take(provider, bytes).unwrap() {
            Taken::Now(report) => *report,
            before => panic!("{before:?}"),
        }
    }

    fn head(&self) -> u64 {
        self.market.journal().head().unwrap()
    }

    fn file(&self, ending: &str) -> (&str, &[u8]) {
        let of = self.manifest.files.iter().find(|f| f.file.ends_with(ending)).unwrap();
        (&of.provider, &self.files[&of.file])
    }
}

fn found(report: &Report) -> Vec<Planted> {
    let planted = report.breaks.iter().map(|b| Planted {
        provider: report.provider.to_string(),
        kind: b.kind,
        reference: b.reference.clone(),
        amount: b.amount,
    });
    planted.collect()
}

#[test]
fn every_planted_break_is_found_and_no_other_and_a_file_is_taken_once() {
    let stage = stage();
    let (again, manifest) = files(&**stage.market.journal()).unwrap();
    assert_eq!(
        (again.into_iter().collect::<BTreeMap<_, _>>(), manifest),
        (stage.files.clone(), stage.manifest.clone())
    );
    let mut all = Vec::new();
    let mut payouts = Vec::new();
    for written in &stage.manifest.files {
        let report = stage.now(&written.provider, &stage.files[&written.file]);
        let matched: usize = report.matches.iter().map(|m| m.lines).sum();
        assert!(matched > 0 && report.lines >= written.lines, "{}: {report:?}", written.file);
        all.extend(found(&report));
        payouts.extend(report.payouts);
        let head = stage.head();
        assert!(matches!(
            stage.take(&written.provider, &stage.files[&written.file]),
            Ok(Taken::Before { .. })
        ));
        assert_eq!(stage.head(), head, "taken again, nothing is written");
    }
    all.sort();
    assert_eq!(all, stage.manifest.planted);
    let kinds: BTreeSet<BreakKind> = all.iter().map(|p| p.kind).collect();
    assert_eq!(kinds, BreakKind::ALL.iter().copied().collect(), "each of the twelve kinds is planted");
    // by the time the banks are taken, a provider's payout is seen from all three sides
    let agreed = payouts.iter().filter(|p| p.provider == Some(p.sent) && p.bank.is_some()).count();
    assert!(agreed > 3, "{payouts:#?}");
    assert!(payouts.iter().any(|p| p.bank.is_some_and(|b| b != p.received)), "one came short at the bank");
    assert!(verify(&**stage.market.journal(), &mut |_, _, _| {}).unwrap().clean());
}

#[test]
fn breaks_are_resolved_by_one_person_or_two_and_posted() {
    let stage = stage();
    let (bank, bytes) = stage.file(".camt053.xml");
    let report = stage.now(bank, bytes);
    let fee = report.breaks.iter().find(|b| b.reference.starts_with("fee-"));
    let fee = fee.unwrap_or_else(|| panic!("{report:#?}"));
    let resolve = |how, entries: Vec<_>, actor: &str| {
        let command = ProviderCommand::Resolve {
            r#break: fee.name,
            how,
            note: "account keeping of the month".into(),
            by: "li".parse().unwrap(),
            entries,
            voucher: None,
        };
        let command = AnyCommand::Provider { id: bank.parse().unwrap(), command };
        let request = AnyRequest::new(
            command,
            Uuid::new_v5(&Uuid::NAMESPACE_OID, actor.as_bytes()),
            actor.parse().unwrap(),
        );
        stage.runtime.block_on(stage.market.execute(request))
    };
    let entry = |account: &str, side| daybook_domain::books::events::VoucherEntry {
        account: account.parse().unwrap(),
        side,
        amount: daybook_domain::Money::new(2_500, fee.amount.currency),
    };
    use daybook_domain::books::events::Side;
    let entries =
        vec![entry("Expenses:BankFee", Side::Debit), entry(&format!("Assets:Bank:{bank}"), Side::Credit)];
    assert!(
        resolve(Resolution::Posted, entries.clone(), "li").unwrap_err().to_string().contains("same_person")
    );
    resolve(Resolution::Posted, entries, "chen").unwrap();
    assert!(resolve(Resolution::Explained, vec![], "wu").unwrap_err().to_string().contains("break_resolved"));
    assert!(verify(&**stage.market.journal(), &mut |_, _, _| {}).unwrap().clean());
}

#[test]
fn a_bad_file_is_refused_with_its_line_and_changes_nothing() {
    let stage = stage();
    let head = stage.head();
    let (bank, camt) = stage.file(".camt053.xml");
    let camt = String::from_utf8(camt.to_vec()).unwrap();
    let refused = |provider: &str, bytes: &[u8]| {
        let why = stage.take(provider, bytes).unwrap_err().to_string();
        assert_eq!(stage.head(), head, "{why}");
        why
    };
    let (bill_of, bill) = stage.file(".wechat.csv");
    assert!(refused(bill_of, b"hello").contains("no statement that is known here"));
    assert!(refused(bill_of, &bill[..bill.len() / 2]).starts_with("line "));
    assert!(refused(bank, &camt.as_bytes()[..camt.len() / 2]).contains("ends before the statement does"));
    assert!(refused(bank, camt.replace("CNY", "JPY").replace(".00<", "<").as_bytes()).starts_with("line "));
    let dollars = refused(bank, camt.replace("\"CNY\"", "\"USD\"").as_bytes());
    assert!(dollars.contains("it is in USD, the books have CNY there"), "{dollars}");
    let second =
        camt.replace("</Stmt>\n", "</Stmt>\n<Stmt><Id>2</Id><Acct><Id><IBAN>DE1</IBAN></Id></Acct></Stmt>\n");
    let mixed = refused(bank, second.as_bytes());
    assert!(mixed.contains("take one account at a time"), "{mixed}");
    let unknown = refused("hsbc", camt.as_bytes());
    assert!(
        unknown.contains("the books know no bank \"hsbc\": they know ") && unknown.contains(bank),
        "{unknown}"
    );
    let other = refused("alipay", bill);
    assert!(other.ends_with("lines are in the books at wechatpay: reconcile it with wechatpay"), "{other}");
    let other_side = refused("alipay", camt.as_bytes());
    assert!(other_side.contains("no bank \"alipay\""), "{other_side}");
}

#[test]
fn a_statement_of_another_account_is_not_taken_under_the_same_name() {
    let stage = stage();
    let (bank, camt) = stage.file(".camt053.xml");
    stage.now(bank, camt);
    let head = stage.head();
    let other =
        String::from_utf8(camt.to_vec()).unwrap().replace(&format!("<Id>{bank}</Id>"), "<Id>another</Id>");
    let why = stage.take(bank, other.as_bytes()).unwrap_err().to_string();
    assert!(why.contains(&format!("of account another, those before it of {bank}")), "{why}");
    assert_eq!(stage.head(), head);
}

#[test]
fn an_import_that_was_interrupted_goes_on_where_it_stopped() {
    let stage = stage_of(60);
    // the largest file: more results than one command records
    let largest = stage.manifest.files.iter().max_by_key(|f| f.lines).unwrap();
    let (provider, bytes) = (largest.provider.as_str(), stage.files[&largest.file].as_slice());
    let whole = stage.now(provider, bytes);
    let recorded = of_files(&stage);
    let [Event::StatementImported(head), results @ ..] = recorded.as_slice() else {
        panic!("the head first")
    };
    assert!(results.len() > MAX_RESULTS, "{} results", results.len());
    let first: Vec<StatementResult> = results[..MAX_RESULTS].iter().map(result).collect();
    let again = stage_of(60);
    let ask = |command| {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{command:?}").as_bytes());
        let command = AnyCommand::Provider { id: provider.parse().unwrap(), command };
        let request = AnyRequest::new(command, id, "reconciler".parse().unwrap());
        again.runtime.block_on(request.execute(again.market.commands())).unwrap();
    };
    ask(ProviderCommand::Import(head.clone()));
    ask(ProviderCommand::Record { digest: head.digest, after: 0, results: first });
    assert_eq!(of_files(&again), recorded[..1 + MAX_RESULTS], "interrupted there");
    assert_eq!(again.now(provider, bytes), whole);
    assert_eq!(of_files(&again), recorded);
}

/// The events of the streams of providers.
fn of_files(stage: &Stage) -> Vec<Event> {
    let mut events = Vec::new();
    let journal: &dyn Journal = stage.market.journal().as_ref();
    let filter = Filter { kinds: None, categories: Some(vec!["provider".into()]) };
    journal
        .scan(0, None, &filter, &mut |e| {
            events.push(Event::decode(e.kind, e.schema, e.data).unwrap());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    events
}

/// What an event records.
fn result(event: &Event) -> StatementResult {
    match event.clone() {
        Event::StatementLineMatched(x) => {
            StatementResult::Matched { reason: x.reason, lines: x.lines, entries: x.entries }
        }
        Event::BreakFound(x) => StatementResult::Break(x),
        other => panic!("{other:?}"),
    }
}
