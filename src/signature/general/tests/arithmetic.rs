//! Bounds the computation that strangers can cause: each signature checked on a curve is counted.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};

use crate::asymmetric::PrivateKey;
use crate::asymmetric::tests::verifications;
use crate::clock::UnixTime;
use crate::event::Name;
use crate::provider::{self, Provider};
use crate::signature::{PublicKeyAlgorithm, SignatureErrorKind as Kind};
use crate::testing::TestDelivery;

const NOW: UnixTime = UnixTime::from_secs(1_777_899_600);

/// The verdict on a delivery with this header, and the number of signatures checked on a curve.
fn judge(sender: &Provider, header: &'static str, text: &str) -> (Result<(), Kind>, usize) {
    let delivery = TestDelivery::new(sender, r#"{"id":"1","data":{"id":"1"}}"#).at(NOW);
    let mut request: Request<Bytes> = delivery.request().unwrap();
    let name = HeaderName::from_static(header);
    let right = request.headers()[&name].to_str().unwrap().to_owned();
    let text = HeaderValue::from_str(&text.replace("RIGHT", &right)).unwrap();
    request.headers_mut().insert(name, text);
    let before = verifications();
    let verifier = sender.verifier().unwrap();
    let judged = verifier.verify(&request, request.body(), NOW);
    let judged = judged.map(|_| ()).map_err(|error| error.kind());
    (judged, verifications() - before)
}

fn forged(count: u8) -> String {
    let one = |number| format!("v1a,{}", data_encoding::BASE64.encode(&[number; 64]));
    (1..=count).map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_more_signatures_are_verified_than_the_sender_may_send() {
    let key = PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519);
    let acme = provider::standard_webhooks_v1a(Name::new("acme").unwrap(), key);
    let judge = |text: &str| judge(&acme, "webhook-signature", text);
    assert_eq!(judge("RIGHT"), (Ok(()), 1));
    // This sender may send four.
    assert_eq!(judge(&forged(4)), (Err(Kind::Mismatch), 4));
    assert_eq!(judge(&format!("{} RIGHT", forged(3))), (Ok(()), 4));
    for count in [5, 63, 64, 65] {
        let (judged, verified) = judge(&format!("RIGHT {}", forged(count - 1)));
        assert_eq!(
            (judged, verified),
            (Err(Kind::TooManyCandidates), 0),
            "{count}"
        );
    }
}

#[test]
fn a_shape_that_no_signature_has_is_put_to_no_curve() {
    let key = PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519);
    let telnyx = provider::telnyx(key);
    let header = "telnyx-signature-ed25519";
    let base64 = |len| data_encoding::BASE64.encode(&vec![7; len]);
    assert_eq!(
        judge(&telnyx, header, &base64(64)),
        (Err(Kind::Mismatch), 1)
    );
    for wrong in [
        "",
        "AAAA",
        "no base64!",
        &base64(63),
        &base64(65),
        &base64(4096),
        &data_encoding::HEXLOWER.encode(&[7; 64]),
    ] {
        let (judged, verified) = judge(&telnyx, header, wrong);
        assert!(judged.is_err(), "{wrong}");
        assert_eq!(verified, 0, "{wrong}");
    }
}
