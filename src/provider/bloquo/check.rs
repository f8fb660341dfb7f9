use std::fmt;

use super::payload::Payload;
use crate::payload;
use crate::printable::Printable;
use crate::runtime::{ConfirmSubject, Confirmation, Unconfirmed};

/// An order from your own table, which a delivery about it must match.
///
/// ```
/// use tower_webhook::provider::{self, bloquo::{KnownOrder, known_orders}};
/// use tower_webhook::{Allowlist, Provider};
///
/// fn bloquo(hosts: Allowlist) -> Provider {
///     // Our own table, by the digits of the order's id.
///     let ours = |order_id: String| async move {
///         let found = (order_id == "1042").then(|| KnownOrder::new("1042").e2e_id("E1234"));
///         Ok::<_, std::io::Error>(found)
///     };
///     provider::bloquo(hosts).confirm_subject(known_orders(ours))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownOrder {
    order_id: String,
    e2e_id: Option<String>,
}

impl KnownOrder {
    /// An order with this id. Take the id from your table, never from the question.
    pub fn new(order_id: impl Into<String>) -> Self {
        Self {
            order_id: order_id.into(),
            e2e_id: None,
        }
    }

    /// Sets the end-to-end id that the payment must have, if the delivery states one.
    #[must_use]
    pub fn e2e_id(mut self, id: impl Into<String>) -> Self {
        self.e2e_id = Some(id.into());
        self
    }

    fn confirms(&self, event: &Payload) -> Confirmation {
        let same_payment = match (&self.e2e_id, &event.e2e_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            // Bloquo omits it from some deliveries, and an id that is not known yet is not
            // compared.
            (None, _) | (_, None) => true,
        };
        match self.order_id == event.order_id && same_payment {
            true => Confirmation::Confirmed,
            false => Confirmation::Mismatch,
        }
    }
}

/// Confirms events against your own table of orders: Bloquo signs nothing, and itself says to check
/// `OrderId` and `E2EId` before any processing.
///
/// `find` gets the digits of an order's id. `Ok(None)`, for an order that you do not have, refuses
/// the event at once; an error is logged, and the lookup is tried again. It is called once for all
/// waiting deliveries about an order, inline and before an inbox: see [`ConfirmSubject`].
pub fn known_orders<F, Fut, E>(find: F) -> impl ConfirmSubject
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<KnownOrder>, E>> + Send,
    E: fmt::Display,
{
    OrderCheck { find }
}

struct OrderCheck<F> {
    find: F,
}

impl<F, Fut, E> ConfirmSubject for OrderCheck<F>
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<KnownOrder>, E>> + Send,
    E: fmt::Display,
{
    type Truth = Option<KnownOrder>;

    fn subject(&self, event: &Unconfirmed) -> Result<String, Confirmation> {
        match payload::read::<Payload>(&event.body) {
            Ok(order) => Ok(order.order_id),
            Err(error) => {
                tracing::warn!(key = ?event.key, why = %Printable(error), "not the form that Bloquo documents: refused");
                Err(Confirmation::Mismatch)
            }
        }
    }

    async fn fetch(&self, order_id: &str) -> Option<Option<KnownOrder>> {
        match (self.find)(order_id.to_owned()).await {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::warn!(order_id, error = %Printable(error), "our orders cannot be asked");
                None
            }
        }
    }

    fn judge(&self, found: &Option<KnownOrder>, event: &Unconfirmed) -> Confirmation {
        match (found, payload::read::<Payload>(&event.body)) {
            (Some(found), Ok(order)) => found.confirms(&order),
            (None, _) => Confirmation::Unknown,
            (_, Err(_)) => Confirmation::Mismatch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKey, Name};
    use crate::runtime::SharedConfirm;
    use bytes::Bytes;
    use std::time::Duration;

    async fn judged(body: &'static str, ours: Option<KnownOrder>) -> Confirmation {
        let find = move |asked: String| {
            assert_eq!(asked, "1042");
            let ours = ours.clone();
            async move { Ok::<_, std::io::Error>(ours) }
        };
        let confirm = SharedConfirm::by_subject(known_orders(find));
        let key = EventKey::new(Name::new("bloquo").unwrap(), ["1042", "COMPLETED"]).unwrap();
        let body = Bytes::from_static(body.as_bytes());
        let event = Unconfirmed { key, body };
        confirm.judged(event, Duration::from_secs(4)).await
    }

    #[tokio::test]
    async fn an_order_is_ours_with_its_own_payment() {
        let ours = || Some(KnownOrder::new("1042").e2e_id("E1"));
        let with = r#"{"OrderId":1042,"Status":"COMPLETED","E2EId":"E1"}"#;
        assert_eq!(judged(with, ours()).await, Confirmation::Confirmed);
        let other = r#"{"OrderId":1042,"Status":"COMPLETED","E2EId":"E2"}"#;
        assert_eq!(judged(other, ours()).await, Confirmation::Mismatch);
        let without = r#"{"orderId":"1042","status":"FAILED"}"#;
        assert_eq!(judged(without, ours()).await, Confirmation::Confirmed);
        assert_eq!(judged(with, None).await, Confirmation::Unknown);
        let found_leniently = Some(KnownOrder::new("01042"));
        assert_eq!(judged(with, found_leniently).await, Confirmation::Mismatch);
    }
}
