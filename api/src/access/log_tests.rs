use super::*;

const HOUR: i64 = ALIKE;

fn entry(at: i64, method: Method, merchant: &str, id: &str) -> Entry {
    Entry {
        at: Timestamp(at),
        actor: PartyId::new("key:a").unwrap(),
        role: Role::Finance,
        merchant: MerchantId::new(merchant).unwrap(),
        endpoint: (method, "/v1/merchants".into()),
        status: 200,
        request_id: id.to_owned(),
    }
}

fn logged(store: &Store) -> Vec<(String, String, u64)> {
    let all = store.accesses(&Question { limit: 1_000, ..Question::default() }).unwrap();
    all.into_iter().map(|e| (e.merchant.to_string(), e.request_id, e.times)).collect()
}

fn said(merchant: &str, id: &str, times: u64) -> (String, String, u64) {
    (merchant.to_owned(), id.to_owned(), times)
}

#[test]
fn what_is_read_again_and_again_is_two_entries_an_hour_and_what_is_changed_one_each() {
    let (store, log) = (Store::in_memory().unwrap(), Log::new(Keeping { days: 1, usual: 10 }));
    let now = |at| Timestamp(at);
    for n in 0..1_000 {
        assert!(!log.add(entry(n, Method::GET, "m1", &format!("r{n}"))));
        assert!(!log.add(entry(n, Method::GET, "m2", &format!("s{n}"))));
    }
    log.flush(&store, now(1_000), false).unwrap();
    assert_eq!(
        logged(&store),
        [said("m1", "r0", 1), said("m2", "s0", 1)],
        "that it happened is known at once"
    );
    log.flush(&store, now(HOUR), false).unwrap();
    let mut hour = logged(&store);
    hour.sort();
    assert_eq!(
        hour,
        [said("m1", "r0", 1), said("m1", "r1", 999), said("m2", "s0", 1), said("m2", "s1", 999)]
    );
    for n in 0..3 {
        log.add(entry(HOUR + n, Method::POST, "m1", &format!("w{n}")));
        log.add(entry(HOUR + n, Method::GET, "m1", &format!("t{n}")));
    }
    log.flush(&store, now(HOUR + 9), true).unwrap();
    let all = logged(&store);
    let changed: Vec<_> = all.iter().filter(|(_, id, _)| id.starts_with('w')).collect();
    assert_eq!(changed.len(), 3);
    assert!(all.contains(&said("m1", "t0", 1)) && all.contains(&said("m1", "t1", 2)), "{all:?}");
}

#[test]
fn no_number_of_accesses_drives_older_ones_out_and_time_does() {
    let (store, log) = (Store::in_memory().unwrap(), Log::new(Keeping { days: 2, usual: 1 }));
    log.add(entry(0, Method::POST, "m1", "first"));
    for n in 0..5_000 {
        log.add(entry(n, Method::GET, &format!("m{n}"), "later"));
    }
    log.flush(&store, Timestamp(DAY), true).unwrap();
    assert_eq!(logged(&store)[0], said("m1", "first", 1));
    log.add(entry(2 * DAY, Method::GET, "m1", "new"));
    log.flush(&store, Timestamp(2 * DAY + 1), true).unwrap();
    assert!(logged(&store).iter().all(|(_, id, _)| id != "first"), "two days are over");
}

#[test]
fn who_adds_too_many_is_told_once_to_have_them_written() {
    let (store, log) = (Store::in_memory().unwrap(), Log::new(Keeping { days: 1, usual: u64::MAX }));
    let told = (0..70_000).filter(|n| log.add(entry(*n, Method::POST, "m1", "r"))).count();
    assert_eq!(told, 1, "and writes none itself");
    log.flush_urgent(&store, Timestamp(0));
    assert!(log.pending.lock().entries.is_empty());
}
