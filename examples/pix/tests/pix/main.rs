//! Who is admitted by certificate, over sockets: by the receiver itself, and by nginx in front of
//! it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has done its work"
)]

mod certificates;
mod nginx;

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_webhook::certificate::{CertificateMatch, CertificateProof};
use tower_webhook::{MemoryStore, SharedStore, TrustedProxies};
use tower_webhook_pix::{Demand, Paid, Reached, app, serve, server_config};

use crate::certificates::{Answer, BODY, Folder, escaped, make, post};

const TEST: &str = r#"{"evento":"teste_webhook","data_criacao":"2026-05-04T13:00:00Z"}"#;

/// The receiver of the example in this process.
struct Receiver {
    address: SocketAddr,
    paid: Paid,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn issued_by(folder: &Folder, authority: &str) -> CertificateProof {
    let authority = folder.read(&format!("{authority}.pem"));
    CertificateProof::of([CertificateMatch::issued_by(authority).unwrap()]).unwrap()
}

async fn start(
    folder: &Folder,
    efi: CertificateProof,
    reached: Reached,
    tls: Option<Arc<ServerConfig>>,
) -> Receiver {
    let (paid, store) = (Paid::default(), SharedStore::new(MemoryStore::new()));
    let inter = issued_by(folder, "inter");
    let app = app(efi, inter, &reached, &store, paid.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(serve(listener, tls, app));
    Receiver {
        address,
        paid,
        task,
    }
}

fn tls(folder: &Folder, demand: Demand) -> Option<Arc<ServerConfig>> {
    let [certificate, key, authorities] =
        ["server.pem", "server.key", "authorities.pem"].map(|file| folder.read(file));
    Some(server_config(&certificate, &key, &authorities, demand).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_is_let_in_by_its_certificate_and_nobody_else_is() {
    let folder = make("direct");
    for (demand, none) in [
        (Demand::InHandshake, Answer::NoHandshake),
        (Demand::OnTheRoute, Answer::Status(401)),
    ] {
        let efi = issued_by(&folder, "efi");
        let receiver = start(&folder, efi, Reached::Directly, tls(&folder, demand)).await;
        let to = |path: &str, certificate, body: &str| {
            let url = format!("https://{}/webhooks/{path}", receiver.address);
            post(&folder, &url, certificate, &[], body)
        };
        let client = Some("efi-client");
        // The registration: a request without a certificate, and the same with one.
        for path in ["efi", "efi/pix"] {
            assert_eq!(to(path, None, TEST), none, "{demand:?} {path}");
            assert_eq!(
                to(path, client, TEST),
                Answer::Status(200),
                "{demand:?} {path}"
            );
        }
        assert!(receiver.paid.payments().is_empty());
        // Efí's webhook is at `/webhooks/efi`, and Efí sends to `/webhooks/efi/pix`.
        assert_eq!(to("efi/pix", client, BODY), Answer::Status(200));
        assert_eq!(receiver.paid.payments(), ["E18236120202605041300s0"]);
        assert_eq!(to("efi/pix", Some("stranger"), BODY), Answer::NoHandshake);
        assert_eq!(
            to("efi/pix", Some("efi-expired"), BODY),
            Answer::NoHandshake
        );
        // Issued by a trusted authority that is not this sender's.
        assert_eq!(
            to("efi/pix", Some("inter-client"), BODY),
            Answer::Status(401)
        );
        let items = r#"[{"endToEndId":"E00416968202605041300i0","valor":"1.00"}]"#;
        assert_eq!(
            to("inter", Some("inter-client"), items),
            Answer::Status(200)
        );
        assert_eq!(receiver.paid.payments().len(), 2);
        assert_eq!(to("inter", client, items), Answer::Status(401));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_certificate_is_pinned_and_its_successor_while_it_rolls_over() {
    let folder = make("pinned");
    let certificate = |name: &str| CertificateMatch::certificate(folder.read(name)).unwrap();
    let demand = Demand::OnTheRoute;
    for (pinned, other) in [
        (vec![certificate("efi-client.pem")], 401),
        (
            vec![certificate("efi-client.pem"), certificate("efi-other.pem")],
            200,
        ),
    ] {
        let efi = CertificateProof::of(pinned).unwrap();
        let receiver = start(&folder, efi, Reached::Directly, tls(&folder, demand)).await;
        let url = format!("https://{}/webhooks/efi/pix", receiver.address);
        let with = |name| post(&folder, &url, Some(name), &[], BODY);
        assert_eq!(with("efi-client"), Answer::Status(200));
        assert_eq!(with("efi-other"), Answer::Status(other));
    }
}

/// `curl` is the proxy here.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_counts_once_and_from_a_declared_proxy() {
    let folder = make("header");
    let certificate = format!("x-ssl-client-cert: {}", escaped(&folder, "efi-client"));
    let verified = "x-ssl-client-verify: SUCCESS".to_owned();
    let right = [certificate.clone(), verified.clone()];
    let proxies = |address: &str| Reached::Through(TrustedProxies::parse([address]).unwrap());

    let efi = || issued_by(&folder, "efi");
    let declared = start(&folder, efi(), proxies("127.0.0.1"), None).await;
    let to = |receiver: &Receiver, headers: &[String]| {
        let url = format!("http://{}/webhooks/efi/pix", receiver.address);
        post(&folder, &url, None, headers, BODY)
    };
    assert_eq!(to(&declared, &right), Answer::Status(200));
    for wrong in [
        [certificate.clone(), certificate.clone(), verified.clone()].as_slice(),
        &[certificate.clone(), verified.clone(), verified.clone()],
        std::slice::from_ref(&certificate),
        std::slice::from_ref(&verified),
        &[],
    ] {
        assert_eq!(to(&declared, wrong), Answer::Status(401), "{wrong:?}");
    }
    // It comes from this machine, so it is more likely an undeclared proxy than a stranger.
    let undeclared = start(&folder, efi(), proxies("192.0.2.7"), None).await;
    assert_eq!(to(&undeclared, &right), Answer::Status(500));
    assert_eq!(to(&undeclared, &[]), Answer::Status(401));
    assert!(undeclared.paid.payments().is_empty());
    // If TLS ends here, headers are ignored.
    let direct = tls(&folder, Demand::OnTheRoute);
    let direct = start(&folder, efi(), Reached::Directly, direct).await;
    let url = format!("https://{}/webhooks/efi/pix", direct.address);
    assert_eq!(post(&folder, &url, None, &right, BODY), Answer::Status(401));
}
