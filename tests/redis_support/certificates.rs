//! TLS certificates from a test's own authority.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;

/// A certificate authority made for one test, and a certificate for 127.0.0.1 that it signed.
pub(crate) struct Certificates {
    pub(super) dir: PathBuf,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let dir = folder();
        fs::write(dir.join("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        for line in [
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt",
            "req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr",
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt",
        ] {
            openssl(&dir, line);
        }
        Self { dir }
    }

    pub(crate) fn server_certificate(&self) -> Vec<u8> {
        fs::read(self.dir.join("server.crt")).unwrap()
    }

    pub(crate) fn server_key(&self) -> Vec<u8> {
        fs::read(self.dir.join("server.key")).unwrap()
    }

    pub(crate) fn ca(&self) -> Vec<u8> {
        fs::read(self.dir.join("ca.crt")).unwrap()
    }
}

fn openssl(dir: &Path, line: &str) {
    let made = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl is installed");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
