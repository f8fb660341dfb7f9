use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use data_encoding::BASE64;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::{Deserialize, Serialize};

use super::proof::RecordedProof;
use crate::clock::UnixTime;
use crate::event::EventKey;

/// The version of the format that this crate writes.
const VERSION: u32 = 1;

/// One line of a journal: the outcome of a request, in JSON.
///
/// A request has one line for each of its outcomes, all with one [`id`](Self::id): one for its
/// answer, one more if its handler ended after the answer, and one for each event of a list. The
/// line for the answer contains the [request](Self::request).
///
/// Members have the names of these fields, with `version` as `v`; absent, false or empty ones are left out. Later
/// versions of this crate add members, which earlier ones ignore. An incompatible change gets another version.
///
/// ```
/// use tower_webhook::journal::JournalLine;
///
/// let line: JournalLine = JournalLine::parse(
///     r#"{"v":1,"id":"0006510c5b8d2e00-1f2e3d4c-00000001","at":1777899600123456,"provider":"stripe",
///         "verdict":"refused","reason":"signature_mismatch","status":401,
///         "request":{"received_at":1777899600123000,"method":"POST","uri":"/webhooks/stripe?token=[REDACTED]",
///           "headers":[["stripe-signature","t=1777899600,v1=5257a8"]],
///           "body":{"len":14,"text":"{\"id\":\"evt_1\"}"}}}"#,
/// )?;
/// assert_eq!(line.reason.as_deref(), Some("signature_mismatch"));
/// assert!(!line.authenticated);
/// let request = line.request.as_ref().ok_or("the line of an answer")?;
/// assert_eq!(request.method().as_ref().map(|method| method.as_str()), Some("POST"));
/// assert_eq!(request.uri().as_ref().map(|uri| uri.path()), Some("/webhooks/stripe"));
/// assert_eq!(request.header_map()["stripe-signature"], "t=1777899600,v1=5257a8");
/// let body = request.body.as_ref().ok_or("it was read")?;
/// assert_eq!(body.whole().as_deref(), Some(&br#"{"id":"evt_1"}"#[..]));
/// assert_eq!(JournalLine::parse(&line.to_json())?, line);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JournalLine {
    /// The version of the format.
    #[serde(rename = "v")]
    pub version: u32,
    /// The request's id. Later requests of one process have greater ids.
    pub id: String,
    /// The number of this line in its process. Together with the [`id`](Self::id) it identifies the
    /// line, however often it was sent to the sink.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub number: u64,
    /// When its outcome was known, in microseconds since 1970.
    pub at: u64,
    /// The provider of the delivery, as proved or claimed.
    pub provider: String,
    /// The consumer, if consumers have names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// Whether its origin was proved, and its body is known to be complete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub authenticated: bool,
    /// The outcome: `passed`, `handled`, `queued`, `duplicate`, `refused`, `failed`, `unfinished`,
    /// `filtered`, `not_ours` or `probed`. It is `operator` for a manual action, which the
    /// [detail](Self::detail) describes.
    pub verdict: String,
    /// The [code](crate::Reason::code) of the reason, unless it was simply handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The status of the answer; absent for an outcome after the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The event's key, if known; [`event_key`](Self::event_key) reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Index and number of events, if this line is for one event of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<(u64, u64)>,
    /// The number of events in the delivery, if this line is for a list as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// The SHA-256 of the keys of these events, if this line is for a list as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// The names of the keys that signed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_by: Vec<String>,
    /// The client's address, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The id that it claims, if its proof was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_id: Option<String>,
    /// The number of the attempt, if the event was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Additional facts: `corrected`, `content_differs`, `test_id`, `predates_retention`,
    /// `unchecked`, `clock_suspected`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How long it took.
    #[serde(default)]
    pub micros: RecordedTimes,
    /// The proved facts, if it is [authenticated](Self::authenticated).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<RecordedProof>,
    /// The request, in the line of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RecordedRequest>,
    /// The id of the replayed request, if this is a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
    /// The number of outcomes that were lost since the line before because the journal was full.
    /// Nothing else is recorded about them. Such a line has the verdict `lost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

