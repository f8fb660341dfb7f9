use proptest::prelude::*;

use super::*;

proptest! {
    /// Any text in the two headers is judged, and proves nothing.
    #[test]
    fn no_text_is_a_proof_by_itself(
        input in "[a-z=()\";@:,. 0-9-]{0,120}|sig1=\\(.{0,40}\\);created=1618884473",
        signature in "sig1=:[A-Za-z0-9+/]{0,44}=?:|[ -~]{0,80}",
    ) {
        let builder = Request::post("/foo?a=1")
            .header("signature-input", input.as_bytes())
            .header("signature", signature.as_bytes());
        if let Ok(request) = builder.body(()) {
            prop_assert!(verify(hmac().covering::<&str>([]), &request, BODY).is_err());
        }
    }

    /// No covered byte of a valid message can be changed.
    #[test]
    fn a_changed_byte_of_what_is_covered_is_refused(
        method in prop::sample::select(vec!["POST", "PUT"]),
        query in "[a-z]{1,8}=[a-z0-9%]{0,8}",
        value in "[!-~]([ -~]{0,30}[!-~])?",
        other in "[!-~]([ -~]{0,30}[!-~])?",
        body in prop::collection::vec(any::<u8>(), 0..80),
        change in 0_usize..4,
    ) {
        let hash = <sha2::Sha256 as sha2::Digest>::digest(&body);
        let digest = format!("sha-256=:{}:", data_encoding::BASE64.encode(&hash));
        let parameters = r#"("@method" "@target-uri" "x-text" "content-digest");created=1618884473"#;
        let base = format!(
            "\"@method\": {method}\n\"@target-uri\": https://example.com/foo?{query}\n\"x-text\": {value}\n\"content-digest\": {digest}\n\"@signature-params\": {parameters}"
        );
        let verdict = |method: &str, query: &str, value: &str, body: &[u8]| {
            let request = Request::builder()
                .method(method)
                .uri(format!("/foo?{query}"))
                .header("x-text", value)
                .header("content-digest", &digest)
                .header("signature-input", format!("sig1={parameters}"))
                .header("signature", format!("sig1={}", mac(&base)))
                .body(())
                .unwrap();
            verifier(hmac().covering(["content-digest"]), shared_secret())
                .verify(&request, body, CREATED)
                .is_ok()
        };
        prop_assert!(verdict(method, &query, &value, &body));
        let wrong = match change {
            0 => verdict("PATCH", &query, &value, &body),
            1 => verdict(method, &format!("{query}x"), &value, &body),
            2 => value != other && verdict(method, &query, &other, &body),
            _ => verdict(method, &query, &value, &[body.as_slice(), b" "].concat()),
        };
        prop_assert!(!wrong);
    }
}
