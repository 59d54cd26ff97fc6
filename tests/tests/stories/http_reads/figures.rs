//! Figures of traffic and sales: by whatever the journal tells, page by page.

use std::collections::BTreeSet;

use daybook_domain::traffic::RawHit;
use daybook_tests::shop::{at, hit, order, order_of, record_hits};
use daybook_tests::site::{Answer, Site};
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

const DAY: &str = "days=2026-03-02";

/// v1 comes from a search and buys for 50.00; v2 comes by a link on a mailing list; tmall, of which two sources report
/// the day, sells for 30.00.
async fn shop() -> (Stage, Site) {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let raw = |visitor: &'static str, time: &str, page: &'static str| RawHit {
        visitor: visitor.into(),
        at: format!("2026-03-02T{time}:00+08:00").into(),
        page: page.into(),
        merchant: "m1".into(),
        sales_channel: "own".into(),
        ..RawHit::default()
    };
    let hits = [
        RawHit {
            referrer: "https://www.baidu.com/s?wd=tv".into(),
            region: "GD".into(),
            product: "p-1".into(),
            topic: "product".into(),
            ..raw("v1", "09:00", "/p/1")
        },
        RawHit {
            utm_medium: "email".into(),
            utm_campaign: "spring".into(),
            utm_source: "list".into(),
            ..raw("v2", "21:30", "/")
        },
    ];
    record_hits(&stage, hits.iter().map(hit).collect()).await;
    at(&stage, "2026-03-02T10:00:00+08:00");
    order(&mut stage, "o1", "b1", Some("v1"), "50.00").await;
    order_of(&mut stage, "o2", "b2", None, ("30.00", "30.00"), &json!({"sales_channel": "tmall"})).await;
    for (source, uv) in [("ours", 300), ("theirs", 200)] {
        let report = json!({"action": "report", "day": "2026-03-02", "uv": uv, "pv": 900, "source": source});
        stage.ask("channel", "tmall", report).await;
    }
    let site = Site::of(&stage).await;
    site.models.catch_up(&mut |_| {}).unwrap();
    (stage, site)
}

