//! Takes a body in: capped, timed, counted, and never copied if it arrives in one frame.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::LengthLimitError;
use tokio::time::{Instant, Sleep, sleep_until};

use super::held::{HeldBytes, Spared};
use super::limits::Limits;
use super::room::LARGE;
use super::whole::Whole;
use crate::reason::Reason;
use crate::rejection_cause::{RejectionCause, TooLarge};

/// An error of any kind, as server bodies have.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a delivery that is let through. A large one counts until its last clone is dropped.
pub(crate) fn keep(bytes: Bytes, held: HeldBytes) -> Bytes {
    if held.room() > 0 {
        Bytes::from_owner(Counted { bytes, _held: held })
    } else {
        bytes
    }
}

struct Counted {
    bytes: Bytes,
    _held: HeldBytes,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// How much the sender has brought of a body that is taken in as sent.
pub(crate) fn sender_brought<B>(_: &B, arrived: usize) -> Option<usize> {
    Some(arrived)
}

/// Reads the whole body, showing each frame to `on_frame` as it arrives. `held` counts it.
///
/// `brought` returns how much the sender has brought, given the body and the bytes that have
/// arrived; `None` while the wait is not for the sender.
///
/// A body that is refused half-way is left as it is, so that the rest can be discarded.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` would hold what it is given twice"
)]
pub(crate) fn receive<B>(
    mut body: Pin<&mut B>,
    limits: &Limits<'_>,
    held: &mut HeldBytes,
    brought: impl Fn(&B, usize) -> Option<usize>,
    mut on_frame: impl FnMut(&Bytes),
) -> impl Future<Output = Result<Bytes, RejectionCause>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    async move {
        let hint = body.size_hint();
        if hint.lower() > u64::try_from(limits.max_bytes).unwrap_or(u64::MAX) {
            return Err(too_large(limits.max_bytes, Some(hint.lower())));
        }
        let announced = usize::try_from(hint.lower()).unwrap_or(usize::MAX);
        if announced >= LARGE && announced > limits.fits() {
            return Err(limits.never_fits());
        }
        let mut whole = Whole::Empty;
        let mut timer = Timer::Unasked;
        let mut pace: Option<ArrivalPace> = None;
        let mut has_queued = false;
        loop {
            let until =
                (pace.as_ref()).map_or(limits.deadline, |it| it.look_at.min(limits.deadline));
            let frame = match next_frame(body.as_mut(), &mut timer, until).await {
                Err(error) => return Err(broken(&*error, whole.len(), &body.size_hint())),
                Ok(Next::Frame(frame)) => frame,
                Ok(Next::End) => {
                    if whole.len() < held.room() {
                        whole.shrink();
                        held.settle_for(whole.len().saturating_add(limits.along));
                    }
                    return Ok(whole.into_bytes());
                }
                Ok(Next::TimeIsUp) if until >= limits.deadline => {
                    return Err(if has_queued {
                        no_room_in_time()
                    } else {
                        too_slow(limits, whole.len(), &body.size_hint())
                    });
                }
                Ok(Next::TimeIsUp) => {
                    let brought = brought(body.as_ref().get_ref(), whole.len());
                    look_at(&mut pace, held, &mut whole, brought)?;
                    continue;
                }
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let arrived = whole.len().saturating_add(data.len());
            let hint = body.size_hint();
            let rest = usize::try_from(hint.lower()).unwrap_or(usize::MAX);
            if arrived.saturating_add(rest) > limits.max_bytes {
                return Err(too_large(limits.max_bytes, None));
            }
            if arrived > held.room() {
                if held.room() == 0 && arrived.saturating_add(rest) < LARGE {
                    // A body that is complete with this frame ends before anything else is read, so
                    // strangers that send half a body and stop keep no complete body out.
                    if !held.grow(data.len()) && !body.is_end_stream() {
                        return Err(Reason::BudgetUsedUp.into());
                    }
                } else {
                    // A body that announces no length may reach the cap.
                    let largest = limits.max_bytes.min(limits.fits());
                    let expected = match hint.exact() {
                        Some(_) => arrived.saturating_add(rest),
                        None => largest,
                    };
                    if arrived > largest || expected > largest {
                        return Err(limits.never_fits());
                    }
                    let expected = expected.saturating_add(limits.along).min(limits.fits());
                    if !held.try_reserve(expected) {
                        // A body that exceeds its announcement still has its room.
                        let has_room = held.room() > 0 && pace.is_some();
                        if has_room || !limits.may_wait {
                            return Err(no_room_at_once());
                        }
                        // Boxed, like everything that most deliveries do without.
                        let queueing = held.reserve(expected, data.len(), limits.deadline);
                        has_queued = true;
                        if !Box::pin(queueing).await {
                            return Err(no_room_in_time());
                        }
                    }
                    let brought = brought(body.as_ref().get_ref(), whole.len()).unwrap_or_default();
                    pace = Some(ArrivalPace::from(Instant::now(), brought));
                }
            }
            on_frame(&data);
            let room = match hint.exact() {
                Some(_) => held.room().min(arrived.saturating_add(rest)),
                None => held.room(),
            };
            whole.push(data, rest, room);
        }
    }
}

