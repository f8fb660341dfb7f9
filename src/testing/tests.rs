//! The kit, tested on the full path of a delivery.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::event::{EventRule, Name, Shape};
use crate::path::PathTokens;
use crate::provider::{
    Provider, blendfi, bloque_accounts, bloque_payments, bloquo, blox, github, shopify, slack,
    standard_webhooks, stripe,
};
use crate::reason::Reason;
use crate::secret::SigningSecret;
use crate::signature::{Component, Scheme, Verifier};
use crate::source::Allowlist;
use crate::store::{MemoryStore, StoreErrorKind};
use crate::webhook::Webhook;

type Service = BoxCloneSyncService<Request<Full<Bytes>>, Response<()>, Infallible>;

const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";
const CLIENT: [u8; 4] = [192, 0, 2, 7];

fn tokens() -> PathTokens {
    PathTokens::parse([TOKEN]).unwrap()
}

fn provider(sample: Sample) -> Provider {
    let secret = SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap();
    match sample {
        Sample::BlendFi => blendfi(secret),
        Sample::Bloquo => bloquo(Allowlist::parse(["192.0.2.7"]).unwrap()),
        Sample::Blox => blox(tokens()).without_status_check(),
        Sample::BloqueAccount | Sample::BloqueCard => bloque_accounts(tokens()),
        Sample::BloquePayment => bloque_payments(secret),
        Sample::GitHub => github(secret),
        Sample::Shopify => shopify(secret),
        Sample::Slack => slack(secret),
        Sample::StandardWebhooks => standard_webhooks(Name::new("acme").unwrap(), secret),
        Sample::Stripe => stripe(secret),
    }
}

/// A correct delivery of this sample.
fn delivery(sample: Sample) -> TestDelivery {
    numbered(sample, 1)
}

fn numbered(sample: Sample, number: u64) -> TestDelivery {
    let delivery = TestDelivery::new(&provider(sample), sample.body(number)).to("/hooks");
    match sample {
        Sample::Bloquo => delivery.from(CLIENT.into()),
        Sample::Blox | Sample::BloqueAccount | Sample::BloqueCard => delivery.token(TOKEN),
        _ => delivery,
    }
}

/// A sender of one's own that signs `{id}.{time}.{body}`, with id and time from headers.
fn acme() -> Provider {
    let scheme = Scheme::builder("x-acme-signature")
        .single("sha256=", Encoding::Hex)
        .timestamp_header("x-acme-time")
        .id_header("x-acme-id")
        .content([
            Component::Id,
            Component::literal("."),
            Component::Timestamp,
            Component::literal("."),
            Component::Body,
        ])
        .build()
        .unwrap();
    let secret = SigningSecret::from_text("acme-secret-for-tests").unwrap();
    let shape = Shape::new("order", ["/order"]).unwrap();
    let rule = EventRule::members([shape]).unwrap();
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let name = Name::new("acme").unwrap();
    Provider::signed(name, Verifier::new(scheme, secret), rule, contract)
}

/// A handler for this sample's sender that counts its runs.
struct Receiver {
    store: FaultyStore,
    runs: Arc<AtomicU32>,
    service: Service,
}

impl Receiver {
    fn of(sample: Sample) -> Self {
        Self::of_provider(provider(sample))
    }

