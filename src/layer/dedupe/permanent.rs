use http::Response;

/// Put in a response's extensions by [`Permanent`].
#[derive(Debug, Clone, Copy)]
struct Mark;

/// An answer that settles the event although it is no success: its status stands, and the event
/// is done and never run again.
///
/// For what no retry can mend, such as an order that is not ours. Everything else but a 2xx
/// releases the event, so that the sender's next attempt runs it.
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

impl Permanent<()> {
    /// Marks any response.
    pub fn mark<B>(response: &mut Response<B>) {
        response.extensions_mut().insert(Mark);
    }

    pub(crate) fn is_marked<B>(response: &Response<B>) -> bool {
        response.extensions().get::<Mark>().is_some()
    }
}

#[cfg(feature = "axum")]
impl<R: axum::response::IntoResponse> axum::response::IntoResponse for Permanent<R> {
    fn into_response(self) -> axum::response::Response {
        let mut response = self.0.into_response();
        Permanent::mark(&mut response);
        response
    }
}
