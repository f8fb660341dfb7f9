//! Signatures from the `openssl` program: what this crate believes is never tested against itself.

use std::io::Write;
use std::process::{Command, Stdio};

/// The HMAC-SHA256 of `content` in lower-case hex.
pub(crate) fn hmac_sha256(secret: &str, content: &[u8]) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", secret, "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need the openssl program");
    let mut stdin = openssl.stdin.take().unwrap();
    stdin.write_all(content).unwrap();
    drop(stdin);
    let output = openssl.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let hex = text.split_whitespace().next().unwrap().to_owned();
    assert_eq!(hex.len(), 64, "{text}");
    hex
}
