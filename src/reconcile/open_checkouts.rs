//! What became of checkouts of BLOX that are open as far as we know.

use std::fmt;

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::blox::BloxApi;
use super::call_time;
use super::client::segment;
use super::error::{ApiError, ApiErrorKind};
use super::run::jittered;
use super::source::{Found, Page, Recovery, Source};
use crate::printable::Printable;

impl BloxApi {
    /// Finds what became of checkouts that are open as far as we know.
    ///
    /// `open` lists them, page by page: the ids behind the one that it is given, in their order, as
    /// `WHERE id > $1 ORDER BY id LIMIT 50` does; none ends the list. What is final is put through the
    /// webhook as the delivery that would have brought it, with `updatedAt` as its `timestamp`.
    ///
    /// A checkout about which BLOX does not answer, as with 5xx or not in time, is told in the log and counted
    /// as [`pending`](super::Report): the others are asked about all the same, and this one in the next run.
    /// A page about which it answers nothing has failed, and so has one that it answers with 401 or a redirect;
    /// at 429 a page ends, and the next one begins there. The list is to answer within the reconciler's
    /// [`call_limit`](super::ReconcilerBuilder::call_limit), and each question within the client's time.
    pub fn open_checkouts<F, Fut, E>(&self, open: F) -> OpenCheckouts<F>
    where
        F: Fn(Option<String>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<String>, E>> + Send,
        E: fmt::Display,
    {
        OpenCheckouts {
            api: self.clone(),
            open,
        }
    }
}

/// What became of open checkouts: made by [`BloxApi::open_checkouts`].
#[derive(Clone)]
pub struct OpenCheckouts<F> {
    api: BloxApi,
    open: F,
}

enum Checked {
    Final(Found),
    Open,
    Odd(&'static str),
}

/// What is known of a page.
#[derive(Default)]
struct Told {
    found: Vec<Found>,
    open: u64,
    odd: u64,
    /// Whether the API has answered about a checkout, whatever it said.
    is_answered: bool,
    /// Why it did not, the first time.
    unanswered: Option<ApiError>,
}

impl Told {
    fn answer(&mut self, id: &str, checked: Checked) {
        self.is_answered = true;
        match checked {
            Checked::Final(event) => self.found.push(event),
            Checked::Open => self.open = self.open.saturating_add(1),
            Checked::Odd(why) => {
                warn(id, &why);
                self.odd = self.odd.saturating_add(1);
            }
        }
    }

    /// Takes note of a checkout about which there is an error; `false` where the page ends before it.
    fn error(&mut self, id: &str, error: ApiError) -> Result<bool, ApiError> {
        let meant = meaning(&error);
        let count = match meant {
            Meaning::NoPage => return Err(error),
            Meaning::Enough if self.is_answered => return Ok(false),
            Meaning::Enough => return Err(error),
            Meaning::NotNow => &mut self.open,
            Meaning::NotOurs | Meaning::Odd => &mut self.odd,
        };
        *count = count.saturating_add(1);
        warn(id, &error);
        if meant == Meaning::Odd {
            self.is_answered |= segment(id).is_ok();
        } else {
            self.unanswered.get_or_insert(error);
        }
        Ok(true)
    }

