use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;

use super::body::KeptBody;
use super::head::{Recorded, RecordedHead};
use super::line::{JournalLine, RecordedBody, RecordedTimes};
use super::mask::Masks;
use super::proof::RecordedProof;
use crate::authenticated::AuthState;
use crate::event::{EventKey, ItemPlace, Name};
use crate::observer::{Observation, Timings, Verdict};
use crate::reason::Reason;
use crate::secret::KeyIds;

/// One outcome of a request on its way to the journal: nothing in it is masked or formatted yet.
pub(crate) struct Outcome {
    head: Arc<RecordedHead>,
    masks: Arc<Masks>,
    is_proved: bool,
    is_decoded: bool,
    keys: Option<Arc<str>>,
    provider: Name,
    consumer: Option<Name>,
    verdict: Verdict,
    reason: Option<Reason>,
    detail: Option<String>,
    status: Option<StatusCode>,
    key: Option<EventKey>,
    place: Place,
    signed_by: Option<KeyIds>,
    client: Option<IpAddr>,
    claimed_id: Option<String>,
    attempt: Option<u32>,
    notes: [bool; 6],
    timings: Timings,
    proof: Option<Box<AuthState>>,
    body: Option<KeptBody>,
    /// Whether this line contains the request.
    is_answer: bool,
}

/// The event of the delivery that an outcome is for.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Only,
    Item(ItemPlace),
    All(usize),
}

const NOTES: [&str; 6] = [
    "corrected",
    "content_differs",
    "test_id",
    "predates_retention",
    "unchecked",
    "clock_suspected",
];

impl Outcome {
    /// The outcome of an observation. At most `most` bytes of the body are kept.
    pub(crate) fn of(
        observation: &Observation<'_>,
        auth: &AuthState,
        recorded: &Recorded,
        masks: &Arc<Masks>,
        most: usize,
    ) -> Self {
        let place = match (observation.item, observation.items) {
            (Some(item), _) => Place::Item(item),
            (None, Some(count)) => Place::All(count),
            (None, None) => Place::Only,
        };
        let is_answer = !matches!(place, Place::Item(_)) && !recorded.head.is_written();
        let proof = (is_answer && recorded.is_proved).then(|| {
            Box::new(AuthState {
                body: None,
                recorded: None,
                ..auth.clone()
            })
        });
        Self {
            head: Arc::clone(&recorded.head),
            masks: Arc::clone(masks),
            is_proved: recorded.is_proved,
            is_decoded: recorded.is_decoded,
            keys: recorded.keys.clone().filter(|_| is_answer),
            provider: observation.provider.clone(),
            consumer: observation.consumer.cloned(),
            verdict: observation.verdict,
            reason: observation.reason,
            detail: observation.detail.map(|detail| detail.to_string()),
            status: observation.status,
            key: observation.key.cloned(),
            place,
            signed_by: observation.signed_by.cloned(),
            client: observation.client,
            claimed_id: observation.claimed_id.map(|id| id.to_string()),
            attempt: observation.attempt,
            notes: [
                observation.corrected,
                observation.content_differs,
                observation.test_id,
                observation.predates_retention,
                observation.unchecked,
                observation.clock_suspected,
            ],
            timings: observation.timings,
            proof,
            body: (observation.body.filter(|_| is_answer)).map(|body| KeptBody::of(body, most)),
            is_answer,
        }
    }

    /// Marks it as lost because the journal was full.
    pub(crate) fn lose(&self) {
        if self.is_answer {
            self.head.was_lost();
        }
    }

    pub(crate) fn is_proved(&self) -> bool {
        self.is_proved
    }

    /// The bytes that it uses until it is written.
    pub(crate) fn size(&self) -> usize {
        let body = self.body.as_ref().map_or(0, |body| body.kept.capacity());
        let detail = self.detail.as_ref().map_or(0, String::capacity);
        (size_of::<Self>())
            .saturating_add(self.head.size())
            .saturating_add(body)
            .saturating_add(detail)
    }

    /// The line for this outcome, with the number of the process.
    pub(crate) fn line(&self, process: u32) -> JournalLine {
        let at = self.head.received_at().saturating_add(self.timings.total);
        let micros =
            |span: std::time::Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (item, items) = match self.place {
            Place::Only => (None, None),
            Place::Item(place) => (Some((wide(place.index), wide(place.count))), None),
            Place::All(count) => (None, Some(wide(count))),
        };
        let notes = NOTES.iter().zip(self.notes).filter(|(_, is_so)| *is_so);
        let keys = self.signed_by.iter().flat_map(KeyIds::iter);
        let body = || {
            let body = self.body.as_ref()?;
            Some(RecordedBody {
                decoded: self.is_decoded,
                ..self.masks.body(body, self.is_proved)
            })
        };
        JournalLine {
            consumer: self.consumer.as_ref().map(ToString::to_string),
            authenticated: self.is_proved,
            reason: self.reason.map(|reason| reason.code().to_owned()),
            detail: self.detail.clone(),
            status: self.status.map(|status| status.as_u16()),
            key: self.key.as_ref().map(EventKey::encoded),
            item,
            items,
            keys: self.keys.as_deref().map(str::to_owned),
            signed_by: keys.map(|id| id.as_str().to_owned()).collect(),
            client: self.client,
            claimed_id: self.claimed_id.clone(),
            attempt: self.attempt,
            notes: notes.map(|(note, _)| (*note).to_owned()).collect(),
            micros: RecordedTimes {
                proved: self.timings.proved.map(micros),
                claimed: self.timings.claimed.map(micros),
                total: micros(self.timings.total),
            },
            proof: self.proof.as_deref().map(RecordedProof::of),
            request: self
                .is_answer
                .then(|| self.masks.request(&self.head, body())),
            replay_of: self.head.replay_of().map(str::to_owned),
            ..JournalLine::new(
                self.head.id(process),
                at,
                self.provider.to_string(),
                self.verdict.code(),
            )
        }
    }
}
