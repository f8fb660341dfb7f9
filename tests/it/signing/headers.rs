//! Header lines that are repeated, joined, renamed, or hold more than we know.

use tower_webhook::Name;
use tower_webhook::provider::{self, github, shopify, slack, standard_webhooks, stripe};

use super::*;

const BODY: &str = r#"{"id":1}"#;

/// The three headers of Standard Webhooks around this signature header.
fn standard(id: &str, signature: &str) -> Request {
    Request::post("/hooks")
        .header("webhook-id", id)
        .header("webhook-timestamp", NOW.to_string())
        .header("webhook-signature", signature)
        .body(BODY)
}

async fn standard_server() -> Server {
    let keys = standard_webhooks::keys([STANDARD_SECRET]).unwrap();
    serve(provider::standard_webhooks(
        Name::new("acme").unwrap(),
        keys,
    ))
    .await
}

async fn stripe_server() -> Server {
    serve(provider::stripe(stripe::keys([STRIPE_SECRET]).unwrap())).await
}

fn stripe_delivery(n: u32, signature: &str) -> Request {
    Request::post("/hooks")
        .header("stripe-signature", signature)
        .body(stripe_body(n))
}

#[tokio::test]
async fn a_line_that_stands_twice_counts_once_and_two_that_differ_are_refused() {
    let server = stripe_server().await;
    let mac = stripe_mac(STRIPE_SECRET, NOW, &stripe_body(1));
    let right = format!("t={NOW},v1={mac}");
    let twice = stripe_delivery(1, &right).header("stripe-signature", &right);
    assert_eq!(status(&server, &twice).await, 204);
    let thrice = twice.header("stripe-signature", &right);
    assert_eq!(status(&server, &thrice).await, 200, "the same event");
    for (first, second) in [(&right, "t=1,v1=00"), (&"t=1,v1=00".to_owned(), &*right)] {
        let differing = stripe_delivery(1, first).header("stripe-signature", second);
        assert_eq!(status(&server, &differing).await, 401);
    }

    // Each header of a scheme that has three.
    let server = standard_server().await;
    let now = NOW.to_string();
    let signature = standard_signature("msg_1", NOW, BODY);
    let once = || standard("msg_1", &signature);
    let all = once()
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", &now)
        .header("webhook-signature", &signature);
    assert_eq!(status(&server, &all).await, 204);
    for (name, value) in [
        ("webhook-id", "msg_2"),
        ("webhook-timestamp", "1777899601"),
        ("webhook-signature", "v1,AAAA"),
    ] {
        let differing = once().header(name, value);
        assert_eq!(status(&server, &differing).await, 401, "{name}");
    }
}

