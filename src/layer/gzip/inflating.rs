//! The content of a gzip file, decoded as the file arrives.

use std::io::{self, BufRead, ErrorKind, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use flate2::bufread::GzDecoder;
use http_body::{Body, Frame, SizeHint};

use crate::layer::receive::BoxError;
use crate::layer::room::LARGE;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;

/// How much of the content, and of the file, is decoded at a time. Even a short stretch of a file
/// that yields no content takes time to decode.
const CHUNK: usize = 8 * 1024;
const PORTION: usize = 512;
/// How long it decodes before other tasks get the thread.
const TURN: Duration = Duration::from_millis(1);

/// The most members that a file may have: each takes some time, whatever it holds.
pub(super) const MOST_MEMBERS: usize = 4_096;

/// The largest ratio of a content to its file: zlib's technical notes,
/// <https://zlib.net/zlib_tech.html>, say 1032:1 at most.
const LARGEST_RATIO: u64 = 1_032;

/// The content of a gzip file as a body: all its members in sequence (section 2.2).
pub(super) struct Inflating<'a, B> {
    file: Pin<&'a mut B>,
    most: usize,
    /// How many bytes of the file have arrived, whether that is all, and its last bytes.
    came: usize,
    is_whole: bool,
    ending: Option<[u8; 4]>,
    /// `None` before anything has arrived; and the buffer for its content.
    decoder: Option<GzDecoder<AtHand>>,
    chunk: Box<[u8]>,
    place: Place,
    members: usize,
    /// Content that is not handed on yet, and the length of the content handed on so far.
    ready: Vec<u8>,
    given: u64,
    /// When the current turn on the thread began.
    turn: Option<Instant>,
    fault: Option<RejectionCause>,
}

/// The position in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    Member,
    /// In the zeros that some writers pad with.
    Filling,
    End,
}

enum Step {
    Taken,
    /// More of the file must arrive first.
    Starved,
}

impl<'a, B> Inflating<'a, B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    /// The content of a file, of at most this length.
    pub(super) fn new(file: Pin<&'a mut B>, most: usize) -> Self {
        Self {
            file,
            most,
            came: 0,
            is_whole: false,
            ending: None,
            decoder: None,
            chunk: Box::default(),
            place: Place::Between,
            members: 0,
            ready: Vec::new(),
            given: 0,
            turn: None,
            fault: None,
        }
    }

    /// How much of the file the sender has brought, if the sender is being waited for. The measure
    /// is the file, because very little of it may yield a lot of content.
    pub(super) fn sender_brought(&self) -> Option<usize> {
        let at_hand = self.decoder.as_ref().map(|it| &it.get_ref().bytes);
        let is_waited_for = !self.is_whole && at_hand.is_none_or(Bytes::is_empty);
        is_waited_for.then_some(self.came)
    }

    /// Why the file was refused.
    pub(super) fn take_fault(&mut self) -> Option<RejectionCause> {
        self.fault.take()
    }

    fn take(&mut self, bytes: Bytes) -> Result<(), RejectionCause> {
        self.is_whole = self.file.is_end_stream();
        if bytes.is_empty() {
            return Ok(());
        }
        self.came = self.came.saturating_add(bytes.len());
        if self.came > self.most {
            return Err(Reason::BodyTooLarge.into());
        }
        self.ending = bytes.last_chunk().copied();
        if self.chunk.is_empty() {
            self.chunk = vec![0; CHUNK].into();
        }
        let decoder = (self.decoder).get_or_insert_with(|| GzDecoder::new(AtHand::default()));
        decoder.get_mut().bytes = bytes;
        Ok(())
    }

    /// Decodes the bytes at hand, a little at a time.
    fn step(&mut self) -> Result<Step, RejectionCause> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(self.starved());
        };
        decoder.get_mut().is_last = self.is_whole;
        match self.place {
            Place::Between => match decoder.get_ref().bytes.first() {
                None => return Ok(self.starved()),
                Some(0) => self.place = Place::Filling,
                Some(_) => {
                    self.members = self.members.saturating_add(1);
                    if self.members > MOST_MEMBERS {
                        return Err(RejectionCause::because(
                            Reason::ContentEncoding,
                            "the body is a gzip file of more members than anybody writes",
                        ));
                    }
                    if self.members > 1 {
                        let at_hand = std::mem::take(decoder.get_mut());
                        decoder.reset(at_hand);
                    }
                    self.place = Place::Member;
                }
            },
            Place::Member => {
                decoder.get_mut().portion = PORTION;
                match decoder.read(&mut self.chunk) {
                    Ok(0) => self.place = Place::Between,
                    Ok(length) => {
                        let content = self.chunk.get(..length).unwrap_or_default();
                        self.ready.extend_from_slice(content);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if decoder.get_ref().bytes.is_empty() {
                            return Ok(Step::Starved);
                        }
                    }
                    Err(_) => return Err(no_gzip()),
                }
            }
            Place::Filling => {
                let bytes = &mut decoder.get_mut().bytes;
                if bytes.iter().any(|byte| *byte != 0) {
                    return Err(no_gzip());
                }
                bytes.clear();
                return Ok(self.starved());
            }
            Place::End => {}
        }
        Ok(Step::Taken)
    }

    /// Called where the file may end: either it has ended, or more of it must arrive.
    fn starved(&mut self) -> Step {
        if !self.is_whole {
            return Step::Starved;
        }
        self.place = Place::End;
        Step::Taken
    }

    fn refuse(&mut self, cause: RejectionCause) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.fault = Some(cause);
        Poll::Ready(Some(Err(io::Error::from(ErrorKind::InvalidData).into())))
    }

    fn hand_on(&mut self) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.shrink_to_fit();
        let length = u64::try_from(ready.len()).unwrap_or(u64::MAX);
        self.given = self.given.saturating_add(length);
        Poll::Ready(Some(Ok(Frame::data(ready.into()))))
    }
}

