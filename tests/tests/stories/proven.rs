//! What a market seals, states and proves, from the command to the file that a bank checks.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use daybook_domain::books::Month;
use daybook_domain::books::commands::{BooksCommand, DrawnLiabilities};
use daybook_domain::{Currency, PartyId, Timestamp};
use daybook_market::periods::periods;
use daybook_market::proven::Prover;
use daybook_market::proven::blinding::blinding_or_new;
use daybook_market::proven::liabilities::statements;
use daybook_market::transparency::{folder, grow, recount, sign};
use daybook_market::verify::{Report, verify_liabilities, verify_seals};
use daybook_market::{AnyCommand, AnyRequest};
use daybook_projections::ReadModels;
use daybook_proofs::statement::archive;
use daybook_proofs::{
    Blinding, Checkpoint, Expected, Log, MarketKey, ProvenStatement, PublicKey, Recount, Stated, Zeroizing,
    verify_statement,
};
use daybook_tests::site::Site;
use daybook_tests::stage::{START, Stage, cny};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// A market in which `m1` earned 135.00 in March; it is the second of April.
async fn april() -> Stage {
    let mut stage = Stage::in_memory();
    stage.sell_two().await;
    stage.clock.set(Timestamp::parse("2026-04-02T02:00:00Z").unwrap().0);
    stage.settle().await;
    stage
}

/// What is wrong with the seals, drawn up again.
fn wrong_seals(stage: &Stage, models: &ReadModels) -> Vec<String> {
    models.catch_up(&mut |_| {}).unwrap();
    let mut report = Report::new(0);
    verify_seals(models, stage.market.id(), &mut |_, _, _| {}, &mut report).unwrap();
    report.checks.iter().flat_map(|check| &check.violations).map(|found| found.what.clone()).collect()
}

#[tokio::test]
async fn a_month_closed_through_the_service_is_sealed_by_the_market_and_not_by_who_asks() {
    let stage = april().await;
    let site = Site::of(&stage).await;
    let path = "/v1/books/main/close-period";
    let invented = json!({"merchants": 1, "lines": 9, "root": "00".repeat(32)});
    let sent =
        [("seal", invented.clone()), ("digest", json!("ab12")), ("until", json!("2026-03-31T16:00:00Z"))];
    for (n, (field, value)) in sent.into_iter().enumerate() {
        let mut body = json!({"period": "2026-03"});
        body[field] = value;
        let answer = site.post("finance", path, &format!("with-{field}"), &body).await;
        assert_eq!(
            (answer.status, &answer.body["pointer"]),
            (400, &json!(format!("/{field}"))),
            "{answer:?}"
        );
        let items = json!({"items": [{"path": path, "idempotency_key": format!("b{n}"), "body": body}]});
        let answer = site.post("finance", "/v1/batch", &format!("batch-{field}"), &items).await;
        assert_eq!(answer.body["results"][0]["status"], 400, "{answer:?}");
    }
    assert!(periods(stage.market.journal().as_ref(), stage.market.id()).unwrap().is_empty());
    let closed = site.post("finance", path, "close", &json!({"period": "2026-03"})).await;
    let seal: &Value = &closed.body["events"][0]["data"]["seal"];
    assert_eq!(
        (closed.status, &seal["merchants"], &seal["lines"]),
        (201, &json!(1), &json!(4)),
        "{closed:?}"
    );
    let again = site.post("finance", path, "close", &json!({"period": "2026-03"})).await;
    assert_eq!((again.status, &again.body), (closed.status, &closed.body), "the first answer");
    let other = site.post("finance", path, "close-2", &json!({"period": "2026-03"})).await;
    assert_eq!((other.status, &other.body["events"]), (200, &json!([])), "it is closed already: {other:?}");
    assert_eq!(wrong_seals(&stage, &site.models), [""; 0]);
    site.stop().await;
}

/// A market on disk, whose log is signed, and what is shown of it to others.
struct Books {
    stage: Stage,
    models: ReadModels,
    key: MarketKey,
    room: TempDir,
}

fn month(text: &str) -> Month {
    Month::parse(text.parse().unwrap()).unwrap()
}

fn tlog(room: &Path) -> PathBuf {
    folder(&room.join("story.db"))
}

impl Books {
    fn open() -> Self {
        let room = tempfile::tempdir().unwrap();
        let stage = Stage::in_folder(room.path(), Timestamp::parse(START).unwrap());
        let journal = Arc::clone(stage.market.journal());
        let models = ReadModels::open(room.path().join("own-views.db"), journal, &mut |_| {}).unwrap();
        stage.market.knows(&models);
        let key = MarketKey::generate("shop.example/ledger", [5; 32]).unwrap();
        Self { stage, models, key: MarketKey::parse(&key).unwrap(), room }
    }

