//! Authorities and certificates made by `openssl`, and requests by `curl`, so that the peer of the
//! handshake is not our code.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary folder, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pix-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(file), text).unwrap();
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn openssl(folder: &Folder, line: &str) {
    let output = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(folder)
        .output()
        .expect("the tests need the openssl program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {line}: {said}");
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// An authority, `{name}.pem`.
fn authority(folder: &Folder, name: &str) {
    openssl(
        folder,
        &format!("req -x509 {KEY} -keyout {name}.key -out {name}.pem -days 30 -subj /CN={name}"),
    );
}

/// A certificate issued by it, `{name}.pem`, valid for so many days.
fn issued(folder: &Folder, by: &str, name: &str, days: i32, extensions: &str) {
    openssl(
        folder,
        &format!("req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"),
    );
    folder.write("extensions", extensions);
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -days {days} \
             -extfile extensions -out {name}.pem"
        ),
    );
}

/// The certificates of the tests: `server.pem` and its authority `ours.pem`; `efi-client.pem` and
/// `efi-other.pem` issued by `efi.pem`, and an expired one; `inter-client.pem` issued by
/// `inter.pem`; and `stranger.pem` issued by an authority that nobody trusts.
pub(crate) fn make(name: &str) -> Folder {
    let folder = Folder::new(name);
    for name in ["ours", "efi", "inter", "strange"] {
        authority(&folder, name);
    }
    issued(&folder, "ours", "server", 30, "subjectAltName=IP:127.0.0.1");
    let client = "extendedKeyUsage=clientAuth";
    issued(&folder, "efi", "efi-client", 30, client);
    issued(&folder, "efi", "efi-other", 30, client);
    issued(&folder, "efi", "efi-expired", -1, client);
    issued(&folder, "inter", "inter-client", 30, client);
    issued(&folder, "strange", "stranger", 30, client);
    let both = [folder.read("efi.pem"), folder.read("inter.pem")].concat();
    folder.write("authorities.pem", both);
    folder
}

/// The answer that a client got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    /// TLS failed before an answer.
    NoHandshake,
}

pub(crate) const BODY: &str = r#"{"pix":[{"endToEndId":"E18236120202605041300s0","txid":"t1","chave":"k","valor":"110.00","horario":"2026-05-04T13:00:00Z"}]}"#;

/// A POST of `body` by `curl`, with this certificate, if any, and these headers.
pub(crate) fn post(
    folder: &Folder,
    url: &str,
    certificate: Option<&str>,
    headers: &[String],
    body: &str,
) -> Answer {
    let mut curl = Command::new("curl");
    curl.current_dir(folder)
        .args([
            "-sS",
            "-m",
            "60",
            "--http1.1",
            "--cacert",
            "ours.pem",
            "-w",
            "\n%{http_code}",
        ])
        .args([
            "-H",
            "content-type: application/json",
            "--data-binary",
            body,
        ]);
    if let Some(name) = certificate {
        curl.args([
            "--cert",
            &format!("{name}.pem"),
            "--key",
            &format!("{name}.key"),
        ]);
    }
    for header in headers {
        curl.args(["-H", header]);
    }
    let output: Output = curl
        .arg(url)
        .output()
        .expect("the tests need the curl program");
    let said = String::from_utf8_lossy(&output.stdout);
    let status = said.lines().last().unwrap().parse().unwrap();
    match (output.status.code(), status) {
        (Some(0), status) => Answer::Status(status),
        // With TLS 1.2 the handshake fails; with TLS 1.3, the next read or write.
        (Some(35 | 52 | 55 | 56), 0) => Answer::NoHandshake,
        (code, status) => panic!(
            "curl {code:?} {status}: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// The certificate, escaped as nginx does it.
pub(crate) fn escaped(folder: &Folder, name: &str) -> String {
    let pem = String::from_utf8(folder.read(&format!("{name}.pem"))).unwrap();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    pem.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
