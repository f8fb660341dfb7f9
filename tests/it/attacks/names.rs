//! Names of an allowlist, before a resolver that a stranger has a hand in.
//!
//! The test runs itself anew in a network and a mount of its own, where `dnsmasq` answers and
//! `/etc/resolv.conf` reads as Kubernetes writes it. That takes root; without it a note says so.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::{Allowlist, ManualClock, MemoryStore, Reason, Webhook, provider};

use crate::support::http::{Connection, Response};
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, clock};
use crate::support::server::Server;
use crate::support::wait::within;

/// What the wildcard of the search domain answers, and no sender has.
const WILDCARD: &str = "203.0.113.9";
/// Where the names really are.
const SENDER: &str = "198.51.100.7";
const PINNED: &str = "198.51.100.20";
const INSIDE: &str = "TOWER_WEBHOOK_ATTACKS_INSIDE";

/// Makes the network and the files, and then runs the test again.
const SETUP: &str = r#"
set -e
ip link set lo up
for address in 203.0.113.9 198.51.100.7 198.51.100.20; do ip address add $address/32 dev lo; done
cat > $D/resolv.conf <<END
nameserver 127.0.0.1
search prod.svc.cluster.test svc.cluster.test cluster.test
options ndots:5
END
cat > $D/hosts <<END
127.0.0.1 localhost
198.51.100.20 Pinned.sender.example other
END
echo 'hosts: files dns' > $D/nsswitch.conf
for file in resolv.conf hosts nsswitch.conf; do mount --bind $D/$file /etc/$file; done
exec "$@"
"#;

/// Everything that is run inside is a child of this process and ends with it.
struct Dns(Child);

