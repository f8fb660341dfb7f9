//! Which deliveries run, and which are duplicates.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::Budget;
use tower_webhook::{Confirmation, DedupeConfig, Delivery, Name, Provider};

use crate::identity::senders::{
    Ran, from_github, from_shopify, from_standard, from_stripe, github, serve, shopify, standard,
    stripe, told, webhook,
};
use crate::support::http::Request;
use crate::support::presets::{Preset, TOKEN, tokens};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::until;

const REMOVED: &str = r#"{"action":"removed","scope":"team","member":{"login":"octocat","id":1},"sender":{"login":"hubot","id":2},"team":{"name":"owners","id":3},"organization":{"login":"acme","id":4}}"#;

#[tokio::test]
async fn a_member_of_github_is_removed_added_and_removed_again() {
    let (server, ran) = serve(&webhook(github())).await;
    let added = REMOVED.replace("removed", "added");
    let send = |id: &'static str, body: &str| from_github(id, "membership", body);
    assert_eq!(told(send("72d3162e-1", REMOVED), &server).await, "run");
    assert_eq!(told(send("72d3162e-2", &added), &server).await, "run");
    assert_eq!(told(send("72d3162e-3", REMOVED), &server).await, "run");
    for id in ["72d3162e-1", "72d3162e-3"] {
        assert_eq!(told(send(id, REMOVED), &server).await, "duplicate", "{id}");
    }
    assert_eq!(ran.bodies(), [REMOVED, &added, REMOVED]);

    // Two lines of one id that were joined on the way.
    let joined = send("72d3162e-1, 72d3162e-1", REMOVED);
    assert_eq!(told(joined, &server).await, "duplicate");
    let differing = send("72d3162e-1, 72d3162e-4", REMOVED);
    assert_eq!(told(differing, &server).await, "bad request");

    let without_id = send("x", REMOVED).without("x-github-delivery");
    assert_eq!(told(without_id, &server).await, "bad request");

    // A hook that sends forms tells the same.
    let mut form = form_urlencoded::Serializer::new(String::new());
    let form = form.append_pair("payload", REMOVED).finish();
    for (id, expected) in [("f1", "run"), ("f2", "run"), ("f1", "duplicate")] {
        assert_eq!(told(send(id, &form), &server).await, expected, "{id}");
    }
}

