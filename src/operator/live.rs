//! Tells open pages that there is something new.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use tokio::time::{Instant, sleep};

use super::state::State;

/// Looks so often whether there is.
const PAUSE: Duration = Duration::from_secs(2);
/// A stream ends by itself, and once a drain has begun, so that none holds a shutdown up for long; the browser asks
/// again.
const LIFE: Duration = Duration::from_secs(20);

/// A line for each time at which there is something new since then, or since now; where too many ask, they are told to
/// reload by hand.
pub(super) fn stream(state: &Arc<State>, since: Option<u64>) -> Response {
    let Ok(place) = Arc::clone(&state.streams).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let state = Arc::clone(state);
    let told = since.unwrap_or_else(|| state.seen.changes());
    let ends = Instant::now() + LIFE;
    let first = Event::default().retry(PAUSE).comment("");
    let begun = (state, place, told, Some(first));
    let events = stream::unfold(begun, move |(state, place, told, first)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, Infallible>(first), (state, place, told, None)));
        }
        loop {
            if Instant::now() >= ends || state.is_draining() {
                return None;
            }
            sleep(PAUSE).await;
            let changes = state.seen.changes();
            if changes != told {
                let number = changes.to_string();
                let event = Event::default().event("seen").id(&number).data(number);
                return Some((Ok(event), (state, place, changes, None)));
            }
        }
    });
    Sse::new(events).into_response()
}
