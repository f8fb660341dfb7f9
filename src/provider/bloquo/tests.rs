use super::*;
use crate::clock::UnixTime;
use crate::event::Decimal;
use crate::provider::tests::{event, identify};

const PASCAL: &str = r#"{"Status":"COMPLETED","OrderId":1042,"OrderType":"Withdrawal","E2EId":"E1234","RequestedAmount":100.50,"TotalAmount":101.00,"FeeAmount":0.50,"FinalizedAt":"2026-05-04T13:00:00Z"}"#;
const CAMEL: &str = r#"{"orderId":"1042","status":"COMPLETED","orderType":"Withdrawal","e2eId":"E1234","requestedAmount":100.5,"totalAmount":101,"feeAmount":0.5,"finalizedAt":"2026-05-04T13:00:00Z"}"#;

fn preset() -> Provider {
    bloquo(Allowlist::parse(["192.0.2.1"]).unwrap())
}

#[test]
fn both_spellings_are_one_event_and_one_payload() {
    let pascal = event(&preset(), PASCAL);
    assert_eq!(pascal.key.to_string(), "1042:COMPLETED");
    assert_eq!(pascal.shape.as_deref(), Some("order"));
    // `date -u -d 2026-05-04T13:00:00Z +%s`
    assert_eq!(pascal.time, Some(UnixTime::from_secs(1_777_899_600)));
    assert_eq!(event(&preset(), CAMEL), pascal);

    let read = |body| serde_json::from_str::<Payload>(body).unwrap();
    assert_eq!(read(PASCAL), read(CAMEL));
    let order = read(CAMEL);
    assert_eq!(order.status, Status::Completed);
    assert_eq!(order.order_id, "1042");
    assert_eq!(order.order_type, Some(OrderType::Withdrawal));
    assert_eq!(order.e2e_id.as_deref(), Some("E1234"));
    assert_eq!(order.fee_amount, Decimal::parse("0.5"));
    assert_eq!(order.finalized_at.as_deref(), Some("2026-05-04T13:00:00Z"));
    assert_eq!(order.failure_reason, None);
    assert!(order.other.is_empty());
}

#[test]
fn each_status_is_an_event_and_amounts_are_its_meaning() {
    let pending = PASCAL.replace("COMPLETED", "PENDING");
    assert_ne!(event(&preset(), PASCAL).key, event(&preset(), &pending).key);

    let meaning = |body: &str| event(&preset(), body).fingerprint;
    let later = PASCAL.replace("13:00", "14:00").replace("E1234", "E5678");
    assert_eq!(meaning(PASCAL), meaning(&later));
    for (from, to) in [
        ("100.50", "100.51"),
        ("101.00", "1"),
        ("0.50", "0"),
        ("Withdrawal", "Deposit"),
    ] {
        assert_ne!(
            meaning(PASCAL),
            meaning(&PASCAL.replacen(from, to, 1)),
            "{to}"
        );
    }
    let no_fee = PASCAL.replace(r#""FeeAmount":0.50,"#, "");
    let null_fee = PASCAL.replace(r#""FeeAmount":0.50"#, r#""FeeAmount":null"#);
    assert_eq!(meaning(&no_fee), meaning(&null_fee));
}

#[test]
fn numbers_of_any_length_survive_and_what_is_new_is_kept() {
    let id = "9".repeat(60);
    let body = format!(
        r#"{{"OrderId":{id},"Status":"REFUNDED","OrderType":"Swap","TotalAmount":12345678901234567890.123456789,"FeeAmount":0.1,"FailureReason":null,"Extra":{{"rate": 5.10}}}}"#
    );
    assert_eq!(
        event(&preset(), &body).key.to_string(),
        format!("{id}:REFUNDED")
    );
    let order: Payload = serde_json::from_str(&body).unwrap();
    assert_eq!(order.order_id, id);
    assert_eq!(order.status, Status::Other("REFUNDED".to_owned()));
    assert_eq!(order.order_type, Some(OrderType::Other("Swap".to_owned())));
    let amount = order.total_amount.unwrap();
    assert_eq!(amount.as_str(), "12345678901234567890.123456789");
    assert_eq!(order.fee_amount.unwrap().as_str(), "0.1");
    assert_eq!(format!("{:?}", order.other), r#"{"Extra": {"rate": 5.10}}"#);
}

#[test]
fn what_has_another_form_or_two_readings_is_refused() {
    for (rest, text) in [
        (
            r#""OrderId":1.0,"Status":"FAILED""#,
            "OrderId: of another type",
        ),
        (r#""Status":"FAILED""#, "OrderId: not there"),
        (r#""OrderId":1"#, "Status: not there"),
        (
            r#""OrderId":1,"orderId":2,"Status":"FAILED""#,
            "orderId: differs from another spelling of it",
        ),
        (
            r#""OrderId":1,"Status":"FAILED","status":"COMPLETED""#,
            "status: differs from another spelling of it",
        ),
    ] {
        let body = format!("{{{rest}}}");
        assert!(identify(&preset(), &body).is_err(), "{body}");
        let error = serde_json::from_str::<Payload>(&body)
            .unwrap_err()
            .to_string();
        assert_eq!(error, text, "{body}");
    }
    for (rest, text) in [
        (r#""TotalAmount":true"#, "TotalAmount: of another type"),
        (r#""totalAmount":"1,50""#, "totalAmount: of another type"),
        (r#""OrderType":1"#, "OrderType: of another type"),
    ] {
        let body = format!(r#"{{"OrderId":1,"Status":"FAILED",{rest}}}"#);
        let error = serde_json::from_str::<Payload>(&body)
            .unwrap_err()
            .to_string();
        assert_eq!(error, text, "{body}");
    }
}
