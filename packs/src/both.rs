//! Two things at once: a pack is drawn and checked by whoever waits for it.

use std::sync::Mutex;

/// Does two things, the first on a thread of its own where the system gives one.
pub fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    // a thread that is not given does not give back what it was to do
    let one = Mutex::new(Some(one));
    let one = || {
        let one = one.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        one.map(|one| one()).expect("invariant: it is done once")
    };
    std::thread::scope(|scope| {
        let beside = std::thread::Builder::new().name("pack".into()).spawn_scoped(scope, one);
        let other = other();
        let one = match beside {
            Ok(beside) => beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => one(),
        };
        (one, other)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_panic_in_either_comes_out_and_the_other_ends() {
        let (done, ended) = channel();
        let other_ends = catch_unwind(AssertUnwindSafe(|| {
            both(|| -> u8 { panic!("the first") }, || done.send(()).unwrap())
        }));
        let said = |panic: Result<_, Box<dyn std::any::Any + Send>>| {
            panic.map(|_: (u8, ())| ()).unwrap_err().downcast_ref::<&str>().unwrap().to_string()
        };
        assert_eq!(said(other_ends), "the first");
        ended.try_recv().unwrap();

        let (done, ended) = channel();
        let one_ends = catch_unwind(AssertUnwindSafe(|| {
            let one = || {
                done.send(()).unwrap();
                1
            };
            both(one, || panic!("the other"))
        }));
        assert_eq!(said(one_ends), "the other");
        ended.try_recv().unwrap();
    }

    #[test]
    fn an_error_of_one_comes_out_when_the_other_has_ended() {
        let (begin, begun) = channel::<()>();
        let begun = std::sync::Mutex::new(begun);
        // the first goes on only when the other has failed
        let one =
            || begun.lock().unwrap().recv_timeout(Duration::from_secs(60)).map_err(|error| error.to_string());
        let other = || -> Result<u8, &str> {
            begin.send(()).unwrap();
            Err("failed at once")
        };
        assert_eq!(both(one, other), (Ok(()), Err("failed at once")));
        assert_eq!(both(|| Err::<u8, _>("failed at once"), || 2), (Err("failed at once"), 2));
    }
}