/// How long a request took, in microseconds from its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedTimes {
    /// Until its body was complete and judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved: Option<u64>,
    /// Until its event was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<u64>,
    /// Until its outcome.
    #[serde(default)]
    pub total: u64,
}

/// A request as a journal stores it: secrets are masked, signatures are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// When its head was complete, in microseconds since 1970.
    pub received_at: u64,
    /// The method.
    pub method: String,
    /// Path and query, as the layer saw them.
    pub uri: String,
    /// Name and value of each header line. A character is a byte of the value, from 0 to 255.
    pub headers: Vec<(String, String)>,
    /// Whether more header lines were left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub headers_cut: bool,
    /// The body, if it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RecordedBody>,
}

/// A body as a journal stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedBody {
    /// Its length in bytes.
    pub len: u64,
    /// The stored part, if it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The stored part otherwise, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Whether only a part is stored.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
    /// Whether any part is masked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub masked: bool,
    /// Whether it arrived compressed, and this is its content.
    #[serde(default, skip_serializing_if = "is_false")]
    pub decoded: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(so: &bool) -> bool {
    !so
}

impl JournalLine {
    pub(crate) fn new(id: String, at: UnixTime, provider: String, verdict: &str) -> Self {
        Self {
            version: VERSION,
            id,
            number: 0,
            at: at.as_micros(),
            provider,
            consumer: None,
            authenticated: false,
            verdict: verdict.to_owned(),
            reason: None,
            detail: None,
            status: None,
            key: None,
            item: None,
            items: None,
            keys: None,
            signed_by: Vec::new(),
            client: None,
            claimed_id: None,
            attempt: None,
            notes: Vec::new(),
            micros: RecordedTimes::default(),
            proof: None,
            request: None,
            replay_of: None,
            lost: None,
        }
    }

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// A text that is not a line of a journal, or one of a later version of the format.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        /// Read first: a later version may have other members.
        #[derive(Deserialize)]
        struct Versioned {
            v: u32,
        }
        let unreadable = |error: serde_json::Error| LineError {
            message: format!("no line of a journal: {error}"),
        };
        let Versioned { v } = serde_json::from_str(text).map_err(unreadable)?;
        if v != VERSION {
            return Err(LineError {
                message: format!("a line of version {v}; this tower-webhook reads {VERSION}"),
            });
        }
        serde_json::from_str(text).map_err(unreadable)
    }

    /// The line as text, without a line break.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The key of its event, if it was known.
    ///
    /// ```
    /// use tower_webhook::{EventKey, Name};
    /// use tower_webhook::journal::JournalLine;
    ///
    /// let key = EventKey::new(Name::new("stripe")?, ["evt_1"])?;
    /// let text = format!(
    ///     r#"{{"v":1,"id":"1","at":0,"provider":"stripe","verdict":"handled","key":"{}"}}"#,
    ///     key.encoded(),
    /// );
    /// assert_eq!(JournalLine::parse(&text)?.event_key(), Some(key));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn event_key(&self) -> Option<EventKey> {
        EventKey::decode(self.key.as_deref()?).ok()
    }
}

impl RecordedRequest {
    /// The method.
    pub fn method(&self) -> Option<Method> {
        self.method.parse().ok()
    }

    /// Path and query.
    pub fn uri(&self) -> Option<Uri> {
        self.uri.parse().ok()
    }

    /// The headers, without lines that are invalid or describe another form of the body than the stored one.
    pub fn header_map(&self) -> HeaderMap {
        let lines = self.headers.iter().filter_map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
            Some((name, HeaderValue::from_bytes(&bytes?).ok()?))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        if self.body.as_ref().is_some_and(|body| body.decoded) {
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
        }
        headers
    }
}

impl RecordedBody {
    /// The body, if all of it is stored unchanged.
    pub fn whole(&self) -> Option<Vec<u8>> {
        if self.cut || self.masked {
            return None;
        }
        let bytes = match (&self.text, &self.base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(base64)) => BASE64.decode(base64.as_bytes()).ok()?,
            (None, None) => Vec::new(),
        };
        (u64::try_from(bytes.len()) == Ok(self.len)).then_some(bytes)
    }
}

/// A text that is not a line of a journal, or is of an unknown version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    message: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal: {}", self.message)
    }
}

impl Error for LineError {}
