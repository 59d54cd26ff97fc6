//! A market's own pack, and what an auditor with the journal makes of packs: drawn again, held to the sealed lines.

use std::fs;

use crate::place::{Place, Ran};
use daybook_packs::{Figures, Pack};
use daybook_proofs::{Log, PublicKey};
use daybook_reports::loan_pack;

fn done(ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran:?}");
}

fn says(ran: &Ran, code: i32, text: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.err.contains(text), "{ran:?}");
}

const WHO: [&str; 6] = ["--recipient", "icbc", "--purpose", "a credit line", "--by", "li"];

#[test]
fn packs_are_issued_checked_elsewhere_and_drawn_again_from_the_journal() {
    let place = Place::empty();
    done(&place.run(&["demo", "--days", "40", "--orders-per-day", "8", "--no-progress"]));
    let made = place.json(&["log", "key", "shop.example/ledger", "--out", "secret"]);
    let public = made["public_key"].as_str().unwrap().to_owned();
    done(&place.run(&["period", "close", "2025-09", "--by", "chen"]));
    let elsewhere = Place::empty();
    of_market(&place, &elsewhere, &public);
    of_merchant(&place, &elsewhere, &public);
}

fn of_market(place: &Place, elsewhere: &Place, public: &str) {
    let size = "month,amount,currency,source\n2025-09,90000000.00,CNY,Tea Society\n";
    fs::write(place.path("size.csv"), size).unwrap();
    let draw = |out: &str, more: &[&str]| {
        let what = ["loan-pack", "market", "--months", "1", "--until", "2025-10-08", "--out", out];
        place.run(&[&what[..], &["--market-size", "size.csv"], more].concat())
    };
    done(&draw("market.zip", &[&WHO[..], &["--key", "secret"]].concat()));
    let events = place.run(&["events", "--stream", "market-main"]).out;
    assert_eq!(events.matches("MarketPackIssued").count(), 1, "{events}");
    let zip = place.path("market.zip");
    let zip = zip.to_str().unwrap();
    let shown = elsewhere.json(&["loan-pack", "verify", zip, "--key", public]);
    assert_eq!(shown["issued_to"], "icbc", "{shown}");
    assert_eq!(shown["share_claimed_by"], "the market, by Tea Society", "{shown}");
    assert!(shown["signed"].as_str().unwrap().starts_with("shop.example/ledger over "), "{shown}");

    // as other subcommands say
    let facts = Pack::read(&place.path("market.zip")).unwrap().market_facts().unwrap();
    let figures = Figures::of_market(&facts).unwrap();
    let sales = place.json(&["metrics", "--days", "2025-09-01..2025-10-08"]);
    let row = sales.as_array().map_or(&sales, |rows| &rows[0]);
    let figure = |id: &str| figures.get(id).unwrap().to_owned();
    assert_eq!(figure("market.tracked.gmv"), row["gmv"]["amount"].as_str().unwrap(), "{row}");
    assert_eq!(figure("market.uv"), row["uv"].to_string(), "{row}");
    assert_eq!(figure("market.tracked.buyers"), row["buyers"].to_string(), "{row}");

    // made anew by somebody who has no key
    let mut forged = facts;
    forged.sales[0].paid.0 += 100;
    forged.days[0].paid.0 += 100;
    let figures = Figures::of_market(&forged).unwrap();
    let more = loan_pack::market_files(&forged, &figures).unwrap();
    Pack::of_market(&forged, &figures, more).unwrap().write(&place.path("forged")).unwrap();
    let path = place.path("forged");
    let ran = elsewhere.run(&["loan-pack", "verify", path.to_str().unwrap(), "--key", public]);
    says(&ran, 1, "GMV of 2025-09: sales.csv comes to");
    says(&ran, 1, "no proof");

    done(&place.run(&["loan-pack", "redraw", "market.zip"]));
    says(&place.run(&["loan-pack", "redraw", "forged"]), 1, "sales.csv is not what the journal gives");
    says(&draw("market.zip", &["--draft"]), 3, "is there already");
    fs::write(place.path("size.csv"), "month,amount,currency,source\n").unwrap();
    says(&draw("other", &["--draft"]), 3, "it lacks 2025-09");
    says(&elsewhere.run(&["loan-pack", "market", "--draft", "--out", "x"]), 4, "daybook.db");
}