/// The largest size allowed, and the body's size as far as it is known.
#[cold]
fn too_large(most: usize, announced: Option<u64>) -> RejectionCause {
    RejectionCause::too_large(TooLarge { most, announced })
}

/// How much of a body has arrived by the deadline.
#[cold]
fn too_slow(limits: &Limits<'_>, arrived: usize, rest: &SizeHint) -> RejectionCause {
    let (came, millis) = (came(arrived, rest), limits.millis);
    let text = format!("{came} within the {millis} ms that there are");
    RejectionCause::told(Reason::BodyTooSlow, text.into())
}

fn came(arrived: usize, rest: &SizeHint) -> String {
    let announced = (rest.exact()).and_then(|rest| rest.checked_add(u64::try_from(arrived).ok()?));
    match announced {
        Some(announced) => format!("{arrived} of {announced} bytes came"),
        None => format!("{arrived} bytes came, of a number that was not told,"),
    }
}

/// Why a body has ended early.
#[cold]
fn broken(
    error: &(dyn std::error::Error + 'static),
    arrived: usize,
    rest: &SizeHint,
) -> RejectionCause {
    let mut chain = std::iter::successors(Some(error), |error| error.source());
    if chain.any(<dyn std::error::Error>::is::<LengthLimitError>) {
        return RejectionCause::because(
            Reason::BodyTooLarge,
            "a layer outside cut the body off at a limit of its own: raise that to `max_body_bytes`, \
             or take that layer away, since this one has a limit already",
        );
    }
    let text = format!("{} before it was cut off", came(arrived, rest));
    RejectionCause::told(Reason::BodyCutOff, text.into())
}

/// The sender is not the only one to blame for the lost time.
fn no_room_in_time() -> RejectionCause {
    RejectionCause::because(
        Reason::BudgetUsedUp,
        "a large body had to wait for room, and its time is up",
    )
}

fn no_room_at_once() -> RejectionCause {
    RejectionCause::because(
        Reason::BudgetUsedUp,
        "a large body needed more room than it had, and there was none",
    )
}

/// How often a large body is checked for using its room, and what it must bring by then: one part
/// of this many.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const PARTS: usize = 512;
/// How often in a row it may fail to do so while others wait and its unused room would not suffice
/// for them.
const TOO_OFTEN: u8 = 10;

/// The pace at which a large body arrives.
#[derive(Debug)]
struct ArrivalPace {
    look_at: Instant,
    /// In units of 64 bytes, to stay small: every delivery has this field.
    arrived: u32,
    slow: u8,
}

impl ArrivalPace {
    fn from(now: Instant, arrived: usize) -> Self {
        Self {
            look_at: now + LOOK_EVERY,
            arrived: Self::units(arrived),
            slow: 0,
        }
    }

    fn units(bytes: usize) -> u32 {
        u32::try_from(bytes / 64).unwrap_or(u32::MAX)
    }
}

/// Takes back room that a slow body does not use and others wait for.
fn look_at(
    pace: &mut Option<ArrivalPace>,
    held: &mut HeldBytes,
    whole: &mut Whole,
    brought: Option<usize>,
) -> Result<(), RejectionCause> {
    let Some(ArrivalPace { arrived, slow, .. }) = *pace else {
        return Ok(());
    };
    let Some(brought) = brought else {
        let next = ArrivalPace::from(Instant::now(), 0);
        *pace = Some(ArrivalPace { arrived, ..next });
        return Ok(());
    };
    let mut next = ArrivalPace::from(Instant::now(), brought);
    if next.arrived.saturating_sub(arrived) < ArrivalPace::units(held.room() / PARTS) {
        match held.spare_all_but(whole.len()) {
            Spared::NotWanted => {}
            Spared::Given => {
                whole.shrink();
                *pace = None;
                return Ok(());
            }
            Spared::NotEnough => next.slow = slow.saturating_add(1),
        }
    }
    if next.slow >= TOO_OFTEN {
        return Err(RejectionCause::because(
            Reason::BudgetUsedUp,
            "a large body came slowly while others waited for its room",
        ));
    }
    *pace = Some(next);
    Ok(())
}

/// The timer of a body; most bodies need none.
enum Timer {
    Unasked,
    AskedOnce,
    Set(Pin<Box<Sleep>>),
}

enum Next {
    Frame(Frame<Bytes>),
    End,
    TimeIsUp,
}

/// The next frame of the body, if it arrives in time.
///
/// A server hands on bytes that arrived with the head after the first poll, so the body is polled
/// twice before a timer is set.
fn next_frame<B>(
    mut body: Pin<&mut B>,
    timer: &mut Timer,
    until: Instant,
) -> impl Future<Output = Result<Next, BoxError>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    std::future::poll_fn(move |cx: &mut Context<'_>| {
        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            return Poll::Ready(match frame {
                None => Ok(Next::End),
                Some(Ok(frame)) => Ok(Next::Frame(frame)),
                Some(Err(error)) => Err(error.into()),
            });
        }
        if let Timer::Unasked = timer {
            *timer = Timer::AskedOnce;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Timer::AskedOnce = timer {
            *timer = Timer::Set(Box::pin(sleep_until(until)));
        }
        let Timer::Set(sleep) = timer else {
            return Poll::Pending;
        };
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx).map(|()| Ok(Next::TimeIsUp))
    })
}
