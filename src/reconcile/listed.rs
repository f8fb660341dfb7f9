//! Lists of deliveries that a sender keeps and can redeliver.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::client::{ApiClient, segment};
use super::error::{ApiError, ApiErrorKind};
use super::source::{Found, Page, Recovery, Source};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::printable::Printable;

/// Describes where an API lists its deliveries, and how to request one again.
///
/// Nothing is guessed: whatever a sender does not document is a setting. Places in an answer are
/// JSON pointers; `{id}` in a path is replaced by a delivery's id.
///
/// ```
/// use tower_webhook::reconcile::{ApiClient, ApiKey, DeliveryList, Source};
///
/// let client = ApiClient::at("https://api.bloquo.example/").bearer(ApiKey::new("sk_test_9f8e7d6c")?).build()?;
/// // An answer such as {"data":[{"uuid":"n_1","order":{"id":1042},"state":"COMPLETED"}],"next":"…"}
/// let notifications = DeliveryList::at("/v1/notifications")
///     .parameter("limit", "100")
///     .items("/data")
///     .delivery_id("/uuid")
///     .member("/OrderId", "/order/id")
///     .member("/Status", "/state")
///     .pages("cursor", "/next")
///     .resend("/v1/notifications/{id}/resend")
///     .on(&client)?;
/// assert!(notifications.recovery().asks_for_redelivery());
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "settings do nothing until they are given a client by `on`"]
pub struct DeliveryList {
    path: String,
    parameters: Vec<(String, String)>,
    items: String,
    delivery_id: Option<String>,
    members: Vec<(String, String)>,
    pages: Option<(String, String)>,
    only: Option<(String, Vec<String>)>,
    resend: Option<String>,
}

impl DeliveryList {
    /// A list at this path; the whole answer is the list unless [`items`](Self::items) is set.
    pub fn at(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            parameters: Vec::new(),
            items: String::new(),
            delivery_id: None,
            members: Vec::new(),
            pages: None,
            only: None,
            resend: None,
        }
    }

    /// Adds a query parameter to the request of each page.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where the list is in the answer.
    pub fn items(mut self, place: &str) -> Self {
        place.clone_into(&mut self.items);
        self
    }

    /// Where the id of a delivery is in an item.
    pub fn delivery_id(mut self, place: &str) -> Self {
        self.delivery_id = Some(place.to_owned());
        self
    }

    /// Where in an item the value is that deliveries have at `event` in their bodies. Every part of
    /// the event's key needs such a member.
    pub fn member(mut self, event: &str, place: &str) -> Self {
        self.members.push((event.to_owned(), place.to_owned()));
        self
    }

    /// The query parameter that selects a page, and where an answer has its value for the next
    /// page. A missing, null or empty value ends the list.
    pub fn pages(mut self, parameter: &str, next: &str) -> Self {
        self.pages = Some((parameter.to_owned(), next.to_owned()));
        self
    }

    /// Skips items whose text at this place is none of these, such as those that were delivered.
    ///
    /// ```
    /// use tower_webhook::reconcile::DeliveryList;
    /// let failed = DeliveryList::at("/v1/deliveries").only("/status", ["failed", "exhausted"]);
    /// # drop(failed);
    /// ```
    pub fn only<'a>(mut self, place: &str, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts = texts.into_iter().map(str::to_owned).collect();
        self.only = Some((place.to_owned(), texts));
        self
    }

    /// The path to post to for another delivery.
    pub fn resend(mut self, path: &str) -> Self {
        self.resend = Some(path.to_owned());
        self
    }

    /// The list as a [`Source`], queried by this client.
    ///
    /// # Errors
    ///
    /// If the place of the delivery ids, a member of the events' keys, or the path to resend is
    /// missing, or if that path lacks `{id}`.
    pub fn on(self, client: &ApiClient) -> Result<ListedDeliveries, ConfigError> {
        let lacks = |what: &'static str| ConfigError::new(ConfigErrorKind::Other, what);
        if self.delivery_id.is_none() {
            return Err(lacks(
                "a list of deliveries: say where an item has its id, by delivery_id(…)",
            ));
        }
        if self.members.is_empty() {
            return Err(lacks(
                "a list of deliveries: say where an item has what the key of its event is made of, by member(…)",
            ));
        }
        match &self.resend {
            Some(path) if path.contains(ID) => {}
            _ => {
                return Err(lacks(
                    "a list of deliveries: say where another delivery is asked for, by resend(…) with {id} in it",
                ));
            }
        }
        Ok(ListedDeliveries {
            client: client.clone(),
            list: Arc::new(self),
        })
    }
}

