//! A receiver that was down and catches up: events that were not taken, and some that arrive during
//! this.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tower_webhook::inbox::SharedInbox;
use tower_webhook::provider::{self, blendfi};
use tower_webhook::reconcile::{ApiClient, ApiKey, BlendFiApi, BloxApi, Pace, Reconciler, Report};
use tower_webhook::store::SharedStore;
use tower_webhook::testing::{BlendFiStandIn, BloxStandIn, Sample, Sender, TestDelivery};
use tower_webhook::worker::InboxExt;
use tower_webhook::{
    Delivery, Drain, PathTokens, Provider, RouterExt, Webhook, WebhookLayer, event_handler,
};

use super::ledger::Ledger;

const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d82";
const BLOX_KEY: &str = "blox_test_9f8e7d6c5b4a";
const BLENDFI_KEY: &str = "sk_test_0a1b2c3d4e5f";
const PATIENCE: Duration = Duration::from_secs(120);

/// The place where records or events are kept.
pub(crate) enum KeptIn {
    Store(SharedStore),
    Inbox(SharedInbox),
}

/// The result.
pub(crate) struct CaughtUp {
    pub(crate) ledger: Ledger,
    pub(crate) blox: Report,
    pub(crate) blendfi: Report,
    /// One more run of each, by which time everything is known.
    pub(crate) again: [Report; 2],
    pub(crate) api_requests: u64,
}

/// So many events of each sender happen while the receiver is down. Then it starts with its
/// reconcilers, while every fifth event is also delivered by hand.
pub(crate) async fn catch_up(kept_in: KeptIn, events: u64) -> Result<CaughtUp, Box<dyn Error>> {
    let ledger = Ledger::default();
    // Events that happen while the receiver is down.
    let signer = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
    let blox_server = BloxStandIn::start(BLOX_KEY).await?;
    let blendfi_server = BlendFiStandIn::start(BLENDFI_KEY, &signer).await?;
    let ids: Arc<Vec<String>> = Arc::new((0..events).map(checkout).collect());
    ids.iter()
        .for_each(|id| blox_server.set(id, "COMPLETED", "15000"));
    for number in 0..events {
        blendfi_server.missed(Sample::BlendFi.body(number));
    }

    // The receiver starts.
    let blox_api = BloxApi::at(blox_server.server().url(), ApiKey::new(BLOX_KEY)?)?;
    let blox = provider::blox(PathTokens::parse([TOKEN])?).checked_by(&blox_api);
    let blox = built(&kept_in, blox)?;
    let blendfi = built(&kept_in, signer.clone())?;
    let on_event = |ledger: Ledger| {
        move |delivery: Delivery| {
            ledger.enter(&delivery);
            std::future::ready(())
        }
    };
    let router = Router::new()
        .webhook(
            "/blox",
            blox.clone(),
            event_handler(on_event(ledger.clone())),
        )
        .webhook(
            "/blendfi",
            blendfi.clone(),
            event_handler(on_event(ledger.clone())),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let drain = Drain::new();
    let working = match &kept_in {
        KeptIn::Store(_) => None,
        KeptIn::Inbox(inbox) => {
            let worker = inbox.worker().drain(drain.clone());
            let worker = worker
                .on(&blox, on_event(ledger.clone()))
                .on(&blendfi, on_event(ledger.clone()));
            let worker = worker.build()?;
            Some(tokio::spawn(async move { worker.run().await }))
        }
    };
    blendfi_server.deliver_to(&format!("http://{address}/blendfi"));

    // Its reconcilers; one of them queries each checkout that we believe to be open.
    let open = move |after: Option<String>| {
        let ids = Arc::clone(&ids);
        async move {
            let behind = ids
                .iter()
                .filter(|id| after.as_ref().is_none_or(|after| *id > after));
            Ok::<_, std::io::Error>(behind.take(50).cloned().collect())
        }
    };
    let blox_run = Reconciler::of(&blox, blox_api.open_checkouts(open))
        .handler(on_event(ledger.clone()))
        .pace(Pace::new().concurrency(16))
        .build()?;
    // BlendFi's keys cannot be derived from its API's answers: it redelivers what has not arrived.
    let client = ApiClient::at(blendfi_server.server().url()).bearer(ApiKey::new(BLENDFI_KEY)?);
    let blendfi_api = BlendFiApi::on(client.build()?);
    let list = blendfi_api
        .deliveries("we_1")?
        .items("/data")
        .delivery_id("/id");
    let list = list
        .member("/id", "/event_id")
        .pages("cursor", "/next_cursor");
    let blendfi_run = Reconciler::of(&blendfi, list.on(blendfi_api.client())?)
        .pace(Pace::new().concurrency(16))
        .build()?;
    let late = late_deliveries(address, events, signer);
    let is_idle = || blendfi_server.is_idle();
    let (blox_report, blendfi_report, late) = tokio::join!(
        caught_up(&blox_run, || true),
        caught_up(&blendfi_run, is_idle),
        late,
    );
    late?;

    // The queued events are processed.
    let all = usize::try_from(events.saturating_mul(2))?;
    let begun = Instant::now();
    while ledger.len() < all && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(10)).await;
    }
    let again = [blox_run.run_once().await, blendfi_run.run_once().await];
    drain.begin();
    if let Some(working) = working {
        working.await?;
    }
    serving.abort();
    Ok(CaughtUp {
        ledger,
        blox: blox_report,
        blendfi: blendfi_report,
        again,
        api_requests: blox_server.server().requests() + blendfi_server.server().requests(),
    })
}

