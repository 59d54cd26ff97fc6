//! A pack made by hand: that nothing in it can be changed unnoticed.
#![allow(clippy::unwrap_used, clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

mod hand;

use std::collections::BTreeSet;
use std::io::Write as _;

use daybook_packs::{
    DEFINITIONS, Definition, Dispute, Facts, Figures, Item, MarketFacts, Minor, Pack, Refund,
};
use hand::{at, day, facts};
use proptest::prelude::*;

#[test]
fn every_figure_has_a_definition_and_every_definition_a_figure() {
    let figures = Figures::of(&facts()).unwrap();
    let mut told: BTreeSet<&str> = figures.figures.iter().map(|figure| figure.id).collect();
    assert_eq!(told.len(), figures.figures.len(), "no figure is told twice");
    told.extend(figures.tables.iter().flat_map(|table| table.columns.iter().copied()));
    let defined: BTreeSet<&str> = DEFINITIONS.iter().map(|definition| definition.id).collect();
    assert_eq!(defined.len(), DEFINITIONS.len(), "no id is defined twice");
    assert_eq!(told, defined);
    assert!(Definition::of("turnover.net").is_some_and(|of| of.means.contains("refunds")));
    for table in &figures.tables {
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.id);
    }
}

fn pack() -> Pack {
    let facts = facts();
    Pack::of(&facts, &Figures::of(&facts).unwrap(), Vec::new()).unwrap()
}

#[test]
fn a_pack_reads_back_as_it_was_from_a_folder_and_from_a_zip() {
    let (place, pack) = (tempfile::tempdir().unwrap(), pack());
    for name in ["pack", "pack.zip"] {
        let path = place.path().join(name);
        pack.write(&path).unwrap();
        let read = Pack::read(&path).unwrap();
        assert_eq!(read, pack);
        let checked = read.check();
        assert_eq!(checked.wrong, Vec::<String>::new());
        assert_eq!(checked.facts, Some(facts()));
        assert!(pack.write(&path).is_err(), "what is there is not written over");
        assert!(pack.stands(&path).unwrap());
        // a file more or less, or a byte of one
        let mut other = pack.clone();
        other.set_proofs(&[], vec![("issued.tlog-proof", b"one".to_vec())]);
        assert!(!other.stands(&path).unwrap());
        other.prove(&path, "issued.tlog-proof", b"one".to_vec()).unwrap();
        assert!(other.stands(&path).unwrap() && !pack.stands(&path).unwrap());
        for unlike in [&b"onx"[..], b"on", b"ones"] {
            other.set_proofs(&[], vec![("issued.tlog-proof", unlike.to_vec())]);
            assert!(!other.stands(&path).unwrap());
        }
    }
}

#[test]
fn a_pack_that_was_drawn_reads_as_the_lines_that_it_was_drawn_of_and_as_no_others() {
    type Change = fn(&mut Facts);
    let pack = pack();
    assert_eq!(pack.check_drawn(&facts()), Vec::<String>::new());
    let changes: [(&str, Change); 8] = [
        ("subject.json: it does not read", |of| of.subject.drawn_at.0 += 1_000),
        ("standing.csv: line 2: it does not read", |of| of.standing[0].value.push('x')),
        ("orders.csv: line 4: it does not read", |of| of.orders[2].views += 1),
        ("items.csv: line 2: it does not read", |of| of.items[0].product.push('x')),
        ("items.csv: it has fewer rows", |of| of.items.push(of.items[0].clone())),
        ("refunds.csv: line 2: it does not read", |of| of.refunds[0].at.0 += 1_000),
        ("disputes.csv: line 2: it does not read", |of| of.disputes[0].about.push('x')),
        ("account.csv: line 3: it does not read", |of| of.account[1].event.push('x')),
    ];
    for (expected, change) in changes {
        let mut others = facts();
        change(&mut others);
        let wrong = pack.check_drawn(&others);
        assert!(wrong.iter().any(|what| what.starts_with(expected)), "{expected}: {wrong:?}");
    }
    // rows beyond those that it was drawn of
    let mut fewer = facts();
    fewer.account.pop();
    assert!(pack.check_drawn(&fewer).iter().any(|what| what.starts_with("account.csv: line ")));
    // read back as they are, and in contradiction to each other
    let mut odd = facts();
    odd.orders[2].paid = Minor(11_00);
    let figures = Figures::of(&odd).unwrap();
    let wrong = Pack::of(&odd, &figures, Vec::new()).unwrap().check_drawn(&odd);
    assert!(wrong.iter().any(|what| what.contains("items of order c")), "{wrong:?}");
}

