//! The log grows with a journal, its proofs hold, and nothing that was touched holds.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod damaged;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::{event, key, public};
use daybook_proofs::{Checkpoint, Consistency, Entry, Log, MarketKey, Proof, ProofError, PublicKey, Recount};
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;

/// The event at a position, in one of two histories.
fn entry(position: u64, data: &str) -> Entry<'_> {
    event(position, "order-o1", "OrderPlaced", data)
}

fn grow(log: &mut Log, upto: u64) {
    for position in log.size() + 1..=upto {
        log.append(&entry(position, &format!("{{\"n\":{position}}}"))).unwrap();
    }
}

/// A log with checkpoints of these sizes.
fn log_of(folder: &Path, key: &MarketKey, sizes: &[u64]) -> Vec<Checkpoint> {
    let mut log = Log::open(folder).unwrap();
    let at = |size: &u64| {
        grow(&mut log, *size);
        log.checkpoint(std::slice::from_ref(key), &[format!("time {size}")]).unwrap()
    };
    sizes.iter().map(at).collect()
}

fn recount(
    folder: &Path,
    keys: Vec<PublicKey>,
    history: impl Iterator<Item = (u64, String)>,
) -> (Vec<String>, u64) {
    let mut recount = Recount::of(folder, keys).unwrap();
    for (position, data) in history {
        recount.take(&entry(position, &data)).unwrap();
    }
    recount.finish().unwrap()
}

fn history(upto: u64) -> impl Iterator<Item = (u64, String)> {
    (1..=upto).map(|n| (n, format!("{{\"n\":{n}}}")))
}

#[test]
fn every_event_is_proved_under_every_checkpoint_that_has_it_and_every_checkpoint_adds_to_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("shop.example/ledger", 1);
    let sizes = [1, 2, 255, 256, 257, 600];
    let checkpoints = log_of(folder.path(), &market, &sizes);
    let log = Log::read(folder.path()).unwrap();
    let keys = [public(&market)];
    for under in &checkpoints {
        for position in (1..=under.size).filter(|n| n % 37 == 1 || *n == under.size) {
            let data = format!("{{\"n\":{position}}}");
            let text = log.prove(&entry(position, &data), under).unwrap().to_text();
            let proof = Proof::parse(&text).unwrap();
            let (found, by) = proof.verify(&keys).unwrap();
            assert_eq!((found.position, found.data), (position, &*data));
            assert_eq!(by.market, ["shop.example/ledger"]);
        }
        for old in checkpoints.iter().filter(|old| old.size <= under.size) {
            let text = log.consistency(old, under).unwrap().to_text();
            Consistency::parse(&text).unwrap().verify(&keys).unwrap();
        }
        assert_eq!(log.of_size(under.size).unwrap(), *under);
    }
    assert_eq!(log.newest().unwrap().unwrap().size, 600);
    assert!(matches!(log.prove(&entry(601, "{}"), &checkpoints[5]), Err(ProofError::Broken(_))));
    assert!(log.prove(&entry(5, "{\"n\":6}"), &checkpoints[5]).is_err(), "another event than was logged");
}

#[test]
fn a_log_goes_on_where_it_was_left_and_two_do_not_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("m", 1);
    let mut log = Log::open(folder.path()).unwrap();
    assert!(matches!(Log::open(folder.path()), Err(ProofError::Busy(_))));
    grow(&mut log, 300);
    log.save().unwrap();
    grow(&mut log, 310); // not saved: the journal has them
    drop(log);
    let mut log = Log::open(folder.path()).unwrap();
    assert_eq!(log.size(), 300);
    assert!(matches!(log.append(&entry(302, "{}")), Err(ProofError::Broken(_))));
    grow(&mut log, 700);
    let stepwise = log.checkpoint(std::slice::from_ref(&market), &[]).unwrap();
    assert_eq!(log.checkpoint(std::slice::from_ref(&market), &[]).unwrap(), stepwise, "nothing came since");
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(log_of(whole.path(), &market, &[700])[0].root, stepwise.root);
    // who has the checkpoint of 300 events reads its tiles as long as the full ones are not there
    let there = |name: &str| folder.path().join(name).exists();
    assert!(there("tile/0/000") && there("tile/0/001") && !there("tile/0/001.p"));
    assert!(there("tile/0/002.p/188") && there("tile/1/000.p/1") && there("tile/1/000.p/2"));
}

