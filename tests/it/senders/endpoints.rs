//! Senders that ask for their endpoint before events flow, and whose events name a key or a state each.

use super::*;

#[cfg(feature = "asymmetric")]
mod ebay {
    use super::*;

    // The published example of eBay's SDK, `test/test.json`.
    const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZhhxXKtR+TOvtDbgTPCkSof02qgBB7IsYOyf76ilExJ/upAa/vKIKheOoCyOpcLmi4t0b4uepb7LLjmMr90FUg==";
    const SIGNATURE: &str = "eyJhbGciOiJlY2RzYSIsImtpZCI6Ijk5MzYyNjFhLTdkN2ItNDYyMS1hMGYxLTk2Y2NiNDI4YWY0OSIsInNpZ25hdHVyZSI6Ik1FWUNJUUNmeGZJV3V4bVdjSUJRSjljNS9YN2lHREpxczJSQ0dzQkVhQWppbnlycmZBSWhBSVY2d0djVGlCdVY1S0pVaWYyaG9reXJMK1E5c3NIa2FkK214Mm5FRTI1dyIsImRpZ2VzdCI6IlNIQTEifQ==";
    const BODY: &str = r#"{"metadata":{"topic":"MARKETPLACE_ACCOUNT_DELETION","schemaVersion":"1.0","deprecated":false},"notification":{"notificationId":"49feeaeb-4982-42d9-a377-9645b8479411_33f7e043-fed8-442b-9d44-791923bd9a6d","eventDate":"2021-03-19T20:43:59.462Z","publishDate":"2021-03-19T20:43:59.679Z","publishAttemptCount":1,"data":{"username":"test_user","userId":"ma8vp1jySJC","eiasToken":"nY+sHZ2PrBmdj6wVnY+sEZ2PrA2dj6wJnY+gAZGEpwmdj6x9nY+seQ=="}}}"#;
    const TOKEN: &str = "71745723-d031-455c-bfa5-f90d11b4f20a";

    fn receiver() -> Receiver {
        use tower_webhook::provider::{self, ebay};

        let url = PublicUrl::parse("https://hooks.example/hooks").unwrap();
        let tokens = ebay::verification_tokens([TOKEN]).unwrap();
        Receiver::of(provider::ebay(ebay::keys([KEY]).unwrap(), tokens, url))
    }

    async fn post(receiver: &Receiver, signature: &str, body: &str) -> u16 {
        let headers = [("x-ebay-signature", signature)];
        let answer = receiver.send(Method::POST, "/hooks", &headers, body);
        answer.await.status
    }

