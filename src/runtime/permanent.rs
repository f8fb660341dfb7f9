/// An answer that settles the event although it is no success: its status stands, and the event
/// is done and never run again.
///
/// For what no retry can mend, such as an order that is not ours. Everything else but a 2xx
/// releases the event, so that the sender's next attempt runs it.
///
/// In a worker of an inbox the entry is dead: it runs again when an operator redrives it, and when its sender delivers
/// it again, at most once every 15 minutes.
///
/// ```
/// use tower_webhook::Permanent;
///
/// let mut response = http::Response::new(());
/// *response.status_mut() = http::StatusCode::GONE;
/// Permanent::mark(&mut response);
/// ```
///
/// As an axum response:
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::http::StatusCode;
/// use tower_webhook::Permanent;
///
/// async fn handler() -> Result<StatusCode, Permanent<StatusCode>> {
///     Err(Permanent(StatusCode::GONE))
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Permanent<R>(pub R);
