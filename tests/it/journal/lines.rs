//! Which lines there are, and what stands in them.

use axum::http::StatusCode;
use tower_webhook::journal::{JournalFilter, JournalLine};
use tower_webhook::layer::Verdict;
use tower_webhook::{MemoryStore, UnixTime};

use super::{Kept, told};
use crate::support::blendfi::{self, body, event, key};
use crate::support::presets::{NOW, Preset, SECRET, blendfi_signature};

#[tokio::test]
async fn every_request_has_a_line_with_its_outcome() {
    let kept = Kept::start();
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&kept.journal);
    let runs = crate::support::stage::Stage::new();
    let counter = runs.clone();
    let handler = move || {
        let first = counter.enter() == 1;
        std::future::ready(match first {
            true => StatusCode::INTERNAL_SERVER_ERROR,
            false => StatusCode::NO_CONTENT,
        })
    };
    let server = blendfi::serve(&webhook, handler).await;
    let forged = event("evt_1", "{}").body(body("evt_1", r#"{"amount":9}"#));
    let mut statuses = Vec::new();
    for request in [
        forged,
        event("evt_1", "{}"),
        event("evt_1", "{}"),
        event("evt_1", "{}"),
        event("evt_1", "{}").method("GET"),
        event("evt_1", "{}").without("x-blendfi-signature"),
    ] {
        statuses.push(request.send(server.address).await.status);
    }
    assert_eq!(statuses, [401, 500, 204, 200, 405, 401]);

    let lines = kept.lines().await;
    assert_eq!(
        told(&lines),
        [
            (false, "refused", Some("signature_mismatch")),
            (true, "failed", Some("handler_failed")),
            (true, "handled", None),
            (true, "duplicate", Some("already_done")),
            (false, "refused", Some("method_not_allowed")),
            (false, "refused", Some("signature_header")),
        ]
    );
    let recorded: Vec<_> = lines.iter().map(|line| line.status.unwrap()).collect();
    assert_eq!(recorded, statuses);
    let [forged, failed, .., unsigned] = &*lines else {
        panic!("{lines:?}");
    };

    let request = forged.request.as_ref().unwrap();
    assert_eq!((&*request.method, &*request.uri), ("POST", "/hooks"));
    assert_eq!(request.received_at, NOW * 1_000_000);
    // A signature is kept, and so is what it was over: `webhook verify` can tell what is wrong.
    let signature = blendfi_signature(NOW, SECRET, body("evt_1", "{}"));
    assert_eq!(request.header_map()["x-blendfi-signature"], signature);
    let read = request.body.as_ref().unwrap().whole().unwrap();
    assert_eq!(read, body("evt_1", r#"{"amount":9}"#).into_bytes());
    assert_eq!((forged.event_key(), forged.proof.as_ref()), (None, None));

    assert_eq!(failed.event_key(), Some(key("evt_1")));
    assert_eq!(
        (failed.attempt, &*failed.signed_by),
        (Some(1), &["1".to_owned()][..])
    );
    let proof = failed.proof.as_ref().unwrap();
    let signed_at = proof.signature.as_ref().unwrap().signed_at;
    assert_eq!(signed_at, Some(NOW * 1_000_000));

    // What was refused at its head was not read.
    assert!(unsigned.request.as_ref().unwrap().body.is_none());
    assert_eq!(kept.journal.stats().written, 6);
    assert_eq!(kept.journal.stats().lost(), 0);
}

#[tokio::test]
async fn an_outcome_behind_the_answer_has_a_line_of_its_own() {
    let kept = Kept::start();
    let stage = crate::support::stage::Stage::new();
    let webhook =
        blendfi::webhook_answering_in(std::time::Duration::from_millis(200), MemoryStore::new());
    let webhook = webhook.journal(&kept.journal);
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let answer = event("evt_1", "{}").send(server.address).await;
    assert!(answer.is_not_now(), "{answer:?}");
    stage.let_go(1);
    crate::support::wait::until("both outcomes", || {
        let read = kept.files.read(&JournalFilter::new(), None, 10).unwrap();
        read.lines.len() == 2
    })
    .await;
    let lines = kept.lines().await;
    assert_eq!(
        told(&lines),
        [
            (true, "unfinished", Some("handler_slow")),
            (true, "handled", None)
        ]
    );
    assert_eq!(lines[0].id, lines[1].id);
    assert_eq!((lines[0].status, lines[1].status), (Some(503), None));
    assert!(lines[0].request.is_some() && lines[1].request.is_none());
}

#[tokio::test]
async fn lines_are_found_by_time_provider_key_and_outcome() {
    let kept = Kept::start();
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&kept.journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    for id in ["evt_1", "evt_2", "evt_1", "evt_3"] {
        event(id, "{}").send(server.address).await;
    }
    kept.lines().await;
    let found = |filter: JournalFilter| -> Vec<JournalLine> {
        kept.files.read(&filter, None, 100).unwrap().lines
    };
    let all = JournalFilter::new;
    assert_eq!(found(all().key(key("evt_1"))).len(), 2);
    assert_eq!(found(all().verdict(Verdict::Duplicate)).len(), 1);
    assert_eq!(
        found(all().provider(key("evt_1").provider().clone())).len(),
        4
    );
    assert_eq!(found(all().from(UnixTime::from_secs(NOW + 60))).len(), 0);
    assert_eq!(found(all().until(UnixTime::from_secs(NOW))).len(), 0);
    assert_eq!(
        found(all().from(UnixTime::from_secs(NOW)).authenticated()).len(),
        4
    );
}

#[tokio::test]
async fn a_page_is_read_on_where_it_ended() {
    let kept = Kept::start();
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&kept.journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    let mut seen = Vec::new();
    let mut position = None;
    for round in 0..3 {
        for number in 0..5 {
            let right = event(&format!("evt_{round}_{number}"), "{}");
            right.send(server.address).await;
            right.body("{}").send(server.address).await;
        }
        kept.lines().await;
        loop {
            let page = kept
                .files
                .read(&JournalFilter::new(), position.as_ref(), 3)
                .unwrap();
            seen.extend(page.lines.into_iter().map(|line| line.id));
            // It is kept as text in between.
            position = Some(page.next.to_string().as_str().into());
            if page.is_last {
                break;
            }
        }
    }
    assert_eq!(seen.len(), 30);
    let different: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!(different.len(), 30);
}

#[tokio::test]
async fn a_list_has_a_line_for_each_event_and_one_for_its_answer() {
    use tower_webhook::event::{EventRule, Shape};
    let kept = Kept::start();
    let shape = Shape::new("pix", ["/endToEndId"]).unwrap();
    let rule = EventRule::each("/pix", EventRule::members([shape]).unwrap()).unwrap();
    let provider = Preset::BlendFi.provider().replace_rule(rule);
    let webhook = tower_webhook::Webhook::new(provider)
        .clock(crate::support::presets::clock())
        .store(MemoryStore::new())
        .journal(&kept.journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    let list = r#"{"pix":[{"endToEndId":"E1"},{"endToEndId":"E2"}]}"#;
    assert_eq!(
        Preset::BlendFi
            .deliver(list)
            .send(server.address)
            .await
            .status,
        200
    );
    let lines = kept.lines().await;
    let (whole, items): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.request.is_some());
    assert_eq!(items.len(), 2);
    let mut places: Vec<_> = items
        .iter()
        .map(|line| (line.item, &*line.verdict))
        .collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [(Some((0, 2)), "handled"), (Some((1, 2)), "handled")]
    );
    let [whole] = &*whole else {
        panic!("{whole:?}")
    };
    assert_eq!((whole.items, whole.status), (Some(2), Some(200)));
    assert!(lines.iter().all(|line| line.id == whole.id));
    let body = whole.request.as_ref().unwrap().body.as_ref().unwrap();
    assert_eq!(body.whole().unwrap(), list.as_bytes());
}
