//! The known senders, with correct deliveries of each.

use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::routing::post;
use tower_webhook::provider::{self, blox::CheckoutStatus};
use tower_webhook::{
    Allowlist, EventKey, KeyRing, ManualClock, Name, PathTokens, Provider, SecretFormat, UnixTime,
    Webhook,
};

use super::http::Request;
use super::openssl::hmac_sha256;
use super::server::Server;

/// 2026-05-04T13:00:00Z.
pub(crate) const NOW: u64 = 1_777_899_600;
pub(crate) const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
pub(crate) const PAYMENTS_SECRET: &str = "bloque_test_1a2b3c4d5e6f";
pub(crate) const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";
pub(crate) const WRONG_TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f5";

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(UnixTime::from_secs(NOW))
}

pub(crate) fn tokens() -> PathTokens {
    PathTokens::parse([TOKEN]).unwrap()
}

/// The same sender, with this time to answer.
pub(crate) fn answering_in(time: Duration, provider: Provider) -> Provider {
    let contract = provider.contract().clone();
    provider.replace_contract(contract.waits(time))
}

/// The signature header of BlendFi for this time, secret and body.
pub(crate) fn blendfi_signature(
    t: impl std::fmt::Display,
    secret: &str,
    body: impl AsRef<[u8]>,
) -> String {
    let content = [format!("{t}.").as_bytes(), body.as_ref()].concat();
    format!("t={t},v1={}", hmac_sha256(secret, content))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    BlendFi,
    Bloquo,
    Blox,
    BloqueAccounts,
    BloquePayments,
}

impl Preset {
    pub(crate) const ALL: [Self; 5] = [
        Self::BlendFi,
        Self::Bloquo,
        Self::Blox,
        Self::BloqueAccounts,
        Self::BloquePayments,
    ];

    /// The preset, with an API of BLOX that always agrees.
    pub(crate) fn provider(self) -> Provider {
        match self {
            Self::BlendFi => provider::blendfi(provider::blendfi::keys([SECRET]).unwrap()),
            Self::Bloquo => provider::bloquo(Allowlist::parse(["127.0.0.1", "::1"]).unwrap()),
            Self::Blox => provider::blox(tokens()).status_check(|id| async {
                Ok::<_, std::convert::Infallible>(CheckoutStatus::new(id, "COMPLETED"))
            }),
            Self::BloqueAccounts => provider::bloque_accounts(tokens()),
            Self::BloquePayments => provider::bloque_payments(
                KeyRing::parse(&SecretFormat::Text, [PAYMENTS_SECRET]).unwrap(),
            ),
        }
    }

    pub(crate) fn has_path_token(self) -> bool {
        matches!(self, Self::Blox | Self::BloqueAccounts)
    }

    pub(crate) fn signature_header(self) -> Option<&'static str> {
        match self {
            Self::BlendFi => Some("x-blendfi-signature"),
            Self::BloquePayments => Some("x-bloque-signature"),
            Self::Bloquo | Self::Blox | Self::BloqueAccounts => None,
        }
    }

    pub(crate) fn route(self) -> &'static str {
        if self.has_path_token() {
            "/hooks/{token}"
        } else {
            "/hooks"
        }
    }

    pub(crate) fn path(self) -> String {
        self.route().replace("{token}", TOKEN)
    }

    /// The body of the event number `n`.
    pub(crate) fn body(self, n: u32) -> String {
        self.body_with(n, "")
    }

    /// The same, lengthened by this text in an irrelevant member.
    pub(crate) fn body_with(self, n: u32, pad: &str) -> String {
        let members = match self {
            Self::BlendFi => format!(
                r#""id":"evt_{n}","type":"user.kyc_approved","created_at":"2026-05-04T13:00:00Z","data":{{}}"#
            ),
            Self::Bloquo => format!(
                r#""OrderId":{n},"Status":"COMPLETED","OrderType":"Deposit","RequestedAmount":1.5,"TotalAmount":1.5"#
            ),
            Self::Blox => format!(
                r#""checkoutId":"chk-{n}","status":"COMPLETED","amount":"15000","timestamp":"2026-05-04T13:00:00.000Z""#
            ),
            Self::BloqueAccounts => format!(
                r#""type":"authorization","event":"purchase","transaction_id":"tx_{n}","amount":"15","asset":"DUSD/6","direction":"debit""#
            ),
            Self::BloquePayments => {
                format!(r#""id":"evp_{n}","type":"payment.succeeded","data":{{"id":"pay_{n}"}}"#)
            }
        };
        if pad.is_empty() {
            format!("{{{members}}}")
        } else {
            format!(r#"{{{members},"pad":"{pad}"}}"#)
        }
    }

    /// The key of the event number `n`.
    pub(crate) fn key(self, n: u32) -> EventKey {
        let (name, parts) = match self {
            Self::BlendFi => ("blendfi", vec![format!("evt_{n}")]),
            Self::Bloquo => ("bloquo", vec![n.to_string(), "COMPLETED".to_owned()]),
            Self::Blox => ("blox", vec![format!("chk-{n}"), "COMPLETED".to_owned()]),
            Self::BloqueAccounts => {
                let card = ["authorization".to_owned(), "purchase".to_owned()];
                ("bloque", [&card[..], &[format!("tx_{n}")]].concat())
            }
            Self::BloquePayments => ("bloque", vec![format!("evp_{n}")]),
        };
        EventKey::new(Name::new(name).unwrap(), parts).unwrap()
    }

    /// The value of the signature header for this body, if the sender signs.
    pub(crate) fn signature(self, body: impl AsRef<[u8]>) -> Option<String> {
        match self {
            Self::BlendFi => Some(blendfi_signature(NOW, SECRET, body)),
            Self::BloquePayments => Some(hmac_sha256(PAYMENTS_SECRET, body)),
            Self::Bloquo | Self::Blox | Self::BloqueAccounts => None,
        }
    }

    /// A correct delivery of any body.
    pub(crate) fn deliver(self, body: impl AsRef<[u8]>) -> Request {
        let body = body.as_ref();
        let request = Request::post(&self.path())
            .header("content-type", "application/json")
            .body(body);
        match (self.signature_header(), self.signature(body)) {
            (Some(name), Some(value)) => request.header(name, value),
            _ => request,
        }
    }

    /// A correct delivery of event number `n`.
    pub(crate) fn delivery(self, n: u32) -> Request {
        self.deliver(self.body(n))
    }

    /// Serves one handler behind a webhook, at the path of the deliveries.
    pub(crate) async fn serve<H, T>(self, webhook: &Webhook, handler: H) -> Server
    where
        H: Handler<T, ()>,
        T: 'static,
    {
        let route = post(handler).layer(webhook.build().unwrap());
        Server::start(Router::new().route(self.route(), route)).await
    }
}
