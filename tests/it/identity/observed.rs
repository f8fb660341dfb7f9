//! What the observer is told of it.

use std::sync::{Arc, Mutex};

use tower_webhook::layer::Verdict;
use tower_webhook::{EventKey, Name, Observation, Observer};

use crate::identity::senders::{from_slack, from_stripe, serve, slack, stripe, told, webhook};

/// Verdict, whether the content differs, whether the id is one for tests, consumer and key.
type Seen = (Verdict, bool, bool, Option<String>, Option<String>);

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Seen>>>);

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        self.0.lock().unwrap().push((
            observation.verdict,
            observation.content_differs,
            observation.test_id,
            observation.consumer.map(ToString::to_string),
            observation.key.map(EventKey::encoded),
        ));
    }
}

impl Notes {
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[tokio::test]
async fn other_content_and_test_ids_are_told() {
    let notes = Notes::default();
    let (server, _) = serve(&webhook(stripe()).observer(notes.clone())).await;
    let event = |id: &str, data: &str| {
        from_stripe(&format!(r#"{{"id":"{id}","type":"paid","data":"{data}"}}"#))
    };
    for (data, expected) in [("a", "run"), ("a", "duplicate"), ("b", "duplicate")] {
        assert_eq!(told(event("evt_1", data), &server).await, expected);
    }
    let key = Some("stripe:evt_1".to_owned());
    let seen = |verdict, differs| (verdict, differs, false, None, key.clone());
    assert_eq!(
        notes.take(),
        [
            seen(Verdict::Handled, false),
            seen(Verdict::Duplicate, false),
            seen(Verdict::Duplicate, true),
        ]
    );

    for _ in 0..2 {
        assert_eq!(told(event("evt_00000000000000", "a"), &server).await, "run");
    }
    let tests = notes.take();
    assert!(tests.iter().all(|(verdict, differs, test, ..)| {
        (*verdict, *differs, *test) == (Verdict::Handled, false, true)
    }));
    let keys: Vec<_> = tests.iter().map(|seen| seen.4.clone().unwrap()).collect();
    assert_ne!(keys[0], keys[1]);
    for key in keys {
        let random = key.strip_prefix("stripe:evt_00000000000000:").unwrap();
        assert_eq!(random.len(), 32);
    }
}

/// A refusal says at whose door it was, before anything else is known.
#[tokio::test]
async fn a_consumer_is_told_with_every_outcome() {
    let notes = Notes::default();
    let name = Name::new("bot").unwrap();
    let webhook = webhook(slack()).observer(notes.clone()).consumer(name);
    let (server, _) = serve(&webhook).await;
    let event = r#"{"type":"event_callback","event_id":"Ev1","event":{}}"#;
    let forged = from_slack(event).body("{}");
    assert_eq!(forged.send(server.address).await.status, 401);
    assert_eq!(told(from_slack(event), &server).await, "run");
    let bot = Some("bot".to_owned());
    let key = Some("slack/bot:Ev1".to_owned());
    assert_eq!(
        notes.take(),
        [
            (Verdict::Refused, false, false, bot.clone(), None),
            (Verdict::Handled, false, false, bot, key),
        ]
    );
}
