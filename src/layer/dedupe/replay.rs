use std::pin::{Pin, pin};

use bytes::{Bytes, BytesMut};
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue,
};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use tokio::time::{Instant, timeout_at};

use crate::layer::endpoint::EndpointConfig;
use crate::layer::response_body::ResponseBody;
use crate::layer::words::forget_body;
use crate::reason::Reason;
use crate::store::{ContentType, StoredResponse};

/// Tells a sender that its delivery is a duplicate of one that was handled.
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The response to a duplicate: the first delivery's answer, as far as it was stored.
pub(super) fn duplicate<RB>(
    endpoint: &EndpointConfig,
    stored: StoredResponse,
) -> Response<ResponseBody<RB>> {
    let mut response = endpoint.rejection(Reason::AlreadyDone);
    if let Some(body) = stored.body {
        *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
        *response.body_mut() = ResponseBody::own(body);
        let headers = response.headers_mut();
        forget_body(headers);
        let content_type = (stored.content_type.as_ref())
            .and_then(|stored| HeaderValue::from_str(stored.as_str()).ok());
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
    }
    response
        .headers_mut()
        .insert(&REPLAYED, HeaderValue::from_static("true"));
    response
}

/// What is stored of a response for its duplicates: its status and, if it is short, its body and
/// the body's type.
///
/// A body is stored only if its length is known and within `limit`, and if status and type are all
/// that is needed to read it; any other body passes unchanged. A body that breaks off, or is not
/// complete by `deadline`, is dropped: the effect has taken place, and an empty answer is better
/// than a second effect.
pub(super) async fn keep_body<RB: Body<Data = Bytes>>(
    response: Response<RB>,
    limit: usize,
    deadline: Instant,
) -> (Response<ResponseBody<RB>>, StoredResponse) {
    let exact = response.body().size_hint().exact();
    let length = exact.and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= limit);
    let content_type = type_of(response.status(), response.headers());
    let status = response.status().as_u16();
    let (Some(length), Ok(content_type)) = (length, content_type) else {
        return (
            response.map(ResponseBody::inner),
            StoredResponse {
                status,
                body: None,
                content_type: None,
            },
        );
    };
    let (mut parts, body) = response.into_parts();
    let read = timeout_at(deadline, read_exactly(length, pin!(body))).await;
    let body = read.ok().flatten();
    if body.is_none() {
        // The length of a missing body would keep the sender waiting for it.
        parts.headers.remove(CONTENT_LENGTH);
    }
    let answer = ResponseBody::own(body.clone().unwrap_or_default());
    (
        Response::from_parts(parts, answer),
        StoredResponse {
            status,
            content_type: content_type.filter(|_| body.is_some()),
            body,
        },
    )
}

/// A body that cannot be read by its status and type alone.
struct NeedsMore;

/// The type of a body, if it has one; an error if the body is useless without other headers.
fn type_of(status: StatusCode, headers: &HeaderMap) -> Result<Option<ContentType>, NeedsMore> {
    let identity = (headers.get_all(CONTENT_ENCODING).iter())
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let is_part = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
    // A redirection is nothing without its `Location`.
    if !identity || is_part || status.is_redirection() {
        return Err(NeedsMore);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let text = value.to_str().ok();
            let content_type = text.and_then(ContentType::new).ok_or(NeedsMore)?;
            Ok(Some(content_type))
        }
        (Some(_), Some(_)) => Err(NeedsMore),
    }
}

async fn read_exactly<RB: Body<Data = Bytes>>(
    length: usize,
    mut body: Pin<&mut RB>,
) -> Option<Bytes> {
    let mut bytes = BytesMut::with_capacity(length);
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > length {
            return None;
        }
    }
    (bytes.len() == length).then(|| bytes.freeze())
}
