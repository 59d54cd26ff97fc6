//! Waiting for the log to grow.

use std::time::{Duration, Instant};

use super::tools::{fill, fresh, item};
use super::{Backend, Case};
use crate::Expected;

pub(super) const CASES: &[Case] = &[
    Case { name: "waiting for what is there returns at once", run: at_once },
    Case { name: "waiting ends after its timeout", run: times_out },
    Case { name: "waiting ends when an event is appended", run: wakes },
];

fn at_once(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    fill(&*journal, [item("order-1", 1, Expected::Any, &["{}", "{}"])]);
    let began = Instant::now();
    for after in [0, 1] {
        assert_eq!(journal.wait_beyond(after, Duration::from_secs(60)), Ok(2));
    }
    assert_eq!(journal.wait_beyond(2, Duration::ZERO), Ok(2));
    assert!(began.elapsed() < Duration::from_secs(30));
}

fn times_out(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    for after in [0, 7] {
        let began = Instant::now();
        assert_eq!(journal.wait_beyond(after, Duration::from_millis(80)), Ok(0));
        assert!(began.elapsed() >= Duration::from_millis(80));
    }
}

fn wakes(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let began = Instant::now();
                let mut head = 0;
                while head < 5 {
                    let next = journal.wait_beyond(head, Duration::from_secs(60));
                    let next = next.unwrap_or_else(|e| panic!("{e}"));
                    assert!(next > head, "it returned without news after {:?}", began.elapsed());
                    head = next;
                }
                assert!(began.elapsed() < Duration::from_secs(30));
            });
        }
        for command in 0..5 {
            std::thread::sleep(Duration::from_millis(10));
            fill(&*journal, [item("order-1", command, Expected::Any, &["{}"])]);
        }
    });
}
