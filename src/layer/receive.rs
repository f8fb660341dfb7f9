//! Takes a body in: capped, timed, counted, and never copied when it comes in one frame.

use std::pin::Pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::arrival::Arrival;
use super::budget::Budget;
use super::reception::Reception;
use crate::rejection::Reason;

/// What bounds a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) max_bytes: usize,
    pub(crate) deadline: Instant,
    pub(crate) budget: &'a Budget,
}

impl<'a> Limits<'a> {
    pub(crate) fn of(reception: &'a Reception, arrival: &Arrival) -> Self {
        Self {
            max_bytes: reception.max_body_bytes,
            deadline: arrival.deadline,
            budget: &reception.budget,
        }
    }
}

/// Reads the whole body, showing each frame to `on_frame` as it arrives.
///
/// A body that is refused half-way is left as it stands, so that the rest can be thrown away.
pub(crate) async fn receive<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    limits: Limits<'_>,
    mut on_frame: impl FnMut(&Bytes),
) -> Result<Bytes, Reason> {
    let max = u64::try_from(limits.max_bytes).unwrap_or(u64::MAX);
    if body.size_hint().lower() > max {
        return Err(Reason::BodyTooLarge);
    }
    let mut held = limits.budget.hold_bytes();
    let mut whole = Whole::Empty;
    let mut timer = Timer::Unasked;
    loop {
        let frame = match next_frame(body.as_mut(), &mut timer, limits.deadline).await? {
            None => return Ok(whole.into_bytes()),
            Some(frame) => frame,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len().saturating_add(data.len()) > limits.max_bytes {
            return Err(Reason::BodyTooLarge);
        }
        if !held.grow(data.len()) {
            return Err(Reason::BudgetUsedUp);
        }
        on_frame(&data);
        let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
        whole.push(data, expected);
    }
}

/// The timer of a body, which most do without.
enum Timer {
    Unasked,
    AskedOnce,
    Set(Pin<Box<Sleep>>),
}

/// The next frame of the body; none where it ends.
///
/// A server hands on what has come with the head once it was asked for it, so it is asked twice
/// before a timer is set.
fn next_frame<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    timer: &mut Timer,
    deadline: Instant,
) -> impl Future<Output = Result<Option<Frame<Bytes>>, Reason>> {
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame.transpose().map_err(|_| Reason::BodyCutOff));
        }
        if let Timer::Unasked = timer {
            *timer = Timer::AskedOnce;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Timer::AskedOnce = timer {
            *timer = Timer::Set(Box::pin(sleep_until(deadline)));
        }
        match timer {
            Timer::Set(sleep) => sleep.as_mut().poll(cx).map(|()| Err(Reason::BodyTooSlow)),
            Timer::Unasked | Timer::AskedOnce => Poll::Pending,
        }
    })
}

/// Most memory that is taken for bytes that are announced and have not arrived.
const MAX_AHEAD: usize = 64 * 1024;

enum Whole {
    Empty,
    One(Bytes),
    Many(BytesMut),
}

impl Whole {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(frame) => frame.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    /// Adds a frame; `expected` more bytes are announced, and capped by the caller.
    fn push(&mut self, data: Bytes, expected: usize) {
        if data.is_empty() {
            return;
        }
        match self {
            Self::Empty => *self = Self::One(data),
            Self::One(first) => {
                // What is announced and not there yet is not counted, so little is taken for it.
                let ahead = expected.min(MAX_AHEAD);
                let size = first.len().saturating_add(data.len()).saturating_add(ahead);
                let mut bytes = BytesMut::with_capacity(size);
                bytes.extend_from_slice(first);
                bytes.extend_from_slice(&data);
                *self = Self::Many(bytes);
            }
            Self::Many(bytes) => bytes.extend_from_slice(&data),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(frame) => frame,
            Self::Many(bytes) => bytes.freeze(),
        }
    }
}
