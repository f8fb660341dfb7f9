//! Signatures by the `openssl` program, so that this crate is not only tested against itself.

use std::io::Write;
use std::process::{Command, Stdio};

/// The HMAC-SHA256 of these bytes in lower-case hex.
pub(crate) fn hmac_sha256(secret: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> String {
    let key: String = (secret.as_ref().iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt"])
        .arg(format!("hexkey:{key}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need the openssl program");
    let mut stdin = openssl.stdin.take().unwrap();
    stdin.write_all(bytes.as_ref()).unwrap();
    drop(stdin);
    let output = openssl.wait_with_output().unwrap();
    assert!(output.status.success());
    let line = String::from_utf8(output.stdout).unwrap();
    let mac = line.trim_end().rsplit("= ").next().unwrap().to_owned();
    assert_eq!(mac.len(), 64, "{line:?}");
    mac
}
