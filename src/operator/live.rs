//! Notifies open pages of news.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use tokio::time::{Instant, sleep};

use super::state::State;

/// How often it checks for news.
const PAUSE: Duration = Duration::from_secs(2);
/// A stream ends after this time, or once a drain has begun, so that it delays no shutdown for
/// long. The browser then reconnects.
const LIFE: Duration = Duration::from_secs(20);

/// Sends an event whenever there is news since `since`, or since now. If too many pages are
/// connected, it refuses, and they must be reloaded by hand.
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