    fn public(&self) -> PublicKey {
        PublicKey::parse(self.key.public()).unwrap()
    }

    async fn come_to(&self, time: &str) {
        self.stage.clock.set(Timestamp::parse(time).unwrap().0);
        self.stage.settle().await;
    }

    async fn close(&mut self, month: &str) {
        let ask = json!({"action": "close_period", "period": month});
        assert_eq!(self.stage.ask("books", "main", ask).await, ["PeriodClosed"]);
    }

    /// What happened at a time is reported now.
    async fn report(&mut self, category: &str, id: &str, time: &str, ask: Value) {
        let mut request = self.stage.request(category, id, &ask);
        request.occurred_at = Some(Timestamp::parse(time).unwrap());
        self.stage.market.execute(request).await.unwrap();
        self.stage.settle().await;
    }

    fn sign(&self) -> Checkpoint {
        let (journal, mut log) =
            (self.stage.market.journal().as_ref(), Log::open(&tlog(self.room.path())).unwrap());
        assert!(grow(journal, &mut log, &mut |_| true).unwrap());
        let keys = std::slice::from_ref(&self.key);
        sign(journal, self.stage.market.id(), &mut log, keys, self.stage.now()).unwrap()
    }

    fn with_prover<T>(&self, work: impl FnOnce(&Prover<'_>) -> T) -> T {
        self.models.catch_up(&mut |_| {}).unwrap();
        let (journal, folder) = (self.stage.market.journal().as_ref(), tlog(self.room.path()));
        work(&Prover { models: &self.models, journal, market: self.stage.market.id(), folder: &folder })
    }

    fn prove(&self, merchant: &str, first: &str, last: &str) -> Result<Vec<u8>, String> {
        let proven = self.with_prover(|prover| prover.prove(merchant, month(first), month(last)));
        let files = proven.map_err(|error| error.to_string())?.files;
        Ok(archive::write(&files, Cursor::new(Vec::new())).unwrap().into_inner())
    }

    /// What both who check say of a file: they agree.
    fn judged(&self, bytes: &[u8], events: Option<u64>) -> Result<ProvenStatement, String> {
        let files = archive::read(bytes).unwrap();
        let expected = Expected { events, ..Expected::default() };
        let here = verify_statement(&files, &[self.public()], &expected).map_err(|error| error.to_string());
        let file = self.room.path().join("statement.zip");
        std::fs::write(&file, bytes).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_statement.py");
        let mut python = Command::new("python3");
        python.arg(script).arg(&file).args(["--key", self.key.public()]);
        if let Some(events) = events {
            python.args(["--events", &events.to_string()]);
        }
        let said = python.output().unwrap();
        assert_eq!(
            said.status.success(),
            here.is_ok(),
            "{here:?}: {}",
            String::from_utf8_lossy(&said.stdout)
        );
        here
    }

    /// By currency: opening and closing balance in minor units, and how many lines; of a statement that is proved and checked.
    fn shown(&self, merchant: &str, first: &str, last: &str) -> Vec<(String, i64, i64, u64)> {
        let found = self.judged(&self.prove(merchant, first, last).unwrap(), None).unwrap();
        found
            .balances
            .into_iter()
            .map(|(currency, of)| (currency, of.opening, of.closing, of.lines))
            .collect()
    }
}

fn sums(of: &[(&str, i64, i64, u64)]) -> Vec<(String, i64, i64, u64)> {
    of.iter()
        .map(|(currency, opening, closing, lines)| ((*currency).to_owned(), *opening, *closing, *lines))
        .collect()
}

fn refund(refund: &str, amount: &str) -> Value {
    json!({"action": "issue_refund", "refund": refund, "of": {"amount": cny(amount)}, "borne_by": "merchant",
        "reason": "goods returned"})
}

/// March: m1 sells for 150.00, less 10 %; April: m2 sells for 30.00. April is closed, the first time ever.
async fn spring() -> Books {
    let mut books = Books::open();
    let stage = &mut books.stage;
    for merchant in ["m1", "m2", "m3"] {
        stage.merchant(merchant, "0.00").await;
    }
    stage.basket("c1", &[("o1", "m1", "100.00"), ("o2", "m1", "50.00")]).await;
    stage.pay("c1", "p1", "150.00").await;
    for order in ["o1", "o2"] {
        stage.deliver(order).await;
        stage.ask("order", order, json!({"action": "confirm_receipt", "by": "buyer"})).await;
    }
    books.come_to("2026-04-10T02:00:00Z").await;
    let stage = &mut books.stage;
    stage.basket("c2", &[("o3", "m2", "30.00")]).await;
    stage.pay("c2", "p2", "30.00").await;
    stage.deliver("o3").await;
    stage.ask("order", "o3", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    books.come_to("2026-05-02T02:00:00Z").await;
    books.close("2026-04").await;
    books
}

#[tokio::test]
async fn statements_of_a_market_whose_months_are_closed_late_and_again_prove_what_the_books_say() {
    let mut books = spring().await;
    let first = books.sign();
    // the first close seals all that was before it, month by month
    let earned = [("CNY", 0, 13_500, 4)];
    assert_eq!(books.shown("m1", "2026-03", "2026-04"), sums(&earned));
    assert_eq!(books.shown("m1", "2026-03", "2026-03"), sums(&earned));
    let stands = [("CNY", 13_500, 13_500, 0)];
    assert_eq!(
        books.shown("m1", "2026-04", "2026-04"),
        sums(&stands),
        "what is owed stands there without a line"
    );
    assert_eq!(books.shown("m2", "2026-04", "2026-04"), sums(&[("CNY", 0, 2_700, 2)]));
    assert_eq!(books.shown("m2", "2026-01", "2026-03"), sums(&[]), "nothing before it began");
    assert_eq!(books.shown("m3", "2026-03", "2026-04"), sums(&[]));
    assert_eq!(books.shown("nobody", "2026-03", "2026-04"), sums(&[]));
    let before = books.prove("m1", "2026-04", "2026-04").unwrap();

    // a refund of March is reported in May, and a settlement moves what is owed from account to account
    let late = "2026-03-28T04:00:00Z";
    books.report("order", "o1", late, refund("r1", "20.00")).await;
    books.stage.settle_account("m1").await;
    books.come_to("2026-06-02T02:00:00Z").await;
    books.close("2026-05").await;
    assert!(
        books
            .prove("m1", "2026-05", "2026-05")
            .unwrap_err()
            .contains("are not closed under the last checkpoint")
    );
    books.sign();
    let may = books.judged(&books.prove("m1", "2026-05", "2026-05").unwrap(), None).unwrap();
    let of = may.balances["CNY"];
    assert_eq!((of.opening, of.closing), (13_500, 11_700), "20.00 less 10 %");
    let moved = may.chapters[0].lines.iter().find(|line| line.event == "SettlementClosed").unwrap();
    assert_eq!((moved.amount, moved.within), (0, 11_700), "one event, two accounts, one line");
    assert!(may.chapters[0].lines.iter().any(|line| line.occurred_at.starts_with("2026-03-28")));
    assert!(
        may.chapters[0].lines.iter().all(|line| line.day.starts_with("2026-05")),
        "booked when May begins"
    );

    // May is opened again: nothing is handed out until it is closed and signed again
    let reopen =
        json!({"action": "reopen_period", "period": "2026-05", "requested_by": "li", "reason": "an invoice"});
    books.stage.ask("books", "main", reopen).await;
    assert!(books.prove("m1", "2026-05", "2026-05").unwrap_err().contains("2026-05 was opened again since"));
    books.report("order", "o2", "2026-05-20T04:00:00Z", refund("r2", "10.00")).await;
    books.sign();
    assert!(
        books
            .prove("m1", "2026-05", "2026-05")
            .unwrap_err()
            .contains("are not closed under the last checkpoint")
    );
    books.close("2026-05").await;
    // June passes without a line
    books.come_to("2026-07-02T02:00:00Z").await;
    books.close("2026-06").await;
    let last = books.sign();
    assert_eq!(books.shown("m1", "2026-05", "2026-05")[0], sums(&[("CNY", 13_500, 10_800, 5)])[0]);
    assert_eq!(books.shown("m1", "2026-06", "2026-06")[0], sums(&[("CNY", 10_800, 10_800, 0)])[0]);
    assert_eq!(books.shown("m1", "2026-01", "2026-06")[0], sums(&[("CNY", 0, 10_800, 9)])[0]);
    let whole = books.prove("m1", "2026-03", "2026-06").unwrap();
    let closes: Vec<_> = books.judged(&whole, Some(last.size)).unwrap().closes;
    let periods: Vec<_> = closes.iter().map(|close| close.period.as_str()).collect();
    assert_eq!(periods, ["2026-04", "2026-05", "2026-06"], "the close that was opened again is none of them");
    // what was handed out before stays what it was, and is not the newest
    books.judged(&before, Some(first.size)).unwrap();
    let error = books.judged(&before, Some(last.size)).unwrap_err();
    assert!(error.contains("are known"), "{error}");
    assert_eq!(wrong_seals(&books.stage, &books.models), [""; 0]);
    books.stage.holds();
}

fn with_blinding(books: &Books) -> Blinding {
    let market = (books.stage.market.journal().as_ref(), books.stage.market.id());
    blinding_or_new(market, &tlog(books.room.path()), &Zeroizing::new([8; 32]), false).unwrap()
}

async fn state(books: &Books, blinding: &Blinding, n: u128) -> bool {
    let id = books.stage.market.id();
    let actor = PartyId::new("chen").unwrap();
    let request = |command| AnyRequest::new(AnyCommand::Books { id, command }, Uuid::from_u128(n), actor);
    let drawn = books.stage.market.state_liabilities(&books.models, blinding, request).await.unwrap();
    assert!(drawn.owed.iter().all(|of| of.wrong().iter().all(|wrong| !wrong.stops())), "{drawn:?}");
    drawn.executed.is_some()
}

#[tokio::test]
async fn what_is_owed_is_one_event_for_all_and_each_merchant_is_counted_in_it_once() {
    let mut books = spring().await;
    let blinding = with_blinding(&books);
    let cny = Currency::new("CNY").unwrap();
    let sum = |books: &Books| {
        let proof = books.with_prover(|prover| prover.liabilities(&[])).unwrap().to_text();
        Stated::verify(&proof, &[books.public()]).unwrap()
    };
    assert!(state(&books, &blinding, 1).await);
    assert!(!state(&books, &blinding, 2).await, "nothing came since: it stands");
    books.stage.clock.set(Timestamp::parse("2026-05-03T02:00:00Z").unwrap().0);
    assert!(state(&books, &blinding, 4).await, "the next day it is stated again: a day old is none of today");
    assert!(!state(&books, &blinding, 5).await);
    let unsigned = books.with_prover(|prover| prover.liabilities(&[])).unwrap_err().to_string();
    assert!(unsigned.contains("no checkpoint") || unsigned.contains("not signed since"), "{unsigned}");
    books.sign();
    let stated = sum(&books);
    assert_eq!((stated.sums.len(), stated.sums[0].root.owed), (1, 16_200));
    assert_eq!(stated.stated_at, Timestamp::parse("2026-05-03T02:00:00Z").unwrap().0);
    for (merchant, owed) in [("m1", 13_500), ("m2", 2_700)] {
        let proof = books.with_prover(|prover| prover.owed(&blinding, merchant, cny)).unwrap();
        assert_eq!((proof.owed, proof.verify(&stated).is_ok()), (owed, true));
        let other = with_other(&books, merchant, cny);
        assert!(other.contains("is not what was stated"), "{other}");
    }
    // later more is owed: the old statement is drawn up again as it was
    books.stage.basket("c3", &[("o4", "m2", "10.00")]).await;
    books.stage.pay("c3", "p3", "10.00").await;
    assert!(state(&books, &blinding, 3).await);
    books.sign();
    assert_eq!(sum(&books).sums[0].root.owed, 17_200, "what is in escrow is owed too");
    assert_eq!((wrong(&books, Some(&blinding)), wrong(&books, None)), ((3, 0), (3, 0)));
    let other = Blinding::by(&Zeroizing::new([9; 32]));
    assert_eq!(wrong(&books, Some(&other)), (3, 3), "roots of another secret");
    books.stage.holds();
    // what was owed yesterday, stated today: its sums derive, and what came since is not in it
    books.stage.basket("c4", &[("o5", "m2", "20.00")]).await;
    books.stage.pay("c4", "p4", "20.00").await;
    let now = books.stage.now().0;
    books.stage.clock.set(now + 2 * 3_600_000_000);
    let last =
        statements(books.stage.market.journal().as_ref(), books.stage.market.id()).unwrap().pop().unwrap();
    let drawn = Some(Box::new(DrawnLiabilities { through: last.position, sums: last.said.sums }));
    let id = books.stage.market.id();
    let stale = AnyCommand::Books { id, command: BooksCommand::StateLiabilities { drawn } };
    let request = AnyRequest::new(stale, Uuid::from_u128(7), PartyId::new("chen").unwrap());
    books.stage.market.execute(request).await.unwrap();
    assert_eq!(wrong(&books, None), (4, 1), "a sum that leaves out what came two hours before");
}

/// How many sums were drawn up again, and how many are wrong.
fn wrong(books: &Books, blinding: Option<&Blinding>) -> (u64, u64) {
    books.models.catch_up(&mut |_| {}).unwrap();
    let mut report = Report::new(0);
    verify_liabilities(&books.models, books.stage.market.id(), blinding, &mut |_, _, _| {}, &mut report)
        .unwrap();
    (report.checks[0].checked, report.checks[0].violated)
}

fn with_other(books: &Books, merchant: &str, currency: Currency) -> String {
    let other = Blinding::by(&Zeroizing::new([9; 32]));
    books.with_prover(|prover| prover.owed(&other, merchant, currency)).unwrap_err().to_string()
}

/// Changes the journal's file past everything that guards it.
fn tamper(file: &Path, sql: &str) {
    let code = "import sqlite3, sys\n\
        db = sqlite3.connect(sys.argv[1])\n\
        for name, in db.execute(\"SELECT name FROM sqlite_master WHERE type = 'trigger'\").fetchall(): db.execute('DROP TRIGGER ' + name)\n\
        assert db.execute(sys.argv[2]).rowcount > 0\n\
        db.commit()";
    let done = Command::new("python3").args(["-c", code]).arg(file).arg(sql).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn damaged_tiles_come_again_from_the_journal_and_nobody_is_accused() {
    let mut books = spring().await;
    let folder = tlog(books.room.path());
    let journal = Arc::clone(books.stage.market.journal());
    let mut n = 0;
    // as many events as fill a tile
    while journal.head().unwrap() % 256 != 0 {
        n += 1;
        let lead =
            json!({"action": "capture", "origin": "organic_search", "first_contact": "2026-02-01T00:00:00Z"});
        books.stage.ask("lead", &format!("l{n}"), lead).await;
    }
    let signed = books.sign();
    assert_eq!(signed.size % 256, 0);
    for tile in std::fs::read_dir(folder.join("tile/0")).unwrap() {
        let tile = tile.unwrap().path();
        std::fs::remove_file(&tile).unwrap();
        assert_eq!(books.sign(), signed, "{}", tile.display());
        assert!(tile.exists());
    }
    // one that has to be read only to sign
    books.stage.merchant("later", "0.00").await;
    std::fs::write(folder.join("tile/0/000"), [0; 8_192]).unwrap();
    let later = books.sign();
    let log = Log::read(&folder).unwrap();
    log.consistency(&signed, &later).unwrap().verify(&[books.public()]).unwrap();
}

#[tokio::test]
async fn a_row_that_was_edited_and_a_tail_that_was_cut_off_are_found_with_their_place() {
    let books = spring().await;
    let size = books.sign().size;
    let key = books.public();
    let Books { stage, models, room, .. } = books;
    drop((stage, models));
    let look = |sql: &str| {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(room.path().join("story.db"), copy.path().join("story.db")).unwrap();
        if !sql.is_empty() {
            tamper(&copy.path().join("story.db"), sql);
        }
        let stage = Stage::in_folder(copy.path(), Timestamp::parse("2026-05-02T02:00:00Z").unwrap());
        let journal = stage.market.journal().as_ref();
        let log = Recount::of(&tlog(room.path()), vec![key.clone()]).unwrap();
        let (found, _) = recount(journal, log, &mut |_| true).unwrap();
        let grown = grow(journal, &mut Log::open(&tlog(room.path())).unwrap(), &mut |_| true);
        (found, grown.map_err(|error| error.to_string()))
    };
    let (found, grown) = look("");
    assert!(found.is_empty() && grown == Ok(true), "{found:?} {grown:?}");
    for (at, sql) in [
        (9, "UPDATE events SET data = replace(data, '\"', '\" ') WHERE position = 9"),
        (11, "UPDATE events SET occurred_at = occurred_at + 1 WHERE position = 11"),
        (12, "UPDATE events SET refs = refs || ' ' WHERE position = 12"),
    ] {
        let (found, _) = look(sql);
        assert!(found.iter().any(|what| what.contains(&format!("position {at}"))), "{sql}: {found:?}");
    }
    let (found, grown) = look(&format!("DELETE FROM events WHERE position > {}", size - 3));
    assert!(!found.is_empty(), "{found:?}");
    assert!(grown.unwrap_err().contains("is not the one that was logged"), "and nothing more is signed");
}
