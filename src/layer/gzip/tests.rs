use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::inflating::MOST_MEMBERS;
use super::*;
use crate::layer::Budget;
use crate::layer::room::Part;

/// `printf '{"id":1}' | gzip -9n`
const ONE: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x4c\x51\xb2\x32\xac\x05\x00\xc5\xf8\x5d\x44\x08\x00\x00\x00";
/// `printf '' | gzip -9n`
const NOTHING: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";

const CAP: usize = 1024 * 1024;

/// A file that arrives in frames of this length, each of which must be awaited.
struct Frames {
    rest: Bytes,
    length: usize,
    is_waited_for: bool,
}

impl Frames {
    fn of(file: &[u8], length: usize) -> Self {
        Self {
            rest: Bytes::copy_from_slice(file),
            length,
            is_waited_for: false,
        }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.is_waited_for = !self.is_waited_for;
        if self.is_waited_for {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.length.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }
}

/// A large file whose last byte never arrives.
struct Stopped(Option<Bytes>);

impl Body for Stopped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.0.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(1)
    }
}

fn limits(part: &Arc<Part>, cap: usize) -> Limits<'_> {
    Limits::new(cap, Instant::now() + Duration::from_secs(5), part)
}

async fn taken_in<B>(mut file: B, part: &Arc<Part>, cap: usize) -> Result<Bytes, RejectionCause>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let mut held = HeldBytes::of(part);
    inflate(Pin::new(&mut file), limits(part, cap), &mut held, |_| {}).await
}

/// The content of a file that arrives in any frames.
async fn inflated(file: impl AsRef<[u8]>, cap: usize) -> Result<Bytes, Reason> {
    let (file, part) = (file.as_ref(), Budget::default().part());
    let at_once = Full::new(Bytes::copy_from_slice(file));
    let at_once = taken_in(at_once, &part, cap).await;
    let reason = |cause: RejectionCause| cause.reason;
    let at_once = at_once.map_err(reason);
    for length in [1, 7, 1_000] {
        let in_frames = taken_in(Frames::of(file, length), &part, cap).await;
        assert_eq!(in_frames.map_err(reason), at_once, "{length}: {file:?}");
    }
    at_once
}

#[tokio::test]
async fn all_members_are_read_and_zeros_behind_them_are_nothing() {
    let twice = br#"{"id":1}{"id":1}"#;
    for (file, content) in [
        (ONE.to_vec(), &twice[..8]),
        ([ONE, ONE].concat(), twice),
        ([NOTHING, ONE, NOTHING, ONE].concat(), twice),
        ([ONE, &[0; 600]].concat(), &twice[..8]),
        (NOTHING.to_vec(), b""),
        (vec![0; 600], b""),
        (Vec::new(), b""),
    ] {
        assert_eq!(inflated(&file, 1_000).await.unwrap(), content, "{file:?}");
    }
}

#[tokio::test]
async fn what_is_no_gzip_file_is_told_from_one() {
    let refused = Err(Reason::ContentEncoding);
    for length in 1..ONE.len() {
        assert_eq!(inflated(&ONE[..length], CAP).await, refused);
    }
    for file in [
        br#"{"id":1}"#.to_vec(),
        [ONE, b"behind"].concat(),
        [ONE, b"\0\0", ONE].concat(),
        [b"\0", ONE].concat(),
        // Its checksum and its length belong to other content.
        [&ONE[..ONE.len() - 8], &[1, 1, 1, 1, 8, 0, 0, 0]].concat(),
        [&ONE[..ONE.len() - 4], &[7, 0, 0, 0]].concat(),
    ] {
        assert_eq!(inflated(&file, CAP).await, refused, "{file:?}");
    }
}

