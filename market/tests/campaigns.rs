//! Campaigns in a market: their names, and what platforms say was spent.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use daybook_domain::campaign::Campaign;
use daybook_domain::channel::Channel;
use daybook_domain::{Currency, PartyId, Timestamp};
use daybook_market::ad_spend::{self, AdSpendOptions, AdSpendReport};
use daybook_market::{AnyCommand, AnyRequest, Market, Options, channel_report};
use serde_json::json;
use uuid::Uuid;

fn market() -> Market {
    Market::open("memory:", Options::default()).unwrap()
}

async fn ask(market: &Market, id: &str, command: serde_json::Value) -> Result<(), String> {
    let command: AnyCommand =
        serde_json::from_value(json!({"category": "campaign", "id": id, "command": command})).unwrap();
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{command:?}").as_bytes());
    let mut request = AnyRequest::new(command, id, PartyId::new("clerk").unwrap());
    request.occurred_at = Some(Timestamp::parse("2018-03-01T00:00:00Z").unwrap());
    market.execute(request).await.map(drop).map_err(|error| error.to_string())
}

fn plan(name: &str, from: u32, to: u32) -> serde_json::Value {
    json!({"action": "plan", "name": name, "kind": "paid_ads", "budget": {"amount": "0.00", "currency": "USD"},
        "starts": format!("2018-03-{from:02}T00:00:00Z"), "ends": format!("2018-03-{to:02}T00:00:00Z")})
}