    /// The page that ends with this checkout.
    fn page(self, last: &str) -> Result<Page, ApiError> {
        let Self {
            found,
            open,
            odd,
            is_answered,
            unanswered,
        } = self;
        match unanswered.filter(|_| !is_answered) {
            Some(error) => Err(error),
            None => Ok(Page::of(found).beside(open, odd).then(last)),
        }
    }
}

fn warn(id: &str, why: &dyn fmt::Display) {
    tracing::warn!(target: "tower_webhook", checkout = %Printable(id), why = %why, "an open checkout cannot be told");
}

impl<F> OpenCheckouts<F> {
    async fn check(&self, id: &str) -> Result<Checked, ApiError> {
        let odd = |why: &'static str| Ok(Checked::Odd(why));
        let (found, times) = match self.api.ask(id).await {
            Ok(Some(found)) => found,
            Ok(None) => return odd("BLOX knows no such checkout"),
            Err(error) => return Err(error),
        };
        if found.id != id {
            return odd("BLOX answers another checkout");
        }
        if !found.status.is_final() {
            return Ok(Checked::Open);
        }
        let (Some(amount), Some(at)) = (&found.amount, times.updated_at) else {
            return odd("its answer has no amount, or no updatedAt");
        };
        let body = json!({
            "checkoutId": found.id,
            "status": found.status.as_str(),
            "amount": amount.as_str(),
            "timestamp": at,
        });
        Ok(Checked::Final(Found::event(body.to_string()).confirmed()))
    }
}

impl<F, Fut, E> Source for OpenCheckouts<F>
where
    F: Fn(Option<String>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<String>, E>> + Send,
    E: fmt::Display,
{
    fn recovery(&self) -> Recovery {
        Recovery::members(["/checkoutId", "/status", "/amount"])
    }

    async fn page(&self, cursor: Option<&str>) -> Result<Page, ApiError> {
        let ids = (self.open)(cursor.map(str::to_owned))
            .await
            .map_err(|error| {
                let place = format!("the list of our open checkouts: {}", Printable(error));
                ApiError::new(ApiErrorKind::Failed, place)
            })?;
        let at_once = self.api.client().pace().at_once();
        // Each question has a time of its own, in however long a page.
        let _pause = call_time::pause();
        let checks: Vec<_> = ids.iter().map(|id| self.check(id)).collect();
        let mut checks = stream::iter(checks).buffered(at_once);
        let (mut told, mut last) = (Told::default(), None);
        for id in &ids {
            match checks.next().await {
                Some(Ok(checked)) => told.answer(id, checked),
                Some(Err(error)) => {
                    if !told.error(id, error)? {
                        // Where it did not say for how long.
                        self.api.client().pace().hold(jittered(1));
                        break;
                    }
                }
                None => break,
            }
            last = Some(id);
        }
        match last {
            Some(last) => told.page(last),
            None => Ok(Page::default()),
        }
    }
}

impl<F> fmt::Debug for OpenCheckouts<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api, open: _ } = self;
        f.debug_struct("OpenCheckouts")
            .field("api", api)
            .finish_non_exhaustive()
    }
}

/// What an error about one checkout says of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// No other question has a chance.
    NoPage,
    /// The API has enough: the page ends before this one.
    Enough,
    /// This one was not answered.
    NotNow,
    /// This one may not be asked about, by this key.
    NotOurs,
    /// This one was answered, or cannot be asked about, in a way that no question mends.
    Odd,
}

fn meaning(error: &ApiError) -> Meaning {
    match error.kind() {
        ApiErrorKind::Redirected => Meaning::NoPage,
        ApiErrorKind::Unauthorized if error.status() == Some(403) => Meaning::NotOurs,
        ApiErrorKind::Unauthorized => Meaning::NoPage,
        ApiErrorKind::TooManyRequests => Meaning::Enough,
        _ if error.is_transient() => Meaning::NotNow,
        _ => Meaning::Odd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ApiKey;

    #[tokio::test]
    async fn one_checkout_that_cannot_be_asked_for_holds_up_no_other() {
        let key = ApiKey::new("blox_test_9f8e7d6c5b4a").unwrap();
        let api = BloxApi::at("http://127.0.0.1:1/", key).unwrap();
        let open = async |_: Option<String>| Ok::<_, ApiError>(vec!["..".to_owned()]);
        let page = api.open_checkouts(open).page(None).await.unwrap();
        assert_eq!((page.found().len(), page.next()), (0, Some("..")));
        assert_eq!(page.into_parts().3, 1);
        for (kind, status, meant) in [
            (ApiErrorKind::Malformed, 200, Meaning::Odd),
            (ApiErrorKind::TooLarge, 200, Meaning::Odd),
            (ApiErrorKind::Refused, 400, Meaning::Odd),
            (ApiErrorKind::NotFound, 404, Meaning::Odd),
            (ApiErrorKind::Unauthorized, 403, Meaning::NotOurs),
            (ApiErrorKind::Unauthorized, 401, Meaning::NoPage),
            (ApiErrorKind::Redirected, 307, Meaning::NoPage),
            (ApiErrorKind::TooManyRequests, 429, Meaning::Enough),
            (ApiErrorKind::Failed, 500, Meaning::NotNow),
            (ApiErrorKind::TimedOut, 408, Meaning::NotNow),
            (ApiErrorKind::Unreachable, 0, Meaning::NotNow),
        ] {
            let error = ApiError::new(kind, "GET").of_status(status);
            assert_eq!(meaning(&error), meant, "{kind:?}");
        }
    }
}
