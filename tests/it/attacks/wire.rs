//! Requests that two readers of HTTP may read in two ways.

use crate::attacks::{in_a_hurry, run_once};
use crate::support::http::{Connection, Request, chunk};
use crate::support::presets::Preset;
use crate::support::receiver::Receiver;

/// Ends the connection, wherever the server believes a request begins.
const END: &[u8] = b"GET /end HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

async fn receiver() -> Receiver {
    Receiver::start_with(Preset::BlendFi, in_a_hurry, |webhook| webhook).await
}

/// Sends these bytes and then the end; every status that comes back.
async fn statuses(receiver: &Receiver, bytes: &[u8]) -> Vec<u16> {
    let mut connection = Connection::open(receiver.server.address).await;
    connection.send(bytes).await;
    connection.send(END).await;
    let mut statuses = Vec::new();
    while let Some(response) = connection.response().await {
        statuses.push(response.status);
    }
    statuses
}

/// The head of event 1 with these lines in place of its length.
fn head(lines: &[&str]) -> Vec<u8> {
    let head = Preset::BlendFi.delivery(1).head_announcing("?");
    let head = String::from_utf8(head).unwrap();
    let lines = lines.join("\r\n");
    head.replace("content-length: ?", &lines).into_bytes()
}

fn body() -> Vec<u8> {
    Preset::BlendFi.body(1).into_bytes()
}

/// A right delivery of event 2, smuggled behind a body.
fn smuggled() -> Vec<u8> {
    Preset::BlendFi.delivery(2).bytes()
}

#[tokio::test]
async fn two_lengths_that_differ_are_one_refusal() {
    let receiver = receiver().await;
    let length = body().len();
    let (right, short) = (format!("content-length: {length}"), "content-length: 0");
    let list = format!("content-length: {length}, 0");
    for lines in [
        &[&*right, short][..],
        &[short, &right],
        &[&list],
        &[&*format!("content-length: +{length}")],
        &[&*format!("content-length: 0x{length:x}")],
        &["content-length: -1"],
        &["content-length: 18446744073709551616"],
    ] {
        let bytes = [head(lines), body(), smuggled()].concat();
        let statuses = statuses(&receiver, &bytes).await;
        assert_eq!(statuses, [400], "{lines:?}");
    }
    assert_eq!(receiver.runs.runs(), 0);
    run_once(&receiver, 3).await;
}

#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let receiver = receiver().await;
    // Whoever goes by the length sees one request, whoever goes by the chunks sees a second one:
    // it is the one thing or the other, and what is run was proved.
    let chunks = [chunk(&body()), b"0\r\n\r\n".to_vec()].concat();
    let length = format!("content-length: {}", chunks.len() + smuggled().len());
    let chunked = "transfer-encoding: chunked";
    for lines in [[&*length, chunked], [chunked, &length]] {
        let forged = Request::post("/hooks").header("x-blendfi-signature", "t=1,v1=00");
        let bytes = [head(&lines), chunks.clone(), forged.bytes()].concat();
        let statuses = statuses(&receiver, &bytes).await;
        // One answer, and the connection ends (RFC 9112 section 6.1): nothing is read behind it.
        assert_eq!(statuses.len(), 1, "{lines:?}: {statuses:?}");
        assert!(
            [200, 204, 400].contains(&statuses[0]),
            "{lines:?}: {statuses:?}"
        );
    }
    assert!(receiver.runs.runs() <= 1);
}

#[tokio::test]
async fn codings_of_the_transfer_that_are_none_are_refused() {
    let receiver = receiver().await;
    let chunks = [chunk(&body()), b"0\r\n\r\n".to_vec()].concat();
    for line in [
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: gzip",
        "transfer-encoding: \u{b}chunked",
        "transfer-encoding : chunked",
        "transfer-encoding:\0chunked",
        " transfer-encoding: chunked",
    ] {
        let bytes = [head(&[line]), chunks.clone(), smuggled()].concat();
        let statuses = statuses(&receiver, &bytes).await;
        assert!(
            statuses.iter().all(|it| (400..600).contains(it)),
            "{line:?}: {statuses:?}"
        );
    }
    assert_eq!(receiver.runs.runs(), 0);
    run_once(&receiver, 3).await;
}

