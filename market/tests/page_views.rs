//! Files of hits: what is recorded, left out and refused.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};

use daybook_market::page_views::{PageViewsError, PageViewsReport, Source, import};
use daybook_market::{Market, Options};

/// A folder with a market in memory.
struct Room {
    folder: tempfile::TempDir,
    market: Market,
    runtime: tokio::runtime::Runtime,
}

impl Room {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            market: Market::open("memory:", Options::default()).unwrap(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
        }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn import(&self, path: &Path) -> Result<PageViewsReport, PageViewsError> {
        import(&self.market, &Source::new(path)?, self.runtime.handle(), |_, _| {})
    }

    fn refused(&self, name: &str, content: &str) -> String {
        let head = self.market.journal().head().unwrap();
        let refused = self.import(&self.file(name, content.as_bytes())).unwrap_err().to_string();
        assert_eq!(
            self.market.journal().head().unwrap(),
            head.max(1),
            "nothing is written but the market's begin"
        );
        refused
    }
}

const JSONL: &str = r#"{"at":"2026-11-01T10:00:00Z","visitor":"v1","page":"/","referrer":"https://www.baidu.com/"}
{"at":"2026-11-01T10:00:05Z","visitor":"v1","page":"/p/1","product":"1","merchant":"m1"}

{"at":"2026-11-01T09:00:00Z","visitor":"v2","act":"search","query":"\"red\" shoes","page":"/search"}
{"at":"2026-11-01T10:00:00Z","visitor":"v1","page":"/","referrer":"https://www.baidu.com/"}
"#;

const CSV: &str = "visitor,at,page,act,query\r\n\
    v1,2026-11-01T10:00:00Z,/,,\r\n\
    v1,2026-11-01T10:00:05Z,\"/p/1,2\",,\r\n\
    v2,2026-11-01T09:00:00Z,/search,search,\"\"\"red\"\" shoes\"\r\n";

#[test]
fn json_lines_are_recorded_once_however_often_and_in_whatever_packing_they_come() {
    let room = Room::new();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(JSONL.as_bytes()).unwrap();
    let files = [
        room.file("hits.jsonl", JSONL.as_bytes()),
        room.file("hits.jsonl.gz", &gz.finish().unwrap()),
        room.file("hits.NDJSON.zst", &zstd::encode_all(JSONL.as_bytes(), 1).unwrap()),
    ];
    for (n, path) in files.iter().chain(&files[..1]).enumerate() {
        let report = room.import(path).unwrap();
        assert_eq!((report.rows, report.hits, report.views, report.acts), (4, 4, 3, 1));
        assert_eq!((report.out_of_order, report.left_out), (1, 0));
        let all = if n == 0 { (4, 0) } else { (0, 4) };
        assert_eq!((report.recorded, report.repeated), all, "two rows that say the same are two hits");
        assert_eq!(report.first.unwrap().to_string(), "2026-11-01T09:00:00Z");
    }
    assert_eq!(room.market.journal().head().unwrap(), 5);
}