impl Dns {
    fn start(log: &Path) -> Self {
        let child = Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=53"])
            .args([
                "--listen-address=127.0.0.1",
                "--bind-interfaces",
                "--no-resolv",
            ])
            .args(["--no-hosts", "--pid-file=", "--user=root", "--log-queries"])
            .args([
                "--cache-size=0",
                "--local=/example/",
                "--local=/cluster.test/",
            ])
            .arg(format!("--address=/cluster.test/{WILDCARD}"))
            .arg(format!("--host-record=hooks.sender.example,{SENDER}"))
            .arg("--cname=alias.sender.example,hooks.sender.example")
            .args([
                "--host-record=rebound.sender.example,127.0.0.1",
                "--host-record=rebound.sender.example,10.0.0.1",
            ])
            .arg(format!("--host-record=mixed.sender.example,{SENDER}"))
            .arg("--host-record=mixed.sender.example,127.0.0.1")
            .arg(format!("--log-facility={}", log.display()))
            .spawn()
            .expect("dnsmasq");
        Self(child)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn temporary_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("attacks-names-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Whether this machine lets us have a network of our own, with a resolver in it.
fn is_possible() -> bool {
    let quiet = |command: &mut Command| {
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    quiet(Command::new("unshare").args(["-mn", "--propagation", "private", "true"]))
        && quiet(Command::new("dnsmasq").arg("--version"))
        && quiet(Command::new("ip").arg("-V"))
}

#[test]
fn a_wildcard_in_the_search_list_lets_nobody_in() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return inside(Path::new(&folder));
    }
    if !is_possible() {
        println!("note: no namespaces, no dnsmasq or no ip here: names are not attacked");
        return;
    }
    let folder = temporary_folder();
    let status = Command::new("unshare")
        .args(["-mn", "--propagation", "private", "sh", "-c", SETUP, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("attacks::names::a_wildcard_in_the_search_list_lets_nobody_in")
        .env("D", &folder)
        .env(INSIDE, &folder)
        .status()
        .unwrap();
    let queries = std::fs::read_to_string(folder.join("queries")).unwrap_or_default();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(status.success(), "{queries}");
    assert!(queries.contains("hooks.sender.example"), "it has run anew");
}

/// Bloquo, proved by its address alone, with this one entry.
struct Receiver {
    server: Server,
    seen: Recorder,
    clock: ManualClock,
}

impl Receiver {
    async fn start(entry: &str) -> Self {
        let (seen, clock) = (Recorder::new(), clock());
        let webhook = Webhook::new(provider::bloquo(Allowlist::parse([entry]).unwrap()))
            .store(MemoryStore::new())
            .clock(clock.clone())
            .observer(seen.clone());
        let handler = post(async || StatusCode::NO_CONTENT);
        let app = Router::new().route("/hooks", handler.layer(webhook.build().unwrap()));
        let server = Server::start(app).await;
        Self {
            server,
            seen,
            clock,
        }
    }

    async fn send_from(&self, source: &str) -> (Response, Option<Reason>) {
        let source = SocketAddr::new(source.parse::<IpAddr>().unwrap(), 0);
        let mut connection = Connection::open_from(source, self.server.address).await;
        let response = connection.exchange(&Preset::Bloquo.delivery(1)).await;
        (response, self.seen.next().await.reason)
    }

    /// Sends until the name has been looked up.
    ///
    /// It is one event all the time: 200 and 204 both say that it was let in.
    async fn answers(&self, source: &str) -> u16 {
        within("the name to be looked up", async {
            loop {
                let (response, reason) = self.send_from(source).await;
                if reason != Some(Reason::SourceUnresolved) {
                    return if response.is_success() {
                        204
                    } else {
                        response.status
                    };
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn inside(folder: &Path) {
    let log = folder.join("queries");
    let dns = Dns::start(&log);
    let queries = || std::fs::read_to_string(&log).unwrap_or_default();
    within("dnsmasq", async {
        while !queries().contains("started") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;

    // The sender's own address, and not what the search domain says of its name.
    for entry in ["hooks.sender.example", "Hooks.Sender.EXAMPLE."] {
        let receiver = Receiver::start(entry).await;
        assert_eq!(receiver.answers(SENDER).await, 204, "{entry}");
        assert_eq!(receiver.answers(WILDCARD).await, 403, "{entry}");
    }
    let asked = queries();
    assert!(
        asked.contains("query[A] hooks.sender.example from"),
        "{asked}"
    );
    assert!(!asked.contains("cluster.test from"), "{asked}");

    // The hosts file comes first, though it has no such dot; no resolver is asked.
    for entry in ["pinned.sender.example", "PINNED.sender.example."] {
        let receiver = Receiver::start(entry).await;
        assert_eq!(receiver.answers(PINNED).await, 204, "{entry}");
        assert_eq!(receiver.answers(WILDCARD).await, 403, "{entry}");
    }
    assert!(!queries().contains("pinned"), "{}", queries());

    // A name that is nowhere: nobody is let in, and nobody is told no.
    let receiver = Receiver::start("nowhere.sender.example").await;
    within("the name to be asked for", async {
        while !queries().contains("query[A] nowhere.sender.example from") {
            let (response, reason) = receiver.send_from(WILDCARD).await;
            assert_eq!(reason, Some(Reason::SourceUnresolved));
            assert_eq!(response.status, 503);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(!queries().contains("cluster.test from"), "{}", queries());
    assert_eq!(receiver.send_from(WILDCARD).await.0.status, 503);

    // Single labels are the system's to look up, and so is a name that is said to be searched for.
    let receiver = Receiver::start("queue").await;
    assert_eq!(receiver.answers(WILDCARD).await, 204);
    let receiver = Receiver::start("localhost").await;
    assert_eq!(receiver.answers("127.0.0.1").await, 204);
    let receiver = Receiver::start("search(hooks.sender.example)").await;
    assert_eq!(receiver.answers(WILDCARD).await, 204);
    assert_eq!(receiver.answers(SENDER).await, 403);

    // A name that points into our own network lets nobody in from there.
    let receiver = Receiver::start("rebound.sender.example").await;
    within("the name to be asked for", async {
        while !queries().contains("query[A] rebound.sender.example from") {
            assert_eq!(receiver.send_from("127.0.0.1").await.0.status, 503);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(receiver.send_from("127.0.0.1").await.0.status, 503);
    let receiver = Receiver::start("mixed.sender.example").await;
    assert_eq!(receiver.answers(SENDER).await, 204);
    assert_eq!(receiver.answers("127.0.0.1").await, 403);

    // The resolver is knocked out: the last good answer stands for its hour, and no longer.
    let receiver = Receiver::start("alias.sender.example").await;
    assert_eq!(receiver.answers(SENDER).await, 204);
    drop(dns);
    receiver.clock.advance(Duration::from_secs(3_599));
    assert!(receiver.send_from(SENDER).await.0.is_success());
    assert_eq!(receiver.send_from(WILDCARD).await.0.status, 403);
    receiver.clock.advance(Duration::from_secs(1));
    for source in [SENDER, WILDCARD] {
        assert_eq!(receiver.send_from(source).await.0.status, 503);
    }
    // It comes back, and so does the sender, at once.
    let _dns = Dns::start(&log);
    assert_eq!(receiver.answers(SENDER).await, 204);
}
