use http::HeaderMap;

use super::*;
use crate::clock::UnixTime;
use crate::event::Decimal;
use crate::provider::fields::RawJson;
use crate::provider::tests::{event, identify};
use crate::signature::SignatureErrorKind;

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
const COMPLETED: &str = r#"{"id":"evt_01HX4Y6Z7A8B9C0D1E2F3G4H5J","type":"conversion.completed","created_at":"2026-05-04T13:00:00Z","api_version":"2026-05-01","data":{"object":"conversion","id":"cnv_1"}}"#;
/// `date -u -d 2026-05-04T13:00:00Z +%s`
const SENT: u64 = 1_777_899_600;
/// `printf '%s' "1777899600.$COMPLETED" | openssl dgst -sha256 -hmac "$SECRET"`
const MAC: &str = "a4fd45b0662f23fa617a97d9be6cc85489bbfddcb754322adcd8e84e40aba972";

fn preset() -> Provider {
    blendfi(keys([SECRET]).unwrap())
}

fn payload(body: &str) -> Payload {
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_delivery_is_verified_over_its_time_and_body() {
    let verifier = preset().signature.unwrap();
    let now = UnixTime::from_secs(SENT + 300);
    let mut headers = HeaderMap::new();
    let signature = format!("t={SENT},v1={MAC}");
    headers.insert("x-blendfi-signature", signature.parse().unwrap());
    let verified = verifier
        .verify(&headers, COMPLETED.as_bytes(), now)
        .unwrap();
    assert_eq!(verified.signed_at(), Some(UnixTime::from_secs(SENT)));

    let other_body = COMPLETED.replace("cnv_1", "cnv_2");
    let verdict = |body: &str, now| verifier.verify(&headers, body.as_bytes(), now);
    assert_eq!(
        verdict(&other_body, now).unwrap_err().kind(),
        SignatureErrorKind::Mismatch
    );
    let late = UnixTime::from_secs(SENT + 301);
    assert!(verdict(COMPLETED, late).unwrap_err().is_stale());
}

#[test]
fn secrets_are_plain_text_and_bad_ones_are_refused() {
    assert_eq!(secret_format(), SecretFormat::Text);
    let refused = |secrets: &[&str]| keys(secrets).unwrap_err().to_string();
    assert_eq!(
        refused(&[]),
        "blendfi: signing secret: a key ring needs at least one key"
    );
    assert_eq!(
        refused(&[SECRET, ""]),
        "blendfi: signing secret: number 2: empty"
    );
}

#[test]
fn an_event_is_its_id_and_a_header_that_disagrees_is_refused() {
    let completed = event(&preset(), COMPLETED);
    assert_eq!(
        completed.key.encoded(),
        "blendfi:evt_01HX4Y6Z7A8B9C0D1E2F3G4H5J"
    );
    assert_eq!(completed.shape.as_deref(), Some("event"));
    assert_eq!(completed.time, Some(UnixTime::from_secs(SENT)));

    let header = |id: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("X-Blendfi-Event-Id", id.parse().unwrap());
        let preset = preset();
        preset
            .rule
            .identify(&preset.name, &headers, None, COMPLETED.as_bytes())
            .map(|event| event.key.to_string())
            .map_err(|error| error.to_string())
    };
    let id = "evt_01HX4Y6Z7A8B9C0D1E2F3G4H5J";
    assert_eq!(header(id), Ok(id.to_owned()));
    assert_eq!(
        header("evt_2"),
        Err("x-blendfi-event-id: the id header disagrees with the body".to_owned())
    );
}

