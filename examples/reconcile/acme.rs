//! A source in twenty lines, for a sender that this crate does not know and whose API lists its
//! events.

use serde::Deserialize;
use serde_json::value::RawValue;
use tower_webhook::reconcile::{ApiClient, ApiError, Found, Page, Recovery, Source};

/// `GET /events?after=…` returns `{"events":[{"id":…}],"last":"…"}`, oldest first, each event as delivered.
pub(crate) struct AcmeEvents {
    pub(crate) client: ApiClient,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Box<RawValue>>,
    last: Option<String>,
}

impl Source for AcmeEvents {
    fn recovery(&self) -> Recovery {
        Recovery::whole()
    }

    async fn page(&self, cursor: Option<&str>) -> Result<Page, ApiError> {
        let query = [("after", cursor.unwrap_or(""))];
        let answer: Events = self.client.get("/events", &query).await?;
        let found = answer
            .events
            .iter()
            .map(|event| Found::event(event.get().to_owned()));
        let page = Page::of(found);
        Ok(match answer.last {
            Some(last) => page.then(last),
            None => page,
        })
    }
}
