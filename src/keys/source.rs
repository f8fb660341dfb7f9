use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::fetch::{Fetch, FetchKeys};
use super::queue::{Queue, chance};
use super::rules::{Documents, Known, Rules};
use crate::secret::{Found, KeyLookup, KeyRing};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// How long one fetch may take.
const FETCH_LIMIT: Duration = Duration::from_secs(10);

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Fetched public keys: used like a [`KeyRing`]; clones share the keys that they know.
///
/// See [the module](super) for its answers.
#[derive(Clone)]
pub struct KeySource {
    fetch: Arc<dyn Fetch>,
    rules: Rules,
}

impl KeySource {
    /// Fetches all keys together, such as a JWKS.
    pub fn list(fetch: impl FetchKeys) -> Self {
        Self::new(fetch, false)
    }

    /// Fetches each key by the id that a delivery names.
    ///
    /// ```
    /// use tower_webhook::SigningKey;
    /// use tower_webhook::keys::{FetchError, FetchKeys, KeySource};
    ///
    /// struct NoKeys;
    ///
    /// impl FetchKeys for NoKeys {
    ///     async fn fetch(&self, _id: &str) -> Result<Vec<SigningKey>, FetchError> {
    ///         Ok(Vec::new())
    ///     }
    /// }
    ///
    /// let source = KeySource::by_id(NoKeys);
    /// # drop(source);
    /// ```
    pub fn by_id(fetch: impl FetchKeys) -> Self {
        Self::new(fetch, true)
    }

    fn new(fetch: impl FetchKeys, by_id: bool) -> Self {
        Self {
            fetch: Arc::new(fetch),
            rules: Rules {
                by_id,
                cool_down: MINUTE,
                max_age: HOUR,
                kept_for: 24 * 7 * HOUR,
                entries: 256,
            },
        }
    }

    /// The time after a fetch of a list or an id during which the same is not fetched again. The
    /// default is a minute, the minimum a second.
    ///
    /// ```
    /// use tower_webhook::SigningKey;
    /// use tower_webhook::keys::{FetchError, FetchKeys, KeySource};
    ///
    /// struct Keys;
    ///
    /// impl FetchKeys for Keys {
    ///     async fn fetch(&self, _: &str) -> Result<Vec<SigningKey>, FetchError> { Ok(Vec::new()) }
    /// }
    /// use std::time::Duration;
    ///
    /// let source = KeySource::list(Keys).cool_down(Duration::from_secs(300));
    /// # drop(source);
    /// ```
    #[must_use]
    pub fn cool_down(mut self, span: Duration) -> Self {
        self.rules.cool_down = span.max(Duration::from_secs(1));
        self
    }

    /// The age at which keys are fetched again, in the background. The default is an hour.
    ///
    /// ```
    /// use tower_webhook::SigningKey;
    /// use tower_webhook::keys::{FetchError, FetchKeys, KeySource};
    ///
    /// struct Keys;
    ///
    /// impl FetchKeys for Keys {
    ///     async fn fetch(&self, _: &str) -> Result<Vec<SigningKey>, FetchError> { Ok(Vec::new()) }
    /// }
    /// use std::time::Duration;
    ///
    /// let source = KeySource::list(Keys).max_age(Duration::from_secs(600));
    /// # drop(source);
    /// ```
    #[must_use]
    pub fn max_age(mut self, span: Duration) -> Self {
        self.rules.max_age = span;
        self
    }

    /// How long keys remain valid if they cannot be fetched again. The default is a week.
    ///
    /// ```
    /// use tower_webhook::SigningKey;
    /// use tower_webhook::keys::{FetchError, FetchKeys, KeySource};
    ///
    /// struct Keys;
    ///
    /// impl FetchKeys for Keys {
    ///     async fn fetch(&self, _: &str) -> Result<Vec<SigningKey>, FetchError> { Ok(Vec::new()) }
    /// }
    /// use std::time::Duration;
    ///
    /// let source = KeySource::list(Keys).kept_for(Duration::from_secs(86_400));
    /// # drop(source);
    /// ```
    #[must_use]
    pub fn kept_for(mut self, span: Duration) -> Self {
        self.rules.kept_for = span;
        self
    }
}

impl From<KeySource> for KeyRing {
    fn from(source: KeySource) -> Self {
        let KeySource { fetch, rules } = source;
        let (changed, _) = watch::channel(());
        let lookup = Arc::new_cyclic(|this| Lookup {
            this: Weak::clone(this),
            fetch,
            rules,
            state: Mutex::default(),
            changed,
        });
        Self::looked_up(lookup)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fetch: _, rules } = self;
        f.debug_tuple("KeySource").field(rules).finish()
    }
}

/// The running part of a source.
struct Lookup {
    this: Weak<Self>,
    fetch: Arc<dyn Fetch>,
    rules: Rules,
    state: Mutex<State>,
    /// Signals that a fetch is over.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    documents: Documents,
    queue: Queue,
    /// The ids being fetched.
    under_way: HashSet<Box<str>>,
    /// Whether a task is starting fetches.
    is_drawing: bool,
}

