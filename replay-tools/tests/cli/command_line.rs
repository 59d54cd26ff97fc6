//! The command line as a person or a script meets it: exit codes, what goes where, the shape of JSON.

use std::io::Read;
use std::process::Stdio;

use crate::place::{Place, Ran};

#[test]
fn without_a_journal_it_says_how_to_make_one() {
    let place = Place::empty();
    for command in ["status", "verify", "events", "digest", "rebuild", "trial-balance"] {
        let ran = place.run(&[command]);
        assert_eq!(ran.code, 4, "{command}: {ran:?}");
        assert!(ran.err.contains("there is no journal at daybook.db"), "{ran:?}");
        assert!(ran.err.contains("daybook demo"), "{ran:?}");
        assert_eq!(ran.out, "");
        assert!(!place.path("daybook.db").exists(), "{command} made a file");
    }
}

#[test]
fn arguments_that_do_not_fit_are_usage_errors() {
    let place = Place::empty();
    let table: [(&[&str], &str); 6] = [
        (&[], "Usage"),
        (&["nonsense"], "unrecognized subcommand"),
        (&["events", "--stream", "order-1", "--order", "1"], "cannot be used with"),
        (&["events", "--limit", "0"], "0 is not in"),
        (&["events", "--order", "an order"], "visible ASCII"),
        (&["--journal", "oracle:x", "status"], "scheme \"oracle\" is not known here: write sqlite:PATH"),
    ];
    for (args, says) in table {
        let ran = place.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(says), "{args:?}: {ran:?}");
        assert_eq!(ran.out, "", "{args:?}");
    }
}

