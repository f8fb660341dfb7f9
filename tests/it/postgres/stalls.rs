//! What becomes of commands whose answer does not come, and of those behind them.

use std::time::Instant;

use tower_webhook::store::{Held, RecordState, Renew, StoreErrorKind};

use super::*;
use crate::sql_support::proxy::{Fault, Proxy};

const BRIEF: Duration = Duration::from_millis(300);

/// Each commit waits for a standby that there is not.
fn standby_is_away(server: &Postgres, is_away: bool) {
    let name = if is_away { "'away'" } else { "''" };
    server.ask(&format!(
        "ALTER SYSTEM SET synchronous_standby_names = {name}"
    ));
    server.ask("SELECT pg_reload_conf()");
    crate::sql_support::until("the setting counts", || {
        let shown = server.ask("SHOW synchronous_standby_names");
        shown.is_empty() != is_away
    });
}

/// Sessions of the store of which this is so.
fn sessions(server: &Postgres, so: &str) -> u32 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tower-webhook' AND {so}"
    );
    server.ask(&sql).parse().unwrap()
}

async fn brief(server: &Postgres, connections: u32) -> PostgresStore {
    drop(store(server).await);
    crate::sql_support::until("the first store has gone", || sessions(server, "true") == 0);
    let builder = PostgresStore::builder(server.url()).deadline(BRIEF);
    builder.connections(connections).connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_wait_for_a_standby_take_no_further_connection() {
    let server = Postgres::start();
    let store = brief(&server, 2).await;
    standby_is_away(&server, true);
    let mut number = 0;
    let mut refused = async || {
        number += 1;
        let error = store.claim(&claim(&number.to_string())).await.unwrap_err();
        let kinds = [StoreErrorKind::TimedOut, StoreErrorKind::Unavailable];
        assert!(kinds.contains(&error.kind()), "{error:?}");
        error.kind()
    };
    let begun = Instant::now();
    while sessions(&server, "wait_event = 'SyncRep'") < 2 {
        assert!(begun.elapsed() < PATIENCE);
        refused().await;
    }
    while refused().await == StoreErrorKind::TimedOut {
        assert_eq!(sessions(&server, "true"), 2);
    }
    let begun = Instant::now();
    while begun.elapsed() < 15 * BRIEF {
        assert_eq!(refused().await, StoreErrorKind::Unavailable, "at once");
        assert_eq!(sessions(&server, "wait_event = 'SyncRep'"), 2);
        // One more asks now and then what became of those, and ends.
        assert!(sessions(&server, "true") <= 3);
    }
    standby_is_away(&server, false);
    let begun = Instant::now();
    while store.claim(&claim("afterwards")).await.is_err() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(BRIEF / 10).await;
    }
    assert!(sessions(&server, "true") <= 2);
}

/// Whoever claims and gets no answer gives the event back. Were the release to come first, it would find
/// nothing, and the claim would hold the event for a lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_waits_for_the_claim_before_it() {
    let server = Postgres::start();
    let store = brief(&server, 2).await;
    standby_is_away(&server, true);
    let claimed = claim("evt_1");
    let error = store.claim(&claimed).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TimedOut);
    let released = tokio::spawn({
        let (store, release) = (store.clone(), release(&claimed));
        async move {
            loop {
                if let Ok(held) = store.release(&release).await {
                    return held;
                }
                tokio::time::sleep(BRIEF / 10).await;
            }
        }
    });
    tokio::time::sleep(BRIEF).await;
    standby_is_away(&server, false);
    let held = tokio::time::timeout(PATIENCE, released).await.unwrap();
    assert_eq!(held.unwrap(), Held::Held);
    let view = store.lookup(&claimed.key).await.unwrap().unwrap();
    assert_eq!(view.state, RecordState::Released);
}