impl KeyLookup for Lookup {
    fn look(&self, id: &str, arrived: Instant) -> Found {
        if !self.can_be(id) {
            return Found::Unknown;
        }
        let now = Instant::now();
        let mut state = self.state();
        match state.documents.known(&self.rules, id, arrived, now) {
            Known::Keys(keys, _) => {
                state.documents.touch(self.rules.document(id), now);
                Found::Keys(keys)
            }
            Known::Absent => Found::Unknown,
            Known::TooEarly | Known::Nothing => Found::NotNow,
        }
    }

    fn doubt(&self, id: &str) {
        let mut state = self.state();
        if (state.documents).may_be_newer(&self.rules, id, Instant::now()) {
            self.refresh(&mut state, self.rules.document(id));
        }
    }

    fn fetch(&self, id: &str, arrived: Instant) -> Option<Pending<()>> {
        if !self.can_be(id) {
            return None;
        }
        let this = self.this.upgrade()?;
        let name = self.rules.document(id);
        let mut state = self.state();
        let known = state
            .documents
            .known(&self.rules, id, arrived, Instant::now());
        let is_under_way = state.under_way.contains(name);
        match known {
            Known::Keys(_, true) => {
                self.refresh(&mut state, name);
                None
            }
            Known::Keys(..) | Known::Absent => None,
            Known::TooEarly if !is_under_way => None,
            Known::TooEarly | Known::Nothing => {
                if !is_under_way && !state.queue.enter(name, chance()) {
                    return None;
                }
                self.draw(&mut state);
                drop(state);
                let place = Place {
                    name: name.into(),
                    lookup: this,
                };
                Some(Box::pin(place.wait()))
            }
        }
    }
}

impl Lookup {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a key can have this id, if keys are fetched by id.
    fn can_be(&self, id: &str) -> bool {
        !self.rules.by_id || self.fetch.may_fetch(id)
    }

    /// Whether this is queued or being fetched.
    fn waits_for(&self, name: &str) -> bool {
        let state = self.state();
        state.queue.holds(name) || state.under_way.contains(name)
    }

    /// Fetches this again in the background, unless it is already being fetched.
    fn refresh(&self, state: &mut State, name: &str) {
        let is_under_way = state.under_way.contains(name);
        if !is_under_way && (state.queue.holds(name) || state.queue.enter(name, chance())) {
            self.draw(state);
        }
    }

    /// Spawns the task that starts fetches, unless it is running.
    fn draw(&self, state: &mut State) {
        if state.is_drawing || state.queue.is_empty() {
            return;
        }
        let (Some(this), Ok(runtime)) =
            (self.this.upgrade(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        state.is_drawing = true;
        let drawing = Drawing {
            lookup: this,
            has_ended: false,
        };
        runtime.spawn(async move { drawing.run().await });
    }
}

/// A waiter for a fetch, until it is dropped.
struct Place {
    name: Box<str>,
    lookup: Arc<Lookup>,
}

impl Place {
    /// Waits until this id is neither queued nor being fetched.
    async fn wait(self) {
        let mut changed = self.lookup.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if !self.lookup.waits_for(&self.name) || changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lookup.state().queue.leave(&self.name);
    }
}

/// The task that starts fetches; however it ends, another one may follow.
struct Drawing {
    lookup: Arc<Lookup>,
    has_ended: bool,
}

impl Drop for Drawing {
    fn drop(&mut self) {
        if !self.has_ended {
            self.lookup.state().is_drawing = false;
        }
    }
}

impl Drawing {
    async fn run(mut self) {
        loop {
            match self.draw() {
                Ok(()) => {}
                Err(Some(at)) => sleep_until(at).await,
                Err(None) => return,
            }
        }
    }

    /// Starts a fetch, or returns when the next one may start; `None` if nobody waits.
    fn draw(&mut self) -> Result<(), Option<Instant>> {
        let now = Instant::now();
        let mut state = self.lookup.state();
        match state.queue.draw(now, chance()) {
            Ok(name) => {
                state.under_way.insert(name.clone());
                state.documents.begin(&self.lookup.rules, &name, now);
                let flight = Flight {
                    name,
                    lookup: Arc::clone(&self.lookup),
                };
                tokio::spawn(flight.run(now));
                Ok(())
            }
            Err(None) => {
                // Under the lock, so that the next waiter starts a new task.
                state.is_drawing = false;
                self.has_ended = true;
                Err(None)
            }
            Err(at) => Err(at),
        }
    }
}

/// A fetch in progress; however it ends, the waiters are woken.
struct Flight {
    name: Box<str>,
    lookup: Arc<Lookup>,
}

impl Flight {
    async fn run(self, began: Instant) {
        let fetch = Arc::clone(&self.lookup.fetch).fetch(self.name.clone());
        let fetched = match timeout(FETCH_LIMIT, fetch).await {
            Ok(Ok(keys)) => Some(keys),
            Ok(Err(error)) => {
                let reason = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(reason, "keys could not be fetched");
                None
            }
            Err(_) => {
                tracing::warn!("keys were not fetched within ten seconds");
                None
            }
        };
        let documents = &mut self.lookup.state().documents;
        documents.end(&self.name, began, fetched);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.lookup.state().under_way.remove(&self.name);
        self.lookup.changed.send_replace(());
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySource").field(&self.rules).finish()
    }
}
