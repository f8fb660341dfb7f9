//! Replies that are cut off or stay away, command by command.

use crate::redis_support::proxy::{Fault, Script};
use crate::support::still::StillTime;
use tower_webhook::Reason;
use tower_webhook::layer::Verdict;

use super::{Act, DEADLINE, LEASE, SECOND, receiver};

/// The first attempt fails, the second one stands.
fn fails_then_stands(_: &str, attempt: u32) -> Act {
    match attempt {
        1 => Act::Fails,
        _ => Act::Stands,
    }
}

#[tokio::test]
async fn a_command_that_the_network_cuts_off_is_sent_again_at_once_and_takes_effect_once() {
    let it = receiver(60 * SECOND, fails_then_stands).await;
    // Whatever heals here needs no limit to be reached, and no pause.
    let time = StillTime::begin();
    for script in Script::ALL {
        for (fault, sent_again) in [
            (Fault::CutsAfter, 1),
            (Fault::CutsInReply, 1),
            (Fault::CutsInRequest, 1),
            (Fault::CutsBefore, 1),
            (Fault::Drips, 0),
        ] {
            // Two claims and one of each other command, and the claim of the duplicate.
            let usual = if script == Script::Claim { 3 } else { 1 };
            let arrived = it.proxy.arrived(script);
            it.proxy.next(script, [fault]);
            it.long_life(&format!("{script:?}-{fault:?}"), &time).await;
            let sent = it.proxy.arrived(script) - arrived;
            assert_eq!(sent, usual + sent_again, "{script:?}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_claim_whose_reply_stays_away_runs_nothing_until_the_sender_comes_again() {
    for fault in [Fault::Stalls, Fault::Swallows] {
        let it = receiver(20 * SECOND, |_, _| Act::Works).await;
        let time = StillTime::begin();
        it.proxy.next(Script::Claim, [fault]);
        let test = async {
            it.proxy.until_struck(Script::Claim, 1).await;
            time.pass(DEADLINE).await;
        };
        let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
        assert!(answer.is_not_now(), "{fault:?}: {answer:?}");
        assert_eq!(it.stage.runs(), 0);
        drop(time);
        // Over the silent connection the release is not heard of either: another one is made.
        assert_eq!(it.deliver_at_last("evt_1").await.status, 204);
        let attempts = it.record("evt_1").await.unwrap().attempt;
        // Whether the first claim was carried out or not: its handler had not begun.
        assert_eq!(attempts, 1, "{fault:?}");
        it.settle().await;
    }
}

#[tokio::test]
async fn a_completion_whose_reply_stays_away_is_no_success_until_it_is_heard() {
    for fault in [Fault::Stalls, Fault::Swallows] {
        let it = receiver(10 * SECOND, |_, _| Act::Works).await;
        let time = StillTime::begin();
        it.proxy.next(Script::Complete, [fault]);
        let test = async {
            it.proxy.until_struck(Script::Complete, 1).await;
            time.pass(8 * SECOND).await;
        };
        let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
        assert!(answer.is_not_now(), "{fault:?}: {answer:?}");
        assert_eq!(
            it.seen
                .count(Verdict::Unfinished, Some(Reason::NotRecorded)),
            1
        );
        drop(time);
        let again = it.deliver_at_last("evt_1").await;
        assert!(again.is_replayed(), "{again:?}");
        it.seen
            .wait_for(|seen| seen.verdict == Verdict::Handled && seen.status.is_none())
            .await;
        assert_eq!((it.stage.runs(), it.effects("evt_1")), (1, 1));
        it.settle().await;
    }
}

#[tokio::test]
async fn a_release_whose_reply_stays_away_costs_a_store_deadline_and_no_event() {
    for fault in [Fault::Stalls, Fault::Swallows] {
        let it = receiver(20 * SECOND, |_, attempt| match attempt {
            1 => Act::Fails,
            _ => Act::Works,
        })
        .await;
        let time = StillTime::begin();
        it.proxy.next(Script::Release, [fault]);
        let test = async {
            it.proxy.until_struck(Script::Release, 1).await;
            time.pass(DEADLINE).await;
        };
        let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
        assert_eq!((answer.status, answer.is_not_now()), (502, false));
        assert_eq!(it.effects("evt_1"), 0);
        drop(time);
        assert_eq!(it.deliver_at_last("evt_1").await.status, 204);
        it.settle().await;
    }
}

#[tokio::test]
async fn a_renewal_whose_reply_stays_away_costs_no_run() {
    for fault in [Fault::Stalls, Fault::Swallows] {
        let it = receiver(60 * SECOND, |_, _| Act::Stands).await;
        let time = StillTime::begin();
        it.proxy.next(Script::Renew, [fault]);
        let test = async {
            it.stage.begun(1).await;
            time.pass(LEASE / 3).await;
            it.proxy.until_struck(Script::Renew, 1).await;
            time.pass(DEADLINE).await;
            drop(time);
            it.stage.let_go(1);
        };
        let (answer, ()) = tokio::join!(it.deliver("evt_1"), test);
        assert_eq!((answer.status, answer.is_replayed()), (204, false));
        assert!(it.deliver_at_last("evt_1").await.is_replayed());
        assert_eq!(it.record("evt_1").await.unwrap().attempt, 1);
        it.settle().await;
    }
}
