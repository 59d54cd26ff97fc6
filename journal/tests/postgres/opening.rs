//! What is opened and what is refused, and with which words.

use daybook_journal::conformance::tools::{append, fill, item, log};
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::{Expected, Journal, JournalError, PostgresJournal};

use crate::{alone, open, refusal};

fn one(command: u128) -> daybook_journal::Append {
    item("order-1", command, Expected::Any, &["{}"])
}

#[test]
fn a_missing_journal_is_made_for_writing_but_not_for_reading() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let error = refusal(PostgresJournal::open_read_only(&url));
    assert!(error.contains("there is no journal") && !error.contains("daybook:daybook"), "{error}");
    let journal = open(&url).unwrap();
    assert!(!journal.describe().contains("daybook:daybook"), "a password was shown: {}", journal.describe());
    fill(&journal, [one(1)]);
    let reader = PostgresJournal::open_read_only(&url).unwrap();
    assert_eq!((reader.head(), log(&reader)), (Ok(1), log(&journal)));
    let answer = append(&reader, one(2));
    assert!(matches!(answer, Err(JournalError::Unavailable(why)) if why.contains("reading only")));
}

#[test]
fn databases_of_others_are_refused_and_left_alone() {
    let Some(server) = Server::shared() else { return };
    let tables = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE n.nspname LIKE 'daybook%' OR n.nspname = 'public'";
    for (theirs, told) in [
        ("CREATE TABLE public.customers (x integer)", "it holds public.customers"),
        ("CREATE SCHEMA daybook_journal", "schema daybook_journal is something else"),
    ] {
        let url = server.database();
        sql(&url, theirs).unwrap();
        let before = sql(&url, tables).unwrap();
        let error = refusal(open(&url));
        assert!(error.contains("is not a Daybook journal") && error.contains(told), "{error}");
        assert_eq!(sql(&url, tables).unwrap(), before);
    }
}

#[test]
fn older_newer_and_damaged_schemas_are_told_apart() {
    let Some(server) = Server::shared() else { return };
    for (change, told) in [
        ("UPDATE daybook_journal.schema SET version = 99", "upgrade daybook"),
        ("ALTER TABLE daybook_journal.events DISABLE TRIGGER events_never_change", "append-only"),
        ("ALTER TABLE daybook_journal.events ALTER data TYPE varchar", "is damaged"),
        ("UPDATE daybook_journal.head SET last = 7", "its head is 7, its last event 1"),
    ] {
        let url = server.database();
        fill(&open(&url).unwrap(), [one(1)]);
        sql(&url, change).unwrap();
        for result in [open(&url), PostgresJournal::open_read_only(&url)] {
            let error = refusal(result);
            assert!(error.contains(told), "{change}: {error}");
        }
    }
    let url = server.database();
    drop(open(&url).unwrap());
    sql(&url, "UPDATE daybook_journal.schema SET version = 0").unwrap();
    let error = refusal(PostgresJournal::open_read_only(&url));
    assert!(error.contains("older") && error.contains("open it once for writing"), "{error}");
}

#[test]
fn many_that_open_an_empty_database_at_once_make_one_journal() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    std::thread::scope(|scope| {
        for n in 0..6 {
            let url = &url;
            scope.spawn(move || fill(&open(url).unwrap(), [one(n)]));
        }
    });
    assert_eq!(open(&url).unwrap().head(), Ok(6));
}

#[test]
fn nobody_changes_or_deletes_what_is_written() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let journal = open(&url).unwrap();
    fill(&journal, [one(1), one(2)]);
    for statement in [
        "UPDATE daybook_journal.events SET data = '{\"amount\":1}'",
        "UPDATE daybook_journal.events SET data = data WHERE false",
        "DELETE FROM daybook_journal.events WHERE position = 2",
        "TRUNCATE daybook_journal.events",
        "SET session_replication_role = replica; DELETE FROM daybook_journal.events",
        "DELETE FROM daybook_journal.head",
        "TRUNCATE daybook_journal.head",
        "UPDATE daybook_journal.head SET last = 1",
    ] {
        let error = sql(&url, statement).unwrap_err();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(log(&journal).len(), 2);
}