#[test]
fn csv_is_read_by_its_column_names_with_quotes() {
    let room = Room::new();
    let report = room.import(&room.file("hits.csv", CSV.as_bytes())).unwrap();
    assert_eq!((report.rows, report.views, report.acts, report.recorded), (3, 2, 1, 3));
    let mut data = Vec::new();
    let mut visit = |event: daybook_journal::Recorded<'_>| {
        data.push(event.data.to_owned());
        std::ops::ControlFlow::Continue(())
    };
    room.market.journal().scan(1, None, &Default::default(), &mut visit).unwrap();
    data.sort();
    assert_eq!(data[0], r#"{"visitor":"v1","page":"/"}"#);
    assert_eq!(data[1], r#"{"visitor":"v1","page":"/p/1,2"}"#);
    assert!(data[2].contains(r#""query":"\"red\" shoes""#), "{}", data[2]);
}

#[test]
fn what_is_no_table_of_hits_is_refused_whole_with_line_and_field() {
    let room = Room::new();
    let shifted = "at,visitor,page\n2026-11-01T10:00:00Z,v1,/\nv1,2026-11-01T10:00:00Z,/\n";
    let cases = [
        ("a.csv", shifted.to_owned(), "a.csv, line 3, field at: \"v1\" is no RFC 3339 time"),
        (
            "b.csv",
            "at,visitor,page\n2026-11-01T10:00:00Z,v1,/a,b\n".into(),
            "line 2: 4 fields where the header has 3",
        ),
        ("c.csv", "at,visitor,page\n2026-11-01T10:00:00Z,v1\n".into(), "line 2, field page: 2 fields"),
        ("d.csv", "at,visitor,pgae\n".into(), "line 1, field pgae: no such column; a hit has id, at"),
        ("e.csv", "at,at,visitor\n".into(), "line 1, field at: two columns have this name"),
        ("f.csv", "visitor,page\n".into(), "line 1, field at: no such column, and every row has one"),
        ("g.csv", "at,visitor,page\n2026-11-01T10:00:00Z,v1,\"/\n".into(), "field page: a quote is opened"),
        ("h.csv", String::new(), "the file is empty"),
        ("i.jsonl", format!("{JSONL}{{\"vistor\":\"v1\"}}\n"), "line 6, field vistor: unknown field"),
        ("j.jsonl", "{\"at\":1}\n".into(), "line 1, field at: invalid type: integer"),
        (
            "k.jsonl",
            format!("{{\"page\":\"{}\"}}", "x".repeat(70_000)),
            "line 1: the line has more than 65536 bytes",
        ),
        (
            "l.jsonl",
            "{\"at\":\"2026-11-01T10:00:00Z\",\"visitor\":\"v\",\"act\":\"fly\"}".into(),
            "field act: \"fly\"",
        ),
        ("m.txt", String::new(), "its name does not say what it is"),
    ];
    for (name, content, says) in cases {
        let refused = room.refused(name, &content);
        assert!(refused.contains(says), "{refused}");
    }
    let path = room.file("n.jsonl.zst", &zstd::encode_all(JSONL.as_bytes(), 1).unwrap()[..40]);
    let refused = room.import(&path).unwrap_err().to_string();
    assert!(refused.contains("cut off or damaged"), "{refused}");
    let path = room.file("o.jsonl", b"{\"at\":\"\xff\"}");
    assert!(room.import(&path).unwrap_err().to_string().contains("line 1: byte 7 is not UTF-8"));
}

#[test]
fn rows_beyond_a_bound_are_left_out_and_counted_and_the_others_recorded() {
    let room = Room::new();
    let hit = |visitor: &str, at: &str, page: &str| {
        format!("{{\"at\":\"{at}\",\"visitor\":\"{visitor}\",\"page\":\"{page}\"}}\n")
    };
    let good = "2026-11-01T10:00:00Z";
    let content = [
        hit("v1", good, "/"),
        hit(&"x".repeat(10_240), good, "/"),
        hit("v1", "2999-01-01T00:00:00Z", "/"),
        hit("v1", "1970-01-01T00:00:00Z", "/"),
        hit("", good, "/"),
        hit("v1", good, ""),
        hit("v1", good, &"p".repeat(2_000)),
        hit("two words", good, "/"),
    ]
    .concat();
    let report = room.import(&room.file("hits.jsonl", content.as_bytes())).unwrap();
    assert_eq!((report.rows, report.recorded, report.left_out), (8, 1, 7));
    let found: Vec<_> = report.findings.iter().map(|f| (f.kind.as_str(), f.count)).collect();
    let expected = [
        ("from_the_future", 1),
        ("too_old", 1),
        ("no_visitor", 1),
        ("no_page", 1),
        ("bad_id", 2),
        ("too_long", 1),
    ];
    assert_eq!(found, expected);
    assert!(report.findings[4].samples[0].starts_with("line 2, visitor: \"xxxx"), "{:?}", report.findings[4]);
}