#[test]
fn the_last_event_that_was_logged_is_known() {
    let folder = tempfile::tempdir().unwrap();
    for upto in [1, 255, 256, 257, 512] {
        let mut log = Log::open(folder.path()).unwrap();
        grow(&mut log, upto);
        let (same, other) = (format!("{{\"n\":{upto}}}"), "{}");
        for saved in [false, true] {
            assert!(log.ends_with(&entry(upto, &same)).unwrap(), "{upto} {saved}");
            assert!(
                !log.ends_with(&entry(upto, other)).unwrap() && !log.ends_with(&entry(1_000, &same)).unwrap()
            );
            log.save().unwrap();
        }
        drop(log);
        assert!(Log::open(folder.path()).unwrap().ends_with(&entry(upto, &same)).unwrap());
    }
}

#[test]
fn without_the_copy_for_others_the_checkpoints_still_stand() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("m", 1);
    log_of(folder.path(), &market, &[500]);
    for file in ["checkpoint", "state"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    fs::remove_dir_all(folder.path().join("tile")).unwrap();
    let mut log = Log::open(folder.path()).unwrap();
    (1..=500).for_each(|n| log.append(&entry(n, "{}")).unwrap());
    let error = log.checkpoint(std::slice::from_ref(&market), &[]).unwrap_err();
    assert!(error.to_string().contains("nothing is signed"), "{error}");
}

#[test]
fn who_signs_next_has_signed_before() {
    let folder = tempfile::tempdir().unwrap();
    let (market, named, other) = (key("m", 1), key("n", 2), key("m", 3));
    log_of(folder.path(), &market, &[5]);
    let mut log = Log::open(folder.path()).unwrap();
    grow(&mut log, 6);
    for stranger in [&named, &other] {
        let error = log.checkpoint(std::slice::from_ref(stranger), &[]).unwrap_err();
        assert!(error.to_string().contains("is not signed by this key"), "{error}");
    }
    assert!(log.checkpoint(&[market.clone(), named], &[]).unwrap_err().to_string().contains("a log has one"));
    // one that did not sign is no newer one either
    let read = Log::read(folder.path()).unwrap();
    assert!(read.keep(&read.of_size(5).unwrap()).is_err(), "it was opened to read");
}

#[test]
fn a_checkpoint_of_another_log_or_beyond_this_one_proves_nothing() {
    let (folder, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let market = key("m", 1);
    let own = log_of(folder.path(), &market, &[300]).remove(0);
    let mut other = Log::open(theirs.path()).unwrap();
    (1..=300).for_each(|n| other.append(&entry(n, "{}")).unwrap());
    let foreign = other.checkpoint(std::slice::from_ref(&market), &[]).unwrap();
    let log = Log::read(folder.path()).unwrap();
    let data = "{\"n\":1}";
    assert!(log.prove(&entry(1, data), &foreign).unwrap_err().to_string().contains("not one of this log"));
    assert!(log.consistency(&own, &foreign).is_err() && log.consistency(&foreign, &own).is_err());
    for size in ["301", "9223372036854775809", "18446744073709551615"] {
        let huge = own.note.replacen("\n300\n", &format!("\n{size}\n"), 1);
        if let Ok(huge) = Checkpoint::parse(huge.as_bytes()) {
            assert!(log.prove(&entry(1, data), &huge).unwrap_err().to_string().contains("the log has 300"));
        } else {
            assert_ne!(size, "301");
        }
    }
    let none = own.note.replacen("\n300\n", "\n0\n", 1);
    assert!(Checkpoint::parse(none.as_bytes()).is_err(), "of no events, the root of some");
}

#[test]
fn of_another_history_nothing_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("m", 1);
    log_of(folder.path(), &market, &[500]);
    for file in ["tile", "state"] {
        let path = folder.path().join(file);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    for (changed, upto) in [(Some(3), 600), (None, 499)] {
        let mut log = Log::open(folder.path()).unwrap();
        for n in 1..=upto {
            let data = if changed == Some(n) { "{}".to_owned() } else { format!("{{\"n\":{n}}}") };
            log.append(&entry(n, &data)).unwrap();
        }
        let error = log.checkpoint(std::slice::from_ref(&market), &[]).unwrap_err();
        assert!(error.to_string().contains("nothing is signed"), "{error}");
        let stands = log.save().is_ok();
        drop(log);
        // where it passed a checkpoint that it does not go on from, it does not stand; else it only has nothing to sign
        assert_eq!((stands, folder.path().join("state").exists()), (upto < 500, upto < 500));
    }
}

#[test]
fn a_recount_finds_what_was_changed_dropped_or_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("m", 1);
    log_of(folder.path(), &market, &[10, 400, 700]);
    let keys = || vec![public(&market)];
    assert_eq!(recount(folder.path(), keys(), history(700)), (vec![], 3));
    assert_eq!(
        recount(folder.path(), keys(), history(900)),
        (vec![], 3),
        "what came since is not logged yet"
    );
    let found = |history: &mut dyn Iterator<Item = (u64, String)>| recount(folder.path(), keys(), history).0;
    let changed =
        found(&mut history(700).map(|(n, data)| if n == 300 { (n, "{}".to_owned()) } else { (n, data) }));
    assert!(
        changed[0].contains("position 300") && changed[1].contains("the first 400 events"),
        "{changed:?}"
    );
    let dropped = found(&mut history(700).filter(|(n, _)| *n != 20));
    assert!(dropped[0].contains("position 20 is missing"), "{dropped:?}");
    assert!(dropped.len() == 3 && dropped[1].contains("checkpoints/400"), "each once: {dropped:?}");
    let cut = found(&mut history(650));
    assert!(cut.last().unwrap().contains("its tail is gone"), "{cut:?}");
    let other = recount(folder.path(), vec![public(&key("m", 2))], history(700)).0;
    assert_eq!(other.len(), 3, "{other:?}");
    fs::write(folder.path().join("checkpoint"), "another").unwrap();
    assert!(recount(folder.path(), keys(), history(700)).0[0].contains("the file checkpoint"));
    let tile = folder.path().join("tile/1/000.p/2");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    fs::write(&tile, bytes).unwrap();
    let (damaged, checkpoints) = recount(folder.path(), keys(), history(700));
    assert!(damaged[0].contains("are damaged") && checkpoints == 3, "{damaged:?}");
}