/// Runs as a schedule does until everything is known. Returns the sums of all runs, with the end of
/// the last one.
async fn caught_up(reconciler: &Reconciler, is_idle: impl Fn() -> bool) -> Report {
    let begun = Instant::now();
    let mut all = Report::default();
    loop {
        let report = reconciler.run_once().await;
        let (recovered, requested) = (all.recovered, all.requested);
        all = report;
        all.recovered += recovered;
        all.requested += requested;
        if report.known == report.seen || begun.elapsed() > PATIENCE {
            return all;
        }
        // The requested redeliveries are on their way.
        sleep(Duration::from_millis(200)).await;
        while !is_idle() && begun.elapsed() < PATIENCE {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

fn built(kept_in: &KeptIn, provider: Provider) -> Result<WebhookLayer, tower_webhook::ConfigError> {
    match kept_in {
        KeptIn::Store(store) => Webhook::new(provider).store(store.clone()).build(),
        KeptIn::Inbox(inbox) => Webhook::new(provider).inbox(inbox.clone()).build(),
    }
}

fn checkout(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// Every fifth event, as its sender delivers it.
async fn late_deliveries(
    to: SocketAddr,
    events: u64,
    blendfi: Provider,
) -> Result<(), tower_webhook::ConfigError> {
    let blox = provider::blox(PathTokens::parse([TOKEN])?).without_status_check();
    let some = || (0..events).step_by(5);
    let checkouts =
        some().map(|number| TestDelivery::new(&blox, Sample::Blox.body(number)).token(TOKEN));
    let conversions =
        some().map(|number| TestDelivery::new(&blendfi, Sample::BlendFi.body(number)));
    let sender = |provider: &Provider| {
        let sender = Sender::new(provider.contract().clone());
        sender
            .every(Duration::from_millis(5))
            .hurry(100)
            .time_to_answer(PATIENCE)
    };
    let (blox_sender, blendfi_sender) = (sender(&blox), sender(&blendfi));
    let (blox_url, blendfi_url) = (format!("http://{to}/blox"), format!("http://{to}/blendfi"));
    let (first, second) = tokio::join!(
        blox_sender.deliver_to(&blox_url, checkouts),
        blendfi_sender.deliver_to(&blendfi_url, conversions),
    );
    first.and(second).map(drop)
}
