//! Mounts a webhook on an axum router.

use axum::Router;
use axum::handler::Handler;
use axum::routing::any;

use crate::webhook::IsBuilt;

/// Mounts webhooks on an axum [`Router`], each with its layer around its own route.
///
/// ```
/// use axum::{Router, body::Body, http::{Request, StatusCode}};
/// use tower::ServiceExt;
/// use tower_webhook::{Delivery, MemoryStore, PathTokens, RouterExt, Webhook, provider};
///
/// async fn on_event(delivery: Delivery) -> StatusCode {
///     println!("attempt {} at {}", delivery.attempt(), delivery.key());
///     StatusCode::NO_CONTENT
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
///     let bloque = Webhook::new(provider::bloque_accounts(tokens)).store(MemoryStore::new());
///     let app: Router = Router::new().webhook("/webhooks/bloque", bloque.build()?, on_event);
///
///     let to = |path: &str| {
///         let event = r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#;
///         app.clone().oneshot(Request::post(path).body(Body::from(event)).unwrap())
///     };
///     let accepted = to("/webhooks/bloque/3f9d1c0b7a5e48d26c90b1f4").await?;
///     assert_eq!(accepted.status(), StatusCode::NO_CONTENT);
///     assert_eq!(to("/webhooks/bloque/guessed-token").await?.status(), StatusCode::NOT_FOUND);
///     let get = Request::get("/webhooks/bloque/3f9d1c0b7a5e48d26c90b1f4").body(Body::empty())?;
///     assert_eq!(app.oneshot(get).await?.status(), StatusCode::METHOD_NOT_ALLOWED);
///     Ok(())
/// }
/// ```
pub trait RouterExt<S> {
    /// Mounts this webhook on a path, in front of an axum handler or an
    /// [`event_handler`](crate::event_handler).
    ///
    /// If the sender is proved by a secret path, the token is the segment after `path`: the route
    /// is `path` and `/{token}`, plus a second route with the segment that [may
    /// follow](crate::PathTokens::or_followed_by). Inside a
    /// [`RequireSecretPathLayer::mounted_at`](crate::layer::RequireSecretPathLayer::mounted_at),
    /// which has cut the token off, use [`Router::route`].
    ///
    /// The layer wraps this route alone. Your own limits and queues belong inside it:
    /// `post(handler).layer(ServiceBuilder::new().layer(webhook).layer(limit))` on a route achieves this.
    ///
    /// # Panics
    ///
    /// Like [`Router::route`]: if the path does not begin with `/`, or is taken already.
    #[must_use]
    fn webhook<H, T>(self, path: &str, webhook: impl IsBuilt, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static;
}

impl<S> RouterExt<S> for Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    fn webhook<H, T>(self, path: &str, webhook: impl IsBuilt, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let webhook = webhook.built();
        // Requests of every method reach the layer, which answers 405 to methods that its sender
        // does not use.
        let route = any(handler).layer(webhook.clone());
        if let Some(gate) = webhook.secret_path() {
            let path = format!("{}/{{token}}", path.trim_end_matches('/'));
            match gate.tail() {
                Some(tail) => {
                    (self.route(&format!("{path}/{tail}"), route.clone())).route(&path, route)
                }
                None => self.route(&path, route),
            }
        } else {
            self.route(path, route)
        }
    }
}
