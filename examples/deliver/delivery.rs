//! What each provider sends.

use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde_json::Value;
use time::OffsetDateTime;

use crate::args::{Path, UsageError};
use crate::sign::hmac_sha256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    BlendFi,
    Bloquo,
    Blox,
    BloqueAccount,
    BloqueCard,
    BloquePayment,
    /// A bank that speaks the API of BACEN: its deliveries hold a list of payments.
    Pix,
}

impl Provider {
    pub(crate) const ALL: [Self; 7] = [
        Self::BlendFi,
        Self::Bloquo,
        Self::Blox,
        Self::BloqueAccount,
        Self::BloqueCard,
        Self::BloquePayment,
        Self::Pix,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BlendFi => "blendfi",
            Self::Bloquo => "bloquo",
            Self::Blox => "blox",
            Self::BloqueAccount => "bloque-account",
            Self::BloqueCard => "bloque-card",
            Self::BloquePayment => "bloque-payment",
            Self::Pix => "pix",
        }
    }

    pub(crate) fn signs(self) -> bool {
        matches!(self, Self::BlendFi | Self::BloquePayment)
    }

    /// Whether the URL ends in a secret token.
    pub(crate) fn has_token(self) -> bool {
        matches!(
            self,
            Self::Blox | Self::BloqueAccount | Self::BloqueCard | Self::Pix
        )
    }

    /// Whether the body that is made here tells a time.
    pub(crate) fn tells_time(self) -> bool {
        !matches!(self, Self::BloqueCard | Self::BloquePayment)
    }

    /// Where the example receiver expects it; a token follows where there is one.
    fn path(self) -> &'static str {
        match self {
            Self::BlendFi => "/webhooks/blendfi",
            Self::Bloquo => "/webhooks/bloquo",
            Self::Blox => "/webhooks/blox/",
            Self::BloqueAccount | Self::BloqueCard => "/webhooks/bloque/accounts/",
            Self::BloquePayment => "/webhooks/bloque/payments",
            Self::Pix => "/webhooks/pix/",
        }
    }

    fn fresh_id(self, now: Duration) -> String {
        let unique = (now.as_nanos() << 24) | u128::from(std::process::id() & 0xff_ffff);
        match self {
            // As long as a ULID, in digits that ULIDs have too.
            Self::BlendFi => format!("evt_{unique:026X}"),
            Self::Bloquo => now.as_micros().to_string(),
            Self::Blox => format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                (unique >> 88) & 0xffff_ffff,
                (unique >> 72) & 0xffff,
                (unique >> 60) & 0xfff,
                (unique >> 48) & 0xfff,
                unique & 0xffff_ffff_ffff,
            ),
            Self::BloqueAccount => format!("did:bloque:account:virtual:acc-{unique:x}"),
            Self::BloqueCard => format!("tx_{unique:x}"),
            Self::BloquePayment => format!("evt_{unique:x}"),
            Self::Pix => format!("E{unique:x}"),
        }
    }

    /// Content that hangs on the id alone but for times, so that the same id is the same event.
    fn body(self, id: &str, time: &str, items: u32) -> Result<String, UsageError> {
        let text = Value::from(id);
        Ok(match self {
            Self::BlendFi => format!(
                r#"{{"id":{text},"type":"conversion.completed","created_at":"{time}","api_version":"2026-05-01","data":{{"object":"conversion","id":"cnv_1","user_id":"usr_1","transaction_type":"pix_offramp","status":"completed"}}}}"#
            ),
            Self::Bloquo => {
                let number: u64 = id
                    .parse()
                    .map_err(|_| UsageError::new("--id", "an order of Bloquo is a number"))?;
                format!(
                    r#"{{"Status":"COMPLETED","OrderId":{number},"OrderType":"Deposit","E2EId":"E{number}","RequestedAmount":100.50,"TotalAmount":100.50,"FinalizedAt":"{time}"}}"#
                )
            }
            Self::Blox => format!(
                r#"{{"checkoutId":{text},"status":"COMPLETED","amount":"15000","timestamp":"{time}"}}"#
            ),
            Self::BloqueAccount => format!(
                r#"{{"account_urn":{text},"medium":"virtual","event_type":"account.activated","event_data":{{"status":"active","settlement_status":"confirmed"}},"timestamp":"{time}"}}"#
            ),
            Self::BloqueCard => format!(
                r#"{{"account_urn":"did:bloque:account:card:acc-1","transaction_id":{text},"type":"authorization","direction":"debit","event":"purchase","amount":"10500000","asset":"DUSD/6","medium":"card"}}"#
            ),
            Self::Pix => {
                let payment = |number| {
                    let id = Value::from(format!("{id}-{number}"));
                    format!(
                        r#"{{"endToEndId":{id},"txid":"charge{number}","valor":"100.50","horario":"{time}"}}"#
                    )
                };
                let payments: Vec<_> = (1..=items).map(payment).collect();
                format!(r#"{{"pix":[{}]}}"#, payments.join(","))
            }
            Self::BloquePayment => {
                format!(r#"{{"id":{text},"type":"payment.succeeded","data":{{"id":"pay_1"}}}}"#)
            }
        })
    }
}

/// What is made wrong after everything was made right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tamper {
    Body,
    Signature,
    Secret,
    HeaderId,
    Timestamp,
    Token,
}