#[test]
fn a_duplicate_means_the_same_and_other_content_does_not() {
    let meaning = |body: &str| event(&preset(), body).fingerprint;
    let again = COMPLETED
        .replace("2026-05-01", "2026-06-01")
        .replace(',', " , ");
    assert_eq!(meaning(COMPLETED), meaning(&again));
    for (from, to) in [
        ("conversion.completed", "conversion.failed"),
        ("cnv_1", "cnv_2"),
        (r#""object""#, r#""fee":0,"object""#),
    ] {
        assert_ne!(
            meaning(COMPLETED),
            meaning(&COMPLETED.replace(from, to)),
            "{to}"
        );
    }
}

#[test]
fn a_conversion_is_read_and_what_is_new_is_kept() {
    let event = payload(
        r#"{"id":"evt_1","type":"conversion.created","created_at":"2026-05-04T13:00:00Z","trace":{"n":1.10},
        "data":{"object":"conversion","id":"cnv_1","user_id":"usr_1","transaction_type":"pix_offramp",
        "status":"awaiting_deposit","expected_source_amount":"12345678901234567890.123456789",
        "deposit_address":"0xab","deposit_address_network":"polygon",
        "deposit_window_expires_at":"2026-05-04T13:15:00Z","rate":0.1,"note":null}}"#,
    );
    assert_eq!(event.kind, EventType::ConversionCreated);
    assert_eq!(event.api_version, None);
    assert_eq!(format!("{:?}", event.other), r#"{"trace": {"n":1.10}}"#);
    let Data::Conversion(conversion) = event.data else {
        panic!("{:?}", event.data);
    };
    assert_eq!(conversion.user_id.as_deref(), Some("usr_1"));
    assert_eq!(conversion.transaction_type.as_deref(), Some("pix_offramp"));
    assert_eq!(conversion.status.as_deref(), Some("awaiting_deposit"));
    assert_eq!(
        conversion
            .expected_source_amount
            .as_ref()
            .map(Decimal::as_str),
        Some("12345678901234567890.123456789")
    );
    assert_eq!(conversion.deposit_address.as_deref(), Some("0xab"));
    assert_eq!(
        conversion.deposit_address_network.as_deref(),
        Some("polygon")
    );
    assert_eq!(
        conversion.deposit_window_expires_at.as_deref(),
        Some("2026-05-04T13:15:00Z")
    );
    assert_eq!(conversion.standby_reason, None);
    assert_eq!(
        format!("{:?}", conversion.other),
        r#"{"note": null, "rate": 0.1}"#
    );
}

fn with(kind: &str, data: &str) -> Payload {
    payload(&format!(
        r#"{{"id":"evt_1","type":"{kind}","created_at":"2026-05-04T13:00:00Z","data":{data}}}"#
    ))
}

#[test]
fn data_of_another_form_is_kept_as_it_was_written() {
    for (kind, data) in [
        ("conversion.created", "[1, 2.50]"),
        ("conversion.created", "\"cnv_1\""),
        ("conversion.created", "null"),
        ("conversion.created", r#"{"id": 7}"#),
        ("conversion.created", r#"{"expected_source_amount":"1,5"}"#),
        ("conversion.created", r#"{"object":"order","id":"o_1"}"#),
        ("conversion.created", r#"{"id":"a","id":"b"}"#),
        (
            "transaction.completed",
            r#"{"object":"conversion","amount":0.10}"#,
        ),
        ("user.kyc_expired", "{}"),
        ("wallet.opened", r#"{"x": [1e400]}"#),
    ] {
        match with(kind, data).data {
            Data::Other(raw) => assert_eq!(raw.as_str(), data),
            Data::Conversion(conversion) => panic!("{data} is no {conversion:?}"),
        }
    }
    let nothing = payload(r#"{"id":"evt_1","type":"user.kyc_pending","created_at":"now"}"#);
    assert_eq!(nothing.data, Data::Other(RawJson::default()));
}

#[test]
fn kinds_and_reasons_that_are_new_are_kept() {
    let event = with("conversion.refunded", r#"{"standby_reason":"sanctions"}"#);
    assert_eq!(
        event.kind,
        EventType::Other("conversion.refunded".to_owned())
    );
    let Data::Conversion(conversion) = event.data else {
        panic!("{:?}", event.data);
    };
    let reason = conversion.standby_reason.unwrap();
    assert_eq!(reason, StandbyReason::Other("sanctions".to_owned()));
    assert_eq!(
        StandbyReason::from("under_funded"),
        StandbyReason::UnderFunded
    );
    for name in [
        "conversion.canceled",
        "transaction.sending_pix",
        "user.kyc_approved",
    ] {
        let kind = EventType::from(name);
        assert!(!matches!(kind, EventType::Other(_)), "{name}");
    }
}

#[test]
fn an_envelope_of_another_form_is_refused() {
    let refused = |body: &str| {
        serde_json::from_str::<Payload>(body)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(r#"{"type":"a","created_at":"b"}"#).starts_with("id: not there"));
    assert!(
        refused(r#"{"id":"a","type":1,"created_at":"b"}"#).starts_with("type: of another type")
    );
    assert!(refused(r#"{"id":"a","type":"b"}"#).starts_with("created_at: not there"));
    assert!(refused("[]").contains("expected an object"));
    for body in [r#"{"id":1.0}"#, r#"{"id":null}"#, "{}", "[]", "{"] {
        assert!(identify(&preset(), body).is_err(), "{body}");
    }
}
