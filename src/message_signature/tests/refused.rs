use super::*;
use SignatureErrorKind as Kind;

pub(super) const COVERED: &str = r#""@method" "@path" "content-digest""#;

/// A valid signature of the test-request with these components and parameters.
pub(super) fn signed(label: &str, covered: &str, parameters: &str) -> (String, String) {
    let parameters = format!("({covered}){parameters}");
    let mut base = String::new();
    for component in covered.split(' ').filter(|text| !text.is_empty()) {
        let value = match component {
            r#""@method""# => "POST",
            r#""@path""# => "/foo",
            r#""content-digest""# => {
                "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
            }
            r#""content-type""# => "application/json",
            _ => "",
        };
        base.push_str(&format!("{component}: {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    (
        format!("{label}={parameters}"),
        format!("{label}={}", mac(&base)),
    )
}

pub(super) fn request(covered: &str, parameters: &str) -> Request<()> {
    let (input, signature) = signed("sig1", covered, parameters);
    test_request(&input, &signature)
}

pub(super) fn rules() -> MessageSignatures {
    hmac().covering(["@method", "content-digest"])
}

pub(super) const CREATED_AT: &str = ";created=1618884473";

#[test]
fn a_signature_covers_what_is_demanded_and_maybe_more() {
    assert!(verify(rules(), &request(COVERED, CREATED_AT), BODY).is_ok());
    refuses(
        rules(),
        &request(r#""@method" "@path""#, CREATED_AT),
        Kind::MissingContent,
    );
    refuses(
        rules(),
        &request(r#""content-digest""#, CREATED_AT),
        Kind::MissingContent,
    );
    // With other parameters it is another component.
    let demanded = hmac().covering([r#""@query-param";name="Pet""#]);
    refuses(
        demanded,
        &request(COVERED, CREATED_AT),
        Kind::MissingContent,
    );
}

#[test]
fn what_no_request_can_sign_is_refused() {
    for (covered, kind) in [
        (r#""@method" "@method""#, Kind::Malformed),
        (r#""@status""#, Kind::Malformed),
        (r#""@made-up""#, Kind::Malformed),
        (r#""Content-Type""#, Kind::Malformed),
        (r#""@method";req"#, Kind::Malformed),
        (r#""content-type";req"#, Kind::Malformed),
        (r#""content-type";made-up"#, Kind::Malformed),
        (r#""content-type";bs;sf"#, Kind::Malformed),
        (r#""content-type";name="a""#, Kind::Malformed),
        (r#""@query-param""#, Kind::Malformed),
        ("content-type", Kind::Malformed),
        ("1", Kind::Malformed),
        // No receiver stores trailers.
        (r#""content-type";tr"#, Kind::MissingContent),
        (r#""x-absent""#, Kind::MissingContent),
        (r#""@query-param";name="absent""#, Kind::MissingContent),
    ] {
        let input = format!("sig1=({covered}){CREATED_AT}");
        let request = test_request(&input, "sig1=:AAAA:");
        refuses(hmac().covering::<&str>([]), &request, kind);
    }
}

#[test]
fn a_parameter_that_is_there_twice_is_signed_by_nobody() {
    let input = r#"sig1=("@query-param";name="a");created=1618884473"#;
    let mut request = test_request(input, "sig1=:AAAA:");
    *request.uri_mut() = "/foo?a=1&a=2".parse().unwrap();
    refuses(
        hmac().covering::<&str>([]),
        &request,
        Kind::AmbiguousContent,
    );
}

#[test]
fn a_field_of_two_types_has_no_one_value() {
    // As a list it is `a, a`, as a dictionary `a`.
    let input = r#"sig1=("x-two";sf);created=1618884473"#;
    let mut request = test_request(input, "sig1=:AAAA:");
    request
        .headers_mut()
        .insert("x-two", "a, a".parse().unwrap());
    refuses(
        hmac().covering::<&str>([]),
        &request,
        Kind::AmbiguousContent,
    );
}

#[test]
fn parameters_that_nobody_knows_are_refused() {
    refuses(
        rules(),
        &request(COVERED, ";created=1618884473;v=2"),
        Kind::Malformed,
    );
    for (parameters, kind) in [
        ("", Kind::InvalidTimestamp),
        (";created=\"1618884473\"", Kind::InvalidTimestamp),
        (";created=-5", Kind::InvalidTimestamp),
        (";created=1618884473.5", Kind::InvalidTimestamp),
        (
            ";created=1618884473;expires=1618884472",
            Kind::InvalidTimestamp,
        ),
        (";created=1618884473;keyid=1", Kind::Malformed),
        (";created=1618884473;alg=token", Kind::Malformed),
    ] {
        refuses(rules(), &request(COVERED, parameters), kind);
    }
}

#[test]
fn the_algorithm_is_the_receivers() {
    let parameters = |name: &str| format!("{CREATED_AT};alg=\"{name}\"");
    let told = request(COVERED, &parameters("hmac-sha256"));
    assert!(verify(rules(), &told, BODY).is_ok());
    let other = request(COVERED, &parameters("ed25519"));
    refuses(rules(), &other, Kind::NoCandidate);

    // Two algorithms that use the same keys; the message names the one that did not sign.
    let rules = MessageSignatures::new([MessageAlgorithm::HmacSha256, MessageAlgorithm::Ed25519])
        .covering(["@method"]);
    assert!(verify(rules.clone(), &told, BODY).is_ok());
    refuses(rules, &other, Kind::Mismatch);
}

#[test]
fn times_count_with_the_tolerance() {
    let verifier = verifier(rules(), shared_secret());
    let verdict = |parameters: &str, now: u64| {
        let request = request(COVERED, parameters);
        let verdict = verifier.verify(&request, BODY.as_bytes(), UnixTime::from_secs(now));
        verdict.map(|_| ()).map_err(|error| error.kind())
    };
    let created = 1_618_884_473;
    assert_eq!(verdict(CREATED_AT, created + 300), Ok(()));
    assert_eq!(verdict(CREATED_AT, created + 301), Err(Kind::TooOld));
    assert_eq!(verdict(CREATED_AT, created - 301), Err(Kind::TooNew));
    // It expires a minute after its creation.
    let ends = ";created=1618884473;expires=1618884533";
    assert_eq!(verdict(ends, created + 300), Ok(()));
    let short = Verifier::tolerance(
        verifier.clone(),
        crate::clock::Tolerance::from_secs(10).unwrap(),
    );
    let request = request(COVERED, ";created=1618884473;expires=1618884474");
    let late = UnixTime::from_secs(created + 10);
    assert!(short.verify(&request, BODY.as_bytes(), late).is_ok());
    assert_eq!(
        short
            .verify(&request, BODY.as_bytes(), UnixTime::from_secs(created + 12))
            .unwrap_err()
            .kind(),
        Kind::TooOld
    );
}

#[test]
fn a_signature_that_never_ends_is_taken_only_where_that_was_said() {
    let open = request(COVERED, ";keyid=\"test-shared-secret\"");
    refuses(rules(), &open, Kind::InvalidTimestamp);
    assert!(verify(rules().without_created(), &open, BODY).is_ok());
    refuses(
        rules().without_created().expires(),
        &open,
        Kind::InvalidTimestamp,
    );
    let ended = request(COVERED, ";expires=1618884000");
    refuses(rules().without_created(), &ended, Kind::TooOld);
}

#[test]
fn digests_that_are_known_are_all_the_bodys() {
    let digest = |text: &str| {
        let input = format!(r#"sig1=("content-digest"){CREATED_AT}"#);
        let base = format!(
            "\"content-digest\": {text}\n\"@signature-params\": (\"content-digest\"){CREATED_AT}"
        );
        let mut request = test_request(&input, &format!("sig1={}", mac(&base)));
        request
            .headers_mut()
            .insert("content-digest", text.parse().unwrap());
        let verdict = verify(hmac().covering(["content-digest"]), &request, BODY);
        verdict.map(|_| ()).map_err(|error| error.kind())
    };
    // printf '%s' '{"hello": "world"}' | openssl dgst -sha256 -binary | base64
    let right = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    let wrong = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let long = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
    assert_eq!(digest(right), Ok(()));
    assert_eq!(
        digest(&format!("md5=:AAAA:, {right}, unixsum=:AA==:")),
        Ok(())
    );
    assert_eq!(digest(&format!("{right}, {long}")), Ok(()));
    // RFC 9651, section 4.2.7: base64 without padding is accepted too.
    assert_eq!(digest(&right.replace("BPE=:", "BPE:")), Ok(()));
    assert_eq!(digest(wrong), Err(Kind::Mismatch));
    assert_eq!(
        digest(&format!("{long}, {wrong}")),
        Err(Kind::Mismatch),
        "one of two"
    );
    assert_eq!(digest("md5=:AAAA:"), Err(Kind::MissingContent));
    assert_eq!(
        digest("sha-256=:AAAA:"),
        Err(Kind::Malformed),
        "of another length"
    );
    assert_eq!(digest("sha-256"), Err(Kind::Malformed));
}

#[test]
fn the_label_or_the_tag_chooses_among_several() {
    let (input, signature) = signed("ours", COVERED, &format!("{CREATED_AT};tag=\"acme\""));
    let both = test_request(
        &format!(r#"proxy=("@method" "forwarded");created=1618884480;keyid="p";v=2, {input}"#),
        &format!("proxy=:AAAA:, {signature}"),
    );
    assert!(
        verify(rules(), &both, BODY).is_ok(),
        "the other one is none that counts"
    );
    assert!(verify(rules().label("ours"), &both, BODY).is_ok());
    refuses(rules().label("theirs"), &both, Kind::NoCandidate);
    refuses(rules().label("proxy"), &both, Kind::Malformed);
    assert!(verify(rules().tag("acme"), &both, BODY).is_ok());
    refuses(rules().tag("other"), &both, Kind::NoCandidate);
}

#[test]
fn a_signature_of_our_own_key_counts_beside_one_of_another() {
    let (ours, our_mac) = signed(
        "b",
        COVERED,
        &format!("{CREATED_AT};keyid=\"test-shared-secret\""),
    );
    let (theirs, _) = signed("a", COVERED, &format!("{CREATED_AT};keyid=\"other\""));
    let both = test_request(
        &format!("{theirs}, {ours}"),
        &format!("a=:AAAA:, {our_mac}"),
    );
    assert!(verify(rules(), &both, BODY).is_ok());
}

#[test]
fn what_another_signature_says_of_its_key_spoils_none_of_ours() {
    let named = |label: &str, id: &str| signed(label, COVERED, &format!("{CREATED_AT};keyid={id}"));
    let keys = || {
        let secret = || SigningSecret::from_base64(SECRET).unwrap();
        let old = SigningKey::new("old", SigningSecret::from_text("another secret").unwrap());
        crate::secret::KeyRing::new([old, SigningKey::new("new", secret())]).unwrap()
    };
    let (ours, our_mac) = named("b", r#""new""#);
    for theirs in [r#""old""#, r#""a key with blanks""#] {
        let (first, _) = named("a", theirs);
        let both = test_request(&format!("{first}, {ours}"), &format!("a=:AAAA:, {our_mac}"));
        let verified =
            Verifier::new(scheme(rules()), keys()).verify(&both, BODY.as_bytes(), CREATED);
        assert!(verified.is_ok(), "{theirs}: {verified:?}");
    }
    // The local key may have such a name too.
    let (input, signature) = named("b", r#""a key with blanks""#);
    assert!(verify(rules(), &test_request(&input, &signature), BODY).is_ok());
}

#[test]
fn work_that_a_stranger_causes_is_bounded() {
    let many = |count: usize| {
        let inputs = (0..count).map(|n| signed(&format!("s{n}"), COVERED, CREATED_AT));
        let (inputs, signatures): (Vec<_>, Vec<_>) = inputs.unzip();
        test_request(&inputs.join(", "), &signatures.join(", "))
    };
    assert!(verify(rules(), &many(4), BODY).is_ok());
    refuses(rules(), &many(5), Kind::TooManyCandidates);
    refuses(rules(), &many(17), Kind::TooManyCandidates);

    let components: Vec<_> = (0..65).map(|n| format!("\"x-{n}\"")).collect();
    let wide = test_request(
        &format!("sig1=({}){CREATED_AT}", components.join(" ")),
        "sig1=:AAAA:",
    );
    refuses(hmac().covering::<&str>([]), &wide, Kind::HeaderTooLong);
    // A field of 15,000 bytes, and a query of that length, are not read again for each of many
    // components.
    let keys: Vec<_> = (0..64)
        .map(|n| format!("k{n}=aaaaaaaaaaaaaaaaaaaa"))
        .collect();
    let padding = ["p=", &"a".repeat(13_000)].concat();
    let each = |of: &dyn Fn(usize) -> String| {
        let covered: Vec<_> = (0..60).map(of).collect();
        let mut request = request(&covered.join(" "), CREATED_AT);
        let field = format!("{}, {padding}", keys.join(", "));
        request
            .headers_mut()
            .insert("x-many", field.parse().unwrap());
        *request.uri_mut() = format!("/foo?{}&{padding}", keys.join("&"))
            .parse()
            .unwrap();
        request
    };
    let of_field = each(&|n| format!(r#""x-many";key="k{n}""#));
    refuses(hmac().covering::<&str>([]), &of_field, Kind::HeaderTooLong);
    let of_query = each(&|n| format!(r#""@query-param";name="k{n}""#));
    refuses(hmac().covering::<&str>([]), &of_query, Kind::HeaderTooLong);
    let long = format!(
        "sig1=({COVERED});created=1618884473;nonce=\"{}\"",
        "n".repeat(17_000)
    );
    refuses(
        rules(),
        &test_request(&long, "sig1=:AAAA:"),
        Kind::HeaderTooLong,
    );
}

#[test]
fn headers_that_are_no_signature_are_refused() {
    let plain = |input: &str, signature: &str, kind| {
        refuses(rules(), &test_request(input, signature), kind);
    };
    let (input, signature) = signed("sig1", COVERED, CREATED_AT);
    let mut none = test_request(&input, &signature);
    none.headers_mut().remove("signature");
    refuses(rules(), &none, Kind::MissingHeader);
    let mut none = test_request(&input, &signature);
    none.headers_mut().remove("signature-input");
    refuses(rules(), &none, Kind::MissingHeader);
    plain("sig1", &signature, Kind::Malformed);
    plain("(", &signature, Kind::Malformed);
    plain(&input, "sig1=\"text\"", Kind::Malformed);
    plain(&input, "sig1=:AAAA:;a=1", Kind::Malformed);
    plain(&input, "sig2=:AAAA:", Kind::Malformed);
    plain(&input, "sig1=:AAAA:", Kind::Mismatch);
}
