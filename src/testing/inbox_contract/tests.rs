use super::*;
use crate::inbox::MemoryInbox;

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
