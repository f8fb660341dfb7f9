use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::event::{EventKey, Fingerprint, Name};
use crate::store::command::{
    Claim, ClaimOutcome, Complete, Grant, Held, Release, Renew, StoredResponse,
};
use crate::store::sql::order::Order;
use crate::store::token::Token;

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn key(which: u8) -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), [format!("evt_{which}")]).unwrap()
}

/// A command of one of a few holders on one of a few events.
fn order(kind: u8, which: u8, who: u8) -> Order {
    let (key, token) = (key(which), Token::from_bytes([who; 16]));
    let (fingerprint, retention) = (Fingerprint::of(&[who % 2]), 10 * MINUTE);
    let lease = MINUTE;
    match kind {
        0 | 1 => Order::Claim(Claim {
            key,
            token,
            fingerprint,
            lease,
            retention,
        }),
        2 => Order::Complete(Complete {
            key,
            token,
            attempt: 1,
            fence: 1,
            fingerprint,
            response: StoredResponse {
                status: 200,
                body: None,
                content_type: None,
            },
            retention,
        }),
        3 => Order::Release(Release {
            key,
            token,
            retention,
            begun: true,
        }),
        4 => Order::Renew(Renew {
            key,
            token,
            lease,
            retention,
        }),
        5 => Order::Look(key),
        _ => Order::Forget(key),
    }
}

fn placed(kind: u8, which: u8, who: u8) -> Placed {
    Placed::new(&Name::new("live").unwrap(), order(kind, which, who))
}

/// Applies the changes to a table, as a database would.
fn carry_out(table: &mut Found, changes: Vec<Change>) {
    let at = |place: &Place| (place.namespace.to_string(), place.key.clone());
    for change in changes {
        match change {
            Change::Insert(place, row) => {
                let before = table.insert(at(&place), Stored::Record(row.record().unwrap()));
                assert_eq!(before, None, "it was said that there is none");
            }
            Change::Update(place, row) => {
                let before = table.insert(at(&place), Stored::Record(row.record().unwrap()));
                assert!(before.is_some(), "it was said that there is one");
            }
            Change::Delete(place) => assert!(table.remove(&at(&place)).is_some()),
        }
    }
}

fn answers(told: Vec<Result<Answer, StoreError>>) -> Vec<Answer> {
    told.into_iter().map(Result::unwrap).collect()
}

proptest! {
    #[test]
    fn together_is_as_one_after_the_other(
        batches in prop::collection::vec(
            prop::collection::vec((0_u8..8, 0_u8..3, 0_u8..4), 0..12), 0..8,
        ),
    ) {
        let (mut together, mut alone) = (Found::new(), Found::new());
        let mut now = NOW;
        for batch in batches {
            now = now.saturating_add(MINUTE / 3);
            let orders: Vec<_> =
                batch.into_iter().map(|(kind, which, who)| placed(kind, which, who)).collect();
            let (told, changes) = decide(&orders, &together, now);
            carry_out(&mut together, changes);
            let one_by_one = orders.iter().flat_map(|order| {
                let (told, changes) = decide([order], &alone, now);
                carry_out(&mut alone, changes);
                answers(told)
            });
            let one_by_one: Vec<_> = one_by_one.collect();
            prop_assert_eq!(answers(told), one_by_one);
            prop_assert_eq!(&together, &alone);
        }
    }
}

#[test]
fn of_two_claims_that_came_together_one_gets_the_event() {
    let orders = [placed(0, 1, 2), placed(0, 1, 4)];
    let (told, changes) = decide(&orders, &Found::new(), NOW);
    let grant = Grant {
        attempt: 1,
        fence: NOW.as_micros(),
        corrected: false,
    };
    assert_eq!(
        answers(told),
        [ClaimOutcome::Claimed(grant), ClaimOutcome::InProgress].map(Answer::Claim)
    );
    assert!(
        matches!(changes.as_slice(), [Change::Insert(..)]),
        "{changes:?}"
    );
}

#[test]
fn what_came_and_went_in_one_batch_leaves_nothing() {
    let orders = [placed(0, 1, 2), placed(6, 1, 0)];
    let (told, changes) = decide(&orders, &Found::new(), NOW);
    assert_eq!(answers(told)[1], Answer::Forgotten(true));
    assert_eq!(changes, []);
}

#[test]
fn changes_are_in_one_order_whatever_the_commands_came_in() {
    let orders = [3, 0, 2, 1].map(|which| placed(0, which, 2));
    let (_, changes) = decide(&orders, &Found::new(), NOW);
    let keys: Vec<_> = changes
        .iter()
        .map(|change| place_of(change).1.to_owned())
        .collect();
    assert_eq!(
        keys,
        ["acme:evt_0", "acme:evt_1", "acme:evt_2", "acme:evt_3"]
    );
}

#[test]
fn a_row_that_cannot_be_read_fails_its_own_commands_until_it_is_forgotten() {
    let bad = placed(0, 1, 2);
    let at = (bad.place.namespace.to_string(), bad.place.key.clone());
    let found = Found::from([(at, Stored::Unreadable)]);
    let orders = [bad, placed(0, 2, 2), placed(6, 1, 0), placed(0, 1, 2)];
    let (told, changes) = decide(&orders, &found, NOW);
    let kinds: Vec<_> = told
        .iter()
        .map(|told| told.as_ref().map_err(StoreError::kind))
        .collect();
    assert_eq!(kinds[0], Err(StoreErrorKind::Corrupt));
    assert!(matches!(
        kinds[1],
        Ok(Answer::Claim(ClaimOutcome::Claimed(_)))
    ));
    assert_eq!(kinds[2], Ok(&Answer::Forgotten(true)));
    assert!(matches!(
        kinds[3],
        Ok(Answer::Claim(ClaimOutcome::Claimed(_)))
    ));
    assert!(
        matches!(changes.as_slice(), [Change::Update(..), Change::Insert(..)]),
        "{changes:?}"
    );
    let (told, _) = decide(&[placed(4, 2, 2)], &Found::new(), NOW);
    assert_eq!(answers(told), [Answer::Held(Held::Fenced)]);
}