/// The first insertion fails and is sent again, the second one succeeds when the caller is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_nobody_waits_for_any_more_is_undone() {
    let server = Postgres::start();
    let store = brief(&server, 1).await;
    server.ask(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_sleep(0.2);
             IF nextval('public.tries') = 1 THEN
                 RAISE EXCEPTION 'made up' USING ERRCODE = '40001';
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER fails BEFORE INSERT ON tower_webhook_records
         FOR EACH ROW EXECUTE FUNCTION fails()",
    );
    store.claim(&claim("evt_1")).await.unwrap_err();
    crate::sql_support::until("nothing is under way", || {
        sessions(&server, "state <> 'idle'") == 0
    });
    let rows = server.ask("SELECT count(*) FROM tower_webhook_records");
    assert_eq!(rows, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_lost_on_the_way_cost_a_connection_for_a_while() {
    let server = Postgres::start();
    drop(store(&server).await);
    let proxy = Proxy::before(server.port).await;
    let builder = PostgresStore::builder(proxy.url()).deadline(BRIEF);
    let through = builder.connections(1).connect().await.unwrap();
    let mut struck = false;
    proxy.plan(move |message| {
        if !struck && message.windows(7).any(|part| part == b"COMMIT\0") {
            struck = true;
            return Fault::Stalls;
        }
        Fault::Passes
    });
    let claimed = claim("evt_1");
    through.claim(&claimed).await.unwrap_err();
    let begun = Instant::now();
    let grant = loop {
        match through.claim(&claimed).await {
            Ok(outcome) => break granted(outcome),
            Err(_) => tokio::time::sleep(BRIEF / 10).await,
        }
        assert!(begun.elapsed() < 3 * PATIENCE);
    };
    assert_eq!(grant.attempt, 1, "it was carried out the first time");
}

/// Those wait for it last, and each alone.
#[tokio::test(flavor = "multi_thread")]
async fn several_records_that_somebody_has_locked_hold_up_no_other() {
    let server = Postgres::start();
    let builder = PostgresStore::builder(server.url()).deadline(Duration::from_secs(2));
    let store = builder.connections(1).migrate().connect().await.unwrap();
    let locked: Vec<_> = (0..4)
        .map(|number| claim(&format!("locked-{number}")))
        .collect();
    for claim in &locked {
        granted(store.claim(claim).await.unwrap());
    }
    let pid =
        || server.ask("SELECT pid FROM pg_stat_activity WHERE application_name = 'tower-webhook'");
    // The one that has made the tables may still be on its way out.
    crate::sql_support::until("one is left", || pid().lines().count() == 1);
    let before = pid();
    let mut lock =
        server.session("BEGIN;\nSELECT key FROM tower_webhook_records FOR UPDATE;\n\\echo locked");
    lock.says("locked");
    let others: Vec<_> = (0..20).map(|number| claim(&number.to_string())).collect();
    let (outcomes, first) = tokio::join!(
        futures_util::future::join_all(others.iter().map(|it| store.claim(it))),
        futures_util::future::join_all(locked.iter().map(|it| store.claim(it))),
    );
    for outcome in outcomes {
        granted(outcome.unwrap());
    }
    for outcome in first {
        let error = outcome.unwrap_err();
        let kinds = [StoreErrorKind::TimedOut, StoreErrorKind::Unavailable];
        assert!(kinds.contains(&error.kind()), "{error:?}");
    }
    drop(lock);
    crate::sql_support::until("it is over", || sessions(&server, "state <> 'idle'") == 0);
    assert_eq!(pid(), before, "the connection is as good as before");
}

/// It came first, and alone.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_lock_alone_holds_up_nobody_either() {
    let server = Postgres::start();
    let builder = PostgresStore::builder(server.url()).deadline(6 * PATIENCE);
    let store = builder.connections(1).migrate().connect().await.unwrap();
    let [locked, renewed] = ["locked", "renewed"].map(claim);
    for claim in [&locked, &renewed] {
        granted(store.claim(claim).await.unwrap());
    }
    let mut lock = server.session(
        "BEGIN;\nSELECT key FROM tower_webhook_records WHERE key = 'acme:locked' FOR UPDATE;
         \\echo locked",
    );
    lock.says("locked");
    let first = tokio::spawn({
        let (store, locked) = (store.clone(), locked.clone());
        async move { store.claim(&locked).await }
    });
    crate::sql_support::until("it waits", || {
        sessions(&server, "wait_event_type = 'Lock'") == 1
    });
    // One call, half of which can be carried out.
    let renewing = tokio::spawn({
        let renew = |claim: &Claim| {
            Renew::new(
                claim.key.clone(),
                claim.token,
                100 * claim.lease,
                claim.retention,
            )
        };
        let (store, renewals) = (store.clone(), [&locked, &renewed].map(renew));
        async move { store.renew(&renewals).await }
    });
    let others: Vec<_> = (0..20).map(|number| claim(&number.to_string())).collect();
    for outcome in futures_util::future::join_all(others.iter().map(|it| store.claim(it))).await {
        granted(outcome.unwrap());
    }
    crate::sql_support::until("the other half is renewed", || {
        let leases = "SELECT lease / 1000000 FROM tower_webhook_records WHERE key = 'acme:renewed'";
        server.ask(leases) == (100 * renewed.lease).as_secs().to_string()
    });
    assert!(!first.is_finished() && !renewing.is_finished());
    drop(lock);
    granted(first.await.unwrap().unwrap());
    assert_eq!(renewing.await.unwrap().unwrap(), [Held::Held, Held::Held]);
}