/// What to send. No `Debug`: it holds secrets.
pub(crate) struct Order {
    pub(crate) provider: Provider,
    pub(crate) path: Path,
    pub(crate) secret: String,
    pub(crate) id: Option<String>,
    pub(crate) body: Option<Vec<u8>>,
    /// Seconds; those of the future are negative.
    pub(crate) age: i64,
    pub(crate) tamper: Option<Tamper>,
    /// How many events a delivery holds that holds a list of them.
    pub(crate) items: u32,
}

/// What goes over the wire, and a name to print.
pub(crate) struct Delivery {
    pub(crate) name: String,
    pub(crate) path: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) fn build(order: &Order, now: Duration) -> Result<Delivery, UsageError> {
    let Order {
        provider,
        secret,
        tamper,
        ..
    } = order;
    let (seconds, time) = moment(now, order.age)?;
    let (id, mut body) = match (&order.body, &order.id) {
        (Some(body), id) => (id.clone().or_else(|| member(body, "id")), body.clone()),
        (None, id) => {
            let id = id.clone().unwrap_or_else(|| provider.fresh_id(now));
            let body = provider.body(&id, &time, order.items)?.into_bytes();
            (Some(id), body)
        }
    };

    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("deliver"));
    let mut set = |name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value)
            .map_err(|_| UsageError::new(name, "not possible as a header"))?;
        headers.insert(HeaderName::from_static(name), value);
        Ok::<_, UsageError>(())
    };
    let wrong_secret = format!("{secret}-tampered");
    let secret = match tamper {
        Some(Tamper::Secret) => &wrong_secret,
        _ => secret,
    };
    let signature = |parts: &[&[u8]]| {
        let right = hmac_sha256(secret, parts)
            .map_err(|_| UsageError::new("--secret", "not possible as a key"))?;
        Ok::<_, UsageError>(match tamper {
            Some(Tamper::Signature) => with_another_end(&right),
            _ => right,
        })
    };
    match provider {
        Provider::BlendFi => {
            let signed = seconds.to_string();
            let v1 = signature(&[signed.as_bytes(), b".", &body])?;
            let told = match tamper {
                Some(Tamper::Timestamp) => seconds.saturating_add(1),
                _ => seconds,
            };
            set("x-blendfi-timestamp", &told.to_string())?;
            set("x-blendfi-signature", &format!("t={told},v1={v1}"))?;
            if *tamper == Some(Tamper::HeaderId) {
                set(
                    "x-blendfi-event-id",
                    &format!("{}X", provider.fresh_id(now)),
                )?;
            } else if let Some(id) = &id {
                set("x-blendfi-event-id", id)?;
            }
            if let Some(kind) = member(&body, "type") {
                set("x-blendfi-event-type", &kind)?;
            }
        }
        Provider::BloquePayment => set("x-bloque-signature", &signature(&[&body])?)?,
        Provider::Bloquo
        | Provider::Blox
        | Provider::BloqueAccount
        | Provider::BloqueCard
        | Provider::Pix => {}
    }
    if *tamper == Some(Tamper::Body) {
        body.push(b' ');
    }
    let name = match id {
        Some(id) => format!("{} {}", provider.name(), id.escape_debug()),
        None => provider.name().to_owned(),
    };
    Ok(Delivery {
        name,
        path: path(order)?,
        headers,
        body: body.into(),
    })
}

fn path(order: &Order) -> Result<Uri, UsageError> {
    let (path, token) = match &order.path {
        Path::Given(path) => return Ok(path.clone()),
        Path::OfProvider { token } => (order.provider.path(), token),
    };
    let end = match order.tamper {
        Some(Tamper::Token) => "-tampered",
        _ => "",
    };
    if order.provider.has_token() {
        format!("{path}{token}{end}").parse()
    } else {
        path.parse()
    }
    // The parser's own text would show the token.
    .map_err(|_| UsageError::new("--token", "not possible in a URL"))
}

/// The Unix seconds of a time, and how a JSON body tells it.
fn moment(now: Duration, age: i64) -> Result<(i64, String), UsageError> {
    let seconds = i64::try_from(now.as_secs())
        .ok()
        .and_then(|now| now.checked_sub(age))
        .filter(|seconds| *seconds >= 0);
    let moment = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    match moment {
        Some(moment) => Ok((
            moment.unix_timestamp(),
            format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z",
                moment.year(),
                u8::from(moment.month()),
                moment.day(),
                moment.hour(),
                moment.minute(),
                moment.second(),
            ),
        )),
        None => Err(UsageError::new("--age", "before 1970 or after 9999")),
    }
}

/// A member of a JSON object, where it is a text.
fn member(body: &[u8], name: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    Some(value.get(name)?.as_str()?.to_owned())
}

/// The same hex digits but for the last one.
fn with_another_end(hex: &str) -> String {
    let mut hex = hex.to_owned();
    let last = hex.pop();
    hex.push(if last == Some('0') { '1' } else { '0' });
    hex
}
