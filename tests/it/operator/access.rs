//! Who is shown the page.

use super::*;

async fn status_of(shown: &Shown, change: impl FnOnce(&mut Request<Body>)) -> u16 {
    let mut request = from_here("/operator");
    change(&mut request);
    let answer = shown.ask(request).await;
    if answer.status == StatusCode::FORBIDDEN {
        assert_eq!(answer.text, "This page is for operators.\n");
    }
    answer.status.as_u16()
}

fn peer(request: &mut Request<Body>, address: &str) {
    let address: SocketAddr = address.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
}

fn host(request: &mut Request<Body>, host: &str) {
    request
        .headers_mut()
        .insert(header::HOST, host.parse().unwrap());
}

#[tokio::test]
async fn this_machine_itself_sees_it_and_nobody_else() {
    let shown = Shown::with(false);
    for address in [
        "127.0.0.1:1",
        "127.8.8.8:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert_eq!(
            status_of(&shown, |it| peer(it, address)).await,
            200,
            "{address}"
        );
    }
    for address in [
        "10.0.0.1:1",
        "192.0.2.7:1",
        "[::ffff:192.0.2.7]:1",
        "[2001:db8::1]:1",
        "0.0.0.0:1",
    ] {
        assert_eq!(
            status_of(&shown, |it| peer(it, address)).await,
            403,
            "{address}"
        );
    }
    let unknown = |it: &mut Request<Body>| {
        it.extensions_mut().remove::<ConnectInfo<SocketAddr>>();
    };
    assert_eq!(status_of(&shown, unknown).await, 403);
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_does_not() {
    let shown = Shown::with(false);
    for name in [
        "localhost",
        "LocalHost:3000",
        "127.0.0.1:80",
        "127.1.2.3",
        "[::1]",
        "[::1]:3000",
    ] {
        assert_eq!(status_of(&shown, |it| host(it, name)).await, 200, "{name}");
    }
    for name in [
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:3000@evil.example",
        "evil.example@localhost",
        "192.0.2.7",
        "0.0.0.0",
        "local host",
    ] {
        assert_eq!(status_of(&shown, |it| host(it, name)).await, 403, "{name}");
    }
    let none = |it: &mut Request<Body>| drop(it.headers_mut().remove(header::HOST));
    assert_eq!(status_of(&shown, none).await, 403);
    let two = |it: &mut Request<Body>| {
        it.headers_mut()
            .append(header::HOST, "localhost".parse().unwrap());
    };
    assert_eq!(status_of(&shown, two).await, 403);
    // In the request's own line too, as in HTTP/2.
    let elsewhere =
        |it: &mut Request<Body>| *it.uri_mut() = "http://evil.example/operator".parse().unwrap();
    assert_eq!(status_of(&shown, elsewhere).await, 403);
    let here = |it: &mut Request<Body>| {
        *it.uri_mut() = "http://localhost:3000/operator".parse().unwrap();
        it.headers_mut().remove(header::HOST);
    };
    assert_eq!(status_of(&shown, here).await, 200);
}

#[tokio::test]
async fn who_comes_through_a_proxy_is_not_this_machine() {
    let shown = Shown::with(false);
    for name in [
        "forwarded",
        "cdn-loop",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-server",
        "x-forwarded",
        "x-real-ip",
        "via",
        "cf-connecting-ip",
        "cf-ray",
        "true-client-ip",
        "fastly-client-ip",
        "fly-client-ip",
        "cloudfront-viewer-address",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-forwarded-for",
        "x-envoy-external-address",
        "x-azure-clientip",
        "client-ip",
    ] {
        let proxied = |it: &mut Request<Body>| {
            it.headers_mut().insert(name, "127.0.0.1".parse().unwrap());
        };
        assert_eq!(status_of(&shown, proxied).await, 403, "{name}");
        // An empty one is one too.
        let proxied =
            |it: &mut Request<Body>| drop(it.headers_mut().insert(name, "".parse().unwrap()));
        assert_eq!(status_of(&shown, proxied).await, 403, "{name}");
    }
}

