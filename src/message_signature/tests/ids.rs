use super::refused::{COVERED, CREATED_AT, request, rules};
use super::*;
use SignatureErrorKind as Kind;

#[test]
fn a_nonce_or_a_covered_header_is_the_id() {
    let told = request(COVERED, ";created=1618884473;nonce=\"n-7\"");
    let verified = verify(rules().nonce_is_id(), &told, BODY).unwrap();
    assert_eq!(verified.id(), Some("n-7"));
    refuses(
        rules().nonce_is_id(),
        &request(COVERED, CREATED_AT),
        Kind::MissingContent,
    );
    refuses(
        rules().names_key(),
        &request(COVERED, CREATED_AT),
        Kind::MissingContent,
    );

    let of_header = |covering: &'static [&'static str]| {
        Scheme::message_signatures(hmac().covering(covering.iter().copied()))
            .id_at(crate::signature::Place::header("content-type"))
            .build()
    };
    let scheme = of_header(&["content-type"]).unwrap();
    let request = request(r#""content-type""#, CREATED_AT);
    let keys = crate::secret::KeyRing::new([shared_secret()]).unwrap();
    let verified = Verifier::new(scheme, keys)
        .verify(&request, b"", CREATED)
        .unwrap();
    assert_eq!(verified.id(), Some("application/json"));
    assert!(
        of_header(&["@method"])
            .unwrap_err()
            .to_string()
            .contains("the id is read but not signed")
    );
}

#[test]
fn an_id_is_of_a_header_that_is_signed_letter_by_letter() {
    let of_header = |covered: &str| {
        Scheme::message_signatures(hmac().covering([covered.to_owned()]))
            .id_at(crate::signature::Place::header("x-id"))
            .build()
    };
    assert!(of_header("x-id").is_ok() && of_header(r#""x-id";bs"#).is_ok());
    // A single member of it, or its structured value: the rest may be anything.
    for covered in [r#""x-id";key="a""#, r#""x-id";sf"#] {
        let error = of_header(covered).unwrap_err().to_string();
        assert!(
            error.contains("the id is read but not signed"),
            "{covered}: {error}"
        );
    }
    // As a structured field 007 is 7: a signature of one is a signature of both, and each would be
    // an id.
    let input = format!(r#"("x-id";sf){CREATED_AT}"#);
    let base = format!("\"x-id\";sf: 7\n\"@signature-params\": {input}");
    let keys = || crate::secret::KeyRing::new([shared_secret()]).unwrap();
    let verifier = Verifier::new(of_header("x-id").unwrap(), keys());
    for id in ["7", "007"] {
        let mut request = test_request(&format!("sig1={input}"), &format!("sig1={}", mac(&base)));
        request.headers_mut().insert("x-id", id.parse().unwrap());
        let error = verifier.verify(&request, b"", CREATED).unwrap_err();
        assert_eq!(error.kind(), Kind::MissingContent, "{id}");
    }
}