#[test]
fn a_file_that_is_no_journal_is_left_alone() {
    let place = Place::empty();
    std::fs::write(place.path("daybook.db"), "dear diary").unwrap();
    let ran = place.run(&["status"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("daybook.db is not a Daybook journal"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(place.path("daybook.db")).unwrap(), "dear diary");
}

#[test]
fn the_journal_can_be_named_by_flag_and_by_environment() {
    let place = Place::with_a_sale();
    std::fs::rename(place.path("daybook.db"), place.path("other.db")).unwrap();
    assert_eq!(place.run(&["events"]).code, 4);
    assert_eq!(place.run(&["--journal", "sqlite:other.db", "events"]).code, 0);
    assert_eq!(place.run(&["events", "--journal", "sqlite:other.db"]).code, 0, "also behind the subcommand");
    let ran = place.run_with(&["events"], &[("DAYBOOK_JOURNAL", "sqlite:other.db")]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn read_models_lie_where_the_running_market_has_them_whatever_the_journals_extension() {
    for (journal, views) in [("shop.sqlite", "shop.views.sqlite"), ("shop", "shop.views.db")] {
        let place = Place::with_a_sale();
        std::fs::rename(place.path("daybook.db"), place.path(journal)).unwrap();
        assert_eq!(place.run(&["digest", "--journal", &format!("sqlite:{journal}")]).code, 0);
        assert!(place.path(views).exists(), "{views}");
    }
}

#[test]
fn events_are_json_lines_with_rfc_3339_times() {
    let ran = Place::with_a_sale().run(&["events", "--limit", "1"]);
    let line: serde_json::Value = serde_json::from_str(ran.out.trim_end()).unwrap();
    insta::assert_json_snapshot!(line);
    insta::assert_snapshot!(ran.err, @"1 events, through position 1 of 5; go on with --after 1, or raise --limit");
}

#[test]
fn events_can_be_read_on_from_where_one_stopped_until_nothing_is_left() {
    let place = Place::with_a_sale();
    let positions = |ran: &Ran| -> Vec<u64> {
        let lines = ran.out.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        lines.map(|v| v["position"].as_u64().unwrap()).collect()
    };
    let first = place.run(&["events", "--limit", "3"]);
    let rest = place.run(&["events", "--after", "3", "--limit", "3"]);
    assert_eq!([positions(&first), positions(&rest)].concat(), [1, 2, 3, 4, 5]);
    assert_eq!(rest.err, "", "nothing is left, so nothing is said");
    let of_order = place.run(&["events", "--order", "o"]);
    assert_eq!(positions(&of_order), [1, 2, 3, 4, 5], "its own stream and its checkout's");
    let nobody = place.run(&["events", "--merchant", "nobody"]);
    assert_eq!((nobody.code, nobody.out.as_str()), (3, ""), "{nobody:?}");
    let stream = place.run(&["events", "--stream", "order-o", "--after", "2"]);
    assert_eq!(positions(&stream), [5]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::with_a_sale();
    place.add_events(20_000);
    let mut child = place
        .command(&["events", "--limit", "20000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 10];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&end.stderr), "");
}

#[test]
fn reading_goes_on_beside_a_process_that_writes() {
    let place = Place::with_a_sale();
    let writer = place.writer();
    let ran = place.run(&["events"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 5), "{ran:?}");
    drop(writer);
}

#[test]
fn an_order_is_shown_with_its_lines_and_its_timeline() {
    let place = Place::with_a_sale();
    let ran = place.run(&["order", "o"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    insta::assert_snapshot!(ran.out);
    let ran = place.run(&["order", "o", "--format", "json"]);
    let order: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    insta::assert_json_snapshot!("order_json", order, { ".timeline[].recorded_at" => "[time]" });
    let before = place.run(&["order", "o", "--as-of", "2018-01-01T00:00:00Z"]);
    assert_eq!(before.code, 3, "it was not placed yet: {before:?}");
}

#[test]
fn an_order_that_is_not_there_is_refused() {
    let ran = Place::with_a_sale().run(&["order", "nobody"]);
    assert_eq!(ran.code, 3);
    assert_eq!(ran.err, "daybook: there is no order nobody in sqlite:daybook.db");
}

#[test]
fn the_trial_balance_is_printed_in_every_format_and_as_of_any_moment() {
    let place = Place::with_a_sale();
    insta::assert_snapshot!("trial_balance_table", place.run(&["trial-balance"]).out);
    insta::assert_snapshot!("trial_balance_json", place.run(&["trial-balance", "--format", "json"]).out);
    insta::assert_snapshot!("trial_balance_csv", place.run(&["trial-balance", "--format", "csv"]).out);
    let at_3 = place.run(&["trial-balance", "--at-position", "3", "--format", "csv"]);
    assert!(at_3.out.contains("Liabilities,Checkout,CNY,1,0.00,100.00,-100.00"), "{at_3:?}");
    let before = place.run(&["trial-balance", "--as-of", "2018-01-01T00:00:00-02:00", "--format", "json"]);
    assert_eq!((before.code, before.out.as_str()), (0, "[\n]\n"), "{before:?}");
    let both =
        place.run(&["trial-balance", "--at-position", "3", "--as-of", "2018-04-16", "--format", "csv"]);
    assert!(!both.out.contains("Checkout"), "it happened a day later: {both:?}");
    let both =
        place.run(&["trial-balance", "--at-position", "3", "--as-of", "2018-04-17", "--format", "csv"]);
    assert_eq!(both.out, at_3.out, "both cuts hold: all of these happened on the 17th");
    let beyond = place.run(&["trial-balance", "--at-position", "99"]);
    assert_eq!(beyond.code, 3, "{beyond:?}");
    assert!(beyond.err.contains("lies beyond the journal's head, which is 5"), "{beyond:?}");
}

#[test]
fn a_rebuild_gives_the_digests_of_the_live_models() {
    let place = Place::with_a_sale();
    let live = place.run(&["digest"]);
    assert_eq!(live.code, 0, "{live:?}");
    let all = place.run(&["rebuild"]);
    assert!(all.err.starts_with("rebuilt all read models from 5 events"), "{all:?}");
    assert_eq!(place.run(&["digest"]).out, live.out);
    let one = place.run(&["rebuild", "orders"]);
    assert!(one.err.starts_with("rebuilt orders from 5 events"), "{one:?}");
    assert_eq!(place.run(&["digest"]).out, live.out);
    let none = place.run(&["rebuild", "horoscopes"]);
    assert_eq!(none.code, 2, "{none:?}");
    assert!(none.err.contains("no read model is called \"horoscopes\""), "{none:?}");
}

#[test]
fn status_says_where_the_journal_and_each_model_stand() {
    let ran = Place::with_a_sale().run(&["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&status["head"], &status["applied"], &status["lag"]), (&5.into(), &5.into(), &0.into()));
    assert_eq!(status["models"][0]["lag"], 0);
}

#[test]
fn verify_names_what_it_checked_and_how_many() {
    let ran = Place::with_a_sale().run(&["verify"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("clean: "), "{ran:?}");
    assert_eq!(ran.err, "", "no progress bar where there is no terminal");
}

#[test]
fn verify_lists_what_it_found_and_exits_with_1() {
    let place = Place::with_a_sale();
    place.release_too_much();
    let ran = place.run(&["verify"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("Liabilities:Escrow:o"), "{ran:?}");
    let ran = place.run(&["verify", "--format", "json"]);
    assert_eq!(ran.code, 1);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["clean"], false);
    assert!(report["checks"][0]["checked"].is_u64());
}

#[test]
fn a_reader_that_goes_away_does_not_change_the_verdict() {
    let place = Place::with_a_sale();
    place.release_too_much();
    for format in ["table", "json", "csv"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let end = place.command(&["verify", "--format", format]).stdout(writer).status().unwrap();
        assert_eq!(end.code(), Some(1), "{format}");
    }
}

#[test]
fn each_shell_gets_its_completions() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish"] {
        let ran = place.run(&["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains("daybook") && ran.out.contains("verify"), "{shell}");
    }
}

#[test]
fn help_says_what_there_is() {
    let ran = Place::empty().run(&["--help"]);
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!(ran.out);
}
