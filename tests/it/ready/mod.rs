//! Services inside that are not always ready: limits, queues and shedders between a layer and its
//! handler. What is not proved reserves nothing of them, nor does a duplicate that waits.

mod places;
mod shed;
mod strangers;

use std::time::Duration;

use axum::BoxError;
use axum::http::StatusCode;
use tower_webhook::event::{EventRule, Shape};

/// Longer than any test waits: who stands here was let go by nobody.
const LONG: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

/// The service inside answers errors of the layers around it with 503.
async fn overloaded(_: BoxError) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

fn by_id() -> EventRule {
    EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap()
}