    #[tokio::test]
    async fn ebay_gets_a_hash_that_is_no_signature() {
        let receiver = receiver();
        let code = "a8628072-3d33-45ee-9004-bee86830a22d";
        let uri = format!("/hooks?challenge_code={code}");
        let answer = receiver.send(Method::GET, &uri, &[], "").await;
        // printf %s%s%s $code $TOKEN https://hooks.example/hooks | openssl dgst -sha256
        let hash = "8fce84149611f80208de3ce4dbd83047ab901a51d7f0a2d7ff2ca507e5d28f38";
        let expected = format!(r#"{{"challengeResponse":"{hash}"}}"#);
        assert_eq!((answer.status, &*answer.body), (200, &*expected));
        assert_eq!(answer.headers["content-type"], "application/json");

        // A stranger asks for the hash of an event, and sends what the answer was as its signature.
        for event in ["%7B%22notification%22%3A%7B%7D%7D", "%5B%5D", "a%20b"] {
            let uri = format!("/hooks?challenge_code={event}");
            let asked = receiver.send(Method::GET, &uri, &[], "").await;
            assert_eq!((asked.status, &*asked.body), (400, ""), "{event}");
        }
        let envelope =
            format!(r#"{{"alg":"ecdsa","kid":"1","signature":"{hash}","digest":"SHA1"}}"#);
        let envelope = data_encoding::BASE64.encode(envelope.as_bytes());
        assert_eq!(post(&receiver, &envelope, code).await, 401);
        assert_eq!(receiver.runs(), 0);
    }

    #[tokio::test]
    async fn ebay_is_proved_by_its_envelope_whatever_that_says_of_the_algorithm() {
        let receiver = receiver();
        assert_eq!(post(&receiver, SIGNATURE, BODY).await, 204);
        assert_eq!(post(&receiver, SIGNATURE, BODY).await, 200, "a duplicate");
        assert_eq!(post(&receiver, SIGNATURE, &format!("{BODY} ")).await, 401);
        let changed = |from: &str, to: &str| {
            let json = data_encoding::BASE64.decode(SIGNATURE.as_bytes()).unwrap();
            let json = String::from_utf8(json).unwrap();
            assert!(json.contains(from), "{json}");
            data_encoding::BASE64.encode(json.replace(from, to).as_bytes())
        };
        for (from, to) in [
            (r#""alg":"ecdsa""#, r#""alg":"none""#),
            (r#""digest":"SHA1""#, r#""digest":"SHA256""#),
        ] {
            assert_eq!(post(&receiver, &changed(from, to), BODY).await, 200);
        }
        for (from, to) in [
            ("MEYC", "MEYD"),
            (r#","digest""#, r#","signature":"AA","digest""#),
            (r#""kid":"#, r#""key":"#),
        ] {
            assert_eq!(post(&receiver, &changed(from, to), BODY).await, 401, "{to}");
        }
        assert_eq!(receiver.runs(), 1);
    }
}

fn notification(id: &str, state: &str) -> String {
    let id = match id {
        "" => String::new(),
        id => format!(r#""id":"{id}","#),
    };
    format!(
        r#"{{{id}"subscriptionId":"7f105c7d","clientState":"{state}","changeType":"updated","resource":"users/1"}}"#
    )
}

async fn notify(receiver: &Receiver, query: &str, items: &[String]) -> Answer {
    let body = format!(r#"{{"value":[{}]}}"#, items.join(","));
    let uri = format!("/hooks{query}");
    receiver.send(Method::POST, &uri, &[], &body).await
}

#[tokio::test]
async fn microsoft_graph_gets_its_sentence_and_nothing_runs() {
    let receiver = Receiver::named("microsoft_graph");
    // As it is seen: microsoftgraph/microsoft-graph-docs, issue 21160.
    let token = "?validationToken=Validation%3A+Testing+client+application+reachability+for+subscription+Request-Id%3A+877cb92e-a60b-483b-8a39-79aa5f64f5a3";
    let event = [notification("1", SECRET)];
    for items in [&[][..], &event] {
        let answer = notify(&receiver, token, items).await;
        let sentence = "Validation: Testing client application reachability for subscription Request-Id: 877cb92e-a60b-483b-8a39-79aa5f64f5a3";
        assert_eq!((answer.status, &*answer.body), (200, sentence));
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    for script in ["%3Cscript%3E", "a%22b", "a%0Ab", "%7B%7D", ""] {
        let answer = notify(&receiver, &format!("?validationToken={script}"), &[]).await;
        assert_eq!((answer.status, &*answer.body), (400, ""), "{script}");
    }
    assert_eq!(receiver.runs(), 0);
}

#[tokio::test]
async fn microsoft_graph_must_know_the_state_of_each_item() {
    let receiver = Receiver::named("microsoft_graph");
    let right = |id: &str| notification(id, SECRET);
    let first = [right("1"), right("2")];
    assert_eq!(notify(&receiver, "", &first).await.status, 200);
    assert_eq!(notify(&receiver, "", &first).await.status, 200);
    assert_eq!(receiver.runs(), 2, "each once");
    let without = right("5").replace("clientState", "state");
    for wrong in [
        vec![right("3"), notification("4", "guessed")],
        vec![notification("4", "guessed"), right("3")],
        vec![right("3"), without],
        vec![right("3"), notification("4", "")],
        vec![right("3"), "1".to_owned()],
        vec![],
    ] {
        assert_eq!(notify(&receiver, "", &wrong).await.status, 401, "{wrong:?}");
    }
    assert_eq!(receiver.runs(), 2);
    // Two that agree in every byte may be two changes, where none has an id.
    for _ in 0..2 {
        assert_eq!(notify(&receiver, "", &[right("")]).await.status, 200);
    }
    assert_eq!(receiver.runs(), 4);
}

#[tokio::test]
async fn quicknode_has_a_time_of_ten_digits() {
    use tower_webhook::testing::TestDelivery;

    let receiver = Receiver::named("quicknode");
    let delivery = |time: &str| {
        TestDelivery::new(&provider("quicknode"), r#"[{"number":"0x1"}]"#)
            .at(NOW)
            .timestamp(time)
            .to("/hooks")
            .request::<Body>()
    };
    for other_length in ["01777899600", "177789960", ""] {
        // Nothing signs one of another length, and a delivery that has one is refused.
        assert!(delivery(other_length).is_err(), "{other_length:?}");
        let mut request = delivery("1777899600").unwrap();
        let time = other_length.parse().unwrap();
        request.headers_mut().insert("x-qn-timestamp", time);
        assert_eq!(receiver.ask(request).await.status(), 401);
    }
    let right = receiver.ask(delivery("1777899600").unwrap()).await;
    assert_eq!(right.status(), 204);
    assert_eq!(receiver.runs(), 1);
}
