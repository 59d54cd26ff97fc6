//! The shape of what `bench` prints. What it measures is not tested: a test machine is never quiet.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::place::Place;
use daybook_journal::postgres::server::{Server, sql};
use serde_json::Value;

#[test]
fn each_figure_stands_beside_its_limit_and_says_what_limits_it() {
    let place = Place::with_a_sale();
    let before = std::fs::read(place.path("daybook.db")).unwrap();
    let ran = place.run(&["bench", "--quick", "--format", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let figures = answer["figures"].as_array().unwrap();
    let names: Vec<_> = figures.iter().map(|f| f["figure"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    for figure in figures {
        assert!(!figure["limited_by"].as_array().unwrap().is_empty(), "{figure}");
        for row in figure["rows"].as_array().unwrap() {
            // what is left behind may be nothing; what is measured against a limit never is
            let (value, measured) = (row["value"].as_f64().unwrap(), row["against"].is_string());
            assert!(value >= 0.0 && (value > 0.0 || !measured), "{row}");
            assert!(row["cores"].as_u64().unwrap() > 0, "{row}");
            if let (Some(limit), Some(ratio)) = (row["limit"].as_f64(), row["ratio"].as_f64()) {
                assert!((row["value"].as_f64().unwrap() / limit - ratio).abs() < 1e-6, "{row}");
            }
        }
    }
    let rows = |name: usize| figures[name]["rows"].as_array().unwrap();
    let in_flight: Vec<_> = rows(0).iter().map(|r| r["in_flight"].as_u64().unwrap()).collect();
    assert_eq!(in_flight, [1, 16, 64, 256, 1_024]);
    assert!(rows(0).iter().all(|r| r["against"].is_string() && r["batch"].as_f64().unwrap() >= 1.0));
    assert!(rows(4).iter().all(|r| r["p50_us"].as_u64() <= r["p99_us"].as_u64()));
    // neither the journal nor its folder keeps anything of it
    assert_eq!(std::fs::read(place.path("daybook.db")).unwrap(), before);
    let left: Vec<_> = std::fs::read_dir(place.path(".")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("daybook-bench")), "{left:?}");
}

#[test]
fn an_interrupted_measurement_leaves_no_files() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let place = Place::empty();
        let mut child = place.command(&["bench", "--only", "a", "--no-progress"]).spawn().unwrap();
        let entries = || std::fs::read_dir(place.path(".")).unwrap().flatten().map(|entry| entry.path());
        let files = || entries().filter_map(|path| path.read_dir().ok()).flatten().count();
        let deadline = Instant::now() + Duration::from_secs(60);
        while files() == 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(files() > 0, "it measures");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(entries().collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn figures_can_be_chosen_and_printed_as_rows() {
    let place = Place::empty();
    let ran = place.run(&["bench", "--quick", "--only", "b", "--format", "csv"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut lines = ran.out.lines();
    assert!(lines.next().unwrap().starts_with("figure,what,batch,in_flight,fsync,cores,value,unit,against"));
    assert!(lines.next().unwrap().starts_with("b,"), "{ran:?}");
    assert_eq!(lines.next(), None);
    let ran = place.run(&["bench", "--quick", "--only", "b"]);
    assert!(ran.out.contains("(b) bulk import") && ran.out.contains("limited by"), "{ran:?}");
}

#[test]
fn one_journal_in_postgres_is_measured_from_one_process_and_from_several() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    let answer = place.json(&["bench", "--quick", "--only", "a", "--journal", &url]);
    let figure = &answer["figures"][0];
    let rows = figure["rows"].as_array().unwrap();
    for (name, expected) in [
        ("from one process that shares the journal", &[1, 16, 64, 256, 1_024][..]),
        ("from 2 processes", &[16, 64, 256, 1_024][..]),
        ("from 4 processes", &[16, 64, 256, 1_024][..]),
    ] {
        let of: Vec<_> = rows.iter().filter(|row| row["what"].as_str().unwrap().contains(name)).collect();
        let in_flight: Vec<_> = of.iter().map(|row| row["in_flight"].as_u64().unwrap()).collect();
        assert_eq!(in_flight, expected, "{name}");
        for row in of {
            assert!(row["value"].as_f64().unwrap() > 0.0 && row["batch"].as_f64().unwrap() >= 1.0, "{row}");
            // several stand beside one with as many commands in flight
            let one = rows.iter().find(|one| {
                one["what"].as_str().unwrap().contains("from one process")
                    && one["in_flight"] == row["in_flight"]
            });
            let several = name.ends_with("processes");
            assert_eq!(
                row["limit"],
                if several { one.unwrap()["value"].clone() } else { Value::Null },
                "{row}"
            );
        }
    }
    // the databases that were measured are gone
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'daybook\\_bench%'";
    assert_eq!(sql(&server.url("postgres"), left).unwrap(), [["0"]]);
    let ran = place.run(&["bench", "--process", "0..10"]);
    assert!(ran.code == 2 && ran.err.contains("PostgreSQL"), "{ran:?}");
}
