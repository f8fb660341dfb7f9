//! A request that a journal holds, sent through again.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::Either;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

use super::DedupeState;
use crate::authenticated::AuthState;
use crate::clock::UnixTime;
use crate::event::{EventKey, Handling};
use crate::layer::response_body::ResponseBody;
use crate::path::without_token;
use crate::reason::Reason;
use crate::recorded::{JournalLine, Recorded, RecordedBody};
use crate::rejection::Rejection;
use crate::rejection_cause::RejectionCause;
use crate::store::{RecordState, Store, StoreError};

/// A request out of a journal that is to be sent through again.
///
/// It enters behind the proof, which stands in its line, and keeps the key of its event: one that is
/// done is a duplicate, unless [`force`](Self::force) says otherwise. Only requests whose origin was proved can be
/// sent through again, and only with their whole body.
///
/// ```
/// use tower_webhook::journal::{JournalFiles, JournalFilter};
/// use tower_webhook::layer::Verdict;
/// use tower_webhook::{Name, Replay, WebhookLayer};
///
/// # async fn again(layer: WebhookLayer, on_event: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
/// let files = JournalFiles::open("/var/log/webhooks")?;
/// let failed = JournalFilter::new().provider(Name::new("stripe")?).verdict(Verdict::Failed).authenticated();
/// for line in files.read(&failed, None, 1_000)?.lines {
///     // A router takes any body: this is the one that it is given.
///     let replay = Replay::of(&line);
///     let replayed = layer.replay::<_, axum::body::Body, _>(&replay, on_event.clone()).await?;
///     println!("{:?}: {} {:?}", line.key, replayed.status, replayed.reason);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Replay<'a> {
    line: &'a JournalLine,
    force: bool,
}

impl<'a> Replay<'a> {
    /// Sends the request of this line through again.
    pub fn of(line: &'a JournalLine) -> Self {
        Self { line, force: false }
    }

    /// Runs its event although that is done. Its effect takes place once more.
    ///
    /// ```
    /// use tower_webhook::Replay;
    /// use tower_webhook::journal::JournalLine;
    ///
    /// # fn once_more(line: &JournalLine) -> Replay<'_> {
    /// Replay::of(line).force()
    /// # }
    /// ```
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }
}

/// What became of a request that was sent through again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// What its sender would have been told.
    pub status: StatusCode,
    /// Why, where its event was not simply handled: [`Reason::AlreadyDone`] for one that is done,
    /// [`Reason::Queued`] for one that waits for a worker now.
    pub reason: Option<Reason>,
}

/// A request that cannot be sent through again.
#[derive(Debug)]
pub struct ReplayError {
    kind: ReplayErrorKind,
    source: Option<StoreError>,
    reason: Option<Reason>,
}

/// Why a request cannot be sent through again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplayErrorKind {
    /// Its origin was not proved.
    NotAuthenticated,
    /// The line holds no request, for it is no answer's; or one that this version cannot read.
    NoRequest,
    /// Its body is not kept, in part only, or with something masked.
    NoWholeBody,
    /// It is of another provider or consumer.
    OtherWebhook,
    /// What was proved then is not what is demanded now.
    NotProved,
    /// Its event has no key now, or another one than it had then.
    OtherKey,
    /// The store could not say whether its event is done.
    Store,
    /// The service inside has failed without a response.
    Handler,
}

impl ReplayError {
    fn new(kind: ReplayErrorKind) -> Self {
        Self {
            kind,
            source: None,
            reason: None,
        }
    }

    fn because(kind: ReplayErrorKind, cause: &RejectionCause) -> Self {
        Self {
            reason: Some(cause.reason),
            ..Self::new(kind)
        }
    }

    /// Why.
    pub fn kind(&self) -> ReplayErrorKind {
        self.kind
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ReplayErrorKind as Kind;
        let text = match self.kind {
            Kind::NotAuthenticated => "its origin was not proved: it can only be diagnosed",
            Kind::NoRequest => "the line holds no request: take the line of its answer",
            Kind::NoWholeBody => "its body is not kept as a whole",
            Kind::OtherWebhook => "it is of another provider or consumer than this webhook",
            Kind::NotProved => "this webhook demands another proof than it had",
            Kind::OtherKey => "its event has another key now than it had",
            Kind::Store => "the store could not say whether its event is done",
            Kind::Handler => "the service inside failed without a response",
        };
        write!(f, "replay: {text}")?;
        match self.reason {
            Some(reason) => write!(f, " ({})", reason.code()),
            None => Ok(()),
        }
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.source.as_ref()?;
        Some(source)
    }
}

/// A request out of a journal, as it stood behind its proof.
struct Restored {
    parts: Box<Parts>,
    auth: AuthState,
    received_at: UnixTime,
}

impl DedupeState {
    /// Sends a request through again; `tail` is what may follow the token in its path, where it has one.
    pub(crate) async fn replay<S, B, RB>(
        self: &Arc<Self>,
        replay: &Replay<'_>,
        path: Option<Option<&str>>,
        inner: S,
    ) -> Result<Replayed, ReplayError>
    where
        S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        B: From<Bytes> + Send + 'static,
        RB: Body<Data = Bytes> + Send + 'static,
    {
        let line = replay.line;
        let replayed = self.replay_once(line, path, inner.clone()).await?;
        let is_done = replayed.reason == Some(Reason::AlreadyDone);
        if !(replay.force && is_done && self.forget_done(line, path).await?) {
            return Ok(replayed);
        }
        self.replay_once(line, path, inner).await
    }