#[test]
fn a_recount_holds_what_each_checkpoint_says_of_the_books_to_the_journal() {
    let market = key("m", 1);
    let data = |period: &str| format!("{{\"period\":\"{period}\"}}");
    let (january, february) = (data("2018-01"), data("2018-02"));
    let journal = [
        event(1, "order-o1", "OrderPlaced", "{}"),
        event(2, "books-main", "JournalVoucher", "{}"),
        event(3, "books-main", "PeriodClosed", &january),
        event(4, "books-main", "PeriodClosed", &february),
        event(5, "books-main", "PeriodReopened", &february),
        event(6, "books-main", "PeriodClosed", &february),
    ];
    let honest = ["none", "none", "2018-01 3", "2018-02 4", "2018-01 3", "2018-02 6"];
    let found = |said: &[Option<&str>; 6]| {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path()).unwrap();
        for (entry, said) in journal.iter().zip(said) {
            log.append(entry).unwrap();
            let lines: Vec<String> = said.iter().map(|said| format!("closed {said}")).collect();
            log.checkpoint(std::slice::from_ref(&market), &lines).unwrap();
        }
        let mut recount = Recount::of(folder.path(), vec![public(&market)]).unwrap();
        journal.iter().for_each(|entry| recount.take(entry).unwrap());
        recount.finish().unwrap().0
    };
    assert_eq!(found(&honest.map(Some)), Vec::<String>::new());
    for (at, wrong) in [
        (0, Some("2018-01 3")),
        (2, Some("none")),
        (2, None),
        (3, Some("2018-01 3")),
        (4, Some("2018-02 4")),
        (5, Some("2018-02 06")),
        (5, Some("2018-02 6\nclosed 2018-02 6")),
    ] {
        let mut said = honest.map(Some);
        said[at] = wrong;
        let found = found(&said);
        assert_eq!(found.len(), 1, "{wrong:?}: {found:?}");
        assert!(found[0].contains(&format!("checkpoints/{}: of the books it says", at + 1)), "{found:?}");
    }
}

