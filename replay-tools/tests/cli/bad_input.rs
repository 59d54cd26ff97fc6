//! What is wrong with traffic, spend and campaigns is said where it stands, and nothing of it is recorded.

use crate::place::Place;
use serde_json::Value;

const PLAN: &str = r#"{"category":"campaign","id":"d11","command":{"action":"plan","name":"Double 11","kind":"flash_sale",
    "starts":"2026-11-10T16:00:00Z","ends":"2026-11-20T16:00:00Z","budget":{"amount":"50000.00","currency":"CNY"}}}"#;

/// A market with a campaign.
fn market() -> Place {
    let place = Place::with_a_sale();
    let planned = place.run(&["command", PLAN, "--by", "li"]);
    assert_eq!(planned.code, 0, "{}", planned.err);
    place
}

/// A run that must be refused, with nothing recorded; what it said.
fn refused(place: &Place, args: &[&str]) -> String {
    let head = || place.json(&["status"])["head"].clone();
    let before = head();
    let ran = place.run(&[args, &["--no-progress"]].concat());
    assert_eq!(ran.code, 3, "{args:?}: {}{}", ran.out, ran.err);
    assert_eq!(head(), before, "{args:?} recorded something");
    ran.err
}

fn file(place: &Place, name: &str, text: &str) -> String {
    std::fs::write(place.path(name), text).unwrap();
    name.to_owned()
}

#[test]
fn a_name_that_another_campaign_has_at_the_time_is_refused_and_free_before_and_after() {
    let place = market();
    let again = PLAN.replace("d11", "d12").replace("Double 11", "DOUBLE 11");
    let said = refused(&place, &["command", &again, "--by", "li"]);
    assert!(said.contains("is that of campaign-d11 from 2026-11-10T16:00:00Z"), "{said}");
    assert!(said.contains("another name or another time (campaign_name_taken)"), "{said}");
    let later = again.replace("2026-11-20", "2026-12-20").replace("2026-11-10", "2026-11-20");
    assert_eq!(place.run(&["command", &later, "--by", "li"]).code, 0);
}

#[test]
fn a_campaign_that_is_not_known_is_named_with_its_line() {
    let place = market();
    let header = "campaign,spend,channel,day,currency";
    let rows = format!("{header}\nd11,10.00,baidu,2026-11-11,CNY\nnope,1.00,baidu,2026-11-11,CNY\n");
    let said = refused(&place, &["import", "ad-spend", &file(&place, "spend.csv", &rows)]);
    assert!(said.contains("spend.csv, line 3, field campaign: campaign nope is not known"), "{said}");
    let said = refused(&place, &["roi", "nope"]);
    assert!(said.contains("campaign nope is not known: daybook roi lists those there are"), "{said}");
}

#[test]
fn spend_in_another_currency_is_refused_from_a_file_and_from_a_command() {
    let place = market();
    let header = "campaign,spend,channel,day,currency";
    let rows = format!("{header}\nd11,10.00,baidu,2026-11-11,CNY\nd11,1.00,baidu,2026-11-11,USD\n");
    let said = refused(&place, &["import", "ad-spend", &file(&place, "spend.csv", &rows)]);
    assert!(said.contains("line 3, field currency: ") && said.contains("in one currency"), "{said}");
    let spend = r#"{"category":"campaign","id":"d11","command":{"action":"record_spend","spend":"b1","channel":"baidu",
        "day":"2026-11-11","kind":"media","amount":{"amount":"1.00","currency":"USD"},"funded_by":"market"}}"#;
    let said = refused(&place, &["command", spend, "--by", "li"]);
    assert!(said.contains("1.00 USD, and the campaign is planned in CNY"), "{said}");
}

#[test]
fn hits_from_the_future_and_endless_visitors_are_counted_as_findings_and_the_others_recorded() {
    let place = market();
    let visitor = "v".repeat(10_240);
    let hits = format!(
        "{}\n{}\n{}\n",
        r#"{"at":"2025-09-02T10:00:00Z","visitor":"v1","page":"/"}"#,
        r#"{"at":"2099-01-01T00:00:00Z","visitor":"v1","page":"/"}"#,
        format_args!(r#"{{"at":"2025-09-02T10:00:00Z","visitor":"{visitor}","page":"/"}}"#),
    );
    let ran = place.run(&["import", "page-views", &file(&place, "hits.jsonl", &hits), "--no-progress"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let finding = |name: &str| {
        let line = ran.out.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("no finding {name}: {}", ran.out)).to_owned()
    };
    let count = |line: &str| line.split_whitespace().nth(1).unwrap().to_owned();
    let future = finding("from_the_future");
    assert_eq!(count(&future), "1");
    assert!(future.contains("line 2, at: 2099-01-01T00:00:00Z lies ahead of the clock"), "{future}");
    let long = finding("bad_id");
    assert_eq!(count(&long), "1");
    assert!(long.contains("is too long: use 1 to 64"), "{long}");
    assert!(long.len() < 400, "10 kB are not repeated to whoever reads: {} bytes", long.len());
    assert!(finding("recorded").ends_with(" 1"), "{}", ran.out);
    let cells = place.json(&["metrics", "--days", "2025-09-02"]);
    let uv = |rows: &Value| {
        rows.as_array().unwrap().iter().find(|row| row["row"] == "(tracked)").unwrap()["uv"].clone()
    };
    assert_eq!(uv(&cells), 1);
}

#[test]
fn a_shifted_column_is_told_by_its_line_in_every_file() {
    let place = market();
    for (import, text, said) in [
        (
            "ad-spend",
            "campaign,spend,channel,day,currency\nd11,10.00,baidu,2026-11-11,CNY\n,d11,1.00,baidu,2026-11-11\n",
            "line 3, field campaign: campaign id is empty",
        ),
        (
            "ad-spend",
            "campaign,spend,channel,day,currency\nd11,10.00,baidu,2026-11-11,CNY\nd11,baidu,2026-11-11,CNY\n",
            "line 3, field currency: 4 fields where the header has 5: a column is shifted or not quoted",
        ),
        (
            "page-views",
            "at,visitor,page\n2025-09-02T10:00:00Z,v1,/\nv1,/,2025-09-02T10:00:00Z\n",
            "line 3, field at: \"v1\" is no RFC 3339 time",
        ),
        (
            "page-views",
            "at,visitor,page\n2025-09-02T10:00:00Z,v1,/\n2025-09-02T10:00:00Z,,v1,/\n",
            "line 3: 4 fields where the header has 3: a column is shifted or not quoted",
        ),
        (
            "channel-report",
            "channel,day,uv,pv\ntmall,2025-09-02,100,200\n2025-09-02,tmall,100,200\n",
            "line 3, field day: \"tmall\" is no day",
        ),
    ] {
        let told = refused(&place, &["import", import, &file(&place, "file.csv", text)]);
        assert!(told.contains(said), "{import}: {told}");
    }
}
