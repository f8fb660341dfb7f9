//! The sender's API, on a port of its own: it takes 200 ms for each answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use tokio::sync::watch;

use crate::support::server::Server;
use crate::support::wait::within;

const LATENCY: Duration = Duration::from_millis(200);

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Text(String),
    Status(u16),
    Nonsense,
    Never,
}

impl Answer {
    pub(crate) fn completed(id: &str, amount: &str) -> Self {
        Self::status(id, "COMPLETED", amount)
    }

    pub(crate) fn status(id: &str, status: &str, amount: &str) -> Self {
        Self::Text(format!(
            r#"{{"id":"{id}","status":"{status}","amount":"{amount}","fee":"150"}}"#
        ))
    }
}

pub(crate) struct Api {
    server: Server,
    asked: watch::Sender<usize>,
    by_path: Arc<Mutex<HashMap<String, usize>>>,
}

impl Api {
    /// Answers by how often it was asked, from 1.
    pub(crate) async fn start(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::answering(move |_, question| answer(question)).await
    }

    /// Answers by what it is asked about.
    pub(crate) async fn of(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::answering(move |path, _| answer(path)).await
    }

    async fn answering(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        let asked = watch::Sender::new(0);
        let by_path = Arc::<Mutex<HashMap<String, usize>>>::default();
        let (count, paths) = (asked.clone(), Arc::clone(&by_path));
        let answer = Arc::new(answer);
        let app = Router::new().fallback(move |uri: Uri| {
            *paths
                .lock()
                .unwrap()
                .entry(uri.path().to_owned())
                .or_default() += 1;
            let mut number = 0;
            count.send_modify(|asked| {
                *asked += 1;
                number = *asked;
            });
            let answer = answer(uri.path(), number);
            async move {
                tokio::time::sleep(LATENCY).await;
                match answer {
                    Answer::Text(text) => text.into_response(),
                    Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
                    Answer::Nonsense => "<html>".into_response(),
                    Answer::Never => std::future::pending().await,
                }
            }
        });
        Self {
            server: Server::start(app).await,
            asked,
            by_path,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub(crate) fn questions(&self) -> usize {
        *self.asked.borrow()
    }

    pub(crate) fn questions_by_path(&self) -> HashMap<String, usize> {
        self.by_path.lock().unwrap().clone()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn asked(&self, times: usize) {
        let mut news = self.asked.subscribe();
        let _ = within("questions", news.wait_for(|asked| *asked >= times)).await;
    }
}
