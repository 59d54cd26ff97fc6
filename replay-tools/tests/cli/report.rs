//! The page of `daybook report`: its figures are those of the other subcommands, and a name is never markup.

use std::collections::BTreeMap;

use crate::place::Place;
use serde_json::Value;

/// 2018-04-11T00:00:00Z, in microseconds.
const DAY_11: i64 = 1_523_404_800_000_000;
const HOUR: i64 = 3_600_000_000;
const HOSTILE: &str = "<script>alert(1)</script> & \"co\"";

/// Four days of visits and orders: more visitors, more of whom buy, on the last two; and an order without a visit.
fn shop() -> Place {
    let place = Place::with_a_sale();
    let mut hits = String::from("id,at,visitor,page,referrer,topic,product,sales_channel\n");
    for day in 0..4u32 {
        for visitor in 0..(6 + day * 3) {
            let way = match visitor % 3 {
                0 => ("/p/1?utm_source=baidu&utm_medium=cpc&utm_campaign=ads", ""),
                1 => ("/p/1", "https://www.baidu.com/s?wd=tv"),
                _ => ("/p/2", ""),
            };
            let at = format!("2018-04-{:02}T09:{visitor:02}:00Z", 11 + day);
            hits +=
                &format!("h{day}-{visitor},{at},v{day}-{},{},{},product,p,web\n", visitor / 2, way.0, way.1);
        }
    }
    std::fs::write(place.path("hits.csv"), hits).unwrap();
    let ran = place.run(&["import", "page-views", "hits.csv", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for (order, day, visitor, amount) in [
        ("o1", 0, Some("v0-0"), "10.01"),
        ("o2", 2, Some("v2-0"), "20.02"),
        ("o3", 3, Some("v3-1"), "33.33"),
        ("o4", 3, None, "7.77"),
    ] {
        place.add_sale(order, &format!("b-{order}"), visitor, amount, DAY_11 + day * 24 * HOUR + 12 * HOUR);
    }
    place.add_campaign("ads", HOSTILE, "2018-04-13", "5.00", DAY_11);
    std::fs::write(place.path("plan.toml"), plan()).unwrap();
    place
}

fn plan() -> String {
    format!(
        "name = '{HOSTILE}'\nstarts = \"2018-04-01\"\ncurrency = \"CNY\"\n[[phases]]\nname = '{HOSTILE}'\nmonths = \"1\"\n\
         [[targets]]\nmetric = \"gmv\"\nphase = '{HOSTILE}'\nat_least = \"300.00\"\n\
         [[targets]]\nmetric = \"daily_orders\"\nat_least = \"2\"\n\
         [[targets]]\nmetric = \"positive_rate\"\nat_least = \"0.985\"\n"
    )
}

const DAYS: [&str; 2] = ["2018-04-13..2018-04-14", "2018-04-11..2018-04-12"];
const AS_OF: [&str; 2] = ["--as-of", "2018-04-14"];

fn page(place: &Place, name: &str) -> String {
    let args = ["report", "--html", name, "--days", DAYS[0], "--plan", "plan.toml", "--no-progress"];
    let ran = place.run(&[&args[..], &AS_OF].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, format!("wrote {name}").as_str()));
    std::fs::read_to_string(place.path(name)).unwrap()
}

/// What stands between a tag and its end, without the tags in it.
fn cells(row: &str, tag: &str) -> Vec<String> {
    let begins = format!("<{tag}");
    let parts = row.split(&begins).skip(1);
    parts.map(|part| part.split_once('>').unwrap().1.split("</").next().unwrap().to_owned()).collect()
}

/// The rows of a section's table: cells by column.
fn rows(page: &str, id: &str) -> Vec<BTreeMap<String, String>> {
    let section =
        page.split(&format!("<section id=\"{id}\">")).nth(1).unwrap_or_else(|| panic!("no section {id}"));
    let table = section.split("<table>").nth(1).unwrap().split("</table>").next().unwrap();
    let (head, body) = table.split_once("</thead>").unwrap();
    let columns = cells(head, "th scope=\"col\"");
    let each = body.split("<tr>").skip(1).map(|row| {
        let row = row.replace("<th scope=\"row\"", "<td");
        let of = columns.iter().cloned().zip(cells(&row, "td")).collect::<BTreeMap<_, _>>();
        assert_eq!(of.len(), columns.len(), "{row}");
        of
    });
    each.collect()
}

/// A value of JSON as a page shows it, without its groups of three.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
        Value::Object(money) => money["amount"].as_str().unwrap().to_owned(),
        Value::String(text) => {
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        }
        number => number.to_string(),
    }
}