/// A market that says that no month was sealed, or that has nothing to show for one that it names.
fn unnamed(place: &Place, (own, path): (&Pack, &std::path::Path), verify: &dyn Fn(&str) -> Ran) {
    let mut facts = own.facts().unwrap();
    assert_eq!(facts.subject.sealed.as_ref().unwrap().through, "2025-09");
    facts.subject.sealed = None;
    facts.account.remove(facts.account.len() - 1);
    let figures = Figures::of(&facts).unwrap();
    let more = loan_pack::files(&facts, &figures).unwrap();
    let mut forged = Pack::of(&facts, &figures, more).unwrap();
    let at = place.path("unnamed");
    forged.write(&at).unwrap();
    for proof in ["issued.tlog-proof", "consent.tlog-proof"] {
        forged.prove(&at, proof, own.proof(proof).unwrap().to_vec()).unwrap();
    }
    let why = "the books were closed through 2025-09, and the pack shows no statement of them";
    says(&verify(at.to_str().unwrap()), 1, why);
    // another event's proof in place of a close that sealed nothing
    let consent = own.proof("consent.tlog-proof").unwrap().to_vec();
    forged.prove(&at, "unsealed.tlog-proof", consent).unwrap();
    let ran = verify(at.to_str().unwrap());
    says(&ran, 1, "it has none of the close of the books at");
    // drawn before the books were closed, by what it says
    let mut facts = own.facts().unwrap();
    facts.subject.through = 1;
    let figures = Figures::of(&facts).unwrap();
    let more = loan_pack::files(&facts, &figures).unwrap();
    let mut forged = Pack::of(&facts, &figures, more).unwrap();
    let at = place.path("early");
    forged.write(&at).unwrap();
    for proof in ["issued.tlog-proof", "consent.tlog-proof", "statement.zip"] {
        forged.prove(&at, proof, own.proof(proof).unwrap().to_vec()).unwrap();
    }
    says(&verify(at.to_str().unwrap()), 1, "after the pack was drawn at 1: have it drawn anew");
    assert!(path.join("proof/statement.zip").exists());
}

/// What stands there and does not hold is made again; what holds is left, and what would not hold is not laid into a pack.
fn proofs_that_do_not_hold(place: &Place, path: &std::path::Path, verify: &dyn Fn(&str) -> Ran) {
    let (own, prove) =
        (path.to_str().unwrap(), ["loan-pack", "prove", "own", "--key", "newer", "--key", "secret"]);
    done(&place.run(&["statement", "merchant", "m-002", "--period", "2025-09", "--prove", "others.zip"]));
    for stale in ["statement.zip", "issued.tlog-proof", "consent.tlog-proof", "unsealed.tlog-proof"] {
        fs::copy(place.path("others.zip"), path.join("proof").join(stale)).unwrap();
        assert_eq!(verify(own).code, 1, "{stale}");
        done(&place.run(&prove));
        done(&verify(own));
        assert!(!path.join("proof/unsealed.tlog-proof").exists(), "none of its own is left behind");
    }
    let whole = Pack::read(path).unwrap();
    let ran = place.run(&prove);
    done(&ran);
    assert!(!ran.out.contains("statement.zip"), "{ran:?}");
    assert_eq!(Pack::read(path).unwrap(), whole, "what holds is left as it is");
    let beside = path.join("proof/read-first.html");
    fs::write(&beside, "net turnover 9,999,999.00").unwrap();
    fs::remove_file(path.join("proof/statement.zip")).unwrap();
    let ran = place.run(&prove);
    done(&ran);
    says(&verify(own), 1, "proof/read-first.html does not belong to a pack");
    fs::remove_file(&beside).unwrap();
    done(&verify(own));
}

