//! Answers in the form that their sender counts as success.

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::contract::{SenderContract, SuccessAnswer};

/// Headers that describe a body.
const OF_A_BODY: [HeaderName; 5] = [
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
];

/// Removes the headers of a body that is replaced.
pub(super) fn forget_body(headers: &mut HeaderMap) {
    for name in OF_A_BODY {
        headers.remove(name);
    }
}

/// Rewrites a success response to what the sender takes for success; any other stays as it is.
/// `own` makes a body of these bytes.
#[inline]
pub(crate) fn in_words_of<B>(
    contract: &SenderContract,
    response: &mut Response<B>,
    own: impl FnOnce(Bytes) -> B,
) {
    let success = contract.success();
    if matches!(success, SuccessAnswer::AnySuccess) || !response.status().is_success() {
        return;
    }
    let status = success.status_for(response.status());
    let has_no_body = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
    if let SuccessAnswer::Body { content_type, text } = success {
        forget_body(response.headers_mut());
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        *response.body_mut() = own(Bytes::copy_from_slice(text.as_bytes()));
    } else if status != response.status() && has_no_body {
        forget_body(response.headers_mut());
        *response.body_mut() = own(Bytes::new());
    }
    *response.status_mut() = status;
}

/// Prepares a refusal, without a body if its sender wants none.
#[inline]
pub(super) fn refused_in_words_of(contract: &SenderContract, response: &mut Response<Bytes>) {
    if contract.needs_empty_401() && response.status() == StatusCode::UNAUTHORIZED {
        forget_body(response.headers_mut());
        *response.body_mut() = Bytes::new();
    }
}