/// As proxies and adapters join lines of one name: `, ` (Apache httpd, Node.js), or `,` alone (the
/// second payload format of AWS API Gateway).
#[tokio::test]
async fn lines_that_were_joined_into_one_count_once_too() {
    let standard_webhooks = standard_server().await;
    let signature = standard_signature("msg_1", NOW, BODY);
    let stripe = stripe_server().await;
    let mac = stripe_mac(STRIPE_SECRET, NOW, &stripe_body(1));
    let github = serve(provider::github(
        github::keys(["It's a Secret to Everybody"]).unwrap(),
    ))
    .await;
    let push = r#"{"ref":"refs/heads/main","after":"1"}"#;
    let by_github = format!("sha256={}", hmac_sha256("It's a Secret to Everybody", push));
    let shop = serve(provider::shopify(
        shopify::keys(["hush-hush-hush"]).unwrap(),
    ))
    .await;
    let by_shopify = hex_to_base64(&hmac_sha256("hush-hush-hush", push));
    let slack = serve(provider::slack(
        slack::keys(["8f742231b10e8888abcd99yyyzzz85a5"]).unwrap(),
    ))
    .await;
    let mention = r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"app_mention"}}"#;
    let by_slack = format!(
        "v0={}",
        hmac_sha256(
            "8f742231b10e8888abcd99yyyzzz85a5",
            format!("v0:{NOW}:{mention}")
        )
    );

    for between in [", ", ","] {
        let twice = |text: &str| format!("{text}{between}{text}");
        let joined = Request::post("/hooks")
            .header("webhook-id", twice("msg_1"))
            .header("webhook-timestamp", twice(&NOW.to_string()))
            .header("webhook-signature", twice(&signature))
            .body(BODY);
        let expected = if between == ", " { 204 } else { 200 };
        assert_eq!(
            status(&standard_webhooks, &joined).await,
            expected,
            "{between:?}"
        );
        let joined = stripe_delivery(1, &twice(&format!("t={NOW},v1={mac}")));
        assert_eq!(status(&stripe, &joined).await, expected, "{between:?}");
        let joined = Request::post("/hooks")
            .header("x-hub-signature-256", twice(&by_github))
            .header("x-github-event", twice("push"))
            .header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
            .body(push);
        assert_eq!(status(&github, &joined).await, expected, "{between:?}");
        let joined = Request::post("/hooks")
            .header("x-shopify-hmac-sha256", twice(&by_shopify))
            .body(push);
        assert_eq!(status(&shop, &joined).await, expected, "{between:?}");
        let joined = Request::post("/hooks")
            .header("x-slack-request-timestamp", twice(&NOW.to_string()))
            .header("x-slack-signature", twice(&by_slack))
            .body(mention);
        assert_eq!(status(&slack, &joined).await, expected, "{between:?}");

        let differing = Request::post("/hooks")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", format!("{NOW}{between}1777899601"))
            .header("webhook-signature", &signature)
            .body(BODY);
        assert_eq!(status(&standard_webhooks, &differing).await, 401);
        let differing = stripe_delivery(1, &format!("t={NOW},v1={mac}{between}t=1,v1={mac}"));
        assert_eq!(status(&stripe, &differing).await, 401);
        let differing = Request::post("/hooks")
            .header(
                "x-hub-signature-256",
                format!("{by_github}{between}sha256={}", "0".repeat(64)),
            )
            .body(push);
        assert_eq!(status(&github, &differing).await, 401);
    }
}

#[tokio::test]
async fn what_is_no_v1_is_passed_over_beside_a_right_v1() {
    let server = standard_server().await;
    // RFC 7519, the example of section 3.1.
    const JWT: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mBtbQWqu5hpM1_Vk9w8EAJU1SPw9Bs";
    let right = standard_signature("msg_1", NOW, BODY);
    for (n, grown) in [
        format!("{JWT} {right}"),
        format!("{right} {JWT}"),
        format!("{right}  v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw"),
        format!("v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw   {right} "),
        format!("v2,AAAA\t{right}"),
        format!("{right} ed25519,AAAA hmac-sha512=AAAA"),
        format!("{right} v1"),
        format!(", {right} ,"),
        format!("v1,AAAA {right}"),
        format!("v1, {right}"),
    ]
    .iter()
    .enumerate()
    {
        let expected = if n == 0 { 204 } else { 200 };
        assert_eq!(
            status(&server, &standard("msg_1", grown)).await,
            expected,
            "{grown}"
        );
    }
    let bare = right.trim_start_matches("v1,");
    for nothing_of_ours in [
        JWT.to_owned(),
        format!("v1a,{bare}"),
        format!("V1,{bare}"),
        format!("v1={bare}"),
        bare.to_owned(),
        "v1".to_owned(),
        " \t ".to_owned(),
        String::new(),
    ] {
        let refused = standard("msg_1", &nothing_of_ours);
        assert_eq!(status(&server, &refused).await, 401, "{nothing_of_ours:?}");
    }
}

