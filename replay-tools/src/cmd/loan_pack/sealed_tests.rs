use daybook_packs::{DEFINITIONS_VERSION, FORMAT, Figures, Movement, OPENING, Subject, ToldBy};
use daybook_proofs::statement::{Balance, Chapter, Line, Seal, Sealed as SealedClose};
use daybook_proofs::{Entry, Log, MarketKey, SignedBy};

use super::*;

/// A log in which January was closed before statements were sealed (at 2), February was sealed (at 3), and then a pack issued (at 4).
struct Market {
    place: tempfile::TempDir,
    checkpoint: Checkpoint,
    proofs: Vec<String>,
    key: PublicKey,
}

fn entry<'a>(position: u64, stream: &'a str, kind: &'a str, data: &'a str) -> Entry<'a> {
    Entry {
        position,
        stream,
        version: position,
        id: [0; 16],
        kind,
        schema: 1,
        occurred_at: 0,
        recorded_at: 0,
        command: [0; 16],
        fingerprint: [0; 16],
        correlation: [0; 16],
        actor: "li",
        refs: "{}",
        data,
    }
}

fn market(closed: &str) -> Market {
    market_that_closed(r#"{"period":"2018-01"}"#, closed)
}

/// One whose close of January says this.
fn market_that_closed(january: &str, closed: &str) -> Market {
    let place = tempfile::tempdir().unwrap();
    let key = MarketKey::parse(&MarketKey::generate("shop.example", [7; 32]).unwrap()).unwrap();
    let mut log = Log::open(&place.path().join("log")).unwrap();
    let seal = r#"{"period":"2018-02","seal":{"after":"2018-01","follows":2}}"#;
    let entries = [
        entry(1, "market-main", "MarketOpened", "{}"),
        entry(2, "books-main", "PeriodClosed", january),
        entry(3, "books-main", "PeriodClosed", seal),
        entry(4, "merchant-m-1", "LoanPackIssued", "{}"),
    ];
    entries.iter().for_each(|entry| log.append(entry).unwrap());
    let lines = if closed.is_empty() { Vec::new() } else { vec![format!("closed {closed}")] };
    let checkpoint = log.checkpoint(&[key], &lines).unwrap();
    let proofs = entries.iter().map(|entry| log.prove(entry, &checkpoint).unwrap().to_text()).collect();
    let key = MarketKey::parse(&MarketKey::generate("shop.example", [7; 32]).unwrap()).unwrap();
    Market { place, checkpoint, proofs, key: PublicKey::parse(key.public()).unwrap() }
}

fn facts(from: &str, to: &str, sealed: Option<(&str, &str)>) -> Facts {
    let from: chrono::NaiveDate = from.parse().unwrap();
    let opening = Movement {
        number: 1,
        at: Timestamp(from.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_micros()),
        event: OPENING.to_owned(),
        about: None,
        order: None,
        reference: None,
        settlement: None,
        pending: daybook_packs::Minor(0),
        available: daybook_packs::Minor(0),
        held: daybook_packs::Minor(0),
        reserve: daybook_packs::Minor(0),
        in_transit: daybook_packs::Minor(0),
        deposit: daybook_packs::Minor(0),
        frozen: daybook_packs::Minor(0),
        converted: None,
    };
    Facts {
        subject: Subject {
            format: FORMAT,
            definitions: DEFINITIONS_VERSION,
            market: "Old Tea Road".to_owned(),
            merchant: "m-1".to_owned(),
            currency: daybook_domain::Currency::new("CNY").unwrap(),
            time_zone: "UTC".to_owned(),
            from,
            to: to.parse().unwrap(),
            began: None,
            channels: ToldBy { rule: 1, lists: "0".repeat(64) },
            through: 3,
            drawn_at: Timestamp(0),
            sealed: sealed
                .map(|(from, through)| SealedMonths { from: from.to_owned(), through: through.to_owned() }),
            issued: None,
        },
        standing: Vec::new(),
        orders: Vec::new(),
        items: Vec::new(),
        refunds: Vec::new(),
        disputes: Vec::new(),
        account: vec![opening],
        elsewhere: Vec::new(),
    }
}

impl Market {
    /// What is said of a pack of these lines with the proofs of the closes at these positions.
    fn says(&self, facts: &Facts, closes: &[usize], proven: Option<&ProvenStatement>) -> String {
        let mut pack = Pack::of(facts, &Figures::of(facts).unwrap(), Vec::new()).unwrap();
        if !closes.is_empty() {
            let at = tempfile::tempdir_in(self.place.path()).unwrap().path().join("pack");
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            pack.write(&at).unwrap();
            let proofs: String = closes.iter().map(|position| self.proofs[position - 1].as_str()).collect();
            pack.prove(&at, UNSEALED, proofs.into_bytes()).unwrap();
        }
        let keys = [self.key.clone()];
        all_named(&pack, facts, &self.checkpoint, proven, &keys).map_or_else(|why| why, |_| String::new())
    }

    /// A statement of February alone, whose close follows the one at a position.
    fn statement(&self, after: &str, follows: u64) -> ProvenStatement {
        let seal = Seal {
            merchants: 1,
            lines: 1,
            root: "0".repeat(64),
            after: Some(after.to_owned()),
            follows: Some(follows),
        };
        ProvenStatement {
            merchant: "m-1".to_owned(),
            from: "2018-02".to_owned(),
            through: "2018-02".to_owned(),
            checkpoint: self.checkpoint.clone(),
            by: SignedBy { market: Vec::new(), witnesses: Vec::new() },
            closes: vec![SealedClose {
                position: 3,
                period: "2018-02".to_owned(),
                seal,
                had_lines: Some(true),
            }],
            chapters: Vec::new(),
            balances: std::collections::BTreeMap::new(),
        }
    }
}

#[test]
fn which_months_are_proved_follows_from_the_checkpoint_and_not_from_the_pack() {
    let market = market("2018-02 3");
    let (january, february) = (("2018-01-01", "2018-01-31"), ("2018-01-01", "2018-02-28"));
    let none = |(from, to): (&str, &str)| facts(from, to, None);
    // January was closed and not sealed: the close of February says so, with the one that it follows
    assert_eq!(market.says(&none(january), &[3, 2], None), "");
    assert!(market.says(&none(january), &[2], None).contains("it has none of the close of the books at 3"));
    assert!(market.says(&none(january), &[3], None).contains("it does not show the close at 2"));
    let twice = market_that_closed(r#"{"period":"2017-12","period":"2018-01"}"#, "2018-02 3");
    let said = twice.says(&none(january), &[3, 2], None);
    assert!(said.contains("\"period\" stands in it twice"), "{said}");
    assert!(market.says(&none(january), &[3, 4], None).contains("none of the close of the books at 2"));
    assert!(market.says(&none(january), &[], None).contains("proof/unsealed.tlog-proof is missing"));
    // February was sealed: a pack that has it and says that nothing was is refused whatever it shows
    let why = "the books were closed through 2018-02, and the pack shows no statement of them";
    assert_eq!(market.says(&none(february), &[3, 2], None), why);
    assert_eq!(market.says(&none(("2018-03-01", "2018-04-30")), &[], None), "", "nothing of it was closed");
    let mut early = none(february);
    early.subject.through = 2;
    assert!(market.says(&early, &[3, 2], None).contains("after the pack was drawn at 2: have it drawn anew"));

    let named = facts(february.0, february.1, Some(("2018-02", "2018-02")));
    let (honest, cut) = (market.statement("2018-01", 2), market.statement("2017-12", 2));
    assert_eq!(market.says(&named, &[2], Some(&honest)), "");
    assert!(market.says(&named, &[], Some(&honest)).contains("its statement with 2018-02: proof/unsealed"));
    assert!(
        market.says(&named, &[2], Some(&cut)).contains("the close that it shows first sealed months before")
    );
    // a sealed close in the place of one that sealed nothing
    let after_sealed = market.statement("2018-01", 3);
    assert!(market.says(&named, &[3], Some(&after_sealed)).contains("it does not show the close at 2"));
    let less = facts(february.0, february.1, Some(("2018-01", "2018-01")));
    assert!(market.says(&less, &[2], Some(&honest)).contains("the pack's statement ends with 2018-01"));
    let other = self::market("2018-02 2").says(&named, &[2], Some(&honest));
    assert!(other.contains("the statement stands under another close of the books"), "{other}");
    // lines of months before the pack's own would be in no row of it
    let before = facts("2018-02-01", "2018-02-28", Some(("2018-01", "2018-02")));
    let why = market.says(&before, &[2], Some(&market.statement("2018-01", 2)));
    assert!(why.contains("no statement begins before its pack"), "{why}");
    let more = facts("2018-03-01", "2018-04-30", Some(("2018-03", "2018-03")));
    assert!(market.says(&more, &[], None).contains("2018-03 is said to be sealed, and no books"));
}

#[test]
fn a_checkpoint_that_says_nothing_of_the_books_does_not_say_that_none_was_closed() {
    let drawn = facts("2018-01-01", "2018-02-28", None);
    let says = |closed: &str| market(closed).says(&drawn, &[], None);
    assert_eq!(says("none"), "");
    for closed in ["", "none\nclosed none", "none\nclosed 2018-02 3", "None", "none 3", "2018-02"] {
        assert!(says(closed).contains("does not say which books were closed last"), "{closed:?}");
    }
}

/// A pack of January, which was closed and not sealed, that shows this of it.
fn shows(market: &Market, change: impl Fn(String) -> String) -> String {
    let facts = facts("2018-01-01", "2018-01-31", None);
    let mut pack = Pack::of(&facts, &Figures::of(&facts).unwrap(), Vec::new()).unwrap();
    let text = change(format!("{}{}", market.proofs[2], market.proofs[1]));
    pack.set_proofs(&[UNSEALED], vec![(UNSEALED, text.into_bytes())]);
    let keys = [market.key.clone()];
    all_named(&pack, &facts, &market.checkpoint, None, &keys).map_or_else(|why| why, |_| String::new())
}

#[test]
fn what_shows_a_close_holds_nothing_that_is_not_looked_at() {
    let market = market("2018-02 3");
    assert_eq!(shows(&market, |text| text), "");
    let before = shows(&market, |text| format!("net turnover 9,999,999.00\n{text}"));
    assert!(before.contains("it does not begin with the proof of an event"), "{before}");
    let behind = shows(&market, |text| format!("{text}{}", market.proofs[3]));
    assert!(behind.contains("something stands behind the close that sealed no statements"), "{behind}");
    let within = shows(&market, |text| text.replacen("index 2\n", "index 2 \n", 1));
    assert!(within.contains("does not hold: "), "{within}");
}

#[test]
fn what_was_sealed_in_the_packs_currency_is_held_to_its_rows_and_no_other() {
    let (market, drawn) = (market("2018-02 3"), facts("2018-01-01", "2018-02-28", None));
    let mut proven = market.statement("2018-01", 2);
    let line = |position: u64| Line {
        number: 1,
        day: "2018-02-10".to_owned(),
        booked_at: "2018-02-10T00:00:00Z".to_owned(),
        occurred_at: "2018-02-10T00:00:00Z".to_owned(),
        position,
        event: "EscrowReleased".to_owned(),
        order: Some(format!("o-{position}")),
        amount: 8_000,
        within: 0,
        balance: 8_000,
    };
    let chapter = |currency: &str, position| Chapter {
        currency: currency.to_owned(),
        month: "2018-02".to_owned(),
        digits: 2,
        opening: 0,
        lines: vec![line(position)],
    };
    let balance = |opening| Balance { digits: 2, opening, closing: opening + 8_000, lines: 1 };
    proven.chapters = vec![chapter("CNY", 7), chapter("USD", 8)];
    let months = SealedMonths { from: "2018-02".to_owned(), through: "2018-02".to_owned() };
    // a statement tells no opening of what did not move and was zero
    let of = sealed(&months, &drawn, &proven).unwrap();
    assert_eq!((of.opening, of.lines.len(), of.elsewhere.len()), (0, 1, 1));
    assert_eq!(of.lines[0].order.as_deref(), Some("o-7"));
    assert_eq!(of.elsewhere[0].1, "EscrowReleased");
    proven.balances.insert("USD".to_owned(), balance(500));
    assert_eq!(sealed(&months, &drawn, &proven).unwrap().opening, 0, "another currency's is not this one's");
    proven.balances.insert("CNY".to_owned(), balance(700));
    assert_eq!(sealed(&months, &drawn, &proven).unwrap().opening, 700);
}
