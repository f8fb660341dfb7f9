//! The steps within one process, which need no server: keys, signatures in the header, allowlist
//! entries, records in memory.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use http::HeaderMap;
use tower_webhook::store::{Claim, ClaimOutcome, Held};
use tower_webhook::{Allowlist, KeyRing, MemoryStore, SecretFormat, Store, UnixTime};

use crate::common::{self, Result, SIGNATURE, Sender, event};
use crate::rows::{Size, row, time};

const NOW: u64 = 1_777_899_600;

pub(crate) fn keys(rounds: u32) -> Result<()> {
    let body = event("evt_1");
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, Sender::new()?.sign(NOW, &body).parse()?);
    let (body, headers) = (&body, &headers);
    let mut sizes: Vec<Size<'_>> = Vec::new();
    // A ring cannot hold more.
    for size in [1, 2, 4, 8] {
        let others = (1..size).map(|number| format!("whsec_another_key_{number}"));
        let secrets: Vec<String> = [common::SECRET.to_owned()]
            .into_iter()
            .chain(others)
            .collect();
        let ring = KeyRing::parse(&SecretFormat::Text, &secrets)?;
        let provider = tower_webhook::provider::blendfi(ring);
        let verifier = provider.verifier().ok_or("BlendFi signs")?.clone();
        let check = move || {
            time(200, |_| {
                let _ =
                    black_box(verifier.verify(headers, body.as_bytes(), UnixTime::from_secs(NOW)));
            })
        };
        sizes.push((size, Box::new(check)));
    }
    row("`Verifier::verify`, 1 KiB", "active keys", rounds, sizes);
    Ok(())
}

pub(crate) fn candidates(rounds: u32) -> Result<()> {
    let body = event("evt_1");
    let right = Sender::new()?.sign(NOW, &body);
    let provider = common::blendfi()?;
    let verifier = provider.verifier().ok_or("BlendFi signs")?;
    let body = &body;
    let mut sizes: Vec<Size<'_>> = Vec::new();
    for size in [1, 4, 16, 64] {
        let wrong: String = (1..size)
            .map(|number| format!(",v1={number:064x}"))
            .collect();
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, format!("{right}{wrong}").parse()?);
        verifier.verify(&headers, body.as_bytes(), UnixTime::from_secs(NOW))?;
        let check = move || {
            time(200, |_| {
                let _ =
                    black_box(verifier.verify(&headers, body.as_bytes(), UnixTime::from_secs(NOW)));
            })
        };
        sizes.push((size, Box::new(check)));
    }
    row(
        "`Verifier::verify`, 1 KiB",
        "signatures in the header",
        rounds,
        sizes,
    );
    Ok(())
}

pub(crate) fn entries(rounds: u32) -> Result<()> {
    let address = |number: u32| IpAddr::from((0x0a00_0000 + number * 2).to_be_bytes());
    let mut sizes: Vec<Size<'_>> = Vec::new();
    for size in [1, 10, 100, 1_000, 10_000, 100_000] {
        // No two entries adjoin, as they would be merged into one network.
        let list = Allowlist::parse((0..size).map(|number| address(number).to_string()))?;
        let now = UnixTime::from_secs(NOW);
        let mut asked = 1_u32;
        let check = move || {
            time(2_000, |_| {
                // Anywhere in the list, half of the time between two entries.
                asked = asked.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let offset = (asked >> 8) % (size * 2);
                let address = IpAddr::from((0x0a00_0000 + offset).to_be_bytes());
                let _ = black_box(list.check(black_box(address), now));
            })
        };
        sizes.push((size, Box::new(check)));
    }
    row("`Allowlist::check`", "entries", rounds, sizes);
    Ok(())
}

pub(crate) fn records(rounds: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let runtime = &runtime;
    let mut sizes: Vec<Size<'_>> = Vec::new();
    for size in [1_000, 10_000, 100_000, 1_000_000] {
        let store = MemoryStore::with_capacity(2_000_000)?;
        runtime.block_on(async {
            for number in 0..size {
                pair(&store, &crate::event::claim(number)).await;
            }
        });
        let new: Vec<_> = (size..size + 500).map(crate::event::claim).collect();
        let check = move || {
            let begun = Instant::now();
            runtime.block_on(async {
                for claim in &new {
                    pair(&store, claim).await;
                }
            });
            let took = begun.elapsed().as_secs_f64() * 1e9 / 500.0;
            runtime.block_on(async {
                for claim in &new {
                    assert!(store.forget(&claim.key).await.unwrap());
                }
            });
            took
        };
        sizes.push((size, Box::new(check)));
    }
    row(
        "`MemoryStore`: claim and complete of a new event",
        "records",
        rounds,
        sizes,
    );
    Ok(())
}

async fn pair(store: &MemoryStore, claim: &Claim) {
    let ClaimOutcome::Claimed(grant) = store.claim(claim).await.unwrap() else {
        panic!("a new event is granted");
    };
    let complete = crate::event::complete(claim, grant);
    assert_eq!(store.complete(&complete).await.unwrap(), Held::Held);
}
