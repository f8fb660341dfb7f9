use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::http::StatusCode;

/// How often the handler ran.
pub(crate) static RUNS: AtomicU64 = AtomicU64::new(0);

/// The handler that everything is measured with: it reads the body and does nothing with it.
pub(crate) async fn read_body(body: Bytes) -> StatusCode {
    std::hint::black_box(&body);
    RUNS.fetch_add(1, Ordering::Relaxed);
    StatusCode::OK
}
