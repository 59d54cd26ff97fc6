//! Read models on a primary with standbys: their URL names all servers, and who follows goes on on the one that took over.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_journal::Journal;
use daybook_journal::postgres::cluster::Cluster;
use daybook_journal::postgres::server::Server;
use daybook_projections::{Follower, Place, ReadModelError, ReadModels};
use support::{every_type, happen, memory, open, shown};

fn connect(url: &str, journal: &Arc<dyn Journal>) -> Result<ReadModels, ReadModelError> {
    ReadModels::open(Place::Database(url.to_owned()), Arc::clone(journal), &mut |_| {})
}

/// Waits until they have come to the journal's head.
fn wait_for_head(models: &ReadModels, journal: &dyn Journal) {
    let (began, head) = (Instant::now(), journal.head().unwrap());
    while models.applied() < head {
        assert!(began.elapsed().as_secs() < 90, "it stands at {} of {head}", models.applied());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn read_models_go_on_on_the_standby_that_took_over() {
    if Server::left_out() {
        return;
    }
    let cluster = Cluster::start(&[]);
    let (room, journal) = (tempfile::tempdir().unwrap(), memory());
    let history = every_type();
    let parts: Vec<_> = history.chunks(history.len().div_ceil(3)).collect();
    happen(journal.as_ref(), parts[0]);
    let models = connect(cluster.url(), &journal).unwrap();
    let follower = Follower::start(models.clone()).unwrap();
    for part in &parts[1..] {
        wait_for_head(&models, journal.as_ref());
        // some is being followed as the primary goes, and some happens while nobody takes writes
        let (first, rest) = part.split_at(part.len() / 2);
        happen(journal.as_ref(), first);
        cluster.does("kill", &[]);
        happen(journal.as_ref(), rest);
        cluster.does("promote", &[]);
        wait_for_head(&models, journal.as_ref());
        cluster.does("rejoin", &[]);
    }
    let file = open(&room.path().join("views.db"), &journal);
    let expected = shown(&file.digests().unwrap());
    assert_eq!(shown(&models.digests().unwrap()), expected);
    models.rebuild(&[], &mut |_| {}).unwrap();
    assert_eq!(shown(&models.digests().unwrap()), expected, "made anew");
    drop(follower);
    drop(models);
    let again = connect(cluster.url(), &journal).unwrap();
    assert_eq!(shown(&again.digests().unwrap()), expected, "opened again");
    drop(again);
    // of those that are named none takes writes, or none is there: said with each one's reason
    let (before, hosts) = cluster.url().split_once('@').unwrap();
    let (hosts, database) = hosts.split_once('/').unwrap();
    let standbys: Vec<_> = hosts
        .split(',')
        .filter(|host| {
            let one = format!("{before}@{host}/{database}");
            let said = daybook_journal::postgres::server::sql(&one, "SELECT pg_is_in_recovery()").unwrap();
            said[0][0] == "t"
        })
        .collect();
    assert_eq!(standbys.len(), 2);
    let error = connect(&format!("{before}@{}/{database}", standbys.join(",")), &journal).err().unwrap();
    let told = error.to_string();
    assert!(
        told.contains("takes writes") && told.contains(&format!("{} is a standby", standbys[0])),
        "{told}"
    );
    // a first connection has nothing to lose
    assert!(told.contains("Start or promote one") && !told.contains("lost"), "{told}");
    assert!(!told.contains("daybook:daybook"), "a password was shown: {told}");
    let told = connect("postgres://me:secret@127.0.0.1:1,127.0.0.1:2/d", &journal).err().unwrap().to_string();
    assert!(
        told.contains("127.0.0.1:1") && told.contains("127.0.0.1:2") && !told.contains("secret"),
        "{told}"
    );
}