#[tokio::test]
async fn the_cap_holds_whatever_the_file_says_of_its_length() {
    let part = Budget::default().part();
    let cut = |cap| taken_in(Frames::of(ONE, 7), &part, cap);
    // Here the file is longer than its content, and must keep to the cap too.
    assert_eq!(cut(ONE.len()).await.unwrap().len(), 8);
    assert_eq!(
        cut(ONE.len() - 1).await.unwrap_err().reason,
        Reason::BodyTooLarge
    );
    let long = member(&[b' '; 1_000]);
    assert!(long.len() < 1_000);
    assert_eq!(inflated(&long, 1_000).await.unwrap().len(), 1_000);
    assert_eq!(inflated(&long, 999).await, Err(Reason::BodyTooLarge));
    // A member without content after it: the file seems to announce nothing.
    let hidden = [&long, NOTHING].concat();
    assert_eq!(inflated(&hidden, 1_000).await.unwrap().len(), 1_000);
    assert_eq!(inflated(&hidden, 999).await, Err(Reason::BodyTooLarge));
}

/// A file of one member, made with this crate's own dependency; `tests/it/gzip.rs` has files of the
/// program.
fn member(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_file_has_so_many_members_and_no_more() {
    let part = Budget::default().part();
    let most = Full::new(Bytes::from(NOTHING.repeat(MOST_MEMBERS)));
    assert_eq!(taken_in(most, &part, CAP).await.unwrap(), "");
    let more = Full::new(Bytes::from(NOTHING.repeat(MOST_MEMBERS + 1)));
    let cause = taken_in(more, &part, CAP).await.unwrap_err();
    assert_eq!(cause.reason, Reason::ContentEncoding);
}

/// A thread is shared: a small part of a file with a lot of content is not decoded in one go.
#[tokio::test]
async fn others_have_their_turn_meanwhile() {
    let mut file = Full::new(Bytes::from(member(&vec![b' '; 32 * CAP])));
    let mut content = Inflating::new(Pin::new(&mut file), CAP);
    let (mut turns, mut length) = (0, 0);
    while let Some(frame) = poll_fn(|cx| {
        let polled = Pin::new(&mut content).poll_frame(cx);
        turns += u32::from(polled.is_pending());
        polled
    })
    .await
    {
        length += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(length, 32 * CAP);
    assert!(turns > 3, "{turns}");
}

/// A file that arrived at once is not reported as too slow.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_decoded_in_time_is_told_not_now() {
    let part = Budget::default().part();
    let mut held = HeldBytes::of(&part);
    let limits = Limits::new(16 * CAP, Instant::now(), &part);
    let mut file = Full::new(Bytes::from(member(&vec![b' '; 16 * CAP])));
    let received = inflate(Pin::new(&mut file), limits, &mut held, |_| {}).await;
    assert_eq!(received.unwrap_err().reason, Reason::BudgetUsedUp);
    let mut file = Stopped(Some(Bytes::from_static(&ONE[..20])));
    let received = inflate(Pin::new(&mut file), limits, &mut held, |_| {}).await;
    assert_eq!(received.unwrap_err().reason, Reason::BodyTooSlow);
}

#[tokio::test]
async fn what_is_whole_is_let_in_although_the_budget_is_used_up() {
    let budget = Budget::new(64 * 1024, 8);
    let part = budget.part();
    let mut others = HeldBytes::of(&part);
    assert!(others.grow(64 * 1024));
    let content = vec![b' '; 60_000];
    let file = Full::new(Bytes::from(member(&content)));
    assert_eq!(taken_in(file, &part, CAP).await.unwrap(), content);
    let half = Stopped(Some(Bytes::from_static(&ONE[..20])));
    assert_eq!(
        taken_in(half, &part, CAP).await.unwrap_err().reason,
        Reason::BudgetUsedUp
    );
}

/// Two bodies that had room and waited for more would wait for each other.
#[tokio::test(start_paused = true)]
async fn who_has_room_and_needs_more_than_was_announced_does_not_wait() {
    let budget = Budget::new(8 * CAP, 8);
    let part = budget.part();
    let mut other = HeldBytes::of(&part);
    assert!(other.try_reserve(4 * CAP - 300_000));
    // Its last member is only a part of it.
    let file = Full::new(Bytes::from(member(&[b' '; 200_000]).repeat(2)));
    let started = Instant::now();
    let cause = taken_in(file.clone(), &part, CAP).await.unwrap_err();
    assert_eq!(cause.reason, Reason::BudgetUsedUp);
    assert_eq!(started.elapsed(), Duration::ZERO);
    drop(other);
    assert_eq!(taken_in(file, &part, CAP).await.unwrap().len(), 400_000);
}
