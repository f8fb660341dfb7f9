//! Runs the items of one delivery, a limited number at a time, for one answer.

mod answer;

use std::collections::{HashMap, VecDeque};
use std::marker::PhantomData;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower_service::Service;
use tracing::Instrument;

#[cfg(feature = "inbox")]
use super::accept::accept;
use super::caller::{EndedItem, ItemCaller, settles};
use super::identified::IdentifiedItem;
use super::repeats::{Ending, Repeats, Turn};
use super::tally::{ItemEnd, Tally};
use super::turns::in_turn;
use super::waiting::WaitingForItems;
use crate::authenticated::AuthState;
use crate::event::{EventKey, Handling, ItemPlace};
use crate::layer::dedupe::context::{DeliveryContext, Kept};
use crate::layer::dedupe::handle::{LAST_STEPS, PATIENCE};
use crate::layer::dedupe::responder::Answer;
use crate::layer::dedupe::state::DedupeState;
use crate::layer::dedupe::work::ServiceWork;
use crate::observer::Verdict;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::request_clock::RequestClock;
use crate::runtime::{IdentifiedEvent, RunState, spawn};

/// How long the store may take to say how often the items of a list were tried.
const MOST_ASKED: Duration = Duration::from_secs(1);

impl DedupeState {
    /// Starts the work of claiming these events and handling them.
    pub(crate) fn handle_items<S, B, RB>(
        self: &Arc<Self>,
        items: Vec<IdentifiedItem>,
        mut auth: AuthState,
        parts: Box<Parts>,
        inner: S,
    ) -> WaitingForItems<RB, S::Error>
    where
        S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        B: From<Bytes> + Send + 'static,
        RB: Body<Data = Bytes> + Send + 'static,
    {
        let request_clock = self.endpoint.start_clock(&mut auth.readings);
        if let Some(recorded) = &mut auth.recorded {
            recorded.keys_of(items.iter().map(IdentifiedItem::key));
        }
        let (answer, answered) = oneshot::channel();
        let (tell, ends) = mpsc::unbounded_channel();
        let batch = Batch {
            core: Arc::clone(self),
            runs: Arc::clone(&self.item_runs),
            _counted: self.item_runs.drain().count(),
            envelope: auth.body.take().unwrap_or_default(),
            auth,
            parts,
            inner,
            request_clock,
            proved_at: self.endpoint.is_timed().then(Instant::now),
            count: items.len(),
            waiting: items.into(),
            running: HashMap::new(),
            repeats: Repeats::new(),
            tally: Tally::default(),
            is_answered: Arc::default(),
            tell,
            ends,
            _body: PhantomData,
        };
        tokio::spawn(batch.run(answer).in_current_span());
        WaitingForItems {
            core: Arc::clone(self),
            answered,
        }
    }
}

struct Batch<S, B, RB, E> {
    core: Arc<DedupeState>,
    runs: Arc<RunState>,
    /// A shutdown waits for the whole delivery, however much of it has begun.
    _counted: TaskTrackerToken,
    /// Without the body.
    auth: AuthState,
    envelope: Bytes,
    parts: Box<Parts>,
    inner: S,
    request_clock: RequestClock,
    proved_at: Option<Instant>,
    count: usize,
    /// What was not begun, in the order of its turns.
    waiting: VecDeque<IdentifiedItem>,
    running: HashMap<usize, Arc<DeliveryContext>>,
    repeats: Repeats<IdentifiedItem>,
    tally: Tally<Answer<RB, E>>,
    is_answered: Arc<AtomicBool>,
    tell: mpsc::UnboundedSender<EndedItem<RB, E>>,
    ends: mpsc::UnboundedReceiver<EndedItem<RB, E>>,
    _body: PhantomData<fn() -> B>,
}

