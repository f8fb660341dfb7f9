//! The kit against the whole way of a delivery.

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
use crate::path::PathTokens;
use crate::provider::{Provider, blendfi, bloque_accounts, bloque_payments, bloquo, blox};
use crate::rejection::Reason;
use crate::secret::SigningSecret;
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
    }
    .unwrap()
}

/// A right delivery of this sample.
fn delivery(sample: Sample) -> TestDelivery {
    let delivery = TestDelivery::new(&provider(sample), sample.body(1)).to("/hooks");
    match sample {
        Sample::Bloquo => delivery.from(CLIENT.into()),
        Sample::Blox | Sample::BloqueAccount | Sample::BloqueCard => delivery.token(TOKEN),
        Sample::BlendFi | Sample::BloquePayment => delivery,
    }
}

/// A handler of this sample's sender, which counts how often it has run.
struct Receiver {
    store: FaultyStore,
    runs: Arc<AtomicU32>,
    service: Service,
}

impl Receiver {
    fn of(sample: Sample) -> Self {
        let store = FaultyStore::new(MemoryStore::new());
        let webhook = Webhook::new(provider(sample)).dedupe(store.clone());
        let runs = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&runs);
        let handler = service_fn(move |_: Request<Full<Bytes>>| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok(Response::new(Full::<Bytes>::default())) }
        });
        let service = ServiceBuilder::new()
            .map_response(|response: Response<_>| response.map(drop))
            .layer(webhook.layer().unwrap())
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
async fn a_delivery_of_each_sender_is_handled_and_its_copy_is_not() {
    for sample in Sample::ALL {
        let receiver = Receiver::of(sample);
        assert_handled(&receiver.take(&delivery(sample)).await);
        assert_copy(&receiver.take(&delivery(sample)).await);
        let another = TestDelivery::new(&provider(sample), sample.body(2));
        let another = match sample {
            Sample::Bloquo => another.from(CLIENT.into()),
            Sample::BlendFi | Sample::BloquePayment => another,
            _ => another.token(TOKEN),
        };
        assert_handled(&receiver.take(&another).await);
        assert_eq!(receiver.runs(), 2, "{sample:?}");
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
            blendfi().with_wrong_secret(),
            Reason::SignatureMismatch,
        ),
        (
            Sample::BlendFi,
            blendfi().with_body_changed(),
            Reason::SignatureMismatch,
        ),
        (
            Sample::BlendFi,
            blendfi().with_timestamp_changed(),
            Reason::SignatureMismatch,
        ),
        (
            Sample::BlendFi,
            blendfi().without_signature(),
            Reason::SignatureHeader,
        ),
        (
            Sample::BlendFi,
            blendfi().with_timestamp("1e9"),
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
            blendfi().with_header_id("evt_2"),
            Reason::NoEventKey,
        ),
        (
            Sample::BlendFi,
            blendfi().with_method(http::Method::GET),
            Reason::MethodNotAllowed,
        ),
        (
            Sample::BlendFi,
            blendfi().with_header("content-encoding", "gzip"),
            Reason::ContentEncoding,
        ),
        (
            Sample::Blox,
            delivery(Sample::Blox).with_wrong_token(),
            Reason::UnknownPath,
        ),
        (
            Sample::Bloquo,
            bloquo().from([192, 0, 2, 8].into()),
            Reason::SourceRefused,
        ),
        (Sample::Bloquo, bloquo(), Reason::SourceFault),
        (
            Sample::BloquePayment,
            delivery(Sample::BloquePayment).with_wrong_secret(),
            Reason::SignatureMismatch,
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
    assert_copy(&receiver.take(&delivery).await);
    // What the store has lost runs again: only a sink that is unique on the key stops that.
    inject(Fault::forget());
    assert_handled(&receiver.take(&delivery).await);
    assert_eq!(receiver.runs(), 2);
}