#[tokio::test]
async fn chunks_of_odd_sizes_are_no_body() {
    let receiver = receiver().await;
    let head = head(&["transfer-encoding: chunked"]);
    for size in [
        "FFFFFFFFFFFFFFFFF",
        "10000000000000000",
        "-1",
        "0x10",
        "1_0",
        "",
        " ",
        "g",
    ] {
        let chunk = format!("{size}\r\n{}\r\n0\r\n\r\n", Preset::BlendFi.body(1));
        let statuses = statuses(&receiver, &[head.clone(), chunk.into_bytes()].concat()).await;
        assert!(
            statuses.iter().all(|it| (400..600).contains(it)),
            "{size:?}: {statuses:?}"
        );
    }
    assert_eq!(receiver.runs.runs(), 0);
    run_once(&receiver, 3).await;
}

#[tokio::test]
async fn extensions_of_chunks_end_somewhere() {
    let receiver = receiver().await;
    let head = head(&["transfer-encoding: chunked"]);
    // A short one is passed over, as RFC 9112 section 7.1.1 has it.
    let extended = |extension: &str| {
        let size = format!("{:x};{extension}\r\n", body().len());
        [
            head.clone(),
            size.into_bytes(),
            body(),
            b"\r\n0\r\n\r\n".to_vec(),
        ]
        .concat()
    };
    assert_eq!(statuses(&receiver, &extended("a=\"b\"")).await[0], 204);
    // Endless ones are cut off: nobody is made to read for ever.
    let endless = statuses(&receiver, &extended(&"a".repeat(1 << 20))).await;
    assert!(
        endless.iter().all(|it| (400..600).contains(it)),
        "{endless:?}"
    );
    assert_eq!(receiver.runs.runs(), 1);
}

#[tokio::test]
async fn a_signature_in_the_trailer_is_none() {
    let receiver = receiver().await;
    let signature = Preset::BlendFi.signature(body()).unwrap();
    let request = Request::post("/hooks")
        .header("te", "trailers")
        .header("trailer", "x-blendfi-signature");
    let trailer = format!("0\r\nx-blendfi-signature: {signature}\r\n\r\n");
    let bytes = [request.head_chunked(), chunk(&body()), trailer.into_bytes()].concat();
    assert_eq!(statuses(&receiver, &bytes).await[0], 401);
    assert_eq!(receiver.runs.runs(), 0);
}

#[tokio::test]
async fn who_asks_to_go_on_is_refused_before_a_byte_of_the_body() {
    let receiver = receiver().await;
    let expecting = |request: Request| request.header("expect", "100-continue");
    // A wrong head gets its refusal, and no word to go on.
    let mut connection = Connection::open(receiver.server.address).await;
    let forged = expecting(Preset::BlendFi.delivery(1).without("x-blendfi-signature"));
    connection.send(&forged.head()).await;
    assert_eq!(connection.response().await.unwrap().status, 401);
    // A right one is told to go on, and handled.
    let mut connection = Connection::open(receiver.server.address).await;
    let right = expecting(Preset::BlendFi.delivery(1));
    connection.send(&right.head()).await;
    assert_eq!(connection.response().await.unwrap().status, 100);
    connection.send(right.body_bytes()).await;
    assert_eq!(connection.response().await.unwrap().status, 204);
    assert_eq!(receiver.runs.runs(), 1);
}

#[tokio::test]
async fn forgeries_and_true_ones_in_one_packet_are_told_apart() {
    let receiver = receiver().await;
    let mut packet = Vec::new();
    for number in 1..=20 {
        let right = Preset::BlendFi.delivery(number);
        let forged = right.clone().body(Preset::BlendFi.body(number + 100));
        packet.extend(forged.bytes());
        packet.extend(right.bytes());
    }
    let statuses = statuses(&receiver, &packet).await;
    assert_eq!(statuses.len(), 41, "{statuses:?}");
    for pair in statuses[..40].chunks(2) {
        assert_eq!(pair, [401, 204], "{statuses:?}");
    }
    assert_eq!(receiver.runs.runs(), 20);
}

#[tokio::test]
async fn no_method_but_post_runs_anything_whatever_a_header_says() {
    let receiver = receiver().await;
    let names = [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "_method",
    ];
    for method in [
        "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "post", "POST1", "PROPFIND",
    ] {
        for name in names {
            let request = Preset::BlendFi
                .delivery(1)
                .method(method)
                .header(name, "POST");
            let mut connection = Connection::open(receiver.server.address).await;
            let response = connection.exchange(&request).await;
            assert_eq!(response.status, 405, "{method} {name}");
            assert_eq!(response.header("allow"), Some("POST"), "{method} {name}");
        }
        let target = "/hooks?_method=POST";
        let request = Preset::BlendFi.delivery(1).method(method).target(target);
        let status = Connection::open(receiver.server.address)
            .await
            .exchange(&request)
            .await;
        assert_eq!(status.status, 405, "{method}");
    }
    assert_eq!(receiver.runs.runs(), 0);
    // Nor does one keep a delivery from running.
    let request = Preset::BlendFi.delivery(1).header(names[0], "GET");
    assert_eq!(receiver.send(&request).await.status, 204);
}