    async fn replay_once<S, B, RB>(
        self: &Arc<Self>,
        line: &JournalLine,
        path: Option<Option<&str>>,
        inner: S,
    ) -> Result<Replayed, ReplayError>
    where
        S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        B: From<Bytes> + Send + 'static,
        RB: Body<Data = Bytes> + Send + 'static,
    {
        let Restored {
            parts,
            auth,
            received_at,
        } = self.restored(line, path)?;
        let refused =
            |cause: RejectionCause| ReplayError::because(ReplayErrorKind::OtherKey, &cause);
        let items = match self.has_items() {
            true => (self.identify_items(&parts, &auth, received_at)).map_err(refused)?,
            false => None,
        };
        let answer = match items {
            Some(items) => Either::Left(self.handle_items(items, auth, parts, inner).answer()),
            None => {
                let head: &Parts = &parts;
                let mut event = self.identify(head, &auth, received_at).map_err(refused)?;
                let key = line.event_key();
                let is_test = event.identity.handling == Handling::TestId;
                match key {
                    // Its key was made at random.
                    Some(key) if is_test => event.identity.key = key,
                    Some(key) if key == event.identity.key => {}
                    // What was refused before it had a key may have one now.
                    None if !is_test => {}
                    Some(_) | None => return Err(ReplayError::new(ReplayErrorKind::OtherKey)),
                }
                Either::Right(self.handle(event, auth, parts, inner).answer())
            }
        };
        let answer: Result<Response<ResponseBody<RB>>, _> = Box::pin(answer).await;
        let response = answer.map_err(|_| ReplayError::new(ReplayErrorKind::Handler))?;
        let is_duplicate = response.headers().contains_key("idempotent-replayed");
        let reason = response.extensions().get().map(Rejection::reason);
        Ok(Replayed {
            status: response.status(),
            reason: reason.or(is_duplicate.then_some(Reason::AlreadyDone)),
        })
    }

    fn restored(
        &self,
        line: &JournalLine,
        path: Option<Option<&str>>,
    ) -> Result<Restored, ReplayError> {
        let error = |kind| move || ReplayError::new(kind);
        let endpoint = &self.endpoint;
        let consumer = endpoint.consumer.as_ref().map(ToString::to_string);
        if endpoint.provider.as_str() != line.provider || consumer != line.consumer {
            return Err(ReplayError::new(ReplayErrorKind::OtherWebhook));
        }
        let proof = (line.proof.as_ref()).filter(|_| line.authenticated);
        let proof = proof.ok_or_else(error(ReplayErrorKind::NotAuthenticated))?;
        let request = line.request.as_ref();
        let request = request.ok_or_else(error(ReplayErrorKind::NoRequest))?;
        let unreadable = error(ReplayErrorKind::NoRequest);
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = request.method().ok_or_else(&unreadable)?;
        let uri = request.uri().ok_or_else(&unreadable)?;
        parts.uri = match path {
            Some(tail) => without_token(&uri, tail).unwrap_or(uri),
            None => uri,
        };
        parts.headers = request.header_map();
        let body = request.body.as_ref().and_then(RecordedBody::whole);
        let body = body.ok_or_else(error(ReplayErrorKind::NoWholeBody))?;
        let auth = proof.restored(endpoint.provider.clone());
        let mut auth = auth.ok_or_else(&unreadable)?;
        auth.body = Some(Bytes::from(body));
        (self.check(&auth))
            .map_err(|cause| ReplayError::because(ReplayErrorKind::NotProved, &cause))?;
        let received_at = endpoint.start_clock(&mut auth.readings).received_at;
        if endpoint.has_journal() {
            auth.recorded = Some(Recorded::again(&parts, received_at, &line.id));
        }
        Ok(Restored {
            parts: Box::new(parts),
            auth,
            received_at: UnixTime::from_micros(request.received_at),
        })
    }

    /// Forgets the events of a request that are done; whether there was one.
    async fn forget_done(
        &self,
        line: &JournalLine,
        path: Option<Option<&str>>,
    ) -> Result<bool, ReplayError> {
        let keys = match line.event_key() {
            Some(key) => vec![key],
            None => self.keys(line, path)?,
        };
        let mut any = false;
        for key in &keys {
            let forgotten = self.forget_where_done(key).await;
            any |= forgotten.map_err(|error| ReplayError {
                source: Some(error),
                ..ReplayError::new(ReplayErrorKind::Store)
            })?;
        }
        Ok(any)
    }

    /// The keys of the events of a list.
    fn keys(
        &self,
        line: &JournalLine,
        path: Option<Option<&str>>,
    ) -> Result<Vec<EventKey>, ReplayError> {
        let Restored {
            parts,
            auth,
            received_at,
        } = self.restored(line, path)?;
        let items = self.identify_items(&parts, &auth, received_at);
        let items = items.ok().flatten().unwrap_or_default().into_iter();
        Ok(items
            .filter_map(|item| Some(item.event.ok()?.identity.key))
            .collect())
    }

    async fn forget_where_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        #[cfg(feature = "inbox")]
        if let Some(door) = &self.door {
            use crate::inbox::{EntryStatus, Inbox};
            let view = door.inbox.lookup(key).await?;
            let ended = [
                EntryStatus::Done,
                EntryStatus::Discarded,
                EntryStatus::Stale,
            ];
            return match view.is_some_and(|view| ended.contains(&view.status)) {
                true => door.inbox.forget(key).await,
                false => Ok(false),
            };
        }
        let store = self.runs.store();
        match store.lookup(key).await? {
            Some(view) if matches!(view.state, RecordState::Done(_)) => store.forget(key).await,
            Some(_) | None => Ok(false),
        }
    }
}