/// The roles of docs/postgres.md, as they stand there.
#[test]
fn the_documented_roles_may_what_they_should_and_no_more() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let database = url.rsplit('/').next().unwrap();
    drop(open(&url).unwrap());
    let doc = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/postgres.md")).unwrap();
    let roles = doc.split("```sql").find(|part| part.contains("CREATE ROLE daybook_writer")).unwrap();
    let roles =
        roles.split("```").next().unwrap().replace("DATABASE daybook", &format!("DATABASE {database}"));
    sql(&url, &roles).unwrap();
    let as_role = |role: &str, password: &str| url.replace("daybook:daybook", &format!("{role}:{password}"));
    let writer = as_role("daybook_writer", "change-me-writer");
    let reader = as_role("daybook_reader", "change-me-reader");
    let journal = alone(&writer).unwrap();
    fill(&journal, [one(1)]);
    assert_eq!(log(&PostgresJournal::open_read_only(&reader).unwrap()).len(), 1);
    drop(journal);
    let error = refusal(open(&reader));
    assert!(error.contains("docs/postgres.md has the grants"), "{error}");
    let journal = alone(&writer).unwrap();
    for (url, statement) in [
        (&writer, "UPDATE daybook_journal.events SET data = '{}'"),
        (&writer, "DELETE FROM daybook_journal.events"),
        (&writer, "TRUNCATE daybook_journal.events"),
        (&writer, "ALTER TABLE daybook_journal.events DISABLE TRIGGER ALL"),
        (&writer, "DROP TABLE daybook_journal.events"),
        (&writer, "UPDATE daybook_journal.schema SET version = 0"),
        (&writer, "DELETE FROM daybook_journal.head"),
        (&reader, "INSERT INTO daybook_journal.events SELECT * FROM daybook_journal.events"),
        (&reader, "UPDATE daybook_journal.head SET last = 9"),
    ] {
        let error = sql(url, statement).unwrap_err();
        assert!(
            error.contains("permission denied") || error.contains("must be owner"),
            "{statement}: {error}"
        );
    }
    assert_eq!(log(&journal).len(), 1);
}

#[test]
fn who_wants_to_be_alone_is_told_who_writes_and_keeps_others_out() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let first = alone(&url).unwrap();
    fill(&first, [one(1)]);
    for second in [alone(&url), open(&url)] {
        let error = second.err().unwrap();
        assert!(matches!(error, JournalError::Locked(_)), "{error}");
        assert!(error.to_string().contains(&format!("daybook {}", std::process::id())), "{error}");
    }
    assert_eq!(PostgresJournal::open_read_only(&url).unwrap().head(), Ok(1), "readers are free");
    drop(first);
    let (one_of_two, two) = (open(&url).unwrap(), open(&url).unwrap());
    assert!(matches!(alone(&url), Err(JournalError::Locked(_))));
    drop((one_of_two, two));
    assert_eq!(alone(&url).unwrap().head(), Ok(1), "the lock goes with its holder");
}

#[test]
fn a_server_that_does_not_let_one_in_is_told_with_the_cure() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, told) in [
        (url.replace(":daybook@", ":wrong@"), "check user and password"),
        (url.replace("daybook:daybook@", "nobody:x@"), "check user and password"),
        (server.url("nowhere"), "createdb daybook"),
        (format!("postgres://daybook:secret@127.0.0.1:{gone}/x"), "is PostgreSQL running there?"),
        ("postgres://host:notaport/x".to_owned(), "write postgres://"),
    ] {
        for result in [open(&url), PostgresJournal::open_read_only(&url)] {
            let error = result.err().unwrap();
            assert!(matches!(error, JournalError::Unavailable(_)), "{error}");
            let error = error.to_string();
            assert!(error.contains(told) && !error.contains("secret") && !error.contains("wrong"), "{error}");
        }
    }
}

#[test]
fn a_read_only_database_is_refused() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url).unwrap());
    let name = url.rsplit('/').next().unwrap().to_owned();
    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    sql(&server.url("postgres"), &set).unwrap();
    assert!(refusal(open(&url)).contains("name the primary"));
}

#[test]
fn a_database_in_another_encoding_is_refused() {
    let Some(server) = Server::shared() else { return };
    sql(&server.url("postgres"), "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0").unwrap();
    let error = refusal(open(&server.url("latin")));
    assert!(error.contains("LATIN1") && error.contains("createdb -E UTF8"), "{error}");
}

#[test]
fn a_nul_character_spoils_nothing() {
    let Some(server) = Server::shared() else { return };
    let journal = open(&server.database()).unwrap();
    let items = vec![one(1), item("order-1", 2, Expected::Any, &["{\"x\":\"\0\"}"]), one(3)];
    let answers = daybook_journal::conformance::tools::block_on(journal.append(items));
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(&answers[1], Err(JournalError::Malformed(why)) if why.contains("NUL")));
}

#[test]
fn a_server_without_a_connection_left_says_so_and_the_journal_goes_on_when_there_is_one() {
    if Server::left_out() {
        return;
    }
    let server = Server::start(&["max_connections = 7", "superuser_reserved_connections = 0"]).unwrap();
    let url = server.database();
    drop(open(&url).unwrap());
    let journals: Vec<_> = (0..8).map(|_| open(&url)).collect();
    let error = journals.iter().find_map(|journal| journal.as_ref().err()).unwrap().to_string();
    assert!(error.contains("raise max_connections"), "{error}");
    drop(journals);
    let journal = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        open(&url).ok()
    });
    fill(&journal.unwrap(), [one(1)]);
}