#[tokio::test]
async fn pairs_may_hold_names_that_we_do_not_know_and_blanks_after_commas() {
    let server = stripe_server().await;
    let mac = stripe_mac(STRIPE_SECRET, NOW, &stripe_body(1));
    for (n, grown) in [
        format!("t={NOW}, v1={mac}"),
        format!("t={NOW} ,\tv1={mac} , v0=00"),
        format!("t={NOW},,v1={mac},"),
        format!("t={NOW},h=x-event-id x-delivery-id,v1={mac}"),
        format!("kid=2026,t={NOW},v1={mac},ed25519=AAAA=="),
        format!("t={NOW},v1={mac},{mac}"),
        format!("t={NOW},v2-beta=x,v1={mac}"),
        format!("t={NOW},v1={mac},t={NOW}"),
    ]
    .iter()
    .enumerate()
    {
        let expected = if n == 0 { 204 } else { 200 };
        assert_eq!(
            status(&server, &stripe_delivery(1, grown)).await,
            expected,
            "{grown}"
        );
    }
    for refused in [
        format!("T={NOW},v1={mac}"),
        format!("t={NOW},V1={mac}"),
        format!("t={NOW},sha256={mac}"),
        format!("t={NOW};v1={mac}"),
        format!("t={NOW},t=1,v1={mac}"),
        format!("t={NOW} 1,v1={mac}"),
        format!("v1={mac}"),
        ", ,".to_owned(),
    ] {
        assert_eq!(
            status(&server, &stripe_delivery(1, &refused)).await,
            401,
            "{refused}"
        );
    }
}

/// The names are those of `@shopify/shopify-api` 15.0.0.
#[tokio::test]
async fn shopify_signs_in_either_family_of_its_headers_or_in_both_alike() {
    let server = serve(provider::shopify(
        shopify::keys(["hush-hush-hush"]).unwrap(),
    ))
    .await;
    let (old, new) = ("x-shopify-hmac-sha256", "shopify-hmac-sha256");
    let order = |n: u32| format!(r#"{{"id":{n},"created_at":"2026-05-04T13:00:00Z"}}"#);
    let signed = |n: u32| hex_to_base64(&hmac_sha256("hush-hush-hush", order(n)));
    let to = |n: u32| Request::post("/hooks").body(order(n));
    let family = |request: Request, x: &str| {
        request
            .header(&format!("{x}shopify-topic"), "orders/create")
            .header(&format!("{x}shopify-shop-domain"), "acme.myshopify.com")
            .header(
                &format!("{x}shopify-webhook-id"),
                "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
            )
    };
    let alone = family(to(1).header(new, signed(1)), "");
    assert_eq!(status(&server, &alone).await, 204);
    let before = family(to(2).header(old, signed(2)), "x-");
    assert_eq!(status(&server, &before).await, 204);
    let both = family(family(to(3), ""), "x-")
        .header(old, signed(3))
        .header(new, signed(3));
    assert_eq!(status(&server, &both).await, 204);

    for (by_old, by_new) in [(signed(4), signed(3)), (signed(3), signed(4))] {
        let differing = to(4).header(old, by_old).header(new, by_new);
        assert_eq!(status(&server, &differing).await, 401);
    }
    let forged = to(4).header(new, signed(3));
    assert_eq!(status(&server, &forged).await, 401);
}

/// A sender that is changing over from `svix-` to `webhook-` sends both.
#[tokio::test]
async fn two_families_that_say_the_same_are_one() {
    let server = standard_server().await;
    let signature = standard_signature("msg_1", NOW, BODY);
    let svix = |request: Request, id: &str, time: u64, signature: &str| {
        request
            .header("svix-id", id)
            .header("svix-timestamp", time.to_string())
            .header("svix-signature", signature)
    };
    let both = svix(standard("msg_1", &signature), "msg_1", NOW, &signature);
    assert_eq!(status(&server, &both).await, 204);
    let part = standard("msg_1", &signature).header("svix-id", "msg_1");
    assert_eq!(status(&server, &part).await, 200);

    let other = standard_signature("msg_2", NOW, BODY);
    for differing in [
        svix(standard("msg_1", &signature), "msg_2", NOW, &other),
        svix(standard("msg_1", &signature), "msg_1", NOW + 1, &signature),
        svix(standard("msg_1", &signature), "msg_1", NOW, &other),
        standard("msg_1", &signature).header("svix-id", "msg_2"),
        // No family is whole.
        Request::post("/hooks")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", NOW.to_string())
            .header("svix-signature", &signature)
            .body(BODY),
    ] {
        assert_eq!(status(&server, &differing).await, 401);
    }
}
