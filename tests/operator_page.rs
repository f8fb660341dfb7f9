//! How fast the views are over many events, and what a page that is reloaded costs deliveries.
//!
//! `scripts/page --many` and `--rate` run these with large numbers; without, with small ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has done its work"
)]

#[path = "operator_page/many.rs"]
mod many;
#[path = "operator_page/rate.rs"]
mod rate;
#[path = "sql_support/mod.rs"]
mod sql_support;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;
use tower_webhook::{Provider, provider};

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";

fn sender() -> Provider {
    provider::stripe(provider::stripe::keys([SECRET]).unwrap())
}

/// A folder of its own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("webhook-page-many-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A view, as this machine itself asks for it.
async fn view(app: &Router, path: &str) -> String {
    let peer: SocketAddr = "127.0.0.1:40000".parse().unwrap();
    let request = Request::get(path)
        .header(header::HOST, "localhost")
        .extension(ConnectInfo(peer))
        .body(Body::empty())
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}
