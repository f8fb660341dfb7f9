//! A server on its own port, stopped when it is dropped.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::{Router, ServiceExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::Service;

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves a router, with connect info.
    pub(crate) async fn start(app: Router) -> Self {
        let (listener, address) = listen().await;
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { address, task }
    }

    /// Serves a router without connect info.
    pub(crate) async fn start_without_connect_info(app: Router) -> Self {
        let (listener, address) = listen().await;
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, task }
    }

    /// Serves a service that is not a router, such as one with layers around the whole.
    pub(crate) async fn start_service<S, RB>(service: S) -> Self
    where
        S: Service<Request, Response = http::Response<RB>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
        RB: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        RB::Error: Into<axum::BoxError>,
    {
        let (listener, address) = listen().await;
        let service = tower::ServiceExt::map_response(service, |response: http::Response<RB>| {
            let response: Response = response.map(Body::new);
            response
        });
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { address, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Once bound, it listens: the kernel accepts connections from now on.
async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
