//! No secret, path token or signature is ever written anywhere, and no body where none was asked
//! for.

use std::error::Error;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use crate::support::http::{Connection, Request};
use crate::support::log::Log;
use crate::support::observer::Recorder;
use crate::support::openssl::hmac_sha256;
use crate::support::presets::{
    NOW, PAYMENTS_SECRET, Preset, SECRET, TOKEN, WRONG_TOKEN, blendfi_signature, clock, tokens,
};
use crate::support::server::Server;
use crate::support::wait::until;
use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{StatusCode, Uri};
use axum::routing::post;
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use http::HeaderMap;
use tower::{Layer, ServiceBuilder};
use tower_http::trace::TraceLayer;
use tower_webhook::layer::{
    DedupeLayer, EndpointConfig, Interest, Proof, RequireSecretPathLayer, RequireSourceIpLayer,
    TracingObserver, VerifySignatureLayer,
};
use tower_webhook::provider;
use tower_webhook::{
    Allowlist, Authenticated, DedupeConfig, Delivery, Event, EventRejection, KeyRing, MemoryStore,
    Name, Observation, Observer, PathTokens, Reason, Rejection, SecretFormat, SigningKey,
    SigningSecret, Store, UnixTime, Webhook,
};

/// Stands in every body.
const BODY: &str = "zq4ybodyzq4y7t1m";
/// Stands in headers that carry credentials.
const CREDENTIAL: &str = "k8v2credentialk8v2";
/// Any so many bytes of a secret in a row are a leak.
const WINDOW: usize = 12;

/// What must not be found, in every spelling it could have.
#[derive(Clone, Default)]
struct Needles(Vec<(String, String)>);

impl Needles {
    fn add(&mut self, name: &str, secret: &[u8]) {
        let decimal: Vec<_> = secret.iter().map(ToString::to_string).collect();
        let percent = |hex: String| -> String {
            let pairs = hex.as_bytes().chunks(2);
            pairs.fold(String::new(), |text, pair| {
                format!("{text}%{}", std::str::from_utf8(pair).unwrap())
            })
        };
        let mut spellings = vec![
            HEXLOWER.encode(secret),
            HEXUPPER.encode(secret),
            BASE64.encode(secret),
            BASE64_NOPAD.encode(secret),
            BASE64URL_NOPAD.encode(secret),
            percent(HEXLOWER.encode(secret)),
            percent(HEXUPPER.encode(secret)),
            decimal.join(", "),
            secret.escape_ascii().to_string(),
        ];
        if let Ok(text) = std::str::from_utf8(secret) {
            // Base64 of what it stands in, and a part of it.
            for text in text.as_bytes().windows(WINDOW) {
                spellings.push(String::from_utf8(text.to_vec()).unwrap());
            }
            for skipped in 1..3 {
                let inner = &secret[skipped..secret.len() - secret.len() % 3];
                let whole = &inner[..inner.len() - inner.len() % 3];
                spellings.push(BASE64_NOPAD.encode(whole));
            }
        }
        for spelling in spellings {
            if !self.0.iter().any(|(_, other)| *other == spelling) {
                self.0.push((name.to_owned(), spelling));
            }
        }
    }

    /// A signature is its text and the bytes that it spells.
    fn add_signature(&mut self, name: &str, header: &str) {
        let hex = header.rsplit('=').next().unwrap();
        self.add(name, hex.as_bytes());
        if let Ok(bytes) = HEXLOWER.decode(hex.as_bytes()) {
            self.add(name, &bytes);
        }
    }

    #[track_caller]
    fn assert_none_in(&self, place: &str, text: &str) {
        for (name, spelling) in &self.0 {
            if let Some(at) = text.find(spelling.as_str()) {
                let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
                let line: String = text[from..].chars().take(600).collect();
                panic!("{name} as {spelling:?} in {place}: {line}");
            }
        }
    }
}

/// The secrets of every preset.
fn secrets() -> Needles {
    let mut needles = Needles::default();
    needles.add("the secret of BlendFi", SECRET.as_bytes());
    needles.add("the secret of the payments", PAYMENTS_SECRET.as_bytes());
    needles.add("the path token", TOKEN.as_bytes());
    needles.add("a guessed path token", WRONG_TOKEN.as_bytes());
    needles.add("a credential", CREDENTIAL.as_bytes());
    needles
}

