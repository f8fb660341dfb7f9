//! The contract, checked on an inbox that follows it and on inboxes that break it.

use super::*;
use crate::inbox::MemoryInbox;

mod flawed;

use flawed::{Flaw, Flawed};

#[tokio::test]
async fn the_memory_inbox_keeps_every_rule() {
    check_inbox(MemoryInbox::new()).await.unwrap();
}

#[test]
fn rules_have_names_of_their_own() {
    let mut codes: Vec<_> = InboxRule::ALL.iter().map(|rule| rule.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), InboxRule::ALL.len());
}

#[tokio::test(start_paused = true)]
async fn each_flaw_breaks_the_rule_that_is_there_for_it() {
    for (flaw, rule) in [
        (Flaw::BuriesTheDeadForGood, InboxRule::EveryStatus),
        (Flaw::ForgetsWhatIsDone, InboxRule::EveryStatus),
        (Flaw::ChangesBodies, InboxRule::ContentComesBack),
        (Flaw::OneEntryForAll, InboxRule::KeysApart),
        (Flaw::HoldsNothing, InboxRule::OneHolder),
        (Flaw::HearsStrangers, InboxRule::OneHolder),
        (Flaw::CountsWhatIsGivenBack, InboxRule::AttemptsCount),
        (Flaw::BeginsNothing, InboxRule::BegunByTheTake),
        (Flaw::StandingFence, InboxRule::AttemptsCount),
        (Flaw::ForgetsWhoHasEndedIt, InboxRule::CommandsSentAgain),
        (Flaw::HoldsForEver, InboxRule::TakenOver),
        (Flaw::NothingForTheLate, InboxRule::LateButAlone),
        (Flaw::TakesPoisonWithOthers, InboxRule::TakenAlone),
        (Flaw::TakesOneMore, InboxRule::NoMoreThanAskedFor),
        (Flaw::TakesLargeOnesToo, InboxRule::NoMoreThanAskedFor),
        (Flaw::FirstRouteOnly, InboxRule::RoutesInTurn),
        (Flaw::OneOfTheFirstRoute, InboxRule::RoutesInTurn),
        (Flaw::PausesNothing, InboxRule::Paused),
        (Flaw::KnowsNoOrder, InboxRule::OneOfAKey),
        (Flaw::FreesWhatWaits, InboxRule::OneOfAKey),
        (Flaw::KnowsNoVersions, InboxRule::OvertakenAreSkipped),
        (Flaw::ForcesAll, InboxRule::OvertakenAreSkipped),
        (Flaw::DeadHoldAllBack, InboxRule::DeadHoldBack),
        (Flaw::DeadHoldNothingBack, InboxRule::DeadHoldBack),
        (Flaw::SetsNoRates, InboxRule::RatesHoldBack),
        (Flaw::RatesOfProvidersOnly, InboxRule::RatesHoldBack),
        (Flaw::OneContentForAll, InboxRule::UnconfirmedSideBySide),
        (Flaw::RedrivesNothing, InboxRule::DeadLetters),
        (Flaw::DiscardsWhateverItIs, InboxRule::DeadLetters),
        (Flaw::RemembersForEver, InboxRule::RetentionEnds),
        (Flaw::ListsFromTheStart, InboxRule::ListsAndCounts),
        (Flaw::ForgetsWhatWaits, InboxRule::ListsAndCounts),
        (Flaw::WakesNobody, InboxRule::WaitersAreWoken),
    ] {
        let inbox = SharedInbox::new(Flawed::new(flaw));
        let broken = rule.check(&inbox).await.expect_err(rule.code());
        assert_eq!(broken.rule(), rule);
        let text = broken.to_string();
        let begins = format!("the inbox breaks {rule}: ");
        assert!(text.starts_with(&begins), "{flaw:?}: {text}");
    }
}
