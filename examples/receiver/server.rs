//! An HTTP/1 server with limits that `axum::serve` does not set: on the time for a head to arrive,
//! the number of connections, and the length of a shutdown.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::ServiceExt;
use tower_webhook::Drain;

const HEAD_LIMIT: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 4096;

/// Serves until `stop` ends, then waits up to `limit` in all for the requests and handlers that are
/// still running.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()>,
    drain: &Drain,
    limit: Duration,
) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // Nobody closes the semaphore, so a permit becomes free sooner or later.
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            () = &mut stop => break,
            (accepted, place) = accepted => match accepted {
                Ok((stream, _)) => {
                    let connection = connections.watch(connection(stream, app.clone()));
                    tokio::spawn(async move {
                        let _place = place;
                        // A broken connection is the client's problem.
                        let _ = connection.await;
                    });
                }
                // Most likely out of file descriptors: let some connections end.
                Err(error) => {
                    tracing::error!(%error, "accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    tracing::info!(running = drain.running(), "shutting down");
    drop(listener);
    let deadline = Instant::now() + limit;
    drain.begin();
    let _ = tokio::time::timeout_at(deadline, connections.shutdown()).await;
    let unfinished = drain
        .wait(deadline.saturating_duration_since(Instant::now()))
        .await;
    if unfinished > 0 {
        tracing::warn!(
            unfinished,
            "handlers were still running; their events will be redelivered"
        );
    }
}

fn connection(
    stream: TcpStream,
    app: Router,
) -> hyper::server::conn::http1::Connection<
    TokioIo<TcpStream>,
    TowerToHyperService<
        impl Clone
        + tower::Service<
            hyper::Request<Incoming>,
            Response = axum::response::Response,
            Error = Infallible,
            Future: Send,
        >,
    >,
> {
    let peer = stream.peer_addr().ok();
    let service = tower::service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        app.clone().oneshot(request)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
}
