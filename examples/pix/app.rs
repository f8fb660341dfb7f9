use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use serde::Deserialize;
use tower_webhook::certificate::{CertificateHeader, CertificateProof};
use tower_webhook::{
    ConfigError, Decimal, Event, Provider, RouterExt, SharedStore, TrustedProxies, Webhook,
    provider,
};

/// How requests of senders reach this receiver.
#[derive(Debug, Clone)]
pub enum Reached {
    /// It terminates TLS itself.
    Directly,
    /// These proxies terminate TLS and pass on the certificate as `nginx.conf` says.
    Through(TrustedProxies),
}

/// The payments by `endToEndId`: an event that runs again changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Paid(Arc<Mutex<BTreeMap<String, Decimal>>>);

impl Paid {
    /// The payments so far.
    pub fn payments(&self) -> Vec<String> {
        let paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paid.keys().cloned().collect()
    }

    fn note(&self, id: String, amount: Decimal) {
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paid.insert(id, amount);
    }
}

/// One item of Efí's and Inter's lists. Efí's registration test and unknown notices have neither member.
#[derive(Debug, Deserialize)]
struct Notice {
    #[serde(rename = "endToEndId")]
    id: Option<String>,
    valor: Option<Decimal>,
}

async fn on_notice(State(paid): State<Paid>, Event(notice): Event<Notice>) {
    match (notice.id, notice.valor) {
        // Trust the API, not the notice: look this id up there before shipping anything.
        (Some(id), Some(amount)) => paid.note(id, amount),
        _ => tracing::info!("a notice of no payment"),
    }
}

/// The routes of both senders.
///
/// # Errors
///
/// Whatever [`Webhook::build`] refuses.
pub fn app(
    efi: CertificateProof,
    inter: CertificateProof,
    reached: &Reached,
    store: &SharedStore,
    paid: Paid,
) -> Result<Router, ConfigError> {
    let placed = |proof: CertificateProof| match reached {
        Reached::Directly => proof,
        Reached::Through(_) => proof.written_in(CertificateHeader::nginx()),
    };
    let proxies = || match reached {
        Reached::Directly => TrustedProxies::none(),
        Reached::Through(proxies) => proxies.clone(),
    };
    let webhook = |provider: Provider| {
        Webhook::new(provider)
            .store(store.clone())
            .trusted_proxies(proxies())
            .build()
    };
    let efi = webhook(provider::efi_mtls(placed(efi)))?;
    let inter = webhook(provider::inter(placed(inter)))?;
    let router = Router::new()
        // Efí appends `/pix` to the registered URL.
        .webhook("/webhooks/efi", efi.clone(), on_notice)
        .webhook("/webhooks/efi/pix", efi, on_notice)
        .webhook("/webhooks/inter", inter, on_notice);
    Ok(router.with_state(paid))
}