async fn figures(site: &Site, query: &str) -> Vec<Value> {
    let answer: Answer = site.get("operator", &format!("/v1/metrics?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.body["rows"].as_array().unwrap().clone()
}

fn cells<'r>(rows: &'r [Value], column: &str) -> Vec<(&'r str, String)> {
    let cells = rows.iter().filter(|row| row["row"] == "cell");
    let said = |row: &'r Value| {
        let gmv = row["gmv"]["amount"].as_str().unwrap_or("-");
        (row[column].as_str().unwrap_or(""), format!("{} {} {gmv}", row["uv"], row["buyers"]))
    };
    cells.map(said).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_answered_by_every_dimension_and_say_what_told_them() {
    let (_stage, site) = shop().await;
    let seen = ("", "1 0 0.00".to_owned());
    let bought = |word| (word, "1 1 50.00".to_owned());
    let other = |word| (word, seen.1.clone());
    for (by, source, wanted) in [
        ("day", "kept", vec![("2026-03-02", "2 1 50.00".to_owned())]),
        ("week", "kept", vec![("2026-03-02", "2 1 50.00".to_owned())]),
        ("month", "kept", vec![("2026-03", "2 1 50.00".to_owned())]),
        ("channel", "kept", vec![other("email"), bought("organic_search")]),
        ("campaign", "kept", vec![bought(""), other("spring")]),
        ("merchant", "kept", vec![("m1", "2 1 50.00".to_owned())]),
        ("hour", "journal", vec![("09", "1 0 0.00".to_owned()), ("10", "0 1 50.00".to_owned()), other("21")]),
        ("weekday", "journal", vec![("Mon", "2 1 50.00".to_owned())]),
        ("paid", "journal", vec![("free", "2 1 50.00".to_owned())]),
        ("site", "journal", vec![bought("Baidu"), other("list")]),
        ("term", "journal", vec![seen.clone(), bought("tv")]),
        ("region", "journal", vec![seen.clone(), bought("GD")]),
        ("category", "journal", vec![seen.clone(), bought("toys")]),
        ("product", "journal", vec![seen.clone(), bought("p-1")]),
        ("visitor", "journal", vec![("new", "2 1 50.00".to_owned())]),
        // no sale is made on a page
        ("page", "journal", vec![("/", "1 null -".to_owned()), ("/p/1", "1 null -".to_owned())]),
        ("topic", "journal", vec![("", "1 null -".to_owned()), ("product", "1 null -".to_owned())]),
    ] {
        let rows = figures(&site, &format!("{DAY}&by={by}")).await;
        let column = if by == "merchant" { "merchant_id" } else { by };
        assert_eq!(cells(&rows, column), wanted, "{by}");
        let sources: BTreeSet<&str> = rows.iter().filter_map(|row| row["source"].as_str()).collect();
        assert_eq!(sources, BTreeSet::from([source]), "{by}");
        let all = rows.iter().find(|row| row["row"] == "tracked").unwrap();
        assert_eq!((&all["uv"], &all["gmv"]["amount"]), (&json!(2), &json!("50.00")), "{by}");
    }
    // what is kept is what the journal says
    let kept = figures(&site, &format!("{DAY}&by=day,channel")).await;
    let told = figures(&site, &format!("{DAY}&by=day,channel&known=2100-01-01")).await;
    let but = |rows: &[Value]| -> Vec<Value> {
        let but = |row: &Value| {
            let mut row = row.clone();
            row["source"].take();
            row
        };
        rows.iter().map(but).collect()
    };
    assert_eq!(but(&kept), but(&told));
    assert_eq!((&kept[0]["source"], &told[0]["source"]), (&json!("kept"), &json!("journal")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_longer_timeout_makes_one_visit_of_what_a_pause_parts() {
    let (stage, site) = shop().await;
    let seen = |time: &str| {
        let at = format!("2026-03-03T{time}:00+08:00").into();
        hit(&RawHit { visitor: "v3".into(), at, page: "/".into(), ..RawHit::default() })
    };
    record_hits(&stage, vec![seen("09:00"), seen("10:30")]).await;
    site.models.catch_up(&mut |_| {}).unwrap();
    for (asked, visits) in [
        ("", 2),
        ("&timeout=89", 2),
        ("&timeout=90", 1),
        ("&timeout=1440", 1),
        ("&definition=ga4", 2),
        ("&definition=ga4&timeout=1440", 1),
    ] {
        let rows = figures(&site, &format!("days=2026-03-03{asked}")).await;
        assert_eq!((&rows[0]["uv"], &rows[0]["visits"]), (&json!(1), &json!(visits)), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_say_who_counted_their_visitors() {
    let (_stage, site) = shop().await;
    let row = |rows: &[Value], of: &str| {
        rows.iter().find(|row| row["sales_channel"] == of).cloned().unwrap_or_else(|| panic!("{rows:#?}"))
    };
    let unclear = figures(&site, &format!("{DAY}&by=sales_channel")).await;
    let tmall = row(&unclear, "tmall");
    assert_eq!(tmall["traffic_by"], "several sources");
    assert_eq!((&tmall["uv"], &tmall["gmv"]["amount"]), (&Value::Null, &json!("30.00")));
    let clear = figures(&site, &format!("{DAY}&by=sales_channel&report_source=nobody,ours")).await;
    let tmall = row(&clear, "tmall");
    assert_eq!((&tmall["uv"], &tmall["traffic_by"]), (&json!(300), &json!("sales channel")));
    assert_eq!(row(&clear, "own")["traffic_by"], Value::Null);
    let later = figures(&site, "days=2026-03-02..2026-03-03&by=hour").await;
    let ten = later.iter().find(|row| row["hour"] == "10").unwrap();
    assert_eq!(ten["traffic_by"], "nobody", "who bought then was seen an hour before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_figures_from_the_journal_are_of_one_position_and_what_cannot_be_asked_is_said() {
    let (stage, site) = shop().await;
    let whole = figures(&site, &format!("{DAY}&by=page")).await;
    assert_eq!(whole.len(), 4, "{whole:#?}");
    let (mut rows, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/v1/metrics?{DAY}&by=page&limit=1{cursor}");
        let answer = site.get("operator", &path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        rows.extend(answer.body["rows"].as_array().unwrap().clone());
        pages += 1;
        // what comes in between belongs to the next question
        let raw = RawHit {
            visitor: format!("w{pages}").into(),
            at: "2026-03-02T12:00:00+08:00".into(),
            page: format!("/late/{pages}").into(),
            ..RawHit::default()
        };
        record_hits(&stage, vec![hit(&raw)]).await;
        site.models.catch_up(&mut |_| {}).unwrap();
        match answer.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((rows, pages), (whole.clone(), 4));
    assert_eq!(figures(&site, &format!("{DAY}&by=page")).await.len(), 8);
    for (query, field) in [
        ("by=day,channel,page,term", "by: "),
        ("by=page,page", "by: "),
        ("by=colour", "by: "),
        ("timeout=0", "timeout: "),
        ("timeout=1441", "timeout: "),
        ("report_source=a,,b", "report_source: "),
        ("definition=omniture", "definition: "),
    ] {
        let answer = site.get("operator", &format!("/v1/metrics?{DAY}&{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body["detail"].as_str().unwrap().starts_with(field), "{}", answer.text);
    }
}