const ID: &str = "{id}";

/// Deliveries that a sender lists and can make again: made by [`DeliveryList::on`].
#[derive(Debug, Clone)]
pub struct ListedDeliveries {
    client: ApiClient,
    list: Arc<DeliveryList>,
}

impl ListedDeliveries {
    /// What an item describes; `None` if it is skipped.
    fn found(&self, item: &Value) -> Result<Option<Found>, String> {
        let list = &*self.list;
        if let Some((place, texts)) = &list.only {
            let text = item.pointer(place).and_then(Value::as_str);
            if !text.is_some_and(|text| texts.iter().any(|it| it == text)) {
                return Ok(None);
            }
        }
        let place = list.delivery_id.as_deref().unwrap_or_default();
        let id = (item.pointer(place)).and_then(scalar);
        let id = id.ok_or_else(|| format!("nothing at {place}"))?;
        let mut body = Value::Object(Map::new());
        for (event, place) in &list.members {
            let value = item.pointer(place).filter(|value| scalar(value).is_some());
            let value = value.ok_or_else(|| format!("nothing at {place}"))?;
            set(&mut body, event, value.clone());
        }
        Ok(Some(Found::redelivery(id, body.to_string())))
    }
}

/// The text of a string or number.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Sets the value at a pointer, creating objects on the way.
fn set(mut body: &mut Value, pointer: &str, value: Value) {
    for member in pointer.split('/').skip(1) {
        let member = member.replace("~1", "/").replace("~0", "~");
        if !body.is_object() {
            *body = Value::Object(Map::new());
        }
        let Value::Object(members) = body else {
            return;
        };
        body = members.entry(member).or_insert(Value::Null);
    }
    *body = value;
}

impl Source for ListedDeliveries {
    fn recovery(&self) -> Recovery {
        Recovery::redelivery(self.list.members.iter().map(|(event, _)| event.as_str()))
    }

    async fn page(&self, cursor: Option<&str>) -> Result<Page, ApiError> {
        let list = &*self.list;
        let mut query: Vec<(&str, &str)> = (list.parameters.iter())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        if let (Some((parameter, _)), Some(cursor)) = (&list.pages, cursor) {
            query.push((parameter, cursor));
        }
        let answer: Value = self.client.get(&list.path, &query).await?;
        let items = answer.pointer(&list.items).and_then(Value::as_array);
        let items = items.ok_or_else(|| {
            let place = format!("GET {}: no list at {:?}", list.path, list.items);
            ApiError::new(ApiErrorKind::Malformed, place)
        })?;
        let (mut found, mut odd) = (Vec::with_capacity(items.len()), 0);
        for item in items {
            match self.found(item) {
                Ok(it) => found.extend(it),
                Err(why) => {
                    tracing::warn!(target: "tower_webhook", path = list.path, why = %Printable(why), "an item of a list of deliveries cannot be read");
                    odd += 1;
                }
            }
        }
        let page = Page::of(found).beside(0, odd);
        let next = list
            .pages
            .as_ref()
            .and_then(|(_, place)| scalar(answer.pointer(place)?));
        Ok(match next {
            Some(next) => page.then(next),
            None => page,
        })
    }

    async fn redeliver(&self, delivery: &str) -> Result<(), ApiError> {
        let path = self.list.resend.as_deref().unwrap_or_default();
        self.client
            .tell(&path.replace(ID, &segment(delivery)?))
            .await
    }
}