/// Prints all that it is shown, and writes the usual log lines too.
#[derive(Clone, Default)]
struct Printer(Arc<Mutex<String>>);

impl Observer for Printer {
    fn observe(&self, observation: &Observation<'_>) {
        let mut text = self.0.lock().unwrap();
        writeln!(text, "{observation:?}").unwrap();
        if let Some(detail) = observation.detail {
            writeln!(text, "{detail} {detail:?}").unwrap();
        }
        TracingObserver.observe(observation);
    }

    fn interest(&self) -> Interest {
        Interest {
            headers: true,
            body: true,
        }
    }
}

#[derive(Debug, serde::Deserialize)]
#[allow(dead_code, reason = "it is never read")]
struct OtherType {
    pad: u64,
}

/// Logs all that a handler is given, then does what the event's number says.
async fn handler(
    delivery: Delivery,
    mark: Authenticated,
    uri: Uri,
    OriginalUri(original): OriginalUri,
    payload: Result<Event<OtherType>, EventRejection>,
) -> StatusCode {
    tracing::info!(?delivery, ?mark, %uri, ?original, "handling");
    let error = payload.unwrap_err();
    tracing::info!(%error, ?error, "not of this type");
    let key = delivery.key().to_string();
    if key.contains("66") {
        panic!("the handler crashes");
    }
    if key.contains("67") {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::OK
}

/// Right, forged, malformed and crashing deliveries of one sender; every signature that they carry
/// is added to what must not be found, and the right ones of the forged bodies too.
fn batch(preset: Preset, needles: &mut Needles) -> Vec<Request> {
    let body = |n| preset.body_with(n, BODY);
    let mut requests = Vec::new();
    for n in [1, 1, 2, 66, 67] {
        requests.push(preset.deliver(body(n)));
    }
    // Other content under a known key.
    let other = (body(1).replace("{}", r#"{"x":1}"#)).replace("15", "16");
    requests.push(preset.deliver(other.replace("1.5", "1.6")));
    for text in ["", "not json", "{}", "[", &format!(r#"{{"{BODY}":1}}"#)] {
        requests.push(preset.deliver(text));
    }
    let right = preset.deliver(body(3));
    requests.push(right.clone().method("GET"));
    requests.push(right.clone().header("content-encoding", "gzip"));
    requests.push(right.clone().header("x-blendfi-event-id", "evt_9"));
    requests.push(right.clone().header("x-forwarded-for", "203.0.113.9"));
    requests.push(preset.deliver(preset.body_with(3, &BODY.repeat(200))));
    if preset.has_path_token() {
        for path in [
            format!("/hooks/{WRONG_TOKEN}"),
            format!("/hooks/{TOKEN}/"),
            format!("/hooks/{TOKEN}/{WRONG_TOKEN}"),
            format!("/hooks/{TOKEN}?token={WRONG_TOKEN}").replace(WRONG_TOKEN, "x"),
        ] {
            requests.push(right.clone().target(&path));
        }
    }
    let Some(name) = preset.signature_header() else {
        return requests.into_iter().map(with_credentials).collect();
    };
    let signature = preset.signature(body(3)).unwrap();
    let bare = right.clone().without(name);
    let with = |value: &str| bare.clone().header(name, value);
    let stale = blendfi_signature(NOW - 900, SECRET, body(3));
    let forged = blendfi_signature(NOW, "whsec_test_of_a_stranger", body(3));
    for value in [
        signature.clone(),
        stale,
        forged,
        hmac_sha256("some_other_secret", body(3)),
        signature.to_uppercase(),
        format!("md5=0cc175b9c0f1b6a831c399e269772661,{signature}"),
        format!("{signature} "),
        format!("{signature},{signature}"),
        format!("sha256={signature}"),
        format!("{signature}00"),
        format!("t={NOW},v1=zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"),
        signature.repeat(300),
    ] {
        needles.add_signature("a signature that was sent", value.trim());
        requests.push(with(&value).body(body(4)));
        requests.push(with(&value));
    }
    requests.push(with(&signature).header(name, &signature));
    requests.push(bare);
    for n in [1, 2, 3, 4, 66, 67] {
        let right = preset.signature(body(n)).unwrap();
        needles.add_signature("a right signature", &right);
    }
    requests.into_iter().map(with_credentials).collect()
}

fn with_credentials(request: Request) -> Request {
    request
        .header("authorization", format!("Bearer {CREDENTIAL}"))
        .header("proxy-authorization", format!("Basic {CREDENTIAL}"))
        .header("cookie", format!("session={CREDENTIAL}"))
        .header("x-api-key", CREDENTIAL)
        .header("blox-api-key", CREDENTIAL)
        .header("x-acme-token", CREDENTIAL)
        .header("x-shared-secret", CREDENTIAL)
        .header("x-webhook-signature", CREDENTIAL)
}

/// Sends a batch through one preset; `mounted` cuts path tokens off before anything else.
async fn run(preset: Preset, mounted: bool, ansi: bool) {
    let log = Log::default();
    let _guard = log.capture(ansi);
    let (printer, store) = (Printer::default(), MemoryStore::new());
    let mut needles = secrets();
    let requests = batch(preset, &mut needles);

    let webhook = Webhook::new(preset.provider())
        .store(store.clone())
        .clock(clock())
        .max_body_bytes(2_000)
        .observer(printer.clone())
        .dedupe(DedupeConfig::new().replay_responses(100));
    let layer = webhook.build().unwrap();
    let server = if mounted {
        // The name of the provider whose webhook stands inside.
        let contract = preset.provider().contract().clone();
        let endpoint = EndpointConfig::new(preset.provider().name().clone(), contract);
        let gate = RequireSecretPathLayer::new(&endpoint.observer(printer.clone()), tokens());
        let app = Router::new()
            .route("/hooks", post(handler).layer(layer))
            .layer(TraceLayer::new_for_http());
        Server::start_service(gate.mounted_at("/hooks").unwrap().layer(app)).await
    } else {
        let app = Router::new().route(preset.route(), post(handler).layer(layer));
        let traced = !preset.has_path_token();
        Server::start(if traced {
            app.layer(TraceLayer::new_for_http())
        } else {
            app
        })
        .await
    };

    let mut answers = String::new();
    for request in &requests {
        let response = request.send(server.address).await;
        answers.push_str(&String::from_utf8_lossy(&response.raw));
    }
    // One that is cut off, and one that is broken off.
    for request in [&requests[0], &requests[2]] {
        let bytes = request.bytes();
        for reset in [false, true] {
            let mut connection = Connection::open(server.address).await;
            connection.send(&bytes[..bytes.len() - 9]).await;
            if reset {
                connection.reset();
                continue;
            }
            connection.finish().await;
            if let Some(response) = connection.response().await {
                answers.push_str(&String::from_utf8_lossy(&response.raw));
            }
        }
    }
    let what = format!("{preset:?}, mounted {mounted}, ansi {ansi}");
    let shown = printer.0.lock().unwrap().clone();
    let log = log.text();

    // That nothing is found must not be because there is nothing.
    let statuses = ["200 OK", "500 ", "400 ", "413 ", "415 ", "405 "];
    for status in statuses {
        assert!(answers.contains(status), "{what}: no {status}");
    }
    assert!(
        log.contains("handling") && log.contains("not of this type"),
        "{what}"
    );
    assert!(
        log.contains("HandlerPanicked") || log.contains("handler_panicked"),
        "{what}"
    );
    assert!(shown.contains("HandlerPanicked"), "{what}");
    assert!(shown.contains("[REDACTED]"), "{what}");
    assert!(shown.contains(BODY), "{what}: the body was asked for");
    if preset.signature_header().is_some() {
        assert!(log.contains("signature_mismatch"), "{what}");
    }

    needles.assert_none_in(&format!("the observations of {what}"), &shown);
    needles.add("the body", BODY.as_bytes());
    needles.assert_none_in(&format!("the answers of {what}"), &answers);
    needles.assert_none_in(&format!("the log of {what}"), &log);
    let mut kept = format!("{store:?} {webhook:?}");
    for n in [1, 2, 66, 67] {
        let record = store.lookup(&preset.key(n)).await.unwrap();
        write!(kept, "{record:?}").unwrap();
    }
    needles.assert_none_in(&format!("the records of {what}"), &kept);
}

#[tokio::test]
async fn nothing_secret_is_logged_observed_or_answered() {
    for preset in Preset::ALL {
        for ansi in [false, true] {
            run(preset, false, ansi).await;
            if preset.has_path_token() {
                run(preset, true, ansi).await;
            }
        }
    }
}

#[tokio::test]
async fn refused_bodies_are_shown_only_where_they_were_asked_for() {
    let log = Log::default();
    let _guard = log.capture(false);
    let seen = Recorder::new();
    let webhook = Webhook::new(Preset::BlendFi.provider())
        .store(MemoryStore::new())
        .clock(clock());
    let webhook = webhook.observer(seen.clone());
    let server = Preset::BlendFi.serve(&webhook, handler).await;
    let body = Preset::BlendFi.body_with(1, BODY);
    let forged = Preset::BlendFi.delivery(2).body(&body);
    assert_eq!(forged.send(server.address).await.status, 401);
    assert_eq!(seen.next().await.reason, Some(Reason::SignatureMismatch));
    let right = Preset::BlendFi.deliver(&body);
    assert_eq!(right.send(server.address).await.status, 200);
    until("the log is written", || log.text().contains("handling")).await;
    assert!(!log.text().contains(BODY), "{}", log.text());
}

fn print_error(text: &mut String, error: &(dyn Error + 'static)) {
    writeln!(text, "{error} {error:?} {error:#?}").unwrap();
    if let Some(source) = error.source() {
        print_error(text, source);
    }
}

fn print(text: &mut String, value: &impl Debug) {
    writeln!(text, "{value:?} {value:#?}").unwrap();
}

#[tokio::test]
async fn no_error_and_no_debug_output_holds_a_secret() {
    let mut text = String::new();
    let mut needles = secrets();
    let short = "q7w3e9r1t5y";
    needles.add("a short secret", format!("{short}{short}").as_bytes());
    needles
        .0
        .push(("a short secret".to_owned(), short.to_owned()));

    // What is refused when it is set up.
    let bad_secrets = [
        SECRET[..11].to_owned(),
        short.to_owned(),
        format!(" {SECRET}"),
        format!("{SECRET}\n"),
        format!("whpk_{SECRET}"),
        format!("whsk_{SECRET}"),
        format!("-----BEGIN PUBLIC KEY-----{SECRET}"),
    ];
    for secret in &bad_secrets {
        print_error(&mut text, &SigningSecret::from_text(secret).unwrap_err());
        let ring = KeyRing::parse(&SecretFormat::Text, [SECRET, secret]);
        print_error(&mut text, &ring.unwrap_err());
        print_error(&mut text, &provider::blendfi::keys([secret]).unwrap_err());
    }
    for secret in [SECRET, "%%%%", short] {
        print_error(&mut text, &SigningSecret::from_base64(secret).unwrap_err());
        let format = SecretFormat::base64("whsec_");
        print_error(&mut text, &format.parse(secret).unwrap_err());
    }
    let secret = || SigningSecret::from_text(SECRET).unwrap();
    let key = |id: &str| SigningKey::new(id, secret());
    print_error(&mut text, &KeyRing::new([key("a"), key("a")]).unwrap_err());
    print_error(
        &mut text,
        &KeyRing::new((1..10).map(|n| key(&n.to_string()))).unwrap_err(),
    );
    for tokens in [
        vec![TOKEN.to_owned(), format!("{TOKEN}/x")],
        vec![TOKEN.to_owned(), short[..7].to_owned()],
        vec![TOKEN.repeat(20)],
        vec![format!("{TOKEN}%20")],
        vec![TOKEN.to_owned(); 9],
    ] {
        print_error(&mut text, &PathTokens::parse(&tokens).unwrap_err());
        let replaced = PathTokens::parse([TOKEN]).unwrap();
        print_error(&mut text, &replaced.replace(&tokens).unwrap_err());
    }

    // What is refused when it arrives.
    for preset in [Preset::BlendFi, Preset::BloquePayments] {
        let provider = preset.provider();
        let (verifier, name) = (
            provider.verifier().unwrap(),
            preset.signature_header().unwrap(),
        );
        let body = preset.body(1);
        let right = preset.signature(&body).unwrap();
        needles.add_signature("a signature", &right);
        let now = UnixTime::from_secs(NOW);
        let mut kinds = Vec::new();
        for values in [
            vec![],
            vec![right.clone(), right.clone()],
            vec![right.repeat(300)],
            vec![format!("t={NOW}{}", ",v1=".repeat(70))],
            vec![format!("md5={right}")],
            vec![right.to_uppercase()],
            vec![right.replace("t=", "t=0")],
            vec![right.clone()],
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(name, value.parse().unwrap());
            }
            for (body, now) in [
                ("{}", now),
                (body.as_str(), UnixTime::from_secs(NOW + 9_999)),
                (body.as_str(), UnixTime::EPOCH),
            ] {
                match verifier.verify(&headers, body.as_bytes(), now) {
                    Ok(verified) => print(&mut text, &verified),
                    Err(error) => {
                        print_error(&mut text, &error);
                        kinds.push(error.kind());
                    }
                }
            }
            if let Ok(verification) = verifier.begin(&headers, now) {
                print(&mut text, &verification);
            }
        }
        kinds.dedup();
        assert!(kinds.len() >= 5, "{kinds:?}");
    }

    // Everything that holds a secret or is made from what does.
    print(&mut text, &secret());
    print(&mut text, &key("a"));
    print(&mut text, &KeyRing::new([key("a")]).unwrap());
    print(&mut text, &tokens());
    for preset in Preset::ALL {
        let provider = preset.provider();
        print(&mut text, &provider);
        print(&mut text, &provider.verifier());
        let webhook = Webhook::new(provider).store(MemoryStore::new());
        print(&mut text, &webhook);
        let layer = webhook.build().unwrap();
        print(&mut text, &layer);
        print(&mut text, &layer.layer(()));
    }
    print(&mut text, &provider::blox(tokens()));
    let contract = Preset::Blox.provider().contract().clone();
    let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract);
    print(&mut text, &endpoint);
    let path = RequireSecretPathLayer::new(&endpoint, tokens());
    let path = path.mounted_at("/hooks").unwrap();
    print(&mut text, &path);
    print(&mut text, &path.layer(()));
    let verifier = Preset::BlendFi.provider().verifier().unwrap().clone();
    let verify = VerifySignatureLayer::new(&endpoint, verifier);
    print(&mut text, &verify);
    print(&mut text, &verify.layer(()));
    let list = Allowlist::parse(["192.0.2.1"]).unwrap();
    print(
        &mut text,
        &RequireSourceIpLayer::new(&endpoint, list).unwrap(),
    );
    let rule = tower_webhook::event::EventRule::body();
    let dedupe = DedupeLayer::builder(&endpoint, rule, [Proof::SecretPath]);
    print(&mut text, &dedupe);
    print(&mut text, &dedupe.build(MemoryStore::new()).unwrap());

    assert!(text.matches("[REDACTED]").count() > 10);
    needles.assert_none_in("an error or debug output", &text);
}

#[tokio::test]
async fn a_rejection_in_the_extensions_tells_the_reason_and_nothing_else() {
    let layer = Webhook::new(Preset::Blox.provider())
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let service = ServiceBuilder::new().layer(layer).service_fn(
        async |_: http::Request<axum::body::Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(axum::body::Body::empty()))
        },
    );
    let request = Preset::Blox
        .delivery(1)
        .target(&format!("/hooks/{WRONG_TOKEN}"));
    let response = tower::ServiceExt::oneshot(service, request.to_http())
        .await
        .unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(
        format!("{rejection:?}"),
        "Rejection { reason: UnknownPath, status: 404, retry_after: None }"
    );
    assert_eq!(rejection.reason().to_string(), "unknown_path");
}
