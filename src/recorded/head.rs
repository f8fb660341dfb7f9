use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use data_encoding::HEXLOWER;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use sha2::{Digest, Sha256};

use crate::clock::UnixTime;
use crate::event::EventKey;

/// At most this many bytes of a request's head are kept.
const MOST_OF_HEAD: usize = 16 * 1024;

/// A copy of a request's head: the server's own buffers are released.
pub(crate) struct RecordedHead {
    number: u32,
    received_at: UnixTime,
    method: Method,
    /// The URI and the header lines, concatenated.
    text: Vec<u8>,
    uri_end: usize,
    lines: Vec<Line>,
    is_cut: bool,
    is_written: AtomicBool,
    replay_of: Option<Box<str>>,
}

/// The end of a header line in the text.
#[derive(Clone, Copy)]
struct Line {
    name_end: usize,
    end: usize,
    is_sensitive: bool,
}

/// The recorded data of a request, and its progress.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) head: Arc<RecordedHead>,
    /// Whether its origin is proved and its body is complete.
    pub(crate) is_proved: bool,
    /// Whether its body is the decompressed content.
    pub(crate) is_decoded: bool,
    /// The digest of the keys of its events, if it has a list of them.
    pub(super) keys: Option<Arc<str>>,
}

impl Recorded {
    pub(crate) fn new(parts: &Parts, received_at: UnixTime) -> Self {
        let head = RecordedHead::copied(&parts.method, &parts.uri, &parts.headers, received_at);
        Self {
            head: Arc::new(head),
            is_proved: false,
            is_decoded: false,
            keys: None,
        }
    }

    /// A replayed request, which was proved when it first arrived.
    pub(crate) fn again(parts: &Parts, received_at: UnixTime, id: &str) -> Self {
        let head = RecordedHead::copied(&parts.method, &parts.uri, &parts.headers, received_at);
        let head = RecordedHead {
            replay_of: Some(id.into()),
            ..head
        };
        Self {
            head: Arc::new(head),
            is_proved: true,
            is_decoded: false,
            keys: None,
        }
    }

    /// Records that it has a list of events with these keys.
    pub(crate) fn keys_of<'a>(&mut self, keys: impl Iterator<Item = Option<&'a EventKey>>) {
        self.keys = Some(digest_of(keys).into());
    }
}

/// The SHA-256 of the keys of a list's events, in their order, in hex. An event without a key, or
/// with a new one each time, counts as an empty one.
pub(crate) fn digest_of<'a>(keys: impl Iterator<Item = Option<&'a EventKey>>) -> String {
    let mut digest = Sha256::new();
    for key in keys.map(|key| key.map(EventKey::encoded).unwrap_or_default()) {
        // The length prevents two lists of keys from having one text.
        digest.update(format!("{}:{key}", key.len()));
    }
    HEXLOWER.encode(&digest.finalize())
}

impl RecordedHead {
    fn copied(method: &Method, uri: &Uri, headers: &HeaderMap, received_at: UnixTime) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut text = Vec::with_capacity(512);
        let path = uri.path().as_bytes();
        text.extend_from_slice(path.get(..MOST_OF_HEAD).unwrap_or(path));
        let mut is_cut = path.len() > MOST_OF_HEAD;
        if let Some(query) = uri.query().map(str::as_bytes) {
            match text.len().saturating_add(query.len()) < MOST_OF_HEAD {
                true => {
                    text.push(b'?');
                    text.extend_from_slice(query);
                }
                false => is_cut = true,
            }
        }
        let uri_end = text.len();
        let mut lines = Vec::with_capacity(headers.len().min(64));
        for (name, value) in headers {
            let (name, bytes) = (name.as_str().as_bytes(), value.as_bytes());
            let end = text
                .len()
                .saturating_add(name.len())
                .saturating_add(bytes.len());
            if end > MOST_OF_HEAD {
                is_cut = true;
                continue;
            }
            text.extend_from_slice(name);
            let name_end = text.len();
            text.extend_from_slice(bytes);
            lines.push(Line {
                name_end,
                end,
                is_sensitive: value.is_sensitive(),
            });
        }
        Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            received_at,
            method: method.clone(),
            text,
            uri_end,
            lines,
            is_cut,
            is_written: AtomicBool::new(false),
            replay_of: None,
        }
    }

    /// The bytes that it uses.
    pub(crate) fn size(&self) -> usize {
        (self.text.capacity()).saturating_add(self.lines.len().saturating_mul(24))
    }

    /// Whether a line already contains the request; marks it as written.
    pub(crate) fn is_written(&self) -> bool {
        self.is_written.swap(true, Ordering::AcqRel)
    }

    /// The line with the request was lost: the next one may contain it.
    pub(crate) fn was_lost(&self) {
        self.is_written.store(false, Ordering::Release);
    }

    pub(crate) fn received_at(&self) -> UnixTime {
        self.received_at
    }

    pub(crate) fn replay_of(&self) -> Option<&str> {
        self.replay_of.as_deref()
    }

    /// The request's id: its arrival time, its process and its number in that process.
    pub(crate) fn id(&self, process: u32) -> String {
        let (at, number) = (self.received_at.as_micros(), self.number);
        format!("{at:016x}-{process:08x}-{number:08x}")
    }

    pub(super) fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Path and query.
    pub(super) fn uri(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.text.get(..self.uri_end).unwrap_or_default())
    }

    /// Name and value of each header line, and whether it was marked as sensitive.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8], bool)> {
        let mut begin = self.uri_end;
        self.lines.iter().map(move |line| {
            let name = self.text.get(begin..line.name_end).unwrap_or_default();
            let value = self.text.get(line.name_end..line.end).unwrap_or_default();
            begin = line.end;
            (name, value, line.is_sensitive)
        })
    }

    /// Whether lines were left out.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl fmt::Debug for RecordedHead {
    /// Hides the content: secrets are masked only when it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedHead").finish_non_exhaustive()
    }
}
