//! The paths of the views, and what all answers have in common.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};

use super::access::Refusal;
use super::asked::{Asked, MAX_QUERY};
use super::state::State;
use super::view::{dead, deliveries, event, frame, line, overview, queue};
use super::{access, actions, live};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// No content from elsewhere, and none inline.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/", get(view_of_endpoints))
        .route("/deliveries", get(view_of_deliveries))
        .route("/event", get(view_of_event))
        .route("/line", get(view_of_line))
        .route("/dead", get(view_of_dead))
        .route("/queue", get(view_of_queues))
        .route("/act", post(act))
        .route("/live", get(tell))
        .route(
            "/page.css",
            get(|| async { asset("text/css; charset=utf-8", STYLE) }),
        )
        .route(
            "/page.js",
            get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }),
        )
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(Arc::clone(&state), guard))
        .with_state(state)
}

/// Admits requests that may see the page.
async fn guard(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match access::admitted(&parts, state.only_for_operators) {
        Err(Refusal { why, told }) => {
            tracing::warn!(target: "tower_webhook", why, "the operator's page was not shown");
            (StatusCode::FORBIDDEN, told).into_response()
        }
        Ok(_) if parts.uri.query().is_some_and(|it| it.len() > MAX_QUERY) => {
            StatusCode::URI_TOO_LONG.into_response()
        }
        Ok(access) => {
            state.count();
            let asked = Asked::of(&parts, access, state.now(), state.seen.changes());
            parts.extensions.insert(asked);
            next.run(Request::from_parts(parts, body)).await
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Without any referrer, a browser would not say where a form comes from.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    response
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// A page as a response.
pub(super) fn answer(status: StatusCode, page: Markup) -> Response {
    let kind = "text/html; charset=utf-8";
    (status, [(header::CONTENT_TYPE, kind)], page.into_string()).into_response()
}

/// The request data that the guard has added.
fn asked(request: &Request) -> Option<Asked> {
    request.extensions().get::<Asked>().cloned()
}

/// Makes a view, or answers that the guard did not admit the request.
macro_rules! view {
    ($name:ident, $path:literal, $view:path) => {
        async fn $name(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
            let Some(asked) = asked(&request) else {
                return StatusCode::FORBIDDEN.into_response();
            };
            let (title, body) = Box::pin($view(&state, &asked)).await;
            answer(StatusCode::OK, frame::page(&asked, $path, &title, &body))
        }
    };
}

view!(view_of_endpoints, "/", overview::view);
view!(view_of_deliveries, "/deliveries", deliveries::view);
view!(view_of_event, "/deliveries", event::view);
view!(view_of_line, "/deliveries", line::view);
view!(view_of_dead, "/dead", dead::view);
view!(view_of_queues, "/queue", queue::view);

async fn act(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let Some(asked) = asked(&request) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    match Box::pin(actions::act(&state, &asked, request)).await {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        Err((status, why)) => {
            let title = html! { "Nothing was changed" };
            let body = html! { section.message.wrong { p { (why) } } };
            answer(status, frame::page(&asked, "", &title, &body))
        }
    }
}

async fn tell(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let Some(asked) = asked(&request) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    // A browser whose stream has ended sends the last id that it received.
    let last = request.headers().get("last-event-id");
    let last = last.and_then(|it| it.to_str().ok()?.parse().ok());
    let since = last.or_else(|| asked.get("since")?.parse().ok());
    live::stream(&state, since)
}
