//! The database in which a server is measured: beside the one that is named, whichever way that is.

use daybook_journal::conformance::tools::{fill, item};
use daybook_journal::postgres::baseline::Scratch;
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::{Expected, Journal};

use crate::open;

#[test]
fn what_is_measured_is_a_database_of_its_own_wherever_the_url_names_one() {
    let Some(server) = Server::shared() else { return };
    let books = server.database();
    let name = books.rsplit('/').next().unwrap();
    fill(&open(&books).unwrap(), [item("order-1", 1, Expected::NoStream, &["{}"])]);
    let tables = || sql(&books, "SELECT count(*) FROM pg_class WHERE relname = 'raw'").unwrap();
    let scratches = "SELECT count(*) FROM pg_database WHERE datname LIKE 'daybook\\_bench%'";
    let scratches = || sql(&server.url("postgres"), scratches).unwrap()[0][0].clone();
    for url in [
        books.clone(),
        format!("{books}?sslmode=disable"),
        format!("{}?dbname={name}", server.url("")),
        format!("{}?dbname={name}&sslmode=disable", server.url("postgres")),
    ] {
        let scratch = Scratch::on(&url).unwrap();
        let journal = open(&scratch.url).unwrap();
        assert_eq!(journal.head(), Ok(0), "{url}");
        assert!(journal.describe().contains("/daybook_bench_"), "{}", journal.describe());
        let appends: Vec<_> = (0..20).map(|n| item("order-1", n, Expected::Any, &["{}"])).collect();
        fill(&journal, appends.clone());
        scratch.batches(&appends, 5).unwrap();
        scratch.singles(&appends, 4).unwrap();
        assert_eq!(scratch.scan().unwrap().0, 20);
        assert_eq!((tables(), scratches()), (vec![vec!["0".to_owned()]], "1".to_owned()), "{url}");
        drop((journal, scratch));
        assert_eq!(scratches(), "0");
    }
    let left = Scratch::on(&books).unwrap();
    Scratch::remove(&books).unwrap();
    assert_eq!(scratches(), "0", "an interrupted one leaves nothing");
    drop(left);
    let error = Scratch::on(&format!("{books}#here")).err().unwrap().to_string();
    assert!(error.contains("does not allow for another database"), "{error}");
    assert_eq!(open(&books).unwrap().head(), Ok(1));
}
