//! Pauses that fail half-way.

use super::*;

/// Gives the key with the pauses of one partition another type, so that pausing fails there.
fn breaks(server: &Server, place: &PartitionPlace) {
    assert_eq!(server.ask(&["SET", &place.paused, "no set"]), "OK");
}

#[tokio::test]
async fn a_pause_that_one_partition_was_not_told_is_shown_until_it_is_lifted_from_all() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    let acme = Name::new("acme").unwrap();
    let broken = &inbox.partitions()[2];
    breaks(&server, broken);
    inbox.set_paused(&acme, true).await.unwrap_err();
    assert_eq!(inbox.paused().await.unwrap(), std::slice::from_ref(&acme));
    inbox.set_paused(&acme, false).await.unwrap_err();
    assert_eq!(inbox.paused().await.unwrap(), std::slice::from_ref(&acme));
    server.ask(&["DEL", &broken.paused]);
    assert!(inbox.set_paused(&acme, false).await.unwrap());
    assert!(inbox.paused().await.unwrap().is_empty());
    assert_eq!(server.ask(&["KEYS", "wh:*:~p"]).trim(), "");
}

#[tokio::test]
async fn a_pause_that_is_told_to_those_that_were_not_told_before_has_changed_something() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    let acme = Name::new("acme").unwrap();
    breaks(&server, &inbox.partitions()[2]);
    inbox.set_paused(&acme, true).await.unwrap_err();
    server.ask(&["DEL", &inbox.partitions()[2].paused]);
    assert!(inbox.set_paused(&acme, true).await.unwrap());
    assert!(!inbox.set_paused(&acme, true).await.unwrap());
    assert_eq!(server.ask(&["KEYS", "wh:*:~p"]).lines().count(), 4);
}

#[tokio::test]
async fn a_pause_that_cannot_be_shown_is_told_to_no_partition() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    let acme = Name::new("acme").unwrap();
    breaks(&server, &inbox.partitions()[0]);
    inbox.set_paused(&acme, true).await.unwrap_err();
    for place in &inbox.partitions()[1..] {
        assert_eq!(server.ask(&["EXISTS", &place.paused]), "0");
    }
}
