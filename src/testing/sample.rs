use bytes::Bytes;
use time::OffsetDateTime;

use crate::clock::UnixTime;

/// A body as one of the known senders writes it.
///
/// It depends only on a number and a time: the same number is the same event, and another number is
/// another event. Bodies of GitHub, Shopify and Standard Webhooks contain no time: the whole body
/// distinguishes their events, or the ids that [`TestDelivery`](super::TestDelivery) gives them.
///
/// For a sender of your own, any bytes can be a body.
///
/// ```
/// use tower_webhook::testing::Sample;
/// use tower_webhook::UnixTime;
///
/// let body = Sample::Blox.body_at(7, UnixTime::from_secs(1_770_131_130));
/// assert_eq!(
///     body,
///     r#"{"checkoutId":"00000000-0000-4000-8000-000000000007","status":"COMPLETED","amount":"15000","timestamp":"2026-02-03T15:05:30.000Z"}"#,
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sample {
    /// `conversion.completed` of BlendFi.
    BlendFi,
    /// A completed deposit of Bloquo.
    Bloquo,
    /// A completed checkout of BLOX.
    Blox,
    /// `account.activated` of Bloque.
    BloqueAccount,
    /// A purchase by card of Bloque.
    BloqueCard,
    /// `payment.succeeded` of Bloque.
    BloquePayment,
    /// A push to a repository on GitHub.
    GitHub,
    /// An order of a shop on Shopify.
    Shopify,
    /// An `app_mention` of Slack's Events API.
    Slack,
    /// `invoice.paid` of a sender that follows the Standard Webhooks specification.
    StandardWebhooks,
    /// `charge.succeeded` of Stripe.
    Stripe,
}

impl Sample {
    /// Every sample.
    pub const ALL: &'static [Self] = &[
        Self::BlendFi,
        Self::Bloquo,
        Self::Blox,
        Self::BloqueAccount,
        Self::BloqueCard,
        Self::BloquePayment,
        Self::GitHub,
        Self::Shopify,
        Self::Slack,
        Self::StandardWebhooks,
        Self::Stripe,
    ];

    /// The event of this number, which happened just now.
    pub fn body(self, number: u64) -> Bytes {
        self.body_at(number, UnixTime::now())
    }

    /// The event of this number, which happened at this time if its sender states one.
    pub fn body_at(self, number: u64, time: UnixTime) -> Bytes {
        let secs = time.as_secs();
        let time = rfc3339(time);
        let text = match self {
            // As long as a ULID, in digits that ULIDs have too.
            Self::BlendFi => format!(
                r#"{{"id":"evt_{number:026}","type":"conversion.completed","created_at":"{time}","api_version":"2026-05-01","data":{{"object":"conversion","id":"cnv_{number:026}","user_id":"usr_1","transaction_type":"pix_offramp","status":"completed","expected_source_amount":"100.50"}}}}"#
            ),
            Self::Bloquo => format!(
                r#"{{"Status":"COMPLETED","OrderId":{number},"OrderType":"Deposit","E2EId":"E{number}","RequestedAmount":100.50,"TotalAmount":100.50,"FinalizedAt":"{time}"}}"#
            ),
            Self::Blox => format!(
                r#"{{"checkoutId":"00000000-0000-4000-8000-{number:012x}","status":"COMPLETED","amount":"15000","timestamp":"{time}"}}"#
            ),
            Self::BloqueAccount => format!(
                r#"{{"account_urn":"did:bloque:account:virtual:acc-{number}","medium":"virtual","event_type":"account.activated","event_data":{{"status":"active","settlement_status":"confirmed","confirmed_at":"{time}","operations_count":2}},"timestamp":"{time}"}}"#
            ),
            Self::BloqueCard => format!(
                r#"{{"account_urn":"did:bloque:account:card:usr-1:crd-1","transaction_id":"ctx-{number}","type":"authorization","direction":"debit","event":"purchase","lifecycle_status":"pending","transaction_type":"purchase","amount":"1500000","asset":"DUSD/6","medium":"card"}}"#
            ),
            Self::BloquePayment => format!(
                r#"{{"id":"evt_{number}","type":"payment.succeeded","data":{{"id":"pay_{number}","amount":"15000"}}}}"#
            ),
            Self::GitHub => format!(
                r#"{{"ref":"refs/heads/main","before":"{zeros:040x}","after":"{number:040x}","repository":{{"id":1,"full_name":"acme/app"}},"sender":{{"login":"octocat"}}}}"#,
                zeros = 0
            ),
            Self::Shopify => format!(
                r#"{{"id":{number},"name":"\u0023{number}","total_price":"99.00","currency":"BRL","financial_status":"paid"}}"#
            ),
            Self::Slack => format!(
                r#"{{"token":"x","team_id":"T1","api_app_id":"A1","type":"event_callback","event_id":"Ev{number:09}","event_time":{secs},"event":{{"type":"app_mention","user":"U1","text":"number {number}","channel":"C1"}}}}"#
            ),
            Self::StandardWebhooks => {
                format!(
                    r#"{{"type":"invoice.paid","data":{{"id":"inv_{number}","amount":"100.50"}}}}"#
                )
            }
            Self::Stripe => format!(
                r#"{{"id":"evt_{number}","object":"event","created":{secs},"livemode":false,"type":"charge.succeeded","data":{{"object":{{"id":"ch_{number}","object":"charge","amount":1500,"currency":"brl"}}}}}}"#
            ),
        };
        text.into()
    }
}

