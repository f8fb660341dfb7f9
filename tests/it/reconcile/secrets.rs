//! Keys are sent to their API and to nobody else, and never print.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower_webhook::reconcile::{ApiClient, ApiErrorKind, ApiKey, BlendFiApi, BloxApi, Reconciler};
use tower_webhook::testing::{ApiFault, BlendFiStandIn, BloxStandIn, Sample};
use tower_webhook::{MemoryStore, UnixTime, Webhook, provider};

use crate::redis_support::Certificates;
use crate::support::log::Log;
use crate::support::presets::{Preset, tokens};

const KEY: &str = "sk_live_9f8e7d6c5b4a3928";
const SHOWN: &str = "9f8e7d6c5b4a";

#[tokio::test]
async fn keys_and_new_secrets_are_in_no_log_line_error_or_debug() {
    let log = Log::default();
    let guard = log.capture(false);
    let mut printed = Vec::new();

    let blox = BloxStandIn::start(KEY).await.unwrap();
    blox.set("c", "COMPLETED", "15000");
    let api = BloxApi::at(blox.server().url(), ApiKey::new(KEY).unwrap()).unwrap();
    let checked = provider::blox(tokens()).checked_by(&api);
    for fault in [
        ApiFault::Down,
        ApiFault::Status(401),
        ApiFault::NotJson,
        ApiFault::CutOff,
    ] {
        blox.server().fault(fault, 1);
        let error = api.checkout("c").await.unwrap_err();
        printed.push(format!("{error} {error:?} {error:#?}"));
    }
    printed.push(format!(
        "{api:?} {checked:?} {:?}",
        ApiKey::new(KEY).unwrap()
    ));
    api.checkout("c").await.unwrap();

    let signer = Preset::BlendFi.provider();
    let server = BlendFiStandIn::start(KEY, &signer).await.unwrap();
    server.missed(Sample::BlendFi.body(1));
    server.deliver_to("http://127.0.0.1:1/");
    let api = BlendFiApi::at(server.server().url(), ApiKey::new(KEY).unwrap()).unwrap();
    let list = api
        .deliveries("we_1")
        .unwrap()
        .items("/data")
        .delivery_id("/id");
    let source = list.member("/id", "/event_id").on(api.client()).unwrap();
    printed.push(format!(
        "{api:?} {source:?} {:?}",
        ApiClient::at("https://x/").bearer(ApiKey::new(KEY).unwrap())
    ));
    let webhook = Webhook::new(signer)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let reconciler = Reconciler::of(&webhook, source);
    printed.push(format!("{reconciler:?}"));
    let reconciler = reconciler.build().unwrap();
    reconciler.run_once().await;
    server.server().fault(ApiFault::Status(401), 1);
    reconciler.run_once().await;
    printed.push(format!("{reconciler:?}"));
    let ring = provider::blendfi::keys(["whsec_test_9_the_old_one"]).unwrap();
    let rotated = api
        .rotate_secret("we_1", "/secret", &ring, UnixTime::from_secs(4_000_000_000))
        .await;
    let rotated = rotated.unwrap();
    printed.push(format!("{rotated:?} {ring:?}"));
    let wrong = ApiKey::new("sk live").unwrap_err();
    printed.push(format!("{wrong} {wrong:?}"));
    drop(guard);

    let log = log.text();
    assert!(log.contains("a reconciler cannot ask on"), "{log}");
    for text in printed.iter().chain([&log]) {
        for secret in [SHOWN, "the_old_one", "whsec_test_rotated", "sk live"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

/// Answers each connection one request over TLS, in a thread of its own.
fn serve_tls(certificates: &Certificates) -> SocketAddr {
    let chain = CertificateDer::pem_slice_iter(&certificates.server_certificate())
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(&certificates.server_key()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(tls, stream.unwrap());
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                if !matches!(stream.read(&mut byte), Ok(1)) {
                    break;
                }
                head.extend(byte);
            }
            if head.ends_with(b"\r\n\r\n") {
                let body = r#"{"id":"c","status":"COMPLETED","amount":"1"}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_our_own_is_trusted_once_it_is_named() {
    let certificates = Certificates::new();
    let address = serve_tls(&certificates);
    let client = || {
        let client = ApiClient::at(format!("https://{address}")).timeout(Duration::from_secs(20));
        client.key_header("blox-api-key", ApiKey::new(KEY).unwrap())
    };
    let stranger = BloxApi::on(client().build().unwrap()).checkout("c").await;
    assert_eq!(stranger.unwrap_err().kind(), ApiErrorKind::Unreachable);
    let trusting = client()
        .certificate_authority(certificates.ca())
        .build()
        .unwrap();
    let found = BloxApi::on(trusting).checkout("c").await.unwrap().unwrap();
    assert!(found.status.is_final());
}

#[test]
fn a_key_is_sent_nowhere_in_clear() {
    for url in [
        "http://api.blox.example/",
        "http://192.0.2.7/",
        "ftp://api.blox.example/",
        "api.blox.example",
        "https://user:secret@api.blox.example/",
        "https://api.blox.example/?key=secret",
        "",
    ] {
        let error = ApiClient::at(url).build().unwrap_err();
        assert!(!format!("{error:?}").contains("secret"), "{error}");
    }
    for url in [
        "http://127.0.0.1:1/",
        "http://localhost/",
        "http://[::1]:1/",
        "https://api.blox.example/v2",
    ] {
        assert!(ApiClient::at(url).build().is_ok(), "{url}");
    }
    for (key, reason) in [
        ("", "empty"),
        ("a b", "blank"),
        ("k\n", "line end"),
        ("<your key>", "placeholder"),
    ] {
        assert!(ApiKey::new(key).is_err(), "{reason}");
    }
}