#[cold]
fn no_gzip() -> RejectionCause {
    RejectionCause::because(
        Reason::ContentEncoding,
        "the body is no gzip, although its Content-Encoding says so, or it ends too early",
    )
}

impl<B> Body for Inflating<'_, B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            let is_over = this.place == Place::End;
            if this.ready.len() >= LARGE || (is_over && !this.ready.is_empty()) {
                return this.hand_on();
            }
            if is_over {
                return Poll::Ready(None);
            }
            if this.turn.get_or_insert_with(Instant::now).elapsed() >= TURN {
                this.turn = None;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match this.step() {
                Ok(Step::Taken) => continue,
                Ok(Step::Starved) => {}
                Err(cause) => return this.refuse(cause),
            }
            match this.file.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data()
                        && let Err(cause) = this.take(bytes)
                    {
                        return this.refuse(cause);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => this.is_whole = true,
                Poll::Pending if this.ready.is_empty() => {
                    this.turn = None;
                    return Poll::Pending;
                }
                Poll::Pending => return this.hand_on(),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.place == Place::End && self.ready.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            return SizeHint::with_exact(0);
        }
        // The length of the last member's content, modulo 2^32 (section 2.3.1). It may be wrong,
        // and the file does not say how long the members before it are.
        let (true, Some(length)) = (self.is_whole, self.ending) else {
            return SizeHint::default();
        };
        let length = u64::from(u32::from_le_bytes(length));
        let came = u64::try_from(self.came).unwrap_or(u64::MAX);
        match length.saturating_sub(self.given) {
            rest if rest > 0 && length <= came.saturating_mul(LARGEST_RATIO) => {
                SizeHint::with_exact(rest)
            }
            _ => SizeHint::default(),
        }
    }
}

/// The bytes of a file at hand, handed out in portions.
#[derive(Debug, Default)]
struct AtHand {
    bytes: Bytes,
    /// How many more bytes may be taken in this step.
    portion: usize,
    /// Whether nothing follows them.
    is_last: bool,
}

impl BufRead for AtHand {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() && self.is_last {
            return Ok(&[]);
        }
        let length = self.bytes.len().min(self.portion);
        match self.bytes.get(..length) {
            Some(portion) if !portion.is_empty() => Ok(portion),
            _ => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.advance(amount.min(self.bytes.len()));
        self.portion = self.portion.saturating_sub(amount);
    }
}

impl Read for AtHand {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut portion = self.fill_buf()?;
        let length = portion.read(into)?;
        self.consume(length);
        Ok(length)
    }
}
