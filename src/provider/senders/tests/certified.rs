//! The senders that show a certificate: their deliveries contain no proof.

use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use tower::{Layer, ServiceExt};

use super::super::{efi_mtls, inter};
use super::*;
use crate::certificate::ClientCertificate;
use crate::clock::ManualClock;
use crate::reason::Reason;
use crate::rejection::Rejection;

/// A delivery, and the key of its only event.
#[derive(Debug)]
pub(in crate::provider::senders) struct Certified {
    pub(in crate::provider::senders) of: &'static str,
    pub(in crate::provider::senders) body: &'static str,
    pub(in crate::provider::senders) key: &'static str,
}

/// Made by `openssl`, with a chain under `root.pem`.
const LEAF: &str = include_str!("../../../../tests/data/certificates/leaf.pem");
const FOREIGN: &str = include_str!("../../../../tests/data/certificates/foreign.pem");
/// `openssl x509 -in tests/data/certificates/leaf.pem -noout -fingerprint -sha256`
const SHA256: &str = "54:EB:FE:2A:30:F1:AD:81:1C:82:ED:38:87:40:DF:78:05:0F:48:7E:53:9D:48:F4:15:C8:AF:C5:74:7C:31:F5";

impl Certified {
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        [efi_mtls::CERTIFIED, inter::CERTIFIED]
            .into_iter()
            .flatten()
    }

    fn provider(&self) -> Provider {
        let url = PublicUrl::parse("https://hooks.example/in").unwrap();
        let sender = senders().find(|sender| sender.name() == self.of).unwrap();
        sender.provider(SHA256, &url).unwrap()
    }
}

#[test]
fn each_event_has_its_key() {
    for vector in Certified::all() {
        let provider = vector.provider();
        let uri = Uri::from_static("/in/pix");
        let headers = HeaderMap::new();
        let head = RequestHead::new(&Method::POST, &uri, &headers);
        let (name, body) = (provider.name(), vector.body.as_bytes());
        let items = provider.rule().identify_items(name, head, body, 100);
        let items: Vec<_> = items.unwrap().into_iter().flatten().collect();
        assert_eq!(items.len(), 1, "{}", vector.of);
        let key = items[0].identity.as_ref().unwrap().key.to_string();
        assert_eq!(key, vector.key, "{}", vector.of);
    }
}

#[tokio::test]
async fn its_certificate_is_taken_and_no_other_and_none_is_refused() {
    for vector in Certified::all() {
        let webhook = Webhook::new(vector.provider())
            .store(MemoryStore::new())
            .clock(ManualClock::new(UnixTime::from_secs(1_900_000_000)));
        let layer = webhook.build().unwrap();
        let service = layer.layer(tower::service_fn(async |_: Request<Full<bytes::Bytes>>| {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
        }));
        let deliver = async |shown: Option<&str>| {
            let mut request = Request::post("/in/pix");
            if let Some(pem) = shown {
                request = request.extension(ClientCertificate::from_pem(pem).unwrap());
            }
            let request = request.body(Full::from(vector.body)).unwrap();
            let response = service.clone().oneshot(request).await.unwrap();
            let reason = (response.extensions().get::<Rejection>()).map(Rejection::reason);
            (response.status(), reason)
        };
        let unauthorized = |reason| (StatusCode::UNAUTHORIZED, Some(reason));
        assert_eq!(
            deliver(Some(LEAF)).await,
            (StatusCode::OK, None),
            "{}",
            vector.of
        );
        let foreign = deliver(Some(FOREIGN)).await;
        assert_eq!(
            foreign,
            unauthorized(Reason::CertificateRefused),
            "{}",
            vector.of
        );
        let none = deliver(None).await;
        assert_eq!(
            none,
            unauthorized(Reason::CertificateMissing),
            "{}",
            vector.of
        );
    }
}
