use std::future::Future;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::error::{ApiError, ApiErrorKind};
use crate::authenticated::Polled;
use crate::error::ConfigError;
use crate::event::{Given, Pointer};
use crate::layer::PolledEvent;

/// A source of events that no delivery brought: a sender's API, queried page by page.
///
/// ```
/// use tower_webhook::reconcile::{ApiError, ApiErrorKind, Found, Page, Recovery, Source};
///
/// /// Two payments a page, as ACME lists them.
/// struct Payments {
///     all: Vec<&'static str>,
/// }
///
/// impl Source for Payments {
///     fn recovery(&self) -> Recovery {
///         Recovery::members(["/id", "/status"])
///     }
///
///     async fn page(&self, cursor: Option<&str>) -> Result<Page, ApiError> {
///         let wrong = |_| ApiError::new(ApiErrorKind::Malformed, "its cursor");
///         let from = cursor.map_or(Ok(0), str::parse::<usize>).map_err(wrong)?;
///         let page = Page::of(self.all.iter().skip(from).take(2).map(|body| Found::event(*body)));
///         Ok(if from + 2 < self.all.len() { page.then((from + 2).to_string()) } else { page })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ApiError> {
/// let acme = Payments { all: vec![r#"{"id":1,"status":"paid"}"#; 3] };
/// let page = acme.page(None).await?;
/// assert_eq!((page.found().len(), page.next()), (2, Some("2")));
/// assert_eq!(acme.page(page.next()).await?.next(), None);
/// # Ok(())
/// # }
/// ```
pub trait Source: Send + Sync + 'static {
    /// What the found events contain.
    fn recovery(&self) -> Recovery;

    /// One page: the first if there is no cursor, otherwise the page that the previous one [leads
    /// to](Page::then).
    ///
    /// # Errors
    ///
    /// If the API cannot be queried, or its answer cannot be read. After a
    /// [transient](ApiError::is_transient) error the page is requested again.
    fn page(&self, cursor: Option<&str>) -> impl Future<Output = Result<Page, ApiError>> + Send;

    /// Asks the sender to redeliver, for a source of [`Recovery::redelivery`].
    ///
    /// # Errors
    ///
    /// If the API cannot be queried, or refuses. The default always fails.
    fn redeliver(&self, delivery: &str) -> impl Future<Output = Result<(), ApiError>> + Send {
        let _ = delivery;
        std::future::ready(Err(ApiError::new(
            ApiErrorKind::Unsupported,
            "it has no redelivery",
        )))
    }
}

/// What a [`Source`] knows about the events that it finds.
///
/// It determines whether their keys can be made, which is checked when a reconciler is built: an
/// event under another key than the sender's would be another event, and run twice.
///
/// ```
/// use tower_webhook::reconcile::Recovery;
///
/// let rebuilt = Recovery::members(["/checkoutId", "/status", "/amount"]);
/// let listed = Recovery::whole().with_id();
/// let again = Recovery::redelivery(["/id"]);
/// assert!(!Recovery::exact().asks_for_redelivery() && again.asks_for_redelivery());
/// # drop((rebuilt, listed));
/// ```
#[derive(Debug, Clone)]
pub struct Recovery {
    members: Option<Vec<String>>,
    is_exact: bool,
    has_id: bool,
    redelivers: bool,
    of_items: bool,
}

impl Recovery {
    /// Bodies built from an answer that have these members, given as JSON pointers, just as a
    /// delivery has.
    pub fn members<'a>(members: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            members: Some(members.into_iter().map(str::to_owned).collect()),
            is_exact: false,
            has_id: false,
            redelivers: false,
            of_items: false,
        }
    }

    /// Bodies with all members of a delivery, such as from an API that lists the events themselves.
    pub fn whole() -> Self {
        Self {
            members: None,
            ..Self::members([])
        }
    }

    /// Bodies that equal those of the deliveries byte by byte, with the headers that the key needs.
    pub fn exact() -> Self {
        Self {
            is_exact: true,
            ..Self::whole()
        }
    }

    /// No events are made: the sender redelivers what has not arrived. What is found has only these
    /// members, which are used to look up whether it arrived.
    pub fn redelivery<'a>(members: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            redelivers: true,
            ..Self::members(members)
        }
    }

    /// The same, if each event has the id that its deliveries [sign](Found::id).
    #[must_use]
    pub fn with_id(mut self) -> Self {
        self.has_id = true;
        self
    }

    /// The same, if the found events are single items of the lists that [deliveries
    /// hold](crate::event::EventRule::each): the API lists individually what deliveries bring in
    /// batches. A handler gets the same `Event<T>`, without a place in a list.
    ///
    /// ```
    /// use tower_webhook::reconcile::{Found, Page, Recovery};
    ///
    /// // `GET /v2/pix` returns the payments that `{"pix":[…]}` delivers.
    /// let told = Recovery::members(["/endToEndId", "/valor", "/horario"]).of_items();
    /// let page = Page::of([Found::event(r#"{"endToEndId":"E1","valor":"10.00"}"#)]);
    /// # drop((told, page));
    /// ```
    #[must_use]
    pub fn of_items(mut self) -> Self {
        self.of_items = true;
        self
    }

    pub(super) fn are_items(&self) -> bool {
        self.of_items
    }

    /// Whether it requests redeliveries instead of making events.
    pub fn asks_for_redelivery(&self) -> bool {
        self.redelivers
    }

    /// Whether an event of unknown shape may be what a delivery brought.
    pub(super) fn can_be_unknown(&self) -> bool {
        self.is_exact
    }

    pub(super) fn given(&self) -> Result<Given, ConfigError> {
        let pointers = |members: &Vec<String>| {
            let parsed = members.iter().map(|it| Pointer::parse(it));
            parsed.collect::<Result<Box<[_]>, _>>()
        };
        Ok(Given {
            members: self.members.as_ref().map(pointers).transpose()?,
            is_exact: self.is_exact,
            has_id: self.has_id,
            are_items: self.of_items,
        })
    }
}

