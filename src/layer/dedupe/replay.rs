use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::Body;

use crate::layer::response_body::ResponseBody;
use crate::rejection::Reason;
use crate::store::StoredResponse;

/// What is kept of a response for its copies: its status and, if asked for, its body.
///
/// A body is kept only where its length is known and within `limit`; a longer one passes as it is.
pub(super) async fn keep_body<RB: Body<Data = Bytes>>(
    response: Response<RB>,
    limit: Option<usize>,
) -> Result<(Response<ResponseBody<RB>>, StoredResponse), Reason> {
    let status = response.status().as_u16();
    let exact = response.body().size_hint().exact();
    let length = exact.and_then(|length| usize::try_from(length).ok());
    let (Some(_), Some(length)) = (limit.filter(|limit| length <= Some(*limit)), length) else {
        return Ok((
            response.map(ResponseBody::inner),
            StoredResponse { status, body: None },
        ));
    };
    let (parts, body) = response.into_parts();
    let mut body = pin!(body);
    let mut bytes = BytesMut::with_capacity(length);
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|_| Reason::HandlerFailed)?;
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    let bytes = bytes.freeze();
    let response = Response::from_parts(parts, ResponseBody::own(bytes.clone()));
    Ok((
        response,
        StoredResponse {
            status,
            body: Some(bytes),
        },
    ))
}
