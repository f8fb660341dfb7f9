use std::pin::{Pin, pin};

use bytes::{Bytes, BytesMut};
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use tokio::time::{Instant, timeout_at};

use crate::layer::response_body::ResponseBody;
use crate::store::StoredResponse;

/// What is kept of a response for its copies: its status and, if it is short, its body.
///
/// A body is kept only where its length is known and within `limit`; a longer one passes as it is.
/// One that breaks off, or is not there by `deadline`, is dropped: the effect has taken place, and
/// an empty answer is better than a second one.
pub(super) async fn keep_body<RB: Body<Data = Bytes>>(
    response: Response<RB>,
    limit: usize,
    deadline: Instant,
) -> (Response<ResponseBody<RB>>, StoredResponse) {
    let status = response.status().as_u16();
    let exact = response.body().size_hint().exact();
    let length = exact.and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|length| *length <= limit) else {
        return (
            response.map(ResponseBody::inner),
            StoredResponse { status, body: None },
        );
    };
    let (mut parts, body) = response.into_parts();
    let read = timeout_at(deadline, read_exactly(length, pin!(body))).await;
    let body = read.ok().flatten();
    if body.is_none() {
        // The length of a body that is not there would keep the sender waiting for it.
        parts.headers.remove(CONTENT_LENGTH);
    }
    let answer = ResponseBody::own(body.clone().unwrap_or_default());
    (
        Response::from_parts(parts, answer),
        StoredResponse { status, body },
    )
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