/// A time as written in JSON bodies; the epoch if the year has more than four digits.
fn rfc3339(time: UnixTime) -> String {
    let moment = i64::try_from(time.as_secs())
        .ok()
        .and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
    )
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::provider::{blendfi, bloque, bloquo, blox};

    fn read<T: DeserializeOwned>(sample: Sample) -> T {
        // date -u -d 2026-05-04T13:00:00Z +%s
        let body = sample.body_at(42, UnixTime::from_secs(1_777_899_600));
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn each_sample_is_what_its_sender_sends() {
        let event: blendfi::Payload = read(Sample::BlendFi);
        assert_eq!(event.id, "evt_00000000000000000000000042");
        assert_eq!(event.kind.as_str(), "conversion.completed");
        let order: bloquo::Payload = read(Sample::Bloquo);
        assert_eq!(order.order_id, "42");
        let checkout: blox::Payload = read(Sample::Blox);
        assert_eq!(checkout.checkout_id, "00000000-0000-4000-8000-00000000002a");
        let bloque::Payload::Account(account) = read(Sample::BloqueAccount) else {
            panic!("no account event");
        };
        assert_eq!(account.timestamp, "2026-05-04T13:00:00.000Z");
        let bloque::Payload::Card(card) = read(Sample::BloqueCard) else {
            panic!("no card event");
        };
        assert_eq!(card.transaction_id, "ctx-42");
        let bloque::PaymentPayload::Payment(payment) = read(Sample::BloquePayment) else {
            panic!("no payment");
        };
        assert_eq!(payment.id.as_deref(), Some("evt_42"));
        let json = read::<serde_json::Value>;
        assert_eq!(
            json(Sample::GitHub)["after"],
            format!("{}2a", "0".repeat(38))
        );
        assert_eq!(json(Sample::Shopify)["name"], "#42");
        assert_eq!(json(Sample::Slack)["event_id"], "Ev000000042");
        assert_eq!(json(Sample::Slack)["event_time"], 1_777_899_600);
        assert_eq!(json(Sample::StandardWebhooks)["data"]["id"], "inv_42");
        assert_eq!(json(Sample::Stripe)["created"], 1_777_899_600);
    }

    #[test]
    fn what_is_told_apart_by_its_bytes_has_no_time_in_it() {
        let (then, now) = (UnixTime::from_secs(1_777_899_600), UnixTime::now());
        for sample in [Sample::GitHub, Sample::Shopify, Sample::StandardWebhooks] {
            assert_eq!(
                sample.body_at(1, then),
                sample.body_at(1, now),
                "{sample:?}"
            );
        }
    }

    #[test]
    fn one_number_is_one_event() {
        for &sample in Sample::ALL {
            assert_ne!(sample.body(1), sample.body(2), "{sample:?}");
        }
        let never = UnixTime::from_secs(u64::MAX);
        let body = Sample::Blox.body_at(u64::MAX, never);
        assert!(String::from_utf8_lossy(&body).contains("1970-01-01T00:00:00.000Z"));
    }
}
