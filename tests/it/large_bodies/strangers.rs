//! What strangers can do with large bodies, and what they cannot.

use tower_webhook::Delivery;
use tower_webhook::layer::Budget;

use super::*;
use crate::support::http::Connection;
use crate::support::wait::until;

/// A body of which there is room for one, as of GitHub's largest in the usual budget.
const BODY: usize = 3 * MIB;
const ALL: usize = 8 * MIB;

/// Opens connections that send these parts of a body with a made-up signature, and then nothing.
async fn strangers(count: usize, announced: usize, sent: usize, to: SocketAddr) -> Vec<Connection> {
    let request = signed(&"0".repeat(64));
    let bytes = [request.head_announcing(announced), vec![b' '; sent]].concat();
    let mut open = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open(to).await;
        connection.send(&bytes).await;
        open.push(connection);
    }
    open
}

#[tokio::test]
async fn who_announces_much_and_sends_nothing_holds_nothing() {
    let budget = Budget::new(ALL, 8);
    let server = serve(&webhook(&budget), handled).await;
    let silent = strangers(200, BODY, 0, server.address).await;
    let filling = Filling::of(BODY);
    assert_eq!(filling.send(1, server.address).await, 204);
    assert_eq!(delivery("{}").send(server.address).await.status, 204);
    assert_eq!((budget.body_bytes(), budget.queued_bodies()), (0, 0));
    drop(silent);
}

#[tokio::test]
async fn who_sends_a_little_and_stops_is_passed_by() {
    let budget = Budget::new(ALL, 8);
    let server = serve(&webhook(&budget), handled).await;
    let stopped = strangers(20, BODY, 1_000, server.address).await;
    until("the strangers to queue", || budget.queued_bodies() > 10).await;
    let filling = Filling::of(BODY);
    assert_eq!(filling.send(1, server.address).await, 204);
    assert_eq!(delivery("{}").send(server.address).await.status, 204);
    // They hold what they sent, and the last of them the room that nobody asks it for.
    until("it is the strangers' alone", || {
        budget.body_bytes() <= BODY + 20 * 64 * 1024
    })
    .await;
    drop(stopped);
    until("they have gone", || budget.body_bytes() == 0).await;
}

#[tokio::test]
async fn who_fills_its_room_and_stops_has_to_leave_it() {
    let budget = Budget::new(ALL, 8);
    let server = serve(&webhook(&budget), handled).await;
    let mut stopped = strangers(1, BODY, BODY / 5 * 4, server.address).await;
    until("its room", || budget.body_bytes() == BODY).await;
    let filling = Filling::of(BODY);
    assert_eq!(filling.send(1, server.address).await, 204);
    let answer = stopped[0].response().await.unwrap();
    assert!(answer.is_not_now(), "{answer:?}");
}

#[tokio::test]
async fn one_who_hangs_up_gives_its_place_to_the_next() {
    let budget = Budget::new(ALL, 8);
    let (stage, filling) = (crate::support::stage::Stage::new(), Filling::of(BODY));
    let standing = stage.clone();
    // The first one's handler keeps the body, and with it the room.
    let handler = move |delivery: Delivery| async move {
        standing.stand().await;
        drop(delivery);
        StatusCode::NO_CONTENT
    };
    let server = serve(&webhook(&budget), handler).await;
    let (first, second, third) = tokio::join!(
        filling.send(1, server.address),
        async {
            stage.begun(1).await;
            let gone = strangers(1, BODY, 1_000, server.address).await;
            until("the second", || budget.queued_bodies() == 1).await;
            gone
        },
        async {
            until("the second", || budget.queued_bodies() == 1).await;
            let third = filling.send(3, server.address);
            let steps = async {
                until("the third", || budget.queued_bodies() == 2).await;
                stage.let_go(2);
            };
            tokio::join!(third, steps).0
        }
    );
    drop(second);
    assert_eq!((first, third), (204, 204));
}
