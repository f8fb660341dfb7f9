//! The handler for all measurements, and a server that counts its work.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tower::util::MapResponseLayer;

use crate::common::Result;

/// The number of handler runs, and of answers with each status.
static RUNS: AtomicU64 = AtomicU64::new(0);
static ANSWERS: LazyLock<Box<[AtomicU64]>> =
    LazyLock::new(|| (0..1000).map(|_| AtomicU64::new(0)).collect());

/// Reads the body and does nothing with it.
pub(crate) async fn read_body(body: Bytes) -> StatusCode {
    std::hint::black_box(&body);
    RUNS.fetch_add(1, Ordering::Relaxed);
    StatusCode::OK
}

/// Serves on a free port, which it prints, until the process is ended. It uses the runtime of
/// `#[tokio::main]`, with one worker thread.
pub(crate) fn serve(app: impl AsyncFnOnce() -> Result<Router>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let app = app().await?.route("/counts", get(counts));
        let app = app.layer(MapResponseLayer::new(count));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        Ok(axum::serve(listener, service).await?)
    })
}

fn count(response: Response) -> Response {
    if let Some(answers) = ANSWERS.get(usize::from(response.status().as_u16())) {
        answers.fetch_add(1, Ordering::Relaxed);
    }
    response
}

/// The number of handler runs, then each status with its number of answers. The answer to this
/// request counts from the next one on.
async fn counts() -> String {
    let answers = ANSWERS.iter().enumerate();
    let answers = answers.map(|(status, count)| (status, count.load(Ordering::Relaxed)));
    let mut text = RUNS.load(Ordering::Relaxed).to_string();
    for (status, count) in answers.filter(|(_, count)| *count > 0) {
        text.push_str(&format!(" {status}={count}"));
    }
    text
}