/// A pack whose files were changed by somebody who knows how the list is made.
fn forged(change: impl Fn(&mut Facts, &mut Figures)) -> Vec<String> {
    let mut facts = facts();
    let mut figures = Figures::of(&facts).unwrap();
    change(&mut facts, &mut figures);
    Pack::of(&facts, &figures, Vec::new()).unwrap().check().wrong
}

#[test]
fn a_figure_that_does_not_follow_from_its_lines_is_named_though_the_list_fits() {
    let wrong = forged(|_, figures| {
        let figure = figures.figures.iter_mut().find(|figure| figure.id == "turnover.buyer_paid").unwrap();
        figure.value = Some("1000.00".to_owned());
    });
    assert_eq!(wrong, ["turnover.buyer_paid is said to be 1000.00: its lines give 100.00"]);
    let wrong = forged(|_, figures| figures.tables[0].rows[1][7] = None);
    assert!(wrong.len() == 1 && wrong[0].starts_with("months[2]."), "{wrong:?}");
    let wrong = forged(|facts, _| facts.orders[2].paid = Minor(11_00));
    assert!(wrong.iter().any(|what| what.contains("items of order c")), "{wrong:?}");
    assert!(wrong.iter().any(|what| what.starts_with("turnover.buyer_paid")), "{wrong:?}");
    let wrong = forged(|facts, _| {
        facts.account.remove(2);
    });
    assert!(wrong.iter().any(|what| what.contains("no movement 3")), "{wrong:?}");
    let mut strange = facts();
    strange.refunds[0].order = "x".to_owned();
    let error = Figures::of(&strange).unwrap_err().to_string();
    assert!(error.contains("refunds.csv: order x does not stand in orders.csv"), "{error}");
}

