//! Behind a real nginx, with the configuration file of the example.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

const SHIPPED: &str = include_str!("../../nginx.conf");
const LIMIT: Duration = Duration::from_secs(60);

struct Nginx {
    process: Child,
    address: SocketAddr,
}

impl Nginx {
    /// With the shipped file, except for its ports and paths.
    fn start(folder: &Folder, receiver: SocketAddr) -> Self {
        // It was free a moment ago; if another process takes it before nginx does, nginx reports
        // that.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap();
        let folder_path = folder.as_ref().display();
        let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {folder_path}/{kind};"))
            .concat();
        let mut config = SHIPPED.to_owned();
        for (shipped, here) in [
            (
                "events {}",
                format!("pid {folder_path}/nginx.pid; events {{}}"),
            ),
            ("http {", format!("http {{ access_log off; {places}")),
            ("listen 8443 ssl", format!("listen {address} ssl")),
            ("http://127.0.0.1:8080", format!("http://{receiver}")),
        ] {
            assert_eq!(config.matches(shipped).count(), 1, "{shipped}");
            config = config.replace(shipped, &here);
        }
        folder.write("nginx.conf", config);
        let installed = Path::new("/usr/sbin/nginx");
        let program = if installed.exists() {
            installed
        } else {
            Path::new("nginx")
        };
        let process = Command::new(program)
            .arg("-p")
            .arg(folder.as_ref())
            .args([
                "-c",
                "nginx.conf",
                "-e",
                "error.log",
                "-g",
                "daemon off; master_process off;",
            ])
            .current_dir(folder)
            .stdin(Stdio::null())
            .spawn()
            .expect("the tests need nginx: scripts/test installs it");
        let mut nginx = Self { process, address };
        nginx.wait(folder);
        nginx
    }

    fn wait(&mut self, folder: &Folder) {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.process.try_wait().unwrap();
            let log = || String::from_utf8_lossy(&folder.read("error.log")).into_owned();
            assert!(ended.is_none(), "nginx has ended: {}", log());
            assert!(began.elapsed() < LIMIT, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_tells_the_certificate_and_overwrites_what_a_client_says() {
    let folder = make("nginx");
    let reached = Reached::Through(TrustedProxies::parse(["127.0.0.1"]).unwrap());
    let receiver = start(&folder, issued_by(&folder, "efi"), reached, None).await;
    let nginx = Nginx::start(&folder, receiver.address);
    let to = |path: &str, certificate, headers: &[String], body: &str| {
        let url = format!("https://{}/webhooks/{path}", nginx.address);
        post(&folder, &url, certificate, headers, body)
    };
    let client = Some("efi-client");
    assert_eq!(to("efi", None, &[], TEST), Answer::Status(401));
    assert_eq!(to("efi", client, &[], TEST), Answer::Status(200));
    assert_eq!(to("efi/pix", client, &[], BODY), Answer::Status(200));
    assert_eq!(receiver.paid.payments().len(), 1);
    // nginx itself refuses invalid certificates of its authorities.
    for wrong in ["stranger", "efi-expired"] {
        assert_eq!(
            to("efi/pix", Some(wrong), &[], BODY),
            Answer::Status(400),
            "{wrong}"
        );
    }
    assert_eq!(
        to("efi/pix", Some("inter-client"), &[], BODY),
        Answer::Status(401)
    );
    // A client that writes the headers itself: without a certificate, with that of another sender,
    // and with a modified one of Efí.
    let forged = [
        format!("X-SSL-Client-Cert: {}", escaped(&folder, "efi-client")),
        "X-SSL-Client-Verify: SUCCESS".to_owned(),
    ];
    assert_eq!(to("efi/pix", None, &forged, BODY), Answer::Status(401));
    assert_eq!(
        to("efi/pix", Some("inter-client"), &forged, BODY),
        Answer::Status(401)
    );
    let other = [
        "X-SSL-Client-Cert: none".to_owned(),
        "X-SSL-Client-Verify: NONE".to_owned(),
    ];
    assert_eq!(to("efi/pix", client, &other, BODY), Answer::Status(200));
}
