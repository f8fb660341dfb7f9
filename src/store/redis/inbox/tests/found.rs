//! A namespace whose number of partitions was not set here.

use super::*;

/// The first call of an inbox that has not yet contacted Redis goes to the right place.
#[tokio::test]
async fn whatever_is_asked_first_finds_what_is_there() {
    let server = Server::start();
    let there = inbox(&server, 100).await;
    let new = || builder(server.url()).build().unwrap();
    let ids: Vec<_> = (0..6).map(|id| format!("evt_{id}")).collect();
    for id in &ids {
        assert_eq!(
            there.accept(&accept(id, id)).await.unwrap(),
            Accepted::Queued
        );
        let again = new().accept(&accept(id, id)).await.unwrap();
        assert!(matches!(again, Accepted::Duplicate { .. }), "{again:?}");
        assert!(new().lookup(&key(id)).await.unwrap().is_some());
        let take = take(1);
        let taken = new().take(&take).await.unwrap();
        assert_eq!(taken.len(), 1, "it is found in whichever partition");
        let begun = begin(&take, id);
        assert!(matches!(
            new().begin(&begun).await.unwrap(),
            Begun::Granted(_)
        ));
        let extend = Extend::new(key(id), begun.token, LEASE);
        assert_eq!(new().extend(&[extend]).await.unwrap(), [Held::Held]);
        let finish = Finish::new(key(id), begun.token, bury(), DAY);
        assert_eq!(new().finish(&finish).await.unwrap(), Held::Held);
    }
    let dead = List::of(EntryStatus::Dead);
    assert_eq!(new().list(&dead).await.unwrap().len(), ids.len());
    assert_eq!(new().counts().await.unwrap().dead, 6);
    let redrive = Redrive::new(key("evt_0"));
    assert_eq!(new().redrive(&redrive).await.unwrap(), Moved::Done);
    let discard = Discard::new(key("evt_1"), DAY);
    assert_eq!(new().discard(&discard).await.unwrap(), Moved::Done);
    assert!(new().forget_ended(&key("evt_1")).await.unwrap());
    assert!(new().forget(&key("evt_2")).await.unwrap());
    let acme = Name::new("acme").unwrap();
    assert!(new().set_paused(&acme, true).await.unwrap());
    assert_eq!(new().paused().await.unwrap(), std::slice::from_ref(&acme));
    assert!(taken(&there, 9).await.is_empty(), "all partitions know it");
    assert!(new().set_paused(&acme, false).await.unwrap());
    limited(&new(), &acme, 1).await;
    assert_eq!(new().rates().await.unwrap().len(), 1);
    assert_eq!(taken(&there, 9).await, ["evt_0"]);
}

/// A worker scans all of them for due entries.
#[tokio::test]
async fn one_with_more_partitions_than_an_inbox_can_have_is_refused() {
    let server = Server::start();
    server.ask(&["SET", "wh:default:partitions", "2048"]);
    let refused = builder(server.url()).connect().await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("2048 partitions, which are not 1 to 1024"),
        "{refused}"
    );
    let late = builder(server.url()).build().unwrap();
    let refused = late.accept(&accept("evt_1", "a")).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Refused);
    assert_eq!(server.ask(&["DBSIZE"]), "1");
    let setting = builder(server.url()).partitions(2_048).build().unwrap_err();
    assert!(setting.to_string().contains("not 1 to 1024"), "{setting}");
}
