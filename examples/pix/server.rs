use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tower_webhook::certificate::ClientCertificate;
use tower_webhook::layer::PeerAddr;

/// How long a handshake and a head may take to arrive.
const LIMIT: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 1024;

/// Serves until it is dropped: over TLS, or in plain text behind a proxy that terminates TLS.
pub async fn serve(listener: TcpListener, tls: Option<Arc<ServerConfig>>, app: Router) {
    let acceptor = tls.map(TlsAcceptor::from);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (acceptor, app) = (acceptor.clone(), app.clone());
                tokio::spawn(async move {
                    let _place = place;
                    connection(stream, peer, acceptor, app).await;
                });
            }
            Err(error) => {
                // Most likely out of file descriptors: let some connections end.
                tracing::error!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    app: Router,
) {
    let Some(acceptor) = acceptor else {
        return answer(stream, peer, None, app).await;
    };
    // Fails for a client of another authority, and for one without a certificate if one is required.
    let stream = match timeout(LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::warn!(%peer, %error, "the handshake failed"),
        Err(_) => return tracing::warn!(%peer, "the handshake took too long"),
    };
    let (_, session) = stream.get_ref();
    let certificate = session
        .peer_certificates()
        .and_then(ClientCertificate::first_of);
    answer(stream, peer, certificate, app).await;
}

/// Answers the requests of one connection, all from the same client.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    certificate: Option<ClientCertificate>,
    app: Router,
) {
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerAddr(peer));
        if let Some(certificate) = certificate.clone() {
            request.extensions_mut().insert(certificate);
        }
        app.clone().oneshot(request)
    });
    // A broken connection is the client's problem.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await;
}