impl<S, B, RB> Batch<S, B, RB, S::Error>
where
    S: Service<Request<B>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: From<Bytes> + Send + 'static,
    RB: Body<Data = Bytes> + Send + 'static,
{
    /// Runs the items and gives the answer: once all have ended, or at the deadline.
    ///
    /// If the sender retries, no item begins after the deadline. If it does not, it is told by then
    /// that its delivery was accepted, and the remaining items still run; a shutdown waits for
    /// them.
    async fn run(mut self, answer: oneshot::Sender<Answer<RB, S::Error>>) {
        let mut answer = Some(answer);
        let mut look_at = self.request_clock.deadline;
        // Where all begin at once, or in the end, none waits for its turn.
        let is_long = self.waiting.len() > self.core.item_concurrency;
        if is_long && self.sender_retries() && !self.is_accepted() {
            let waiting = std::mem::take(&mut self.waiting);
            let left = look_at.saturating_duration_since(Instant::now());
            let by = Instant::now() + MOST_ASKED.min(left / 4);
            self.waiting = in_turn(waiting, self.runs.store(), by).await;
        }
        loop {
            while self.running.len() < self.core.item_concurrency && self.may_begin() {
                match self.waiting.pop_front() {
                    Some(item) => self.begin(item),
                    None => break,
                }
            }
            if self.running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some((index, end)) = self.ends.recv() => self.ended(index, end),
                () = sleep_until(look_at), if answer.is_some() => match self.overdue() {
                    Some(reason) => self.tell_early(&mut answer, reason),
                    None => look_at = Instant::now() + LAST_STEPS,
                },
            }
        }
        self.finish(answer);
    }

    fn sender_retries(&self) -> bool {
        self.core.endpoint.contract.retries_at_all()
    }

    /// Whether an inbox takes the items: a success then means that it holds all of them.
    fn is_accepted(&self) -> bool {
        #[cfg(feature = "inbox")]
        let is_accepted = self.core.door().is_some();
        #[cfg(not(feature = "inbox"))]
        let is_accepted = false;
        is_accepted
    }

    fn may_begin(&self) -> bool {
        !self.sender_retries()
            || (Instant::now() < self.request_clock.deadline && !self.runs.drain().has_begun())
    }

    /// Begins an item, or settles its outcome at once.
    fn begin(&mut self, item: IdentifiedItem) {
        let IdentifiedItem { place, body, event } = item;
        let event = match event {
            Ok(event) => event,
            Err(cause) => return self.refuse(place, &cause),
        };
        let identity = &event.identity;
        if matches!(identity.handling, Handling::Once | Handling::OncePerId) {
            let (key, content) = (identity.key.clone(), identity.fingerprint);
            let item = IdentifiedItem {
                place,
                body,
                event: Ok(event),
            };
            match self.repeats.turn(&key, content, item) {
                Turn::Run(IdentifiedItem {
                    event: Ok(event),
                    body,
                    ..
                }) => self.spawn(place, body, event),
                Turn::Run(_) | Turn::Parked => {}
                Turn::Follows(_, ending) => self.follow(place, &key, ending),
            }
        } else {
            self.spawn(place, body, event);
        }
    }

    /// Reports an item that cannot be claimed.
    fn refuse(&mut self, place: ItemPlace, cause: &RejectionCause) {
        let reason = cause.reason;
        self.observe_item(Verdict::of_refusal(reason), cause, place, None);
        let response = || Ok(Box::new(self.core.endpoint.rejection(reason)));
        self.tally.add(match reason {
            // Nobody wants it to run.
            Reason::Filtered | Reason::NotOurs => ItemEnd::Done,
            reason if settles(reason) => ItemEnd::Settled(response()),
            reason => ItemEnd::NotNow(reason),
        });
    }

    /// Reports an item that repeats an earlier one, whose ending counts for both.
    fn follow(&mut self, place: ItemPlace, key: &EventKey, ending: Ending) {
        let (verdict, reason) = match ending {
            Ending::Done => (Verdict::Duplicate, Reason::AlreadyDone),
            Ending::NotDone => (Verdict::Refused, Reason::InProgress),
        };
        self.observe_item(verdict, &reason.into(), place, Some(key));
    }

    fn spawn(&mut self, place: ItemPlace, body: Bytes, event: IdentifiedEvent) {
        let interest = self.core.endpoint.interest();
        let request_clock = self.clock_of_item();
        let kept = Kept {
            core: Arc::clone(&self.core),
            headers: interest.headers.then(|| self.parts.headers.clone()),
            proved_at: self.proved_at,
            answered: Mutex::new(true),
        };
        let mut auth = self.auth.clone();
        auth.body = interest.body.then(|| body.clone());
        let context =
            DeliveryContext::new(Arc::clone(&self.runs), request_clock, auth, event, kept);
        let caller = ItemCaller {
            context: Arc::clone(&context),
            index: place.index,
            is_answered: Arc::clone(&self.is_answered),
            tell: Some(self.tell.clone()),
        };
        self.running.insert(place.index, Arc::clone(&context));
        #[cfg(feature = "inbox")]
        if let Some(door) = self.core.door_for(&context.event) {
            return accept(door, context, body, caller);
        }
        let work = ServiceWork {
            core: Arc::clone(&self.core),
            inner: self.inner.clone(),
            parts: self.parts.clone(),
            read_by: request_clock.deadline + LAST_STEPS,
            _body: PhantomData,
        };
        spawn(context, Some(body), work, caller);
    }

    /// An item that begins after the deadline gets as much time as a delivery.
    fn clock_of_item(&self) -> RequestClock {
        let RequestClock {
            started, deadline, ..
        } = self.request_clock;
        let now = Instant::now();
        RequestClock {
            deadline: match now < deadline {
                true => deadline,
                false => now + deadline.saturating_duration_since(started),
            },
            ..self.request_clock
        }
    }

    fn ended(&mut self, index: usize, end: ItemEnd<Answer<RB, S::Error>>) {
        let ending = match &end {
            ItemEnd::Done | ItemEnd::Duplicate | ItemEnd::Settled(_) => Ending::Done,
            ItemEnd::Failed(_) | ItemEnd::NotNow(_) => Ending::NotDone,
        };
        if let Some(context) = self.running.remove(&index) {
            let identity = &context.event.identity;
            let parked = (self.repeats).ended(&identity.key, identity.fingerprint, ending);
            for item in parked.into_iter().rev() {
                self.waiting.push_front(item);
            }
        }
        self.tally.add(end);
    }

    /// Why there is no answer when time is up. An outcome that is about to be recorded gets a
    /// moment.
    fn overdue(&self) -> Option<Reason> {
        let mut running = self.running.values();
        if !self.sender_retries() && !self.is_accepted() {
            let is_known = self.waiting.is_empty() && running.all(|context| context.is_recording());
            return (!is_known).then_some(Reason::HandlerSlow);
        }
        if running.any(|context| context.is_handling()) {
            return Some(Reason::HandlerSlow);
        }
        let is_late = Instant::now() > self.request_clock.deadline + PATIENCE;
        (is_late || !self.waiting.is_empty()).then_some(Reason::InProgress)
    }

    /// Answers once every item that was begun has ended.
    fn finish(mut self, mut answer: Option<oneshot::Sender<Answer<RB, S::Error>>>) {
        if !self.waiting.is_empty() {
            let reason = match self.runs.drain().has_begun() {
                true => Reason::Draining,
                false => Reason::InProgress,
            };
            self.tally.add(ItemEnd::NotNow(reason));
        }
        let sum = std::mem::take(&mut self.tally).sum();
        self.tell(&mut answer, sum);
    }
}
