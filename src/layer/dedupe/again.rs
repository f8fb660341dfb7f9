//! Replays a request from a journal.

mod error;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::Either;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

pub use self::error::{ReplayError, ReplayErrorKind};
use super::DedupeState;
use super::items::IdentifiedItem;
use crate::authenticated::AuthState;
use crate::clock::UnixTime;
use crate::event::{EventKey, Handling};
use crate::layer::response_body::ResponseBody;
use crate::path::without_token;
use crate::reason::Reason;
use crate::recorded::{JournalLine, Recorded, RecordedBody, RecordedRequest, digest_of};
use crate::rejection::Rejection;
use crate::rejection_cause::RejectionCause;
use crate::store::Store;

/// A request from a journal, to be replayed.
///
/// It skips the proof, whose result its line records, and keeps the key of its event. An event that
/// is done is a duplicate, unless [`force`](Self::force) is set. Only requests whose origin was
/// proved can be replayed, and only with their whole body.
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
///     // A router takes any body: this is the type that it gets here.
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
    /// Replays the request of this line.
    pub fn of(line: &'a JournalLine) -> Self {
        Self { line, force: false }
    }

    /// Runs its event even if it is done; for a list, each of its events. Their effects take place once more.
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

    /// Whether the line holds everything needed to replay its request.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`](ReplayErrorKind::NotAuthenticated), [`NoRequest`](ReplayErrorKind::NoRequest),
    /// [`NoWholeHead`](ReplayErrorKind::NoWholeHead) or [`NoWholeBody`](ReplayErrorKind::NoWholeBody).
    ///
    /// ```
    /// use tower_webhook::Replay;
    /// use tower_webhook::journal::JournalLine;
    /// use tower_webhook::layer::ReplayErrorKind;
    ///
    /// let refused = r#"{"v":1,"id":"1","at":0,"provider":"stripe","verdict":"refused"}"#;
    /// let error = Replay::of(&JournalLine::parse(refused)?).check().unwrap_err();
    /// assert_eq!(error.kind(), ReplayErrorKind::NotAuthenticated);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self) -> Result<(), ReplayError> {
        self.whole().map(drop)
    }

    fn whole(&self) -> Result<Whole<'a>, ReplayError> {
        let error = |kind| move || ReplayError::new(kind);
        if !self.line.authenticated {
            return Err(ReplayError::new(ReplayErrorKind::NotAuthenticated));
        }
        let request = self.line.request.as_ref();
        let request = request.ok_or_else(error(ReplayErrorKind::NoRequest))?;
        if request.headers_cut {
            return Err(ReplayError::new(ReplayErrorKind::NoWholeHead));
        }
        let body = request.body.as_ref().and_then(RecordedBody::whole);
        let body = body.ok_or_else(error(ReplayErrorKind::NoWholeBody))?;
        Ok(Whole { request, body })
    }
}

/// The parts of a line that are replayed.
struct Whole<'a> {
    request: &'a RecordedRequest,
    body: Vec<u8>,
}

/// The outcome of a replayed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// The status that its sender would have got.
    pub status: StatusCode,
    /// The reason, unless its event was simply handled: [`Reason::AlreadyDone`] if it is done,
    /// [`Reason::Queued`] if it now waits for a worker.
    pub reason: Option<Reason>,
}

/// A request from a journal, as it was right after its proof.
struct Restored {
    parts: Box<Parts>,
    auth: AuthState,
    received_at: UnixTime,
}

impl DedupeState {
    /// Replays a request; `path` is the segment that may follow the token in its path, if it has a
    /// token.
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
        let Restored {
            parts,
            auth,
            received_at,
        } = self.restored(replay, path)?;
        let refused =
            |cause: RejectionCause| ReplayError::because(ReplayErrorKind::OtherKey, &cause);
        let items = match self.has_items() {
            true => (self.identify_items(&parts, &auth, received_at)).map_err(refused)?,
            false => None,
        };
        let answer = match items {
            Some(items) => {
                has_its_keys(replay.line, &items)?;
                if replay.force {
                    for key in items.iter().filter_map(IdentifiedItem::key) {
                        self.forget_done(key).await?;
                    }
                }
                Either::Left(self.handle_items(items, auth, parts, inner).answer())
            }
            None => {
                let head: &Parts = &parts;
                let mut event = self.identify(head, &auth, received_at).map_err(refused)?;
                let key = replay.line.event_key();
                let is_test = event.identity.handling == Handling::TestId;
                match key {
                    // Its key was random.
                    Some(key) if is_test => event.identity.key = key,
                    Some(key) if key == event.identity.key => {}
                    // A request refused before it had a key may have one now.
                    None if !is_test => {}
                    Some(_) | None => return Err(ReplayError::new(ReplayErrorKind::OtherKey)),
                }
                if replay.force {
                    self.forget_done(&event.identity.key).await?;
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
        replay: &Replay<'_>,
        path: Option<Option<&str>>,
    ) -> Result<Restored, ReplayError> {
        let line = replay.line;
        let endpoint = &self.endpoint;
        let consumer = endpoint.consumer.as_ref().map(ToString::to_string);
        if endpoint.provider.as_str() != line.provider || consumer != line.consumer {
            return Err(ReplayError::new(ReplayErrorKind::OtherWebhook));
        }
        let Whole { request, body } = replay.whole()?;
        let proof = line.proof.as_ref();
        let proof = proof.ok_or_else(|| ReplayError::new(ReplayErrorKind::NotAuthenticated))?;
        let unreadable = || ReplayError::new(ReplayErrorKind::NoRequest);
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = request.method().ok_or_else(unreadable)?;
        let uri = request.uri().ok_or_else(unreadable)?;
        parts.uri = match path {
            Some(tail) => without_token(&uri, tail).unwrap_or(uri),
            None => uri,
        };
        parts.headers = request.header_map();
        let auth = proof.restored(endpoint.provider.clone());
        let mut auth = auth.ok_or_else(unreadable)?;
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

    /// Forgets an event that is done, in one atomic step: a claim made since then is not disturbed.
    async fn forget_done(&self, key: &EventKey) -> Result<(), ReplayError> {
        #[cfg(feature = "inbox")]
        if let Some(door) = &self.door {
            use crate::inbox::Inbox;
            let forgotten = door.inbox.forget_ended(key).await;
            return forgotten.map(drop).map_err(ReplayError::of_store);
        }
        let forgotten = self.runs.store().forget_done(key).await;
        forgotten.map(drop).map_err(ReplayError::of_store)
    }
}

/// Checks that the events of a list have the same keys as then.
fn has_its_keys(line: &JournalLine, items: &[IdentifiedItem]) -> Result<(), ReplayError> {
    let keys = digest_of(items.iter().map(IdentifiedItem::key));
    match &line.keys {
        Some(kept) if *kept != keys => Err(ReplayError::new(ReplayErrorKind::OtherKey)),
        _ if line.event_key().is_some() => Err(ReplayError::new(ReplayErrorKind::OtherKey)),
        Some(_) | None => Ok(()),
    }
}
