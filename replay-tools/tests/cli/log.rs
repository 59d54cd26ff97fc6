//! The signed log on the command line: made, proved from, checked without the journal, and what it finds.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use crate::place::{Place, Ran};
use daybook_journal::{Filter, Journal as _, JournalError, SqliteJournal};
use daybook_market::transparency::{entry, folder, recount};
use daybook_proofs::Recount;

/// A market of some events whose log was signed, and the key to check with.
fn signed() -> (Place, String) {
    let place = Place::with_a_sale();
    place.add_events(600);
    let made = place.json(&["log", "key", "shop.example/ledger", "--out", "secret"]);
    let public = made["public_key"].as_str().unwrap().to_owned();
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    (place, public)
}

fn done(ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran:?}");
}

fn says(ran: &Ran, code: i32, text: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.err.contains(text), "{ran:?}");
}

#[test]
fn what_is_proved_is_checked_without_the_journal() {
    let (place, public) = signed();
    place.add_events(601); // one more: the others are known
    done(&place.run(&["log", "prove", "5", "--out", "proof"]));
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    done(&place.run(&["log", "consistency", "605", "--out", "grown"]));
    let elsewhere = Place::empty();
    for file in ["proof", "grown"] {
        fs::copy(place.path(file), elsewhere.path(file)).unwrap();
    }
    fs::copy(folder(&place.path("daybook.db")).join("checkpoint"), elsewhere.path("checkpoint")).unwrap();
    let shown = elsewhere.json(&["log", "verify", "proof", "--key", &public]);
    assert_eq!(
        (shown["position"].as_u64(), shown["type"].as_str()),
        (Some(5), Some("EscrowFunded")),
        "{shown}"
    );
    assert!(shown["data"].as_str().unwrap().contains("100.00"), "{shown}");
    for file in ["grown", "checkpoint"] {
        let ran = elsewhere.run(&["log", "verify", file, "--key", &public]);
        assert!(ran.code == 0 && ran.out.contains("606"), "{ran:?}");
    }
    let made = elsewhere.json(&["log", "key", "shop.example/ledger", "--out", "other"]);
    let other = made["public_key"].as_str().unwrap();
    says(&elsewhere.run(&["log", "verify", "proof", "--key", other]), 1, "it does not hold");
    says(&elsewhere.run(&["log", "verify", "proof"]), 2, "--key");
    fs::write(
        elsewhere.path("proof"),
        fs::read_to_string(place.path("proof")).unwrap().replace("index 4", "index 3"),
    )
    .unwrap();
    says(&elsewhere.run(&["log", "verify", "proof", "--key", &public]), 1, "it does not hold");
}

#[test]
fn the_whole_log_is_checked_against_the_journal() {
    let (place, public) = signed();
    let whole = place.json(&["log", "verify", "--key", &public]);
    assert_eq!((whole["events"].as_u64(), whole["checkpoints"].as_u64()), (Some(605), Some(1)), "{whole}");
    let file = place.path("daybook.db");
    let bytes = fs::read(&file).unwrap();
    // 100.00 becomes 900.00 in the file, behind the program's back
    let price = b"\"unit_price\":{\"amount\":\"100.00\"";
    let mut edited = bytes.clone();
    let mut copies = 0;
    for at in 0..bytes.len() - price.len() {
        if bytes[at..].starts_with(price) {
            edited[at + price.len() - 7] = b'9';
            copies += 1; // pages that are no longer used hold some too
        }
    }
    assert!(copies > 0);
    fs::write(&file, edited).unwrap();
    says(
        &place.run(&["log", "verify", "--key", &public]),
        1,
        "the event at position 2 (order-o 1, OrderPlaced)",
    );
    says(&place.run(&["log", "prove", "2"]), 3, "is not at position 2 of the log that was signed");
    fs::write(&file, bytes).unwrap();
    done(&place.run(&["log", "verify", "--key", &public]));
}

#[test]
fn what_cannot_be_done_says_why() {
    let place = Place::with_a_sale();
    says(&place.run(&["log", "checkpoint"]), 2, "--key");
    says(&place.run(&["log", "prove", "1"]), 3, "`daybook log checkpoint` makes the log");
    says(&place.run(&["log", "key", "two words", "--out", "secret"]), 3, "leave out spaces");
    done(&place.run(&["log", "key", "m", "--out", "secret"]));
    says(&place.run(&["log", "key", "m", "--out", "secret"]), 4, "secret");
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    says(&place.run(&["log", "prove", "6"]), 3, "has no event at position 6");
    says(&place.run(&["log", "prove", "1", "--under", "4"]), 3, "no checkpoint was signed of 4 events");
    fs::write(place.path("nothing"), "nothing").unwrap();
    says(&place.run(&["log", "checkpoint", "--key", "nothing"]), 3, "the secret key");
    says(&place.run(&["log", "checkpoint", "--key", "absent"]), 4, "absent");
}

fn all(file: &Path) -> Result<Vec<Vec<u8>>, JournalError> {
    let mut events = Vec::new();
    SqliteJournal::open_read_only(file)?.scan(0, None, &Filter::default(), &mut |event| {
        events.push(entry(&event).encode());
        ControlFlow::Continue(())
    })?;
    Ok(events)
}

#[test]
fn a_journal_that_was_put_back_or_is_another_is_not_signed() {
    let (place, _) = signed();
    let kept = fs::read(place.path("daybook.db")).unwrap();
    place.add_events(610);
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    fs::write(place.path("daybook.db"), kept).unwrap();
    let refused = "event at position 615 is not the one that was logged";
    says(&place.run(&["log", "checkpoint", "--key", "secret"]), 3, refused);
    // and more has come since than there was
    place.release_too_much();
    place.add_events(610);
    says(&place.run(&["log", "checkpoint", "--key", "secret"]), 3, refused);
    says(&place.run(&["log", "verify"]), 1, "the first 615 events are not those that were signed");
}

/// How often a byte of the file is changed: the long form asks for more.
fn touches() -> usize {
    if std::env::var_os("DAYBOOK_LONG").is_some() { 10_000 } else { 400 }
}

#[test]
fn no_byte_of_the_file_is_changed_so_that_a_reader_sees_another_history() {
    let (place, _) = signed();
    let file = place.path("daybook.db");
    let (bytes, events) = (fs::read(&file).unwrap(), all(&file).unwrap());
    let (mut seen, mut state) = (0, 0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..touches() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 33).unwrap() % bytes.len();
        let mut edited = bytes.clone();
        edited[at] ^= 1 << (state >> 30 & 7);
        fs::write(&file, &edited).unwrap();
        // what cannot be read any more is found by whoever reads it
        let Ok(now) = all(&file) else { continue };
        let log = Recount::of(&folder(&file), vec![]).unwrap();
        let journal = SqliteJournal::open_read_only(&file).unwrap();
        let (found, _) = recount(&journal, log, &mut |_| true).unwrap();
        assert_eq!(found.is_empty(), now == events, "byte {at}: {found:?}");
        seen += usize::from(now != events);
    }
    assert!(seen > touches() / 10, "{seen} of {} could be seen", touches());
}