/// Every figure of a section is what a subcommand answers.
fn same(page: &str, id: &str, answer: &Value) -> usize {
    let (rows, answer) = (rows(page, id), answer.as_array().unwrap());
    assert_eq!(rows.len(), answer.len(), "{id}");
    let mut figures = 0;
    for (row, said) in rows.iter().zip(answer) {
        for (column, cell) in row {
            let expected = shown(&said[column.replace(' ', "_")]);
            assert_eq!(cell.replace(',', ""), expected.replace(',', ""), "{id}, {column}: {said}");
            figures += 1;
        }
    }
    figures
}

#[test]
fn every_figure_of_the_page_is_what_the_other_subcommands_answer() {
    let place = shop();
    let page = page(&place, "r.html");
    let ask = |args: &[&str]| place.json(&[args, &AS_OF].concat());
    let metrics = |by| ask(&["metrics", "--days", DAYS[0], "--by", by]);
    let explain = |by: &[&str]| ask(&[&["explain-gmv", "--from", DAYS[1], "--to", DAYS[0]], by].concat());
    let channels = metrics("channel");
    let figures = [
        same(&page, "change", &explain(&[])),
        same(&page, "change-by-channel", &explain(&["--by", "channel"])),
        same(&page, "days", &metrics("day")),
        same(&page, "channels", &channels),
        same(&page, "funnel", &ask(&["funnel", "--days", DAYS[0]])),
        same(&page, "campaigns", &ask(&["roi"])),
        same(&page, "plan", &ask(&["plan", "plan.toml"])),
    ];
    assert!(figures.iter().all(|count| *count > 8), "{figures:?}");
    // and they are not all nothing
    let all = rows(&page, "change").pop().unwrap();
    assert_eq!((all["gmv before"].as_str(), all["gmv after"].as_str()), ("10.01", "61.12"));
    for part in
        ["GMV", "Visitors (UV)", "Conversion", "Unit price", "Without one", "61.12", "+51.11", "+7.77"]
    {
        assert!(page.contains(&format!(">{part}<")), "the tree has {part}");
    }
    assert!(channels.as_array().unwrap().iter().any(|row| row["channel"] == "paid_search"));
    assert!(page.contains("paid_search "), "a bar has its name");
    let ads = &rows(&page, "campaigns")[0];
    assert_eq!((ads["name"].as_str(), ads["cost"].as_str()), (shown(&HOSTILE.into()).as_str(), "5.00"));
    assert!(ads["roi"].parse::<f64>().unwrap() > 1.0, "{ads:?}");
}

#[test]
fn a_name_is_never_markup_and_nothing_is_loaded_or_run() {
    let place = shop();
    let page = page(&place, "r.html");
    assert!(!page.contains("<script") && !page.contains("onload") && page.contains("&lt;script&gt;alert(1)"));
    assert!(page.contains("default-src 'none'"));
    let loaded = page.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "url(", "@import", "src="] {
        assert!(!loaded.contains(outside), "{outside}");
    }
    // what is opened is closed
    for tag in ["section", "table", "svg", "figure", "ul", "div"] {
        assert_eq!(
            page.matches(&format!("<{tag}")).count(),
            page.matches(&format!("</{tag}>")).count(),
            "{tag}"
        );
    }
    // a picture has a name, and a table beside it
    assert!(page.matches("<figure").count() >= 4, "pictures are drawn");
    assert_eq!(page.matches("<figure").count(), page.matches("role=\"img\" aria-label=\"").count());
    assert_eq!(page.matches("<figure").count(), page.matches("<figcaption>").count());
}

#[test]
fn the_same_journal_gives_the_same_page_to_the_byte() {
    let place = shop();
    assert_eq!(page(&place, "a.html"), page(&place, "b.html"));
}

#[test]
fn a_report_needs_its_file_and_days_and_says_what_is_wrong() {
    let place = Place::with_a_sale();
    let ran = |args: &[&str]| place.run(&[&["report", "--no-progress"], args].concat());
    assert_eq!(ran(&["--days", "2018-04"]).code, 2);
    let nowhere = ran(&["--html", "no/where.html", "--days", "2018-04"]);
    assert!(nowhere.code == 4 && nowhere.err.contains("no/where.html"), "{nowhere:?}");
    let no_plan = ran(&["--html", "r.html", "--days", "2018-04", "--plan", "none.toml"]);
    assert!(no_plan.code == 4 && no_plan.err.contains("none.toml"), "{no_plan:?}");
    assert!(!place.path("r.html").exists());
    // a month in which nothing happened is a page as well
    assert_eq!(ran(&["--html", "r.html", "--days", "2017-04"]).code, 0);
}
