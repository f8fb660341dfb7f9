//! The values of components: RFC 9421, sections 2.1 and 2.2. Each base is written by hand from the
//! text of the RFC, and signed by the crate `hmac` alone.

use super::*;

/// Checks a request that signs these components with these values.
#[track_caller]
fn signs(request: http::request::Builder, lines: &[(&str, &str)]) {
    let components: Vec<_> = lines.iter().map(|(name, _)| *name).collect();
    let parameters = format!(
        r#"({});created=1618884473;keyid="test-shared-secret""#,
        components.join(" ")
    );
    let mut base = String::new();
    for (name, value) in lines {
        base.push_str(&format!("{name}: {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    let request = request
        .header("signature-input", format!("sig1={parameters}"))
        .header("signature", format!("sig1={}", mac(&base)))
        .body(())
        .unwrap();
    let verified = verify(hmac().covering::<&str>([]), &request, "");
    assert!(verified.is_ok(), "{verified:?}\n{base}");
}

#[test]
fn fields_are_joined_and_trimmed() {
    // Section 2.1.
    let request = Request::get("/foo")
        .header("cache-control", "max-age=60")
        .header("cache-control", "   must-revalidate")
        .header("x-ows-header", "  Leading and trailing whitespace.   ")
        .header("x-empty-header", "");
    signs(
        request,
        &[
            (r#""cache-control""#, "max-age=60, must-revalidate"),
            (r#""x-ows-header""#, "Leading and trailing whitespace."),
            (r#""x-empty-header""#, ""),
        ],
    );
}

#[test]
fn structured_fields_are_written_anew() {
    // Sections 2.1.1 and 2.1.2.
    let request = Request::get("/foo")
        .header("example-dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c), d")
        .header("example-list", "a,   b;q=1.50");
    signs(
        request,
        &[
            (r#""example-dict";sf"#, "a=1, b=2;x=1;y=2, c=(a b c), d"),
            (r#""example-dict";key="a""#, "1"),
            (r#""example-dict";key="d""#, "?1"),
            (r#""example-dict";key="b""#, "2;x=1;y=2"),
            (r#""example-dict";key="c""#, "(a b c)"),
            (r#""example-dict";sf;key="a""#, "1"),
            (r#""example-list";sf"#, "a, b;q=1.5"),
        ],
    );
}

#[test]
fn a_member_is_read_of_a_dictionary_that_looks_like_a_list() {
    // Section 2.1.2: `;key` makes it a dictionary; a dictionary of flags alone is also a list of tokens.
    let request = Request::get("/foo").header("priority", "urgent, retry;n=2");
    signs(
        request,
        &[
            (r#""priority";key="urgent""#, "?1"),
            (r#""priority";key="retry""#, "?1;n=2"),
        ],
    );
}

#[test]
fn lines_are_wrapped_as_bytes() {
    // Section 2.1.3. The same bytes in one line are another value.
    let apart = Request::get("/foo")
        .header("example-header", "value, with, lots")
        .header("example-header", "of, commas");
    signs(
        apart,
        &[(
            r#""example-header";bs"#,
            ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:",
        )],
    );
    let together = Request::get("/foo").header("example-header", "value, with, lots, of, commas");
    signs(
        together,
        &[(
            r#""example-header";bs"#,
            ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:",
        )],
    );
}

#[test]
fn derived_components_are_of_the_url_that_the_sender_was_given() {
    // Section 2.2. `Host` has another value, and is ignored.
    let request = Request::get("/foo?param=value&Pet=dog").header("host", "internal:8080");
    signs(
        request,
        &[
            (r#""@method""#, "GET"),
            (
                r#""@target-uri""#,
                "https://example.com/foo?param=value&Pet=dog",
            ),
            (r#""@authority""#, "example.com"),
            (r#""@scheme""#, "https"),
            (r#""@request-target""#, "/foo?param=value&Pet=dog"),
            (r#""@path""#, "/foo"),
            (r#""@query""#, "?param=value&Pet=dog"),
        ],
    );
    signs(
        Request::get("/foo"),
        &[(r#""@query""#, "?"), (r#""@request-target""#, "/foo")],
    );
}

#[test]
fn parameters_of_the_query_are_decoded_and_encoded() {
    // Section 2.2.8.
    let uri = "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
    signs(
        Request::get(uri),
        &[
            (
                r#""@query-param";name="var""#,
                "this%20is%20a%20big%0Amultiline%20value",
            ),
            (r#""@query-param";name="bar""#, "with%20plus%20whitespace"),
            (r#""@query-param";name="fa%C3%A7ade%22%3A%20""#, "something"),
        ],
    );
    // The URL Standard's set for forms has these too, but `encodeURIComponent` does not escape them.
    signs(
        Request::get("/parameters?name=O'Hara&said=Paid!&in=(~5%27)"),
        &[
            (r#""@query-param";name="name""#, "O%27Hara"),
            (r#""@query-param";name="said""#, "Paid%21"),
            (r#""@query-param";name="in""#, "%28%7E5%27%29"),
        ],
    );
}

#[test]
fn the_authority_is_in_lower_case_and_without_its_default_port() {
    let target = |url: &str| {
        let target = crate::message_signature::target::Target::of(url).unwrap();
        (target.scheme, target.authority, target.path)
    };
    let of = |scheme: &str, authority: &str, path: &str| {
        (scheme.to_owned(), authority.to_owned(), path.to_owned())
    };
    assert_eq!(
        target("https://Example.COM:443"),
        of("https", "example.com", "/")
    );
    assert_eq!(
        target("http://example.com:443/a"),
        of("http", "example.com:443", "/a")
    );
    assert_eq!(
        target("http://example.com:80/a?b"),
        of("http", "example.com", "/a")
    );
}
