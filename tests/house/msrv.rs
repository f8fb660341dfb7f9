//! The oldest Rust that each feature needs: no dependency may require a newer one than this crate
//! promises.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Features that need a newer Rust than `rust-version`, with the version.
const NEWER: [(&str, Version); 4] = [
    ("cli", (1, 94, 0)),
    ("postgres", (1, 94, 0)),
    ("postgres-tls", (1, 94, 0)),
    ("sqlite", (1, 94, 0)),
];

type Version = (u64, u64, u64);

/// Parses a version: `1.88` is 1.88.0.
fn version(text: &str) -> Version {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every package in the lock file.
fn packages() -> Vec<Value> {
    let metadata: Value = serde_json::from_str(&cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--all-features",
    ]))
    .unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The packages that a library user with this feature builds, as `name vVERSION`, without those for
/// tests only.
fn pulled_in(feature: &str) -> BTreeSet<String> {
    let tree = [
        "tree",
        "--package",
        env!("CARGO_PKG_NAME"),
        "--no-default-features",
        "--features",
        feature,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
    ];
    (cargo(&tree).lines())
        .filter_map(|line| {
            // The rest is a path, or a mark that the line is repeated.
            let mut words = line.split(' ');
            let (name, version) = (words.next()?, words.next()?);
            version
                .starts_with('v')
                .then(|| format!("{name} {version}"))
        })
        .collect()
}

/// The packages that need a newer Rust than `allowed`, with their requirement.
fn too_new(packages: &[Value], feature: &str, allowed: Version) -> Vec<String> {
    let pulled_in = pulled_in(feature);
    assert!(pulled_in.len() > 20, "the whole tree: {pulled_in:?}");
    let mut known = 0;
    let wrong = (packages.iter())
        .filter_map(|package| {
            let text = |member: &str| package[member].as_str();
            let (name, version_of_it) = (text("name")?, text("version")?);
            if !pulled_in.contains(&format!("{name} v{version_of_it}")) {
                return None;
            }
            known += 1;
            let asked = text("rust_version")?;
            (version(asked) > allowed).then(|| format!("{name} asks for {asked}"))
        })
        .collect();
    assert_eq!(known, pulled_in.len(), "one is unknown");
    wrong
}

#[test]
fn no_feature_pulls_in_what_needs_a_newer_rust() {
    let promised = version(env!("CARGO_PKG_RUST_VERSION"));
    let packages = packages();
    let package = (packages.iter())
        .find(|package| package["name"] == env!("CARGO_PKG_NAME"))
        .unwrap();
    let features = package["features"].as_object().unwrap();
    assert!(features.contains_key("redis"));
    for feature in features.keys() {
        let allowed = (NEWER.iter())
            .find(|(newer, _)| newer == feature)
            .map_or(promised, |(_, version)| *version);
        let wrong = too_new(&packages, feature, allowed);
        assert!(wrong.is_empty(), "feature {feature}: {wrong:?}");
    }
}

#[test]
fn a_dependency_that_asks_for_more_is_found() {
    // The tree with `redis` has a crate that needs more than Rust 1.0.
    let wrong = too_new(&packages(), "redis", (1, 0, 0));
    assert!(
        wrong
            .iter()
            .any(|line| line.starts_with("tokio asks for 1.")),
        "{wrong:?}"
    );
}