/// A witness's key, and its signature under a note.
fn witness(note: &str, seconds: u64) -> (PublicKey, String) {
    let secret = SigningKey::from_bytes(&[9; 32]);
    let key = [&[4][..], secret.verifying_key().as_bytes()].concat();
    let id = signed_note::key_id("witness.example", &key);
    let public = format!("witness.example+{id:08x}+{}", BASE64_STANDARD.encode(key));
    let text = note.rsplit_once("\n\n").unwrap().0;
    let signed = secret.sign(format!("cosignature/v1\ntime {seconds}\n{text}\n").as_bytes());
    let line = [&id.to_be_bytes()[..], &seconds.to_be_bytes(), &signed.to_bytes()].concat();
    (
        PublicKey::parse(&public).unwrap(),
        format!("{note}\u{2014} witness.example {}\n", BASE64_STANDARD.encode(line)),
    )
}

#[test]
fn a_witness_signs_beside_the_market_and_not_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("m", 1);
    let checkpoint = log_of(folder.path(), &market, &[5]).remove(0);
    let (theirs, copy) = witness(&checkpoint.note, 1_700_000_000);
    assert!(checkpoint.verify(std::slice::from_ref(&theirs)).is_err(), "it has not signed yet");
    let cosigned = checkpoint.cosigned(copy.as_bytes(), std::slice::from_ref(&theirs)).unwrap();
    let by = cosigned.verify(&[public(&market), theirs.clone()]).unwrap();
    assert_eq!(
        (by.market, by.witnesses),
        (vec!["m".to_owned()], vec![("witness.example".to_owned(), 1_700_000_000)])
    );
    assert!(cosigned.verify(std::slice::from_ref(&theirs)).is_err(), "a witness alone is not the market");
    let both = checkpoint.verify(&[public(&market), theirs.clone()]).unwrap_err();
    assert!(both.to_string().contains("is not signed by the witness"), "{both}");
    let log = Log::open(folder.path()).unwrap();
    log.keep(&cosigned).unwrap();
    assert_eq!(log.newest().unwrap().unwrap(), cosigned);
    let later = copy.replace("\n5\n", "\n6\n");
    assert!(checkpoint.cosigned(later.as_bytes(), std::slice::from_ref(&theirs)).is_err());
}

#[test]
fn a_new_key_signs_beside_the_old_one_and_then_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (key("m", 1), key("m", 2));
    let mut log = Log::open(folder.path()).unwrap();
    grow(&mut log, 3);
    let first = log.checkpoint(std::slice::from_ref(&old), &[]).unwrap();
    let too = log.checkpoint(&[old.clone(), new.clone()], &["later".to_owned()]).unwrap();
    assert!(too.text() == first.text() && too.verify(&[public(&new)]).is_ok(), "nothing came since");
    assert!(too.verify(&[public(&old)]).is_ok());
    grow(&mut log, 6);
    let both = log.checkpoint(&[old.clone(), new.clone()], &[]).unwrap();
    grow(&mut log, 9);
    let last = log.checkpoint(std::slice::from_ref(&new), &[]).unwrap();
    for (checkpoint, with_old, with_new) in [(&first, true, false), (&both, true, true), (&last, false, true)]
    {
        assert_eq!(checkpoint.verify(&[public(&old)]).is_ok(), with_old);
        assert_eq!(checkpoint.verify(&[public(&new)]).is_ok(), with_new);
    }
    log.consistency(&first, &last).unwrap().verify(&[public(&old), public(&new)]).unwrap();
}

#[test]
fn keys_that_were_changed_or_are_none_are_refused() {
    let secret = MarketKey::generate("m", [1; 32]).unwrap();
    let public = MarketKey::parse(&secret).unwrap().public().to_owned();
    for text in ["", "m", "m+1+", &secret, &public.replace("m+", "n+"), &public[..public.len() - 4]] {
        assert!(PublicKey::parse(text).is_err(), "{text}");
    }
    for text in ["", &public, &secret.replace("+m+", "+n+")] {
        assert!(MarketKey::parse(text).is_err(), "{text}");
    }
    for name in ["", "two words", "a+b", "a\u{1}b"] {
        assert!(MarketKey::generate(name, [1; 32]).is_err(), "{name}");
    }
}

/// What was done to a text.
#[derive(Clone, Debug)]
enum Touch {
    Flip(usize, u8),
    Drop(usize),
    DropLine(usize),
    RepeatLine(usize),
    SwapLines(usize, usize),
    Cut(usize),
    Splice(usize, usize),
}