#[tokio::test]
async fn a_flood_of_headers_is_cut_off() {
    let receiver = receiver().await;
    let many = (0..20_000).fold(Preset::BlendFi.delivery(1), |request, number| {
        request.header(&format!("x-{number}"), "y")
    });
    let long = Preset::BlendFi
        .delivery(1)
        .header("x-long", "y".repeat(1 << 20));
    for request in [many, long] {
        let statuses = statuses(&receiver, &request.bytes()).await;
        assert_eq!(statuses, [431]);
    }
    assert_eq!(receiver.runs.runs(), 0);
    run_once(&receiver, 3).await;
}

#[tokio::test]
async fn older_and_stranger_forms_of_a_request_run_once_or_never() {
    let receiver = receiver().await;
    let text = |request: Request| String::from_utf8(request.bytes()).unwrap();
    let old = text(Preset::BlendFi.delivery(1)).replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(statuses(&receiver, old.as_bytes()).await, [204]);
    // Another host in the target than in its header; none of them counts.
    let absolute = text(
        Preset::BlendFi
            .delivery(2)
            .target("http://evil.example/hooks"),
    );
    assert_eq!(statuses(&receiver, absolute.as_bytes()).await[0], 204);
    // An upgrade that nobody has asked for.
    let upgrade = (Preset::BlendFi.delivery(3))
        .header("connection", "upgrade, http2-settings")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA");
    assert_eq!(statuses(&receiver, &upgrade.bytes()).await[0], 204);
    assert_eq!(receiver.runs.runs(), 3);
    for wrong in [
        text(Preset::BlendFi.delivery(4)).replace("HTTP/1.1", "HTTP/1.2"),
        text(Preset::BlendFi.delivery(4)).replace("HTTP/1.1", "HTTP/2.0"),
        text(Preset::BlendFi.delivery(4)).replace("POST /hooks", "POST  /hooks"),
        text(Preset::BlendFi.delivery(4)).replace("POST /hooks", "POST hooks"),
        text(Preset::BlendFi.delivery(4))
            .replace("x-blendfi-signature: ", "x-blendfi-signature : "),
        text(Preset::BlendFi.delivery(4))
            .replace("x-blendfi-signature: ", "x-blendfi-signature:\r\n "),
        text(Preset::BlendFi.delivery(4))
            .replace("x-blendfi-signature: t", "x-blendfi-signature: \0t"),
    ] {
        let statuses = statuses(&receiver, wrong.as_bytes()).await;
        assert!(
            statuses.iter().all(|it| (400..600).contains(it)),
            "{wrong}: {statuses:?}"
        );
    }
    assert_eq!(receiver.runs.runs(), 3);
}

#[tokio::test]
async fn a_header_that_is_spelled_otherwise_is_another_one() {
    let receiver = receiver().await;
    let name = "x-blendfi-signature";
    let signature = Preset::BlendFi.signature(body()).unwrap();
    let bare = || Preset::BlendFi.delivery(1).without(name);
    for other in [
        "x_blendfi_signature",
        "x-blendfi_signature",
        "http-x-blendfi-signature",
        "x-blendfi-signature-",
        "blendfi-signature",
        "x-blendfi-signatures",
    ] {
        let answer = receiver.send(&bare().header(other, &signature)).await;
        assert_eq!(answer.status, 401, "{other}");
    }
    assert_eq!(receiver.runs.runs(), 0);
    // In any case (RFC 9110 section 5.1).
    let answer = receiver
        .send(&bare().header("X-BLENDFI-Signature", &signature))
        .await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn who_never_reads_an_answer_keeps_nobody_waiting() {
    let receiver = receiver().await;
    let forged = Preset::BlendFi.delivery(7).body("forged").bytes();
    let mut deaf = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::open(receiver.server.address).await;
        connection.send(&forged.repeat(200)).await;
        deaf.push(connection);
    }
    for number in 1..=20 {
        run_once(&receiver, number).await;
    }
    drop(deaf);
    assert_eq!(receiver.runs.runs(), 20);
}
