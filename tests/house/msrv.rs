//! The oldest Rust that each feature needs: nothing that it pulls in asks for a newer one than this
//! crate promises.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Features that need a newer Rust than `rust-version` says, with what they need.
const NEWER: [(&str, Version); 3] = [
    ("postgres", (1, 94, 0)),
    ("postgres-tls", (1, 94, 0)),
    ("sqlite", (1, 94, 0)),
];

type Version = (u64, u64, u64);

/// `1.88` is 1.88.0.
fn version(text: &str) -> Version {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

/// What cargo says of this crate with these features, and of all that it is built from.
fn metadata(features: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--no-default-features", "--features", &features.join(",")])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The packages that a user of the library builds, by their ids: what only tests need is left out.
fn pulled_in<'a>(metadata: &'a Value, root: &'a str) -> BTreeSet<&'a str> {
    let nodes: BTreeMap<_, _> = (metadata["resolve"]["nodes"].as_array().unwrap().iter())
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        for to in nodes[id]["deps"].as_array().unwrap() {
            let kinds = to["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                open.push(to["pkg"].as_str().unwrap());
            }
        }
    }
    found
}

/// What asks for a newer Rust than `allowed`, with what it asks for.
fn too_new(metadata: &Value, allowed: Version) -> Vec<String> {
    let root = metadata["resolve"]["root"].as_str().unwrap();
    let pulled_in = pulled_in(metadata, root);
    assert!(pulled_in.len() > 20, "the whole tree: {pulled_in:?}");
    (metadata["packages"].as_array().unwrap().iter())
        .filter(|package| pulled_in.contains(package["id"].as_str().unwrap()))
        .filter_map(|package| {
            let asked = package["rust_version"].as_str()?;
            let name = package["name"].as_str().unwrap();
            (version(asked) > allowed).then(|| format!("{name} asks for {asked}"))
        })
        .collect()
}

#[test]
fn no_feature_pulls_in_what_needs_a_newer_rust() {
    let promised = version(env!("CARGO_PKG_RUST_VERSION"));
    let none = metadata(&[]);
    let root = none["resolve"]["root"].as_str().unwrap();
    let package = (none["packages"].as_array().unwrap().iter())
        .find(|package| package["id"] == root)
        .unwrap();
    let features = package["features"].as_object().unwrap();
    assert!(features.contains_key("redis"));
    for feature in features.keys() {
        let allowed = (NEWER.iter())
            .find(|(newer, _)| newer == feature)
            .map_or(promised, |(_, version)| *version);
        let wrong = too_new(&metadata(&[feature]), allowed);
        assert!(wrong.is_empty(), "feature {feature}: {wrong:?}");
    }
}

#[test]
fn a_dependency_that_asks_for_more_is_found() {
    // The tree with `redis` holds a crate that asks for more than Rust 1.0.
    let wrong = too_new(&metadata(&["redis"]), (1, 0, 0));
    assert!(
        wrong
            .iter()
            .any(|line| line.starts_with("tokio asks for 1.")),
        "{wrong:?}"
    );
}