    fn of_provider(provider: Provider) -> Self {
        let store = FaultyStore::new(MemoryStore::new());
        let webhook = Webhook::new(provider).store(store.clone());
        let runs = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&runs);
        let handler = service_fn(move |_: Request<Full<Bytes>>| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok(Response::new(Full::<Bytes>::default())) }
        });
        let service = ServiceBuilder::new()
            .map_response(|response: Response<_>| response.map(drop))
            .layer(webhook.build().unwrap())
            .service(handler);
        Self {
            store,
            runs,
            service: BoxCloneSyncService::new(service),
        }
    }

    async fn take(&self, delivery: &TestDelivery) -> Response<()> {
        let request = delivery.request().unwrap();
        self.service.clone().oneshot(request).await.unwrap()
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_delivery_of_each_sender_is_handled_and_its_duplicate_is_not() {
    for &sample in Sample::ALL {
        let receiver = Receiver::of(sample);
        assert_handled(&receiver.take(&delivery(sample)).await);
        assert_duplicate(&receiver.take(&delivery(sample)).await);
        assert_handled(&receiver.take(&numbered(sample, 2)).await);
        assert_eq!(receiver.runs(), 2, "{sample:?}");
    }
}

#[tokio::test]
async fn what_every_signature_covers_can_be_made_wrong_for_every_signer() {
    let providers = Sample::ALL.iter().map(|sample| {
        let body = sample.body(1);
        (provider(*sample), body)
    });
    let acme = (acme(), Bytes::from_static(br#"{"order":1042}"#));
    for (provider, body) in providers.chain([acme]) {
        let Some(verifier) = provider.verifier() else {
            continue;
        };
        let receiver = Receiver::of_provider(provider.clone());
        let right = TestDelivery::new(&provider, body);
        let refused = async |delivery: TestDelivery, reason| {
            assert_rejected(&receiver.take(&delivery).await, reason);
        };
        refused(right.clone().wrong_secret(), Reason::SignatureMismatch).await;
        refused(right.clone().body_changed(), Reason::SignatureMismatch).await;
        let changed = right.clone().signature_changed();
        refused(changed, Reason::SignatureMismatch).await;
        refused(right.clone().without_signature(), Reason::SignatureHeader).await;
        if verifier.scheme().tolerance().is_some() {
            let (old, late) = (Duration::from_secs(400), right.clone());
            refused(late.aged(old), Reason::SignatureStale).await;
            refused(right.clone().ahead(old), Reason::SignatureStale).await;
            let moved = right.clone().timestamp_changed();
            refused(moved, Reason::SignatureMismatch).await;
        }
        assert_eq!(receiver.runs(), 0, "{:?}", provider.name());
        assert_handled(&receiver.take(&right).await);
    }
}

#[tokio::test]
async fn each_tamper_is_refused_for_its_own_reason_and_nothing_runs() {
    let old = Duration::from_secs(400);
    let blendfi = || delivery(Sample::BlendFi);
    let bloquo = || TestDelivery::new(&provider(Sample::Bloquo), Sample::Bloquo.body(1));
    for (sample, delivery, reason) in [
        (
            Sample::BlendFi,
            blendfi().wrong_secret(),
            Reason::SignatureMismatch,
        ),
        (
            Sample::BlendFi,
            blendfi().body_changed(),
            Reason::SignatureMismatch,
        ),
        (
            Sample::BlendFi,
            blendfi().timestamp_changed(),
            Reason::SignatureMismatch,
        ),
        (
            Sample::BlendFi,
            blendfi().without_signature(),
            Reason::SignatureHeader,
        ),
        (
            Sample::BlendFi,
            blendfi().timestamp("1e9"),
            Reason::SignatureHeader,
        ),
        (Sample::BlendFi, blendfi().aged(old), Reason::SignatureStale),
        (
            Sample::BlendFi,
            blendfi().ahead(old),
            Reason::SignatureStale,
        ),
        (
            Sample::BlendFi,
            blendfi().header_id("evt_2"),
            Reason::NoEventKey,
        ),
        (
            Sample::BlendFi,
            blendfi().method(http::Method::GET),
            Reason::MethodNotAllowed,
        ),
        (
            Sample::BlendFi,
            blendfi().header("content-encoding", "gzip"),
            Reason::ContentEncoding,
        ),
        (
            Sample::Blox,
            delivery(Sample::Blox).wrong_token(),
            Reason::UnknownPath,
        ),
        (
            Sample::Bloquo,
            bloquo().from([192, 0, 2, 8].into()),
            Reason::SourceRefused,
        ),
        (Sample::Bloquo, bloquo(), Reason::SourceFault),
        (
            Sample::StandardWebhooks,
            delivery(Sample::StandardWebhooks).header_id("msg_other"),
            Reason::SignatureMismatch,
        ),
        (
            Sample::Stripe,
            delivery(Sample::Stripe).another_header("stripe-signature", "t=1,v1=00"),
            Reason::SignatureHeader,
        ),
    ] {
        let receiver = Receiver::of(sample);
        assert_rejected(&receiver.take(&delivery).await, reason);
        assert_eq!(receiver.runs(), 0, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_in_trouble_is_told_to_the_sender_and_costs_no_event() {
    let receiver = Receiver::of(Sample::BlendFi);
    let delivery = delivery(Sample::BlendFi);
    let inject = |fault: Fault| receiver.store.inject(fault.on(Operation::Claim).times(1));

    inject(Fault::fail(StoreErrorKind::Unavailable));
    assert_rejected(&receiver.take(&delivery).await, Reason::StoreUnavailable);
    inject(Fault::fail(StoreErrorKind::Full));
    assert_rejected(&receiver.take(&delivery).await, Reason::StoreFull);
    inject(Fault::stall(Duration::MAX));
    assert_rejected(&receiver.take(&delivery).await, Reason::StoreTooSlow);
    inject(Fault::lose_reply());
    assert_rejected(&receiver.take(&delivery).await, Reason::StoreTooSlow);
    assert_eq!(receiver.runs(), 0);

    // The claim whose reply was lost is given back in the background.
    assert_handled(&receiver.take(&delivery).await);
    assert_duplicate(&receiver.take(&delivery).await);
    // Events that the store has lost run again: only a sink that is unique on the key prevents
    // that.
    inject(Fault::forget());
    assert_handled(&receiver.take(&delivery).await);
    assert_eq!(receiver.runs(), 2);
}
