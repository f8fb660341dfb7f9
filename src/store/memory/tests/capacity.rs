//! A store that is full, or nearly so.

use std::sync::Mutex;

use super::*;

#[test]
fn a_full_store_refuses_what_is_new_and_works_for_what_is_there() {
    let clock = manual();
    let store = MemoryStore::with_capacity_and_clock(3, clock.clone()).unwrap();
    for number in 0..3 {
        assert!(now(store.claim(&claim(number, 1))).is_ok());
    }
    let full = Err(StoreErrorKind::Full);
    assert_eq!(now(store.claim(&claim(3, 1))), full);
    assert_eq!(
        now(store.complete(&complete(3, 1))),
        Err(StoreErrorKind::Full)
    );
    assert_eq!(now(store.lookup(&key(3))), Ok(None), "nothing was written");

    assert_eq!(now(store.claim(&claim(0, 2))), Ok(ClaimOutcome::InProgress));
    assert_eq!(now(store.release(&release(0, 1))), Ok(Held::Held));
    assert!(matches!(
        now(store.claim(&claim(0, 2))),
        Ok(ClaimOutcome::Claimed(_))
    ));
    assert_eq!(now(store.complete(&complete(0, 2))), Ok(Held::Held));
    assert_eq!(now(store.release(&release(3, 1))), Ok(Held::Held));

    assert_eq!(now(store.forget(&key(1))), Ok(true));
    assert!(now(store.claim(&claim(3, 1))).is_ok(), "a place is free");
    assert_eq!(now(store.claim(&claim(4, 1))), full);

    // Expired records make room, in whichever shard they are; the others stay.
    clock.advance(RETENTION - Duration::from_secs(1));
    assert_eq!(now(store.claim(&claim(4, 1))), full);
    clock.advance(Duration::from_secs(1));
    for number in 10..13 {
        assert!(now(store.claim(&claim(number, 1))).is_ok(), "{number}");
    }
    assert_eq!(now(store.claim(&claim(13, 1))), full);
    assert_eq!(sizes(&store).records, 3);
}

#[test]
fn namespaces_share_memory_and_keep_their_keys_apart() {
    let clock = manual();
    let store = MemoryStore::with_capacity_and_clock(2, clock.clone()).unwrap();
    let sandbox = store.namespace(name("sandbox"));
    let same = store.clone().namespace(name("sandbox"));
    assert!(now(store.claim(&claim(0, 1))).is_ok());
    assert!(matches!(
        now(sandbox.claim(&claim(0, 2))),
        Ok(ClaimOutcome::Claimed(_))
    ));
    assert_eq!(now(same.claim(&claim(0, 3))), Ok(ClaimOutcome::InProgress));
    assert_eq!(
        now(sandbox.namespace(name("other")).claim(&claim(0, 1))),
        Err(StoreErrorKind::Full),
        "the capacity is that of all"
    );
    clock.advance(RETENTION);
    assert!(
        now(store.namespace(name("other")).claim(&claim(5, 1))).is_ok(),
        "a sweep goes through all of them"
    );
    assert_eq!(
        format!("{sandbox:?}"),
        "MemoryStore { namespace: Some(\"sandbox\"), records: 1, capacity: 2, \
         clock: ManualClock(1000600000000) }"
    );
}

#[test]
fn a_full_store_is_swept_once_a_second() {
    let clock = manual();
    let store = MemoryStore::with_capacity_and_clock(1, clock.clone()).unwrap();
    assert!(store.pool.sweep());
    assert!(!store.pool.sweep());
    clock.advance(Duration::from_millis(999));
    assert!(!store.pool.sweep());
    clock.advance(Duration::from_millis(1));
    assert!(store.pool.sweep());
    clock.set(UnixTime::from_secs(10));
    assert!(store.pool.sweep(), "the clock was set back");
}

#[test]
fn a_store_for_no_record_is_refused() {
    let text = "limit: a memory store for 0 records can take no event, at least 1 is needed";
    let error = MemoryStore::with_capacity(0).unwrap_err();
    assert_eq!(error.to_string(), text);
    let error = MemoryStore::with_capacity_and_clock(0, manual()).unwrap_err();
    assert_eq!(error.to_string(), text);
}

/// Counts the warnings of a thread.
struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
                self.0.push_str(&format!("{}={value:?} ", field.name()));
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn it_warns_once_when_it_comes_to_be_four_fifths_full() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let store = MemoryStore::with_capacity_and_clock(10, manual()).unwrap();
    tracing::subscriber::with_default(Warnings(seen.clone()), || {
        // Another test may have reached the warning first, without a subscriber.
        tracing::callsite::rebuild_interest_cache();
        for number in 0..12 {
            let _ = now(store.claim(&claim(number, 1)));
        }
        for number in 0..4 {
            now(store.forget(&key(number))).unwrap();
        }
        for number in 0..4 {
            now(store.claim(&claim(number, 1))).unwrap();
        }
    });
    let text = "message=the memory store is 80 % full; when it is full, new events are refused \
                records=8 capacity=10 ";
    assert_eq!(*seen.lock().unwrap(), [text, text]);
}