#[tokio::test]
async fn no_two_campaigns_have_one_name_at_the_same_time() {
    let market = market();
    ask(&market, "a", plan("Spring", 1, 10)).await.unwrap();
    ask(&market, "a", plan("Spring", 1, 10)).await.unwrap();
    ask(&market, "b", plan("Spring", 10, 20)).await.unwrap();
    ask(&market, "c", plan("Summer", 1, 10)).await.unwrap();
    for name in ["Spring", " spring "] {
        let refused = ask(&market, "d", plan(name, 5, 6)).await.unwrap_err();
        assert!(refused.contains("campaign_name_taken") && refused.contains("campaign-a"), "{refused}");
    }
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn with(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

async fn import(market: &Market, path: &Path, options: &AdSpendOptions) -> Result<AdSpendReport, String> {
    ad_spend::import(market, path, options).await.map_err(|error| error.to_string())
}

const SPEND: &str = "campaign,channel,day,currency,spend,impressions,clicks,keyword\n\
    a,baidu,2018-03-01,USD,10.50,1000,9,shoes\n\
    a,baidu,2018-03-01,USD,1.429999948,7350,1,\n\
    b,weibo,2018-03-02,USD,0,20,0,\n";

#[tokio::test]
async fn spend_is_recorded_once_as_exact_decimals_and_float_noise_is_declared() {
    let (market, files) = (market(), Files::new());
    let path = files.with("spend.csv", SPEND);
    let refused = import(&market, &path, &AdSpendOptions::default()).await.unwrap_err();
    assert!(refused.contains("spend.csv, line 2, field campaign: campaign a is not known"), "{refused}");
    let options = AdSpendOptions { plan: true, ..AdSpendOptions::default() };
    let report = import(&market, &path, &options).await.unwrap();
    assert_eq!((report.rows, report.recorded, report.repeated, report.planned), (3, 3, 0, 2));
    assert_eq!(report.totals[0].to_string(), "11.93 USD");
    let noise = report.float_noise.unwrap();
    assert_eq!((noise.rows, noise.sum_as_written.to_string().as_str()), (1, "11.929999948"));
    assert_eq!(noise.samples, ["line 3: 1.429999948 taken as 1.43 USD"]);
    let again = import(&market, &path, &options).await.unwrap();
    assert_eq!((again.recorded, again.repeated, again.planned), (0, 3, 0));
    let (state, _) = market.commands().state::<Campaign>("a").unwrap();
    assert_eq!(state.spent().unwrap().to_string(), "11.93 USD");
}

#[tokio::test]
async fn spend_that_cannot_be_is_refused_before_anything_is_recorded() {
    let (market, files) = (market(), Files::new());
    ask(&market, "a", plan("Spring", 1, 10)).await.unwrap();
    let head = market.journal().head().unwrap();
    let options = AdSpendOptions::default();
    let row = |spend: &str, currency: &str, day: &str| {
        format!(
            "campaign,channel,day,currency,spend\na,baidu,2018-03-01,USD,1\na,baidu,{day},{currency},{spend}\n"
        )
    };
    let cases = [
        (
            row("1.4567", "USD", "2018-03-01"),
            "line 3, field spend: 1.4567 is finer than the minor unit of USD",
        ),
        (row("1,5", "USD", "2018-03-01"), "line 3: 6 fields where the header has 5"),
        (row("-1", "USD", "2018-03-01"), "field spend: -1 is below zero"),
        (row("1e3", "USD", "2018-03-01"), "field spend: \"1e3\" is no decimal number"),
        (row("1", "CNY", "2018-03-01"), "field currency"),
        (row("1", "USD", "2018-02-30"), "field day: \"2018-02-30\" is no day"),
        (row("1", "", "2018-03-01"), "field currency: is absent"),
        ("campaign,spned\n".into(), "line 1, field spned: no such column"),
        ("campaign,channel\n".into(), "line 1, field spend: no such column, and every row has one"),
        (
            "campaign,channel,day,currency,spend\na,baidu,2018-03-01,CNY,5\n".into(),
            "planned in USD: convert it first",
        ),
    ];
    for (content, says) in cases {
        let refused = import(&market, &files.with("spend.csv", &content), &options).await.unwrap_err();
        assert!(refused.contains(says), "{refused}");
        assert_eq!(market.journal().head().unwrap(), head);
    }
}

/// Rows of a file with a good day each, and one of them as given.
fn many(rows: usize, bad: usize, row: &str) -> String {
    let good = |n: usize| format!("a,baidu,2018-03-01,USD,1.00,k{n}");
    let rows = (1..=rows).map(|n| if n == bad { row.to_owned() } else { good(n) });
    format!("campaign,channel,day,currency,spend,keyword\n{}\n", rows.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn whatever_a_campaign_would_refuse_is_refused_before_the_first_row_is_recorded() {
    let (market, files) = (market(), Files::new());
    market.begin().await.unwrap();
    let head = market.journal().head().unwrap();
    let options = AdSpendOptions { plan: true, ..AdSpendOptions::default() };
    let long = "x".repeat(2_001);
    for (row, says) in [
        (
            "a,baidu,2018-3-1,USD,1.00,k".to_owned(),
            "line 2001, field day: day is \"2018-3-1\": write a day as",
        ),
        ("a,baidu,2999-03-01,USD,1.00,k".to_owned(), "line 2001, field day: 2999-03-01 has not begun"),
        (format!("a,baidu,2018-03-01,USD,1.00,{long}"), "line 2001, field keyword"),
        ("A,baidu,2018-03-01,USD,1.00,k".to_owned(), "campaigns A and a differ in case only"),
    ] {
        let path = files.with("spend.csv", &many(3_000, 2_000, &row));
        let refused = import(&market, &path, &options).await.unwrap_err();
        assert!(refused.contains(says), "{refused}");
        assert_eq!(market.journal().head().unwrap(), head, "{says}");
    }
    let report = import(&market, &files.with("spend.csv", &many(3_000, 0, "")), &options).await.unwrap();
    assert_eq!((report.recorded, report.planned), (3_000, 1));
}

#[tokio::test]
async fn rows_without_a_number_are_known_by_all_that_they_say() {
    let (market, files) = (market(), Files::new());
    let head = "campaign,channel,day,currency,spend,impressions,clicks\n";
    let row = |spend: &str, clicks: u32| format!("a,baidu,2018-03-01,USD,{spend},100,{clicks}\n");
    let file = |rows: &[String]| files.with("spend.csv", &format!("{head}{}", rows.concat()));
    let of = |source: Option<&str>| AdSpendOptions {
        plan: true,
        source: source.map(|source| source.parse().unwrap()),
        ..AdSpendOptions::default()
    };
    let done = |report: AdSpendReport| (report.recorded, report.repeated);
    let first = import(&market, &file(&[row("1.00", 1), row("2.00", 1)]), &of(None)).await.unwrap();
    assert_eq!(done(first), (2, 0));
    // in another order, with a further one: nothing is taken for something else
    let more = [row("2.00", 1), row("2.00", 3), row("1.00", 1)];
    assert_eq!(done(import(&market, &file(&more), &of(None)).await.unwrap()), (1, 2));
    let other = import(&market, &file(&[row("1.00", 1)]), &of(Some("account-2"))).await.unwrap();
    assert_eq!(done(other), (1, 0));
    let refused = import(&market, &file(&[row("3.00", 1), row("3.00", 1)]), &of(None)).await.unwrap_err();
    assert!(refused.contains("line 3, field id: line 2 says the same"), "{refused}");
    let (state, _) = market.commands().state::<Campaign>("a").unwrap();
    assert_eq!(state.spent().unwrap().to_string(), "6.00 USD");
}

#[tokio::test]
async fn a_row_recorded_before_with_other_content_is_refused() {
    let (market, files) = (market(), Files::new());
    let options = AdSpendOptions { plan: true, ..AdSpendOptions::default() };
    let row = |spend: &str| {
        format!("campaign,channel,day,currency,id,spend\na,baidu,2018-03-01,USD,bill-1,{spend}\n")
    };
    import(&market, &files.with("a.csv", &row("1.00")), &options).await.unwrap();
    let refused = import(&market, &files.with("a.csv", &row("2.00")), &options).await.unwrap_err();
    assert!(
        refused.contains("line 2, field id: spend bill-1 was recorded before with other content"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_channels_report_is_recorded_and_corrected() {
    let (market, files) = (market(), Files::new());
    let csv = |uv: u32| {
        files.with(
            "tmall.csv",
            &format!(
                "channel,day,uv,pv,free_uv,paid_uv,gmv,currency,source\ntmall,2018-03-01,{uv},42000,700,300,45678.90,CNY,app\n\
                 tmall,2018-03-02,900,800,,,,,\n"
            ),
        )
    };
    let mut done = Vec::new();
    for uv in [1_000, 1_000, 1_100, 1_000, 1_100] {
        let report = channel_report::import(&market, &csv(uv)).await.unwrap();
        assert_eq!((report.rows, report.fewer_pages_than_visitors), (2, 1));
        done.push((report.recorded, report.repeated));
    }
    assert_eq!(
        done,
        [(2, 0), (0, 2), (1, 1), (1, 1), (1, 1)],
        "a correction may come back to what was said first"
    );
    let (state, _) = market.commands().state::<Channel>("tmall").unwrap();
    let day =
        |day: &str, source: &str| state.reported(day.parse().unwrap(), source.parse().unwrap()).cloned();
    assert_eq!(day("2018-03-01", "app").unwrap().uv, 1_100);
    assert_eq!(day("2018-03-02", "platform").unwrap().gmv, None);
    for (content, says) in [
        ("channel,day,uv,pv\ntmall,2018-03-01,x,1\n", "line 2, field uv: \"x\" is not a whole number"),
        ("channel,day,uv,pv,gmv,currency\ntmall,2018-03-01,1,1,5,XX\n", "field currency"),
        ("channel,day,uv,pv,buyers\ntmall,2018-03-01,1,1,2\n", "part_exceeds_whole"),
        (
            "channel,day,uv,pv\ntmall,2018-03-05,1,1\ntmall,2018-03-05,2,2\n",
            "line 3, field day: line 2 reports this day of tmall by platform",
        ),
    ] {
        let refused =
            channel_report::import(&market, &files.with("bad.csv", content)).await.unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

/// The advertisements of a public data set, where they are at hand: `DAYBOOK_DATA` names the folder that holds `ads_kag/`.
#[tokio::test]
#[allow(clippy::print_stderr)] // a test that did not run must say so
async fn the_advertisements_of_the_public_data_set_come_to_what_it_is_known_to_hold() {
    let file = std::env::var_os("DAYBOOK_DATA")
        .map(|data| PathBuf::from(data).join("ads_kag/KAG_conversion_data.csv"));
    let Some(path) = file.filter(|path| path.is_file()) else {
        return eprintln!(
            "SKIPPED: set DAYBOOK_DATA to the folder that holds ads_kag/ to test with the real data"
        );
    };
    let named = |pair: &str| pair.split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let columns =
        ["campaign=xyz_campaign_id", "id=ad_id", "spend=Spent", "impressions=Impressions", "clicks=Clicks"];
    let options = AdSpendOptions {
        columns: columns.map(named).to_vec(),
        channel: Some("facebook".parse().unwrap()),
        day: Some("2017-08-17".parse().unwrap()),
        currency: Some(Currency::new("USD").unwrap()),
        plan: true,
        source: None,
    };
    let market = market();
    let report = import(&market, &path, &options).await.unwrap();
    assert_eq!((report.rows, report.recorded, report.planned), (1_143, 1_143, 3));
    assert_eq!(report.totals.iter().map(ToString::to_string).collect::<Vec<_>>(), ["58705.23 USD"]);
    let sum = |of: fn(&ad_spend::CampaignSpend) -> u64| report.campaigns.iter().map(of).sum::<u64>();
    assert_eq!((sum(|c| c.impressions), sum(|c| c.clicks)), (213_434_828, 38_165));
    let noise = report.float_noise.as_ref().unwrap();
    assert_eq!((noise.rows, noise.sum_as_written.to_string().as_str()), (916, "58705.229958205"));
    let again = import(&market, &path, &options).await.unwrap();
    assert_eq!((again.recorded, again.repeated), (0, 1_143));
}