/// An event, or a delivery, that a [`Source`] has found.
#[derive(Debug, Clone)]
pub struct Found {
    pub(super) body: Bytes,
    pub(super) headers: HeaderMap,
    pub(super) id: Option<Box<str>>,
    pub(super) is_confirmed: bool,
    pub(super) redelivery: Option<Box<str>>,
}

impl Found {
    /// An event with this body.
    ///
    /// ```
    /// use tower_webhook::reconcile::Found;
    ///
    /// let listed = Found::event(r#"{"type":"paid"}"#).id("msg_1").header("x-acme-kind", "paid");
    /// // The answer is the one that a confirmation would request, so it is not requested again.
    /// let polled = Found::event(r#"{"id":7,"status":"paid"}"#).confirmed();
    /// # drop((listed, polled));
    /// ```
    pub fn event(body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            headers: HeaderMap::new(),
            id: None,
            is_confirmed: false,
            redelivery: None,
        }
    }

    /// A delivery that the sender can repeat by this name, of the event that these members describe.
    pub fn redelivery(delivery: impl Into<Box<str>>, members: impl Into<Bytes>) -> Self {
        Self {
            redelivery: Some(delivery.into()),
            ..Self::event(members)
        }
    }

    /// The same, with the id that its deliveries sign.
    #[must_use]
    pub fn id(mut self, id: impl Into<Box<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same, with a header that its deliveries have. An invalid header is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            self.headers.append(name, value);
        }
        self
    }

    /// The same, if this was built from the answer that the webhook's
    /// [confirmation](crate::Confirm) would request: the confirmation is then skipped.
    #[must_use]
    pub fn confirmed(mut self) -> Self {
        self.is_confirmed = true;
        self
    }

    pub(super) fn into_event(self, is_item: bool) -> (PolledEvent, Option<Box<str>>) {
        let Self {
            body,
            headers,
            id,
            is_confirmed,
            redelivery,
        } = self;
        let event = PolledEvent {
            body,
            headers,
            polled: Polled { id, is_confirmed },
            is_item,
        };
        (event, redelivery)
    }
}

/// One page of what a [`Source`] finds.
#[derive(Debug, Clone, Default)]
pub struct Page {
    found: Vec<Found>,
    next: Option<String>,
    open: u64,
    failed: u64,
}

impl Page {
    /// A page of these, the last unless it [leads on](Page::then).
    pub fn of(found: impl IntoIterator<Item = Found>) -> Self {
        Self {
            found: found.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The same page, with the cursor of the next one.
    #[must_use]
    pub fn then(mut self, cursor: impl Into<String>) -> Self {
        self.next = Some(cursor.into());
        self
    }

    /// The same, with how many others are not final yet, and how many could not be read.
    ///
    /// ```
    /// use tower_webhook::reconcile::{Found, Page};
    ///
    /// let page = Page::of([Found::event("{}")]).beside(2, 1).then("page-2");
    /// assert_eq!((page.found().len(), page.next()), (1, Some("page-2")));
    /// ```
    #[must_use]
    pub fn beside(mut self, open: u64, failed: u64) -> Self {
        (self.open, self.failed) = (open, failed);
        self
    }

    /// The found events.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// The cursor of the next page.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    pub(super) fn into_parts(self) -> (Vec<Found>, Option<String>, u64, u64) {
        (self.found, self.next, self.open, self.failed)
    }
}

/// [`Source`] with its futures boxed, for use as a trait object.
pub(super) trait AnySource: Send + Sync {
    fn recovery(&self) -> Recovery;
    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, ApiError>>;
    fn redeliver<'a>(&'a self, delivery: &'a str) -> BoxFuture<'a, Result<(), ApiError>>;
}

impl<S: Source> AnySource for S {
    fn recovery(&self) -> Recovery {
        Source::recovery(self)
    }

    fn page<'a>(&'a self, cursor: Option<&'a str>) -> BoxFuture<'a, Result<Page, ApiError>> {
        Box::pin(Source::page(self, cursor))
    }

    fn redeliver<'a>(&'a self, delivery: &'a str) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(Source::redeliver(self, delivery))
    }
}