/// A repository that nobody touches says the same of itself each time.
#[tokio::test]
async fn what_happens_beside_a_repository_leaves_no_time_in_it() {
    const BESIDE: &str = r#""repository":{"id":1,"pushed_at":1777899600,"updated_at":"2026-05-04T13:00:00Z"},"sender":{"id":2}"#;
    let (server, ran) = serve(&webhook(github())).await;
    for (event, own) in [
        ("member", r#""action":"added","member":{"id":3}"#),
        (
            "member",
            r#""action":"edited","member":{"id":3},"changes":{"permission":{"from":"read","to":"write"}}"#,
        ),
        (
            "label",
            r#""action":"edited","label":{"id":4,"name":"bug"},"changes":{"name":{"from":"defect"}}"#,
        ),
        ("team_add", r#""team":{"id":5},"organization":{"id":6}"#),
    ] {
        let body = format!("{{{own},{BESIDE}}}");
        for id in ["1", "2"] {
            let id = format!("{event}-{id}");
            let sent = || from_github(&id, event, &body);
            assert_eq!(told(sent(), &server).await, "run", "{body}");
            assert_eq!(told(sent(), &server).await, "duplicate", "{body}");
        }
    }
    let installed = r#"{"action":"removed","installation":{"id":7,"updated_at":1777899600},"repository_selection":"selected","repositories_added":[],"repositories_removed":[{"id":1}],"sender":{"id":2}}"#;
    for id in ["1", "2"] {
        let sent = from_github(id, "installation_repositories", installed);
        assert_eq!(told(sent, &server).await, "run");
    }
    assert_eq!(ran.count(), 10);

    // A member that we do not know may be its moment.
    let dated = format!(r#"{{"action":"added","member":{{"id":3}},"added_at":1,{BESIDE}}}"#);
    for (id, expected) in [("1", "run"), ("2", "duplicate")] {
        assert_eq!(
            told(from_github(id, "member", &dated), &server).await,
            expected
        );
    }
}

/// What the unsigned header says makes no type of another one.
#[tokio::test]
async fn a_captured_push_with_other_headers_stays_a_duplicate() {
    let push = r#"{"ref":"refs/heads/main","before":"6113728f","after":"0d1a26e6","repository":{"id":1,"pushed_at":1777899600},"pusher":{"name":"octocat"},"organization":{"id":4},"sender":{"id":2},"commits":[]}"#;
    let (server, ran) = serve(&webhook(github())).await;
    assert_eq!(told(from_github("1", "push", push), &server).await, "run");
    for (id, event) in [
        ("2", "membership"),
        ("3", "workflow_dispatch"),
        ("4", "team"),
    ] {
        let captured = from_github(id, event, push);
        assert_eq!(told(captured, &server).await, "duplicate", "{event}");
    }
    let without_id = from_github("", "membership", push).without("x-github-delivery");
    assert_eq!(told(without_id, &server).await, "duplicate");
    assert_eq!(ran.count(), 1);
}

#[tokio::test]
async fn what_names_only_what_is_gone_is_told_apart_by_its_id_and_an_order_is_not() {
    let (server, ran) = serve(&webhook(shopify())).await;
    for (topic, body) in [
        ("products/delete", r#"{"id":788032119674292922}"#),
        (
            "collections/delete",
            r#"{"id":841564295,"admin_graphql_api_id":"gid://shopify/Collection/841564295"}"#,
        ),
        (
            "product_listings/remove",
            r#"{"product_listing":{"product_id":788032119674292922}}"#,
        ),
        (
            "inventory_levels/disconnect",
            r#"{"inventory_item_id":271878346596884015,"location_id":24826418}"#,
        ),
        (
            "collection_listings/remove",
            r#"{"collection_listing":{"collection_id":408372092144951419}}"#,
        ),
    ] {
        let send = |id: &str| from_shopify(&format!("{topic}{id}"), topic, body);
        assert_eq!(told(send("1"), &server).await, "run", "{topic}");
        assert_eq!(told(send("2"), &server).await, "run", "{topic}");
        assert_eq!(told(send("1"), &server).await, "duplicate", "{topic}");
        let without_id = send("3").without("x-shopify-webhook-id");
        assert_eq!(told(without_id, &server).await, "bad request", "{topic}");
    }
    assert_eq!(ran.count(), 10);

    // Whatever the topic says.
    let order = r#"{"id":820982911946154508,"admin_graphql_api_id":"gid://shopify/Order/820982911946154508","created_at":"2026-05-04T13:00:00Z","total_price":"99.00"}"#;
    let listed = r#"{"product_listing":{"product_id":7,"created_at":"2026-05-04T13:00:00Z"}}"#;
    for body in [order, listed] {
        let topics = [
            "orders/create",
            "products/delete",
            "product_listings/remove",
        ];
        for (number, topic) in topics.iter().enumerate() {
            let expected = if number == 0 { "run" } else { "duplicate" };
            let delivery = from_shopify(&number.to_string(), topic, body);
            assert_eq!(told(delivery, &server).await, expected, "{topic} {body}");
        }
    }
}

/// A body rule has nothing to tell events apart by where there is no body.
#[tokio::test]
async fn a_body_without_content_names_no_event() {
    let rule = EventRule::body();
    let contract = Preset::Blox.provider().contract().clone();
    let name = Name::new("acme").unwrap();
    let acme = Provider::by_secret_path(name, tokens(), rule, contract);
    let ran = Ran::default();
    let noted = ran.clone();
    let handler = move |delivery: Delivery| async move {
        noted.note(&delivery);
        StatusCode::NO_CONTENT
    };
    let layer = webhook(acme).build().unwrap();
    let app = Router::new().route("/hooks/{token}", post(handler).layer(layer));
    let server = Server::start(app).await;
    for (query, body) in [
        ("id=1", ""),
        ("id=2", ""),
        ("id=1", " \r\n\t"),
        ("id=1", "\u{feff}"),
    ] {
        let target = format!("/hooks/{TOKEN}?topic=payment&{query}");
        let notice = Request::post(&target).body(body);
        assert_eq!(
            told(notice, &server).await,
            "bad request",
            "{query} {body:?}"
        );
    }
    assert_eq!(ran.count(), 0);
}

fn stripe_event(id: &str, kind: &str, version: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"event","api_version":"{version}","type":"{kind}","created":1777899600,"data":{{"object":{{"id":"ch_1","version":"{version}"}}}}}}"#
    )
}

#[tokio::test]
async fn test_events_of_stripes_dashboard_run_each_time() {
    let (server, ran) = serve(&webhook(stripe())).await;
    let test = |kind: &str| stripe_event("evt_00000000000000", kind, "2026-04-22");
    let (succeeded, failed) = (test("charge.succeeded"), test("charge.failed"));
    for body in [&succeeded, &failed, &succeeded] {
        assert_eq!(told(from_stripe(body), &server).await, "run");
    }
    assert_eq!(ran.bodies(), [&*succeeded, &failed, &succeeded]);
}

#[tokio::test]
async fn one_stripe_event_from_endpoints_of_two_versions_is_one_event() {
    let (server, ran) = serve(&webhook(stripe())).await;
    let old = stripe_event("evt_1", "charge.succeeded", "2019-05-16");
    let new = stripe_event("evt_1", "charge.succeeded", "2026-04-22");
    assert_eq!(told(from_stripe(&old), &server).await, "run");
    for _ in 0..2 {
        assert_eq!(told(from_stripe(&new), &server).await, "duplicate");
    }
    assert_eq!(ran.bodies(), [old]);
}

/// The other content waits as a duplicate does, and runs if the first one fails.
#[tokio::test]
async fn other_content_under_the_senders_own_id_waits_and_takes_over() {
    for fails in [false, true] {
        let (stage, ran) = (Stage::new(), Ran::default());
        let (standing, noted) = (stage.clone(), ran.clone());
        let handler = move |delivery: Delivery| async move {
            noted.note(&delivery);
            match standing.stand().await {
                1 if fails => StatusCode::BAD_GATEWAY,
                _ => StatusCode::NO_CONTENT,
            }
        };
        let budget = Budget::default();
        let webhook = webhook(stripe()).budget(budget.clone());
        let layer = webhook.build().unwrap();
        let app = Router::new().route("/hooks", post(handler).layer(layer));
        let server = Server::start(app).await;
        let old = stripe_event("evt_1", "charge.succeeded", "2019-05-16");
        let new = stripe_event("evt_1", "charge.succeeded", "2026-04-22");
        let first = from_stripe(&old).spawn(server.address);
        stage.begun(1).await;
        let second = from_stripe(&new).spawn(server.address);
        until("the other content to wait", || budget.waiting() == 1).await;
        stage.let_go(2);
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        if fails {
            assert_eq!((first.status, second.status), (502, 204));
            assert_eq!(ran.bodies(), [&*old, &new], "its own content");
        } else {
            assert_eq!((first.status, second.status), (204, 200));
            assert!(second.is_replayed());
            assert_eq!(ran.bodies(), [&*old]);
        }
        let again = from_stripe(&old).send(server.address).await;
        assert!(again.is_replayed());
    }
}

/// Some senders count their attempts inside the body.
#[tokio::test]
async fn a_signed_id_that_comes_with_another_time_in_its_body_is_a_duplicate() {
    let (server, ran) = serve(&webhook(standard())).await;
    let attempt =
        |second: u8| format!(r#"{{"type":"paid","sent_at":"2026-05-04T13:00:0{second}Z"}}"#);
    assert_eq!(
        told(from_standard("msg_1", &attempt(0)), &server).await,
        "run"
    );
    assert_eq!(
        told(from_standard("msg_1", &attempt(5)), &server).await,
        "duplicate"
    );
    assert_eq!(ran.bodies(), [attempt(0)]);
}

/// Keys that are put together, and those that no signature covers, say nothing of other content.
#[tokio::test]
async fn other_content_under_any_other_key_is_a_conflict() {
    use crate::support::openssl::hmac_sha256;
    use crate::support::presets::PAYMENTS_SECRET;
    let (server, _) = serve(&webhook(Preset::BloquePayments.provider())).await;
    let payment = |id: &str, amount: u8| {
        let body = format!(
            r#"{{{id}"type":"payment.succeeded","data":{{"id":"pay_1","amount":{amount}}}}}"#
        );
        Request::post("/hooks")
            .header("x-bloque-signature", hmac_sha256(PAYMENTS_SECRET, &body))
            .body(body)
    };
    assert_eq!(told(payment("", 1), &server).await, "run");
    assert_eq!(told(payment("", 2), &server).await, "conflict");
    let id = r#""id":"evt_1","#;
    assert_eq!(told(payment(id, 1), &server).await, "run");
    assert_eq!(told(payment(id, 2), &server).await, "duplicate");

    let (server, _) = serve(&webhook(Preset::Bloquo.provider())).await;
    let order = |amount: u8| {
        let body = format!(
            r#"{{"OrderId":1,"Status":"COMPLETED","OrderType":"Deposit","RequestedAmount":{amount},"TotalAmount":{amount}}}"#
        );
        Request::post("/hooks").body(body)
    };
    assert_eq!(told(order(1), &server).await, "run");
    assert_eq!(told(order(2), &server).await, "conflict");
}

/// Mercado Pago's older notices say everything in their query, and may have no body.
#[tokio::test]
async fn parameters_of_the_query_tell_events_apart() {
    let rule = EventRule::members([Shape::new("notice", ["?topic", "?id"]).unwrap()]).unwrap();
    let contract = Preset::Blox.provider().contract().clone();
    let name = Name::new("acme").unwrap();
    let acme = Provider::by_secret_path(name, tokens(), rule, contract);
    let layer = webhook(acme).build().unwrap();
    let handler = async || StatusCode::NO_CONTENT;
    let app = Router::new().route("/hooks/{token}", post(handler).layer(layer));
    let server = Server::start(app).await;
    let notice = |query: &str| Request::post(&format!("/hooks/{TOKEN}?{query}"));
    for (query, expected) in [
        ("topic=payment&id=1", "run"),
        ("topic=payment&id=2", "run"),
        ("id=%31&extra=x&topic=payment", "duplicate"),
        ("topic=merchant_order&id=1", "run"),
        ("topic=payment&id=1&id=1", "bad request"),
        ("topic=payment&id=1&%69d=3", "bad request"),
        ("topic=payment", "bad request"),
        ("topic=payment&id=", "bad request"),
        ("topic=payment&id=%FF", "bad request"),
    ] {
        assert_eq!(told(notice(query), &server).await, expected, "{query}");
        // A body says nothing to a rule that reads the query alone, but must be JSON if it is there.
        if expected == "run" {
            let with_body = notice(query).body(r#"{"id":9}"#);
            assert_eq!(told(with_body, &server).await, "duplicate", "{query}");
        }
    }
}

/// No signature covers the query: whoever holds one delivery could make others of it.
#[test]
fn a_query_that_nothing_vouches_for_is_no_key() {
    let rule = || EventRule::members([Shape::new("notice", ["/id|?id"]).unwrap()]).unwrap();
    let error = webhook(stripe().replace_rule(rule())).build().unwrap_err();
    assert!(
        error.to_string().contains("no signature covers the query"),
        "{error}"
    );
    let with_path = stripe().replace_rule(rule()).and_by_secret_path(tokens());
    assert!(webhook(with_path).build().is_ok());
}

/// What has to be confirmed is a duplicate too, and is not asked about.
#[tokio::test]
async fn other_content_of_a_confirmed_event_is_a_duplicate() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let confirmed = webhook(stripe()).dedupe(DedupeConfig::new().confirm(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Confirmation::Confirmed }
    }));
    let (server, ran) = serve(&confirmed).await;
    let old = stripe_event("evt_1", "charge.succeeded", "2019-05-16");
    let new = stripe_event("evt_1", "charge.succeeded", "2026-04-22");
    assert_eq!(told(from_stripe(&old), &server).await, "run");
    assert_eq!(told(from_stripe(&new), &server).await, "duplicate");
    assert_eq!((asked.load(Ordering::Relaxed), ran.count()), (1, 1));
}