fn touch() -> impl Strategy<Value = Touch> {
    let at = any::<usize>;
    prop_oneof![
        4 => (at(), 0u8..8).prop_map(|(at, bit)| Touch::Flip(at, bit)),
        1 => at().prop_map(Touch::Drop),
        1 => at().prop_map(Touch::DropLine),
        1 => at().prop_map(Touch::RepeatLine),
        1 => (at(), at()).prop_map(|(a, b)| Touch::SwapLines(a, b)),
        1 => at().prop_map(Touch::Cut),
        1 => (at(), at()).prop_map(|(a, b)| Touch::Splice(a, b)),
    ]
}

fn touched(text: &str, other: &str, touch: &Touch) -> Vec<u8> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut bytes = text.as_bytes().to_vec();
    let (n, length) = (lines.len(), bytes.len());
    match *touch {
        Touch::Flip(at, bit) => bytes[at % length] ^= 1 << bit,
        Touch::Drop(at) => drop(bytes.remove(at % length)),
        Touch::Cut(at) => bytes.truncate(at % length),
        Touch::DropLine(at) => drop(lines.remove(at % n)),
        Touch::RepeatLine(at) => lines.insert(at % n, lines[at % n]),
        Touch::SwapLines(a, b) => lines.swap(a % n, b % n),
        Touch::Splice(a, b) => {
            let theirs: Vec<&str> = other.split_inclusive('\n').collect();
            lines[a % n] = theirs[b % theirs.len()];
        }
    }
    if matches!(touch, Touch::Flip(..) | Touch::Drop(_) | Touch::Cut(_)) {
        bytes
    } else {
        lines.concat().into_bytes()
    }
}

/// How many touches are tried: the long form asks for more.
fn cases() -> ProptestConfig {
    let more = std::env::var("DAYBOOK_LONG").is_ok();
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(if more { 100_000 } else { 10_000 })
    }
}

#[test]
fn no_proof_holds_that_was_touched() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("shop.example/ledger", 1);
    let checkpoints = log_of(folder.path(), &market, &[400, 700]);
    let log = Log::read(folder.path()).unwrap();
    let keys = [public(&market)];
    let prove = |n: u64| log.prove(&entry(n, &format!("{{\"n\":{n}}}")), &checkpoints[1]).unwrap();
    let (one, other) = (prove(123), prove(456));
    let (text, theirs) = (one.to_text(), other.to_text());
    let grown = log.consistency(&checkpoints[0], &checkpoints[1]).unwrap();
    let grown_text = grown.to_text();
    let mut runner = proptest::test_runner::TestRunner::new(cases());
    runner
        .run(&touch(), |touch| {
            let bytes = touched(&text, &theirs, &touch);
            if bytes != text.as_bytes() {
                let proof = String::from_utf8(bytes).ok().and_then(|text| Proof::parse(&text).ok());
                // a signature told twice changes nothing that is said
                if let Some(proof) = proof.filter(|proof| proof.verify(&keys).is_ok()) {
                    prop_assert_eq!(proof.index, other.index.min(one.index));
                    prop_assert_eq!((&proof.entry, &proof.path), (&one.entry, &one.path), "{:?}", touch);
                    prop_assert!(matches!(touch, Touch::RepeatLine(_) | Touch::Splice(..)), "{:?}", touch);
                }
            }
            let bytes = touched(&grown_text, &text, &touch);
            if bytes != grown_text.as_bytes() {
                let proof = String::from_utf8(bytes).ok().and_then(|text| Consistency::parse(&text).ok());
                if let Some(proof) = proof.filter(|proof| proof.verify(&keys).is_ok()) {
                    prop_assert_eq!(&proof.path, &grown.path, "{:?}", touch);
                    prop_assert_eq!((proof.old.root, proof.new.root), (grown.old.root, grown.new.root));
                }
            }
            Ok(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_key_that_is_made_can_be_read(chance in any::<[u8; 32]>()) {
        let key = MarketKey::parse(&MarketKey::generate("shop.example/ledger", chance).unwrap()).unwrap();
        let public = public(&key);
        prop_assert_eq!(public.name(), "shop.example/ledger");
    }

    #[test]
    fn an_entry_reads_back_as_it_was_and_not_when_cut(data in ".{0,40}", stream in "[a-z]{1,9}-[a-z0-9]{1,9}", cut in 1usize..20) {
        let entry = Entry { stream: &stream, ..entry(9, &data) };
        let bytes = entry.encode();
        prop_assert_eq!(Entry::decode(&bytes).unwrap(), entry);
        prop_assert!(Entry::decode(&bytes[..bytes.len() - cut]).is_err());
        prop_assert!(Entry::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}
