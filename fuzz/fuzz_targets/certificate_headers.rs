//! Headers in which a declared proxy writes the certificate of its client: whatever stands in them, a delivery
//! is let through only where the sender's certificate stands there, and where several proxies write, in the
//! place of the first one's client.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use ring::digest;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt, service_fn};
use tower_webhook::certificate::{CertificateHeader, CertificateMatch, CertificateProof};
use tower_webhook::layer::PeerAddr;
use tower_webhook::{
    ManualClock, MemoryStore, TrustedProxies, UnixTime, Webhook, WebhookLayer, provider,
};

const NOW: u64 = 1_900_000_000;
const LEAF: &str = include_str!("../../tests/data/certificates/leaf.pem");
const FOREIGN: &str = include_str!("../../tests/data/certificates/foreign.pem");
const PROXY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)), 443);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime")
});

static LAYERS: LazyLock<[WebhookLayer; 4]> = LazyLock::new(|| {
    [
        CertificateHeader::rfc9440(),
        CertificateHeader::nginx(),
        CertificateHeader::xfcc(),
        CertificateHeader::xfcc().behind(1),
    ]
    .map(layer)
});

fn layer(header: CertificateHeader) -> WebhookLayer {
    let sender = CertificateMatch::certificate(LEAF).expect("a certificate");
    let proof = CertificateProof::of([sender]).expect("a proof");
    let efi = provider::efi_mtls(proof.written_in(header));
    let _guard = RUNTIME.enter();
    Webhook::new(efi)
        .store(MemoryStore::new())
        .clock(ManualClock::new(UnixTime::from_secs(NOW)))
        .trusted_proxies(TrustedProxies::parse(["10.0.0.7"]).expect("a proxy"))
        .build()
        .expect("a webhook")
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    form: u8,
    /// What a stranger writes, and where the sender's certificate is put into it.
    text: &'a str,
    place: u8,
    verify: &'a str,
    is_success: bool,
    sender: bool,
}

fn let_through(form: usize, lines: &[(&'static str, &str)]) -> Option<bool> {
    let mut request = Request::post("/").extension(PeerAddr(PROXY));
    for (name, text) in lines {
        let value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
        request = request.header(HeaderName::from_static(name), value);
    }
    let request = request.body(Full::from(r#"{"pix":[]}"#)).ok()?;
    let service = LAYERS[form].layer(service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let response = RUNTIME
        .block_on(service.oneshot(request))
        .expect("no error");
    match response.status() {
        StatusCode::OK => Some(true),
        StatusCode::UNAUTHORIZED => Some(false),
        other => panic!("{other}"),
    }
}

/// The digits of a certificate, as each form holds them somewhere.
fn digits(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

/// Envoy's word for the sender's certificate is as good as the certificate.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let der = BASE64.decode(digits(LEAF).as_bytes()).expect("base64");
    HEXLOWER.encode(digest::digest(&digest::SHA256, &der).as_ref())
});

fn escaped(pem: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let spell = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    pem.bytes().map(spell).collect()
}

fn written(form: usize, pem: &str) -> String {
    match form {
        0 => format!(":{}:", digits(pem)),
        1 => escaped(pem),
        _ => format!("By=a;Cert=\"{}\";Subject=\"CN=x\"", escaped(pem)),
    }
}

fuzz_target!(|input: Input<'_>| {
    let form = usize::from(input.form) % 4;
    let name = [
        "client-cert",
        "x-ssl-client-cert",
        "x-forwarded-client-cert",
        "x-forwarded-client-cert",
    ][form];
    let text: String = input
        .text
        .chars()
        .filter(|it| matches!(it, ' '..='~'))
        .collect();
    let verify = if input.is_success {
        "SUCCESS"
    } else {
        input.verify
    };
    let send = |text: &str| let_through(form, &[(name, text), ("x-ssl-client-verify", verify)]);

    if text.to_ascii_lowercase().contains(&*HASH) {
        return;
    }

    // Nothing but the header: it is the sender's, or nobody's.
    let strange = send(&text);
    assert_ne!(
        strange,
        Some(true),
        "the sender's certificate stands nowhere in it"
    );

    // Something before it and behind it.
    let own = if input.sender { LEAF } else { FOREIGN };
    let own = written(form, own);
    let at = usize::from(input.place).min(text.len());
    let (before, behind) = text.split_at(at);
    let accepted = send(&format!("{before}{own}{behind}"));
    if !input.sender {
        assert_ne!(accepted, Some(true), "it is another's");
    }
    if input.sender && text.trim().is_empty() {
        let is_right = form != 3 && (form != 1 || verify.trim_matches([' ', '\t']) == "SUCCESS");
        assert!(accepted.is_none_or(|accepted| accepted == is_right));
    }

    // A second proxy appends the first one's certificate.
    if form == 3 {
        let (sender, other) = (written(form, LEAF), written(form, FOREIGN));
        assert_ne!(
            send(&format!("{text},{sender}")),
            Some(true),
            "not the first"
        );
        assert_ne!(
            send(&format!("{other},{text}")),
            Some(true),
            "another's is the first"
        );
        assert_ne!(
            send(&format!("{sender},{other},{text}")),
            Some(true),
            "one too many"
        );
        let both = format!("{sender},{other}");
        assert_eq!(let_through(form, &[(name, &both)]), Some(true));
    }
});
