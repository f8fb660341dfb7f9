//! A feature that is off must build none of its crates.

use std::collections::BTreeSet;
use std::process::Command;

/// The crates that are built with exactly these features.
fn built(features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args([
            "--package",
            "tower-webhook",
            "--no-default-features",
            "--features",
            features,
        ])
        .args(["--format", "{p}", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn public_keys_and_clients_cost_nothing_while_they_are_off() {
    const CURVES: [&str; 6] = ["ed25519-dalek", "k256", "p256", "p384", "rsa", "x509-cert"];
    let holds = |features: &str, names: &[&str]| {
        let built = built(features);
        names.iter().filter(|name| built.contains(**name)).count()
    };
    for features in ["", "axum,inbox,senders,testing"] {
        assert_eq!(holds(features, &CURVES), 0, "{features:?}");
        assert_eq!(
            holds(features, &["reqwest", "rustls", "x509-parser"]),
            0,
            "{features:?}"
        );
    }
    for features in ["asymmetric", "jwt"] {
        assert_eq!(holds(features, &CURVES), CURVES.len(), "{features:?}");
        assert_eq!(holds(features, &["reqwest", "rustls"]), 0, "{features:?}");
    }
    assert_eq!(holds("http-client", &["reqwest", "rustls"]), 2);
}
