//! Actions that fail, or whose browser is gone before they end: they are written down all the same.

use tower_webhook::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, List, Moved,
    Rate, RateOf, RateView, Redrive, Take, Taken,
};
use tower_webhook::store::{Claim, Held, StoreError, StoreErrorKind, StoreIdentity, Token};
use tower_webhook::testing::{Fault, FaultyStore, Operation};
use tower_webhook::{EventKey, Fingerprint, Name, Store};

use super::*;
use crate::support::wait::until;

/// An inbox that cannot redrive one of its events.
#[derive(Clone)]
struct Failing(MemoryInbox, EventKey);

macro_rules! handed_on {
    ($($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(async fn $method(&self, $($name: $type),*) -> Result<$answer, StoreError> {
            self.0.$method($($name),*).await
        })*
    };
}

impl Inbox for Failing {
    fn identity(&self) -> Option<StoreIdentity> {
        self.0.identity()
    }

    async fn wait(&self, limit: Duration) {
        self.0.wait(limit).await;
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        match redrive.key == self.1 {
            true => Err(StoreError::new(StoreErrorKind::Unavailable)),
            false => self.0.redrive(redrive).await,
        }
    }

    handed_on! {
        accept(accept: &Accept) -> Accepted;
        take(take: &Take) -> Vec<Taken>;
        begin(begin: &Begin) -> Begun;
        extend(extensions: &[Extend]) -> Vec<Held>;
        finish(finish: &Finish) -> Held;
        lookup(key: &EventKey) -> Option<EntryView>;
        list(list: &List) -> Vec<EntryView>;
        discard(discard: &Discard) -> Moved;
        forget(key: &EventKey) -> bool;
        forget_ended(key: &EventKey) -> bool;
        counts() -> EntryCounts;
        set_paused(provider: &Name, paused: bool) -> bool;
        paused() -> Vec<Name>;
        set_rate(provider: &Name, of: RateOf, rate: Option<Rate>) -> bool;
        rates() -> Vec<RateView>;
    }
}

/// A page of its own beside that of `shown`, with its journal.
fn beside(shown: &Shown, given: impl FnOnce(Page) -> Page) -> Router {
    let (journal, files) = shown.journal.as_ref().unwrap();
    let page = given(Page::with_clock(shown.clock.clone()));
    let page = page.journal(journal, files.clone());
    Router::new().nest("/operator", operator::router(&page))
}

/// What is asked for by one who has logged in.
async fn asked(app: &Router, mut request: Request<Body>) -> (StatusCode, String) {
    let alice = OperatorAccess::named("alice");
    request.extensions_mut().insert(alice);
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    (status, String::from_utf8(bytes.unwrap().to_vec()).unwrap())
}

/// The form of an action, with the token that its view holds.
async fn asks(app: &Router, view: &str, action: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let (_, text) = asked(app, from_here(&format!("/operator{view}"))).await;
    let (name, token) = (format!("token.{action}"), token_in(&text, action));
    let own = [("act", action), (&*name, &*token)];
    let origin = [("origin", "http://localhost:3000")];
    form(&[fields, &own].concat(), &origin)
}

async fn noted(shown: &Shown) -> Vec<String> {
    let lines = shown.noted().await.into_iter();
    let told = lines.map(|line| {
        let key = line.key.unwrap_or_default();
        format!("{key} {}", line.detail.unwrap_or_default())
    });
    told.collect()
}

/// A store that has a record of the first event.
async fn faulty() -> FaultyStore {
    let store = FaultyStore::new(MemoryStore::new());
    let claim = Claim::new(
        crate::support::blendfi::key("evt_1"),
        Token::random().unwrap(),
        Fingerprint::of(b"paid"),
        Duration::from_secs(15),
        Duration::from_secs(3_600),
    );
    store.claim(&claim).await.unwrap();
    store
}

const TWO: [(&str, &str); 2] = [("key", "|blendfi:evt_1"), ("key", "|blendfi:evt_2")];

#[tokio::test]
async fn what_fails_half_way_is_written_down_with_what_was_done() {
    let shown = Shown::new();
    let store = faulty().await;
    let app = beside(&shown, |page| page.store(store.clone()));
    let form = asks(&app, "/event?key=blendfi:evt_1", "forget", &TWO).await;
    let fails = Fault::fail(StoreErrorKind::Unavailable).on(Operation::Forget);
    store.inject(fails.after(1));
    let (status, text) = asked(&app, form).await;
    assert_eq!(status, 503);
    assert!(text.contains("Look at what is there now"), "{text}");
    assert_eq!(
        noted(&shown).await,
        [
            "blendfi:evt_1 forget by alice: done",
            "blendfi:evt_2 forget by alice: failed: the store cannot be reached",
        ]
    );
}

#[tokio::test]
async fn of_many_it_is_written_down_how_many_were_moved_before_one_failed() {
    let shown = Shown::new();
    shown.die(&["evt_1", "evt_2", "evt_3"], "it died").await;
    let key = crate::support::blendfi::key("evt_2");
    let inbox = Failing(shown.inbox.clone(), key);
    let app = beside(&shown, |page| page.inbox(inbox));
    let form = asks(&app, "/dead", "redrive-all", &[("inbox", "0")]).await;
    assert_eq!(asked(&app, form).await.0, 503);
    assert_eq!(
        noted(&shown).await,
        [
            " redrive-all by alice: failed: the store cannot be reached; of the others 2 done, 0 overtaken, 0 changed \
             since"
        ]
    );
}

#[tokio::test]
async fn a_browser_that_is_gone_cuts_no_action_off() {
    let shown = Shown::new();
    let store = faulty().await;
    let app = beside(&shown, |page| page.store(store.clone()));
    let form = asks(&app, "/event?key=blendfi:evt_1", "forget", &TWO).await;
    let slow = Fault::stall(Duration::from_millis(200)).on(Operation::Forget);
    store.inject(slow);
    let gone = tokio::time::timeout(Duration::from_millis(50), asked(&app, form)).await;
    assert!(gone.is_err(), "it was answered at once");
    until("both to be asked for", || {
        store.calls(Operation::Forget) == 2
    })
    .await;
    let written = || async { noted(&shown).await.len() == 2 };
    within("two notes", async {
        while !written().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