#[test]
fn figures_that_follow_from_no_line_take_no_more_than_they_are_long() {
    let facts = facts();
    let says = |figures: String| {
        let more = vec![("figures.json".to_owned(), figures.into_bytes())];
        Pack::of(&facts, &Figures::of(&facts).unwrap(), more).unwrap().check().wrong
    };
    // many columns over many empty rows
    let columns = (0..1_000).map(|n| format!("\"c{n}\"")).collect::<Vec<_>>().join(",");
    let rows = ["[]"; 5_000].join(",");
    let wrong = says(format!(r#"{{"tables":[{{"id":"t","columns":[{columns}],"rows":[{rows}]}}]}}"#));
    let more = wrong.last().and_then(|what| what.strip_prefix("and ")?.strip_suffix(" more figures"));
    assert!(more.unwrap().parse::<usize>().unwrap() < 5_000, "{more:?}");
    let wrong = says("[".repeat(1 << 20));
    assert_eq!(wrong, ["figures.json is far longer than the figures that its lines give"]);
}

/// What is said of lines that somebody changed, and made figures and list of anew.
fn contradiction(change: impl Fn(&mut Facts)) -> Vec<String> {
    let mut facts = facts();
    change(&mut facts);
    Pack::of(&facts, &Figures::of(&facts).unwrap(), Vec::new()).unwrap().check().wrong
}

#[test]
fn lines_that_contradict_each_other_are_named_though_all_figures_follow_from_them() {
    assert_eq!(contradiction(|_| {}), Vec::<String>::new());
    type Change = fn(&mut Facts);
    let changes: [(&str, Change); 28] = [
        ("gave back more", |of| of.refunds[0].to_buyer = Minor(61_00)),
        ("do not come to its goods, shipping and tax", |of| of.orders[0].subsidy = Minor(19_00)),
        ("do not come to its goods, shipping and tax", |of| of.orders[0].shipping = Minor(1)),
        ("orders.csv, row 1: an amount is below zero", |of| {
            (of.orders[0].subsidy, of.orders[0].shortfall) = (Minor(-1), Minor(20_01))
        }),
        ("items.csv, row 4: an amount is below zero", |of| {
            let more = Item { line: "2".to_owned(), goods: Minor(5_00), ..of.items[0].clone() };
            let less = Item { line: "3".to_owned(), goods: Minor(-5_00), ..more.clone() };
            of.items.insert(3, less);
            of.items.push(more);
        }),
        // a platform's refund below zero would raise the turnover
        ("refunds.csv, row 2: an amount is below zero", |of| {
            let less = Minor(-1_000_000_00);
            let row =
                Refund { refund: "r9".to_owned(), borne_by: "platform".to_owned(), ..of.refunds[0].clone() };
            of.refunds.insert(1, Refund { to_buyer: less, bore: Minor(0), dispute: None, ..row });
        }),
        // and a claim below zero hide an open one
        ("disputes.csv, row 2: an amount is below zero", |of| {
            let less = Minor(-of.disputes[0].claim.0);
            let row = Dispute { dispute: "d9".to_owned(), claim: less, ..of.disputes[0].clone() };
            of.disputes.insert(1, row);
        }),
        ("order a has more good reviews than reviews", |of| of.orders[0].reviews_good = 9),
        // a movement is left out, and the rest is numbered anew
        ("settlement s1 took another amount", |of| without(of, 2)),
        ("settlement s1 has lines and was never closed", |of| without(of, 3)),
        ("refunds.csv and account.csv do not say the same", |of| of.refunds[0].bore = Minor(15_00)),
        ("refunds.csv and account.csv do not say the same", |of| {
            let mut bore = hand::moved(7, "2024-02-10T00:00:00Z", "RefundIssued", [-15_00, 0, 0, 0, 0, 0, 0]);
            bore.about = Some("refund".to_owned());
            (bore.order, bore.reference) = (Some("a".to_owned()), Some("r2".to_owned()));
            of.account.push(bore);
        }),
        ("does not begin with what was before", |of| without(of, 0)),
        ("movement 7 is an opening behind others", |of| {
            of.account.push(hand::moved(7, "2024-01-31T16:00:00Z", "opening", [0; 7]));
        }),
        ("the account has no movement 4", |of| of.account[3].number = 9),
        ("refund r1 of order a, borne by platform, stands there twice", |of| {
            of.refunds[0].to_buyer = Minor(1);
            of.refunds.push(of.refunds[0].clone());
        }),
        ("dispute d1 of order b stands there twice", |of| of.disputes.push(of.disputes[0].clone())),
        ("the refunds of its rulings do not come to its refund", |of| of.disputes[0].refund = Minor(5)),
        ("decided without an outcome", |of| of.disputes[0].decided_at = Some(at("2024-02-25T00:00:00Z"))),
        ("said to have begun on 2024-01-02: its standing gives 2023-11-05", |of| {
            of.subject.began = Some(day("2024-01-02"));
        }),
        ("movement 1: what was before does not stand at 2023-12-31T16:00:00Z", |of| {
            of.account[0].at = at("2024-01-20T00:00:00Z");
            of.account.iter_mut().for_each(|row| row.at = row.at.max(at("2024-01-20T00:00:00Z")));
        }),
        ("movement 1: what was before", |of| of.account[0].about = Some("release".to_owned())),
        ("movement 6 is booked before the one above it", |of| {
            of.account[5].at = at("2024-01-30T00:00:00Z");
        }),
        // held money shown as a reserve
        ("movement 5, PayoutRequested: an event of this type moves other balances", |of| {
            (of.account[4].in_transit, of.account[4].reserve) = (Minor(0), Minor(70_00));
        }),
        ("movement 3, CommissionCharged: it is said to be about something else", |of| {
            of.account[2].about = Some("fee".to_owned());
        }),
        ("only the end of a payout that left this currency", |of| {
            of.account[5].converted = Some(Minor(1_000_000_00));
        }),
        ("no row above has payout p9 leave this currency as the 50000000 minor units", |of| {
            let mut end = hand::moved(7, "2024-02-20T00:00:00Z", "PayoutConfirmed", [0; 7]);
            (end.reference, end.converted) = (Some("p9".to_owned()), Some(Minor(500_000_00)));
            of.account.push(end);
        }),
        ("order c tells of a payment before the merchant began", |of| {
            of.orders[2].buyer_since = Some(day("2023-11-04"));
        }),
    ];
    for (text, change) in changes {
        let wrong = contradiction(change);
        assert!(wrong.iter().any(|what| what.contains(text)), "{text}: {wrong:?}");
    }
}

fn without(facts: &mut Facts, movement: usize) {
    facts.account.remove(movement);
    for (at, movement) in facts.account.iter_mut().enumerate() {
        movement.number = at as u64 + 1;
    }
}

#[test]
fn a_settlement_leaves_a_debt_to_the_next_and_no_more() {
    let settled = |number: u64, id: &str, line: i64, taken: i64| {
        let when = "2024-02-20T00:00:00Z";
        let mut about = hand::moved(number, when, "PenaltyCharged", [line, 0, 0, 0, 0, 0, 0]);
        (about.about, about.settlement) = (Some("penalty".to_owned()), Some(id.to_owned()));
        let mut closed = hand::moved(number + 1, when, "SettlementClosed", [taken, -taken, 0, 0, 0, 0, 0]);
        closed.reference = Some(id.to_owned());
        [about, closed]
    };
    let wrong = |first: i64, second: i64| {
        contradiction(|of| {
            // a debt of 10.00 of which 5.00 could be taken, then 8.00 due
            of.account.extend(settled(7, "s2", -10_00, first));
            of.account.extend(settled(9, "s3", 8_00, second));
        })
    };
    assert_eq!(wrong(5_00, -3_00), Vec::<String>::new());
    assert_eq!(wrong(5_00, -4_00), ["settlement s3 took another amount than its lines come to"]);
    assert_eq!(wrong(11_00, -8_00), ["settlement s2 took another amount than its lines come to"]);
}

#[test]
fn what_a_spreadsheet_would_reckon_stands_behind_a_quote_and_reads_back() {
    let mut facts = facts();
    let texts =
        ["=HYPERLINK(\"http://x/\",\"ok\")", "+1", "-1", "@a", "'=1", "'", "plain, \"quoted\"", "\tx"];
    for text in texts {
        facts.standing.push(hand::said("2024-01-01T00:00:00Z", "MerchantApplied", "name", text));
    }
    facts.orders[2].order = "=1+1".to_owned();
    facts.items[2].order = "=1+1".to_owned();
    let pack = Pack::of(&facts, &Figures::of(&facts).unwrap(), Vec::new()).unwrap();
    for file in ["standing.csv", "orders.csv", "items.csv", "grades.csv"] {
        let told = String::from_utf8(pack.file(file).unwrap().to_vec()).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(told.as_bytes());
        for cell in
            reader.records().flat_map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        {
            let number = cell
                .strip_prefix('-')
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
            assert!(number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{file}: {cell}");
        }
    }
    let checked = pack.check();
    assert_eq!(checked.wrong, Vec::<String>::new());
    assert_eq!(checked.facts, Some(facts));
}

#[test]
fn a_pack_of_another_version_says_who_can_check_it() {
    let older = |text: &str| {
        let read = |name: &str| {
            assert_eq!(name, "subject.json", "nothing else is asked");
            Ok(text.as_bytes())
        };
        Facts::read(&read).unwrap_err().to_string()
    };
    let why = older(r#"{"format":2,"definitions":2,"market":"Old Tea Road"}"#);
    assert!(
        why.contains("its tables are of version 2, and this program reads 3: check it with the program"),
        "{why}"
    );
    let why = MarketFacts::read(&|_| Ok(&br#"{"format":1}"#[..])).unwrap_err().to_string();
    assert!(why.contains("its tables are of version 1, and this program reads 2"), "{why}");
}

/// A zip in which a file of this name stands before the pack's own.
fn zipped_behind(first: &str, pack: &std::path::Path) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut lay = |name: &str, bytes: &[u8]| {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    };
    lay(first, b"<h1>Owes nothing</h1>");
    for file in std::fs::read_dir(pack).unwrap().map(Result::unwrap) {
        lay(file.file_name().to_str().unwrap(), &std::fs::read(file.path()).unwrap());
    }
    zip.finish().unwrap().into_inner()
}

/// Puts a name in the place of another as long, wherever it stands or there alone where it stands first.
fn renamed(mut bytes: Vec<u8>, [from, to]: [&str; 2], first_alone: bool) -> Vec<u8> {
    let all: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert_eq!(all.len(), 2, "the entry's own, and the directory's");
    for at in all.into_iter().take(if first_alone { 1 } else { 2 }) {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

#[test]
fn a_zip_of_which_another_program_could_open_something_else_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let (folder, path) = (place.path().join("pack"), place.path().join("pack.zip"));
    pack().write(&folder).unwrap();
    let refused = |bytes: Vec<u8>| {
        std::fs::write(&path, bytes).unwrap();
        Pack::read(&path).unwrap_err().to_string()
    };
    // a forged table in front of the real one, under its name
    let twice = renamed(zipped_behind("orders.cs1", &folder), ["orders.cs1", "orders.csv"], false);
    let error = refused(twice);
    assert!(error.contains("duplicate file names"), "{error}");
    // an entry that calls itself something else than the directory does
    let other = renamed(zipped_behind("orders.cs1", &folder), ["orders.cs1", "orders.csv"], true);
    let error = refused(other);
    assert!(error.contains("header inconsistency"), "{error}");
}

#[test]
fn a_zip_with_more_files_than_a_pack_has_is_not_looked_into() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pack.zip");
    pack().write(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len() - 12;
    bytes[end..end + 2].copy_from_slice(&60_000u16.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = Pack::read(&path).unwrap_err().to_string();
    assert!(error.contains("it has more than 1000 files"), "{error}");
}

#[test]
fn a_zip_ends_with_its_directory_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pack.zip");
    pack().write(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let says = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Pack::read(&path).unwrap_err().to_string()
    };
    let end = whole.len() - 22;
    // a comment in which the end of another directory could stand, which says that it is short
    let mut commented = whole.clone();
    commented.extend_from_slice(&whole[end..]);
    commented[end + 20..end + 22].copy_from_slice(&22u16.to_le_bytes());
    let before: Vec<u8> = [b"before it", &whole[..]].concat();
    let behind: Vec<u8> = [&whole[..], b"behind it"].concat();
    let mut long = whole.clone();
    long[end + 12..end + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    for bytes in [&commented, &before, &behind, &long, &whole[..10].to_vec(), &Vec::new()] {
        let error = says(bytes);
        assert!(error.contains("does not end with a zip's directory and nothing else"), "{error}");
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(Pack::read(&path).unwrap(), pack());
}

#[test]
fn a_pack_that_begins_on_the_first_day_of_all_is_refused_and_not_passed_over() {
    let mut facts = facts();
    let figures = Figures::of(&facts).unwrap();
    (facts.subject.from, facts.subject.to) = (chrono::NaiveDate::MIN, chrono::NaiveDate::MIN);
    facts.subject.began = None;
    let wrong = Pack::of(&facts, &figures, Vec::new()).unwrap().check().wrong;
    assert!(wrong.iter().any(|what| what.contains("before which there is no day")), "{wrong:?}");
}

#[test]
fn what_was_added_or_is_missing_is_named() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pack");
    pack().write(&path).unwrap();
    std::fs::write(path.join("letter.txt"), "trust us").unwrap();
    std::fs::remove_file(path.join("disputes.csv")).unwrap();
    let wrong = Pack::read(&path).unwrap().check().wrong;
    for part in ["letter.txt is not in the list", "disputes.csv is missing"] {
        assert!(wrong.iter().any(|what| what.contains(part)), "{wrong:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A bit of any file, a cut, a row twice, dropped, or in another's place.
    #[test]
    fn no_change_of_any_file_is_missed(which in any::<prop::sample::Index>(), spot in any::<prop::sample::Index>(), how in 0u8..5) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("pack");
        pack().write(&path).unwrap();
        let names: Vec<_> = {
            let mut names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            names
        };
        let name = which.get(&names);
        let mut bytes = std::fs::read(name).unwrap();
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let (at, line) = (spot.index(bytes.len()), spot.index(lines.len()));
        match how {
            0 => bytes[at] ^= 1 << (at % 8),
            1 => bytes.truncate(at),
            2 => { lines.remove(line); bytes = lines.concat(); }
            3 => { lines.insert(line, lines[line].clone()); bytes = lines.concat(); }
            _ => { lines.swap(0, line); bytes = lines.concat(); }
        }
        prop_assume!(bytes != std::fs::read(name).unwrap());
        std::fs::write(name, &bytes).unwrap();
        // the list itself is held by the market's log: its digest is another one
        let read = Pack::read(&path).unwrap();
        let held = !read.check().wrong.is_empty() || read.digest() != pack().digest();
        prop_assert!(held, "{name:?} by {how}");
    }
}