fn of_merchant(place: &Place, elsewhere: &Place, public: &str) {
    let grant = r#"{"category":"merchant","id":"m-001","command":{"action":"grant_lender_consent","consent_ref":"c-3","recipient":"icbc","through":"2099-01-31T16:00:00Z"}}"#;
    done(&place.run(&["command", "--by", "li", grant]));
    let what = ["loan-pack", "merchant", "m-001", "--months", "1", "--until", "2025-10-08", "--out", "own"];
    done(&place.run(&[&what[..], &WHO, &["--consent", "c-3", "--key", "secret"]].concat()));
    let path = place.path("own");
    let verify = |path: &str| elsewhere.run(&["loan-pack", "verify", path, "--key", public]);
    let shown = elsewhere.json(&["loan-pack", "verify", path.to_str().unwrap(), "--key", public]);
    assert_eq!(
        shown["account_complete"], "of 2025-09 to 2025-09; after that on the market's word",
        "{shown}"
    );

    // a market that leaves a row out, numbers the others anew and makes figures, page and list of them
    let own = Pack::read(&path).unwrap();
    let mut facts = own.facts().unwrap();
    let commission = facts.account.iter().position(|row| row.event == "CommissionCharged").unwrap();
    facts.account.remove(commission);
    for (number, row) in (1..).zip(&mut facts.account) {
        row.number = number;
    }
    let figures = Figures::of(&facts).unwrap();
    let more = loan_pack::files(&facts, &figures).unwrap();
    let mut forged = Pack::of(&facts, &figures, more).unwrap();
    let at = place.path("left-out");
    forged.write(&at).unwrap();
    for proof in ["issued.tlog-proof", "consent.tlog-proof", "statement.zip"] {
        forged.prove(&at, proof, own.proof(proof).unwrap().to_vec()).unwrap();
    }
    let ran = verify(at.to_str().unwrap());
    says(&ran, 1, "account.csv lacks what was sealed in 2025-09: CommissionCharged");
    says(&ran, 1, "the market issued another pack");

    unnamed(place, (&own, &path), &verify);

    // while keys change the log is signed by both, and a pack by the newer one
    let newer = place.json(&["log", "key", "shop.example/ledger", "--out", "newer"]);
    let both =
        ["loan-pack", "merchant", "m-001", "--months", "1", "--until", "2025-10-08", "--out", "two.zip"];
    let both = [&both[..], &WHO, &["--consent", "c-3", "--key", "secret", "--key", "newer"]].concat();
    // somebody else is writing the log: nothing is recorded
    let issued = |place: &Place| {
        place.run(&["events", "--stream", "merchant-m-001"]).out.matches("LoanPackIssued").count()
    };
    let (log, before) = (Log::open(&place.path("daybook.db.tlog")).unwrap(), issued(place));
    assert_ne!(place.run(&both).code, 0);
    assert_eq!(issued(place), before, "what is in the way of the proofs is met before");
    assert!(!place.path("two.zip").exists());
    drop(log);
    done(&place.run(&both));
    let two = place.path("two.zip");
    let check = |key: &str| elsewhere.run(&["loan-pack", "verify", two.to_str().unwrap(), "--key", key]);
    done(&check(newer["public_key"].as_str().unwrap()));
    let witness = "witness.example+82bca4dd+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
    assert!(PublicKey::parse(witness).unwrap().is_witness());
    says(&check(witness), 2, "no witness signs what a pack stands under");

    // the statement of another merchant, and none
    let statement = path.join("proof/statement.zip");
    let bytes = fs::read(&statement).unwrap();
    done(&place.run(&["statement", "merchant", "m-002", "--period", "2025-09", "--prove", "other.zip"]));
    fs::copy(place.path("other.zip"), &statement).unwrap();
    says(&verify(path.to_str().unwrap()), 1, "\"m-001\" was asked for");
    fs::remove_file(&statement).unwrap();
    says(
        &verify(path.to_str().unwrap()),
        1,
        "nothing shows that the account of 2025-09 to 2025-09 is complete",
    );
    // what was recorded and lost its proofs gets them again, and nothing else does
    let whole = Pack::read(&path).unwrap();
    fs::rename(path.join("proof"), place.path("aside")).unwrap();
    says(&verify(path.to_str().unwrap()), 1, "no proof that the market issued it");
    done(&place.run(&["loan-pack", "prove", "own", "--key", "newer", "--key", "secret"]));
    done(&verify(path.to_str().unwrap()));
    fs::remove_dir_all(path.join("proof")).unwrap();
    fs::rename(place.path("aside"), path.join("proof")).unwrap();
    assert_eq!(Pack::read(&path).unwrap(), whole);
    let never = place.run(&["loan-pack", "prove", "left-out", "--key", "secret", "--key", "newer"]);
    says(&never, 3, "the journal has no event that issued left-out");
    proofs_that_do_not_hold(place, &path, &verify);
    let ran = place.run(&["loan-pack", "redraw", "own"]);
    assert!(ran.out.contains("issued at  "), "{ran:?}");
    fs::write(&statement, bytes).unwrap();
    done(&verify(path.to_str().unwrap()));

    done(&place.run(&["loan-pack", "redraw", "own"]));
    says(&place.run(&["loan-pack", "redraw", "left-out"]), 1, "account.csv is not what the journal gives");
    says(
        &Place::with_a_sale().run(&["loan-pack", "redraw", path.to_str().unwrap()]),
        3,
        "the journal ends at",
    );
    // proofs of after the next close would name that close, of which the pack does not know
    done(&place.run(&["period", "close", "2025-10", "--by", "chen"]));
    fs::remove_dir_all(path.join("proof")).unwrap();
    let late = place.run(&["loan-pack", "prove", "own", "--key", "newer", "--key", "secret"]);
    says(&late, 3, "the books of 2025-10 were closed at position");
    says(&late, 3, "proofs of now do not help it, issue it anew");
    assert!(!path.join("proof").exists(), "and nothing was laid into it");
}
