//! A loan pack from a demo's journal: no consent, no pack; what was issued is proved; what was changed is found.

use std::fs;

use crate::place::{Place, Ran};
use daybook_packs::{Figures, Pack};
use serde_json::Value;

fn says(ran: &Ran, code: i32, text: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.err.contains(text), "{ran:?}");
}

fn consent(place: &Place, action: &str) {
    let command = format!(r#"{{"category":"merchant","id":"m-001","command":{action}}}"#);
    let ran = place.run(&["command", "--by", "li", &command]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// Issues a pack of m-001 to icbc, signed.
fn issue(place: &Place, out: &str) -> Ran {
    let whose =
        ["--recipient", "icbc", "--consent", "vault:c-3", "--purpose", "working capital", "--by", "li"];
    let what = [
        "loan-pack",
        "merchant",
        "m-001",
        "--months",
        "2",
        "--until",
        "2025-09-30",
        "--out",
        out,
        "--key",
        "secret",
    ];
    place.run(&[&what[..], &whose].concat())
}

fn figure(pack: &Value, id: &str) -> String {
    let found = pack["figures"].as_array().unwrap().iter().find(|figure| figure["id"] == id);
    found.and_then(|figure| figure["value"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_pack_is_issued_under_a_consent_proved_and_checked_elsewhere() {
    let place = Place::empty();
    let ran = place.run(&["demo", "--days", "20", "--orders-per-day", "20", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let made = place.json(&["log", "key", "shop.example/ledger", "--out", "secret"]);
    let public = made["public_key"].as_str().unwrap();

    let head = place.json(&["log", "checkpoint", "--key", "secret"])["size"].as_u64();
    says(&issue(&place, "early"), 3, "consent_missing");
    assert!(!place.path("early").exists());
    assert_eq!(
        place.json(&["log", "checkpoint", "--key", "secret"])["size"].as_u64(),
        head,
        "nothing was written"
    );

    consent(
        &place,
        r#"{"action":"grant_lender_consent","consent_ref":"vault:c-3","recipient":"icbc","through":"2099-01-31T16:00:00Z"}"#,
    );
    for out in ["pack", "pack.zip"] {
        let ran = issue(&place, out);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let parts = fs::read_dir(place.path("."))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".part"));
    assert_eq!(parts.count(), 0, "nothing is left of the writing, nor of the pack that was refused");
    says(&issue(&place, "pack"), 3, "is there already");
    let events = place.run(&["events", "--stream", "merchant-m-001"]).out;
    assert_eq!(events.matches("LoanPackIssued").count(), 2, "{events}");

    // where there is no journal
    let elsewhere = Place::empty();
    let zip = place.path("pack.zip");
    let zip = zip.to_str().unwrap();
    let shown = elsewhere.json(&["loan-pack", "verify", zip, "--key", public]);
    assert_eq!(
        (shown["merchant"].as_str(), shown["issued_to"].as_str()),
        (Some("m-001"), Some("icbc")),
        "{shown}"
    );
    assert!(shown["signed"].as_str().unwrap().starts_with("shop.example/ledger over "), "{shown}");
    let other = elsewhere.json(&["log", "key", "shop.example/ledger", "--out", "other"]);
    says(
        &elsewhere.run(&["loan-pack", "verify", zip, "--key", other["public_key"].as_str().unwrap()]),
        1,
        "does not hold",
    );

    // what its reader expects of it
    let expecting =
        |args: &[&str]| elsewhere.run(&[&["loan-pack", "verify", zip, "--key", public], args].concat());
    let own = ["--recipient", "icbc", "--merchant", "m-001", "--until", "2025-09-30", "--events", "1"];
    assert_eq!(expecting(&own).code, 0);
    says(&expecting(&["--recipient", "abc"]), 1, "it was issued to icbc, and abc was asked for");
    says(&expecting(&["--merchant", "m-002"]), 1, "it is the pack of m-001, and m-002 was asked for");
    says(&expecting(&["--until", "2025-10-01"]), 1, "its last day is 2025-09-30, and one through 2025-10-01");
    says(&expecting(&["--events", "999999999"]), 1, "and 999999999 are known");

    for by in ["issued_by", "consent_by"] {
        assert!(shown[by].as_str().unwrap().starts_with("li, 20"), "{shown}");
    }

    let folder = place.path("pack");
    let folder_name = folder.to_str().unwrap();
    let check = |key: bool| {
        let args: &[&str] = if key { &["--key", public] } else { &[] };
        elsewhere.run(&[&["loan-pack", "verify", folder_name], args].concat())
    };
    assert_eq!(check(true).code, 0);
    says(&check(false), 1, "name the market's public key");
    let ran = elsewhere.run(&["loan-pack", "verify", folder_name, "--unsigned"]);
    assert_eq!(ran.code, 0, "lines and figures alone: {ran:?}");
    let orders = folder.join("orders.csv");
    let told = fs::read_to_string(&orders).unwrap();
    fs::write(&orders, told.replacen(",yes", ",no", 1)).unwrap();
    says(&check(false), 1, "orders.csv was changed");
    fs::write(&orders, &told).unwrap();
    assert_eq!(check(true).code, 0);
    // the market's proof of another pack
    let proof = folder.join("proof/issued.tlog-proof");
    let own = fs::read(&proof).unwrap();
    let unzipped = Pack::read(&place.path("pack.zip")).unwrap();
    fs::write(&proof, unzipped.proof("issued.tlog-proof").unwrap()).unwrap();
    says(&check(true), 1, "issued another pack");
    fs::remove_file(&proof).unwrap();
    says(&check(true), 1, "no proof");
    says(&check(false), 1, "no proof");
    fs::write(&proof, &own).unwrap();
    assert_eq!(check(true).code, 0);
    fs::write(&proof, [&b"net turnover 9,999,999.00\n"[..], &own].concat()).unwrap();
    says(&check(true), 1, "the proof cannot be read");
    fs::write(&proof, &own).unwrap();
    let consented = folder.join("proof/consent.tlog-proof");
    let granted = fs::read(&consented).unwrap();
    fs::write(&consented, fs::read(&proof).unwrap()).unwrap();
    says(&check(true), 1, "consent does not hold: it is of another event");
    fs::remove_file(&consented).unwrap();
    says(&check(true), 1, "consent does not hold: it is not in the pack");
    fs::write(&consented, granted).unwrap();
    let beside = folder.join("proof/read-first.html");
    fs::write(&beside, "net turnover 9,999,999.00").unwrap();
    says(&check(true), 1, "proof/read-first.html does not belong to a pack");
    fs::remove_file(&beside).unwrap();
    forged_page(&place, &elsewhere, public);
    proved_once(&place, &elsewhere.path("other"));
    of_a_stranger(&place, &elsewhere, public);

    consent(&place, r#"{"action":"revoke_lender_consent","consent_ref":"vault:c-3"}"#);
    says(&issue(&place, "late"), 3, "consent_missing");
}

/// What anybody can make takes no more memory than a small pack does where the market's signature is asked for.
fn of_a_stranger(place: &Place, elsewhere: &Place, public: &str) {
    let own = Pack::read(&place.path("pack")).unwrap();
    let facts = own.facts().unwrap();
    let more = vec![("orders.csv".to_owned(), vec![b','; 65 << 20])];
    let bomb = place.path("bomb.zip");
    let mut pack = Pack::of(&facts, &Figures::of(&facts).unwrap(), more).unwrap();
    pack.write(&bomb).unwrap();
    pack.prove(&bomb, "issued.tlog-proof", own.proof("issued.tlog-proof").unwrap().to_vec()).unwrap();
    let bomb = bomb.to_str().unwrap();
    let why = "more than 67108864 bytes, and no signature that was asked for says that the market issued it";
    says(&elsewhere.run(&["loan-pack", "verify", bomb, "--key", public]), 3, why);
    says(&elsewhere.run(&["loan-pack", "verify", bomb]), 3, why);
    says(&elsewhere.run(&["loan-pack", "verify", bomb, "--unsigned"]), 1, "orders.csv");
}

/// A pack whose page this version draws otherwise gets proofs, and keeps them while they hold for who has one of the keys.
fn proved_once(place: &Place, other: &std::path::Path) {
    let path = place.path("forged");
    let forged = Pack::read(&path).unwrap();
    let subject = forged.facts().unwrap().subject;
    let issue = serde_json::json!({"category": "merchant", "id": "m-001", "command": {
        "action": "issue_loan_pack", "digest": forged.digest(), "recipient": "icbc", "consent_ref": "vault:c-3",
        "purpose": "working capital", "from": subject.from.to_string(), "to": subject.to.to_string(),
        "through": subject.through, "definitions": subject.definitions}});
    let ran = place.run(&["command", "--by", "li", &issue.to_string()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let prove = |more: &[&str]| {
        let told = place.json(&[&["loan-pack", "prove", "forged", "--key", "secret"], more].concat());
        let proofs = ["issued", "consent"]
            .map(|name| fs::read(path.join(format!("proof/{name}.tlog-proof"))).unwrap());
        (told["added"].as_str().map(str::to_owned), proofs)
    };
    let (added, proofs) = prove(&[]);
    assert_eq!(added.as_deref(), Some("issued.tlog-proof consent.tlog-proof"));
    assert_eq!(prove(&[]), (None, proofs.clone()));
    assert_eq!(
        prove(&["--key", other.to_str().unwrap()]),
        (None, proofs.clone()),
        "they hold for the first key"
    );
    // one that holds for nobody is made again
    fs::write(path.join("proof/consent.tlog-proof"), &proofs[0]).unwrap();
    let (added, again) = prove(&[]);
    assert!(added.is_some() && again[1] != proofs[0]);
}

/// A market that writes something else on the page, and lists that page.
fn forged_page(place: &Place, elsewhere: &Place, public: &str) {
    let own = Pack::read(&place.path("pack")).unwrap();
    let facts = own.facts().unwrap();
    let page = String::from_utf8(own.file("loan-pack.html").unwrap().to_vec()).unwrap();
    let forged = page.replacen("Net turnover", "Net turnover, certified", 1);
    assert_ne!(page, forged);
    let more = vec![
        ("loan-pack.html".to_owned(), forged.into_bytes()),
        ("loan-pack.xlsx".to_owned(), own.file("loan-pack.xlsx").unwrap().to_vec()),
        ("audit.txt".to_owned(), b"all is well".to_vec()),
    ];
    let forged = place.path("forged");
    Pack::of(&facts, &Figures::of(&facts).unwrap(), more).unwrap().write(&forged).unwrap();
    let ran = elsewhere.run(&["loan-pack", "verify", forged.to_str().unwrap(), "--key", public]);
    says(&ran, 1, "loan-pack.html is not what this program draws from the lines");
    says(&ran, 1, "audit.txt does not belong to a pack");
    assert!(!ran.err.contains("xlsx"), "{ran:?}");
}

#[test]
fn a_draft_says_what_the_other_subcommands_say() {
    let place = Place::empty();
    let ran = place.run(&["demo", "--days", "30", "--orders-per-day", "30", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let draft = [
        "loan-pack",
        "merchant",
        "m-003",
        "--months",
        "1",
        "--until",
        "2025-09-30",
        "--draft",
        "--out",
        "draft",
    ];
    let ran = place.run(&draft);
    assert_eq!(ran.code, 0, "{ran:?}");
    let figures: Value =
        serde_json::from_slice(&fs::read(place.path("draft/figures.json")).unwrap()).unwrap();
    let shown = place.json(&["loan-pack", "verify", "draft", "--unsigned"]);
    assert_eq!(shown["signed"], "a draft");
    says(&place.run(&["loan-pack", "verify", "draft"]), 1, "a draft (--unsigned checks");

    let sales = place.json(&["metrics", "--days", "2025-09", "--by", "merchant"]);
    let row = sales.as_array().unwrap().iter().find(|row| row["merchant"] == "m-003").unwrap();
    assert_eq!(figure(&figures, "turnover.buyer_paid"), row["gmv"]["amount"].as_str().unwrap(), "{row}");
    assert_eq!(figure(&figures, "buyers"), row["buyers"].to_string());

    let statement = place.json(&["statement", "merchant", "m-003", "--period", "2025-09"]);
    let closing = &statement["currencies"][0]["closing"];
    for (ours, theirs) in [
        ("closing.balance", "balance"),
        ("closing.pending", "pending"),
        ("closing.available", "available"),
        ("closing.held", "held"),
        ("closing.reserve", "reserve"),
        ("closing.in_transit", "in_transit"),
    ] {
        assert_eq!(figure(&figures, ours), closing[theirs]["amount"].as_str().unwrap(), "{ours}: {closing}");
    }
    assert_eq!(figure(&figures, "payouts.residual"), "0.00");

    let after = place.json(&["after-sales", "--days", "2025-09", "--by", "merchant"]);
    let row = after.as_array().unwrap().iter().find(|row| row["merchant"] == "m-003").unwrap();
    assert_eq!(figure(&figures, "refunds.by_refund"), row["refunded"]["amount"].as_str().unwrap(), "{row}");
    assert_eq!(figure(&figures, "disputes.opened"), row["disputes"].to_string(), "{row}");
}

#[test]
fn what_cannot_be_drawn_is_refused_with_the_cure() {
    let place = Place::with_a_sale();
    let draft = |merchant: &str, more: &[&str]| {
        let args = ["loan-pack", "merchant", merchant, "--until", "2018-05-31", "--draft", "--out", "pack"];
        place.run(&[&args[..], more].concat())
    };
    says(&draft("nobody", &[]), 3, "no merchant nobody");
    says(&draft("m", &["--months", "0"]), 2, "0 is not in 1..=240");
    says(&place.run(&["loan-pack", "merchant", "m", "--out", "pack"]), 2, "--recipient");
    says(
        &place.run(&["loan-pack", "merchant", "m", "--draft", "--out", "pack", "--until", "2999-01-01"]),
        2,
        "has not come",
    );
    says(&place.run(&["loan-pack", "verify", "daybook.db"]), 3, "daybook.db");
    says(&place.run(&["loan-pack", "verify", "absent"]), 4, "absent");
}
