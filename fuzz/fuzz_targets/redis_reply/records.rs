//! Values of records: bytes that are read as one are those that it would be written as.

use bytes::Bytes;
use tower_webhook::store::StoredResponse;
use tower_webhook::store::fuzzing::redis as read;
use tower_webhook::store::fuzzing::{Kept, Stage};
use tower_webhook::{EventKey, Fingerprint};

/// A value as `layout.lua` says that it is laid out.
pub(crate) fn encode(kept: &Kept, key: Option<&str>) -> Vec<u8> {
    let mut name = key.map(str::to_owned);
    let (mut flags, tail, body, content_type) = match &kept.stage {
        Stage::Claimed {
            lease_ends,
            lease,
            corrected,
        } => {
            if let Some(lease) = lease {
                let colon = key.map_or(String::new(), |key| format!(":{key}"));
                name = Some(format!("-lease:{}{colon}", lease.as_micros()));
            }
            (
                // Other content is refused where there is any: what has no flag for that has none.
                1 | u8::from(kept.fingerprint.is_some()) << 4 | u8::from(*corrected) << 5,
                lease_ends.as_micros().to_be_bytes().to_vec(),
                None,
                None,
            )
        }
        Stage::Done(StoredResponse {
            status,
            body,
            content_type,
            ..
        }) => (
            2,
            status.to_be_bytes().to_vec(),
            body.clone(),
            content_type.clone(),
        ),
        Stage::Released => (3, Vec::new(), None, None),
    };
    if let Some(it) = content_type {
        name = Some(format!("{}\0{}", name.unwrap_or_default(), it.as_str()));
    }
    flags |= u8::from(kept.fingerprint.is_some()) << 3;
    flags |= u8::from(name.is_some()) << 6;
    flags |= u8::from(body.is_some()) << 7;
    let mut value = vec![1, flags];
    value.extend(kept.token.as_bytes());
    value.extend(kept.kept_until.as_micros().to_be_bytes());
    value.extend(kept.fence.to_be_bytes());
    value.extend(kept.attempt.to_be_bytes());
    value.extend(kept.fingerprint.iter().flat_map(Fingerprint::as_bytes));
    value.extend(tail);
    if let Some(name) = name {
        value.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        value.extend(name.as_bytes());
    }
    value.extend(body.unwrap_or_default());
    value
}

/// What stands before the name and the body.
pub(crate) fn without_body(mut kept: Kept) -> Kept {
    match &mut kept.stage {
        Stage::Done(response) => {
            response.body = None;
            response.content_type = None;
        }
        Stage::Claimed { lease, .. } => *lease = None,
        Stage::Released => {}
    }
    kept
}

/// Where the fingerprint stands in a value that has one.
const FINGERPRINT: std::ops::Range<usize> = 38..54;

/// Bytes that are read as a record are those that it would be written as.
pub(crate) fn record(value: &[u8]) {
    let whole = read::record(Bytes::copy_from_slice(value));
    let head = &value[..value.len().min(read::HEAD)];
    let state = read::state(Bytes::copy_from_slice(head));
    if let Some((kept, key)) = whole {
        let name = key.as_ref().map(EventKey::encoded);
        // A claim that says it is bound and has no content is written by nobody, and read as one that
        // is not bound.
        let mut written = value.to_vec();
        if kept.fingerprint.is_none() && matches!(kept.stage, Stage::Claimed { .. }) {
            // An earlier version wrote the content of a claim that was not bound to it.
            if written[1] & 24 == 8 {
                written[1] &= !8;
                written.drain(FINGERPRINT);
            }
            written[1] &= !16;
        }
        assert_eq!(encode(&kept, name.as_deref()), written);
        assert_eq!(state, Some(without_body(kept)));
    }
}