/// As nginx asked before 1.29.7 unless told otherwise: in HTTP/1.0, for the address that it was given, without a word of
/// itself.
#[tokio::test]
async fn who_asks_in_http_1_0_is_a_proxy() {
    let shown = Shown::with(false);
    let by_nginx = |it: &mut Request<Body>| {
        *it.version_mut() = axum::http::Version::HTTP_10;
        host(it, "127.0.0.1:3000");
    };
    assert_eq!(status_of(&shown, by_nginx).await, 403);
    let named = |it: &mut Request<Body>| {
        by_nginx(it);
        it.extensions_mut().insert(OperatorAccess::new());
    };
    assert_eq!(status_of(&shown, named).await, 200);
}

/// A request as nginx sends it by default since 1.29.7: HTTP/1.1, the address that it was given as `Host`, and no header
/// of its own. It cannot be distinguished from a browser on this machine.
#[tokio::test]
async fn this_machine_does_not_see_a_page_that_is_only_for_operators() {
    let page = Page::new().only_for_operators();
    let app = Router::new().nest("/operator", operator::router(&page));
    let ask = async |change: fn(&mut Request<Body>)| {
        let mut request = from_here("/operator");
        host(&mut request, "127.0.0.1:3000");
        change(&mut request);
        let answer = app.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        (status, String::from_utf8(bytes.unwrap().to_vec()).unwrap())
    };
    let (status, text) = ask(|_| {}).await;
    assert_eq!(status, 403);
    assert!(text.contains("only_for_operators"), "{text}");
    assert!(text.contains("OperatorAccess"), "{text}");
    // Others learn nothing about it.
    let elsewhere = ask(|it| peer(it, "192.0.2.7:1")).await;
    assert_eq!(
        elsewhere,
        (
            StatusCode::FORBIDDEN,
            "This page is for operators.\n".to_owned()
        )
    );
    let named = |it: &mut Request<Body>| {
        it.extensions_mut().insert(OperatorAccess::new());
    };
    assert_eq!(ask(named).await.0, 200);
}

#[tokio::test]
async fn an_operator_sees_it_from_anywhere() {
    let shown = Shown::with(false);
    let from_anywhere = |it: &mut Request<Body>| {
        peer(it, "203.0.113.9:443");
        host(it, "hooks.example.com");
        it.headers_mut()
            .insert("x-forwarded-for", "198.51.100.1".parse().unwrap());
        it.extensions_mut().insert(OperatorAccess::named("alice"));
    };
    assert_eq!(status_of(&shown, from_anywhere).await, 200);
    let unknown = |it: &mut Request<Body>| {
        it.extensions_mut().remove::<ConnectInfo<SocketAddr>>();
        it.headers_mut().remove(header::HOST);
        it.extensions_mut().insert(OperatorAccess::new());
    };
    assert_eq!(status_of(&shown, unknown).await, 200);
}

/// No answer, be it a refusal, is kept, framed or takes anything from elsewhere.
#[tokio::test]
async fn every_answer_has_the_strict_headers() {
    let shown = Shown::with(false);
    let mut refused = from_here("/operator");
    host(&mut refused, "evil.example");
    let mut requests = vec![refused, form(&[], &[])];
    for path in [
        "",
        "/deliveries",
        "/event",
        "/line",
        "/dead",
        "/queue",
        "/page.css",
        "/page.js",
        "/nothing",
    ] {
        requests.push(from_here(&format!("/operator{path}")));
    }
    for request in requests {
        let path = request.uri().to_string();
        let Answer { headers, .. } = shown.ask(request).await;
        assert_eq!(
            headers[header::CONTENT_SECURITY_POLICY],
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            "{path}"
        );
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::REFERRER_POLICY], "same-origin", "{path}");
    }
}

/// Nothing stands in the page that the policy refuses.
#[tokio::test]
async fn no_view_has_anything_inline_or_from_elsewhere() {
    let shown = Shown::new();
    shown.die(&["evt_1"], "it died").await;
    for path in VIEWS {
        let text = shown.view(path).await;
        for inline in [
            " style=",
            "<style",
            "javascript:",
            " onclick",
            " onload",
            "http://",
            "https://",
        ] {
            assert!(!text.contains(inline), "{path} holds {inline}");
        }
        assert_eq!(text.matches("<script").count(), 1, "{path}");
        assert!(
            text.contains(r#"<script src="/operator/page.js" defer></script>"#),
            "{path}"
        );
    }
}
