//! What one delivery asks of the allocator, and that no refusal asks more for a longer body.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use support::blendfi;
use support::presets::Preset;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, ServiceExt};
use tower_webhook::layer::PeerAddr;
use tower_webhook::{Allowlist, MemoryStore, PathTokens, Webhook, provider};

type Body = Full<Bytes>;

const KIB: usize = 1024;
const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d82";

/// A runtime on this thread, since allocations are counted by thread.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn handler(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Full::default()))
}

/// What is allocated between a request that is there and its answer.
fn allocations<S, RB>(
    runtime: &Runtime,
    service: &S,
    request: Request<Body>,
    status: u16,
) -> AllocationInfo
where
    S: Service<Request<Body>, Response = Response<RB>, Error = Infallible> + Clone,
{
    let service = service.clone();
    let mut answer = None;
    let counted = measure(|| answer = Some(runtime.block_on(service.oneshot(request)).unwrap()));
    assert_eq!(answer.unwrap().status(), status);
    // What was spawned beside the answer ends here, and is not counted to the next one.
    runtime.block_on(async {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    });
    counted
}

fn signed(body: &str) -> Request<Body> {
    Request::post("/hook")
        .header(
            "x-blendfi-signature",
            Preset::BlendFi.signature(body).unwrap(),
        )
        .body(Full::from(body.to_owned()))
        .unwrap()
}

/// An event of so many bytes, the most of them in its data or beside it.
fn event(id: &str, size: usize, in_data: bool) -> String {
    let build = |filling: &str| {
        let (data, beside) = if in_data {
            (filling, "")
        } else {
            ("", filling)
        };
        format!(
            r#"{{"id":"{id}","type":"conversion.completed","created_at":"2026-05-04T13:00:00Z","api_version":"2026-05-01","data":{{"note":"{data}"}},"beside":"{beside}"}}"#
        )
    };
    let body = build(&"x".repeat(size - build("").len()));
    assert_eq!(body.len(), size);
    body
}

#[test]
fn a_delivery_of_1_kib_through_the_whole_stack_allocates_this_much() {
    let runtime = runtime();
    let layer = blendfi::webhook(MemoryStore::new()).build().unwrap();
    let service = layer.layer(tower::service_fn(handler));
    let deliver = |run: usize| {
        let body = event(&format!("evt_{run:026}"), KIB, true);
        allocations(&runtime, &service, signed(&body), 200)
    };
    for run in 0..4 {
        deliver(run);
    }
    // At most 22 in a debug build, of these kinds:
    //
    // | at most | what for |
    // | ------- | -------- |
    // |  2 | the event: what its rule asks for, and the members of what counts in it |
    // |  4 | request extensions: their map and its table, mark, delivery |
    // |  4 | the first record of one of the memory store's shards: its table, room for 16 and a list of that, due dates |
    // |  3 | what was proved; what is known of the delivery; the hold on its event |
    // |  2 | store calls behind a pointer: claim and complete |
    // |  3 | the layer's future, boxed as Tower asks for, the work on the delivery, and its own task |
    // |  4 | the request's head, the check of its signature, the response, the way back of that |
    // |  1 | a count of who shares the body, which is made of a text here |
    //
    // The body itself is in none of them.
    for run in 4..12 {
        let counted = deliver(run);
        assert!(counted.count_total <= 22, "{counted:?}");
        assert!(counted.bytes_total <= 9 * 1024, "{counted:?}");
    }
    // A duplicate: no handler, nothing new in the store.
    let body = event(&format!("evt_{:026}", 4), KIB, true);
    let duplicate = allocations(&runtime, &service, signed(&body), 200);
    assert!(duplicate.count_total <= 16, "{duplicate:?}");
}

#[test]
fn a_long_body_is_not_copied_on_its_way() {
    let runtime = runtime();
    let layer = blendfi::webhook(MemoryStore::new()).build().unwrap();
    let service = layer.layer(tower::service_fn(handler));
    let deliver = |id: &str, size: usize, in_data: bool| {
        let request = signed(&event(id, size, in_data));
        allocations(&runtime, &service, request, 200).bytes_total
    };
    // The least of several: the first record of a shard makes room for others.
    let least = |size: usize, in_data: bool| {
        let runs = (0..4).map(|run| deliver(&format!("evt_{size}_{in_data}_{run}"), size, in_data));
        runs.min().unwrap()
    };
    let (short, long) = (least(KIB, false), least(512 * KIB, false));
    // The least of a few runs may be of a shard that has a record or of one that has none.
    let shard = 2 * 1024;
    assert!(
        long.saturating_sub(short) < shard,
        "{short} and {long} bytes"
    );
    // What the event means is written down once in one form, in room for a bit more than its length.
    let meant = least(512 * KIB, true);
    let forms = (512 + 512 / 8 + 1) * 1024;
    assert!(
        meant.saturating_sub(short) < shard + forms,
        "{meant} bytes for {} of data",
        512 * KIB
    );

    // A forged one is hashed and never copied.
    let forge = |size: usize| {
        let (real, other) = (event("evt_4", size, true), event("evt_5", size, true));
        let mut request = signed(&real);
        *request.body_mut() = Full::from(other);
        let counted = allocations(&runtime, &service, request, 401);
        (counted.count_total, counted.bytes_total)
    };
    forge(KIB);
    assert_eq!(forge(512 * KIB), forge(KIB));
}

#[test]
fn a_refusal_before_the_body_costs_the_same_for_every_body() {
    let runtime = runtime();
    let service = |webhook: Webhook| webhook.build().unwrap().layer(tower::service_fn(handler));
    let tokens = PathTokens::parse([TOKEN]).unwrap();
    let blox = service(
        Webhook::new(provider::blox(tokens).without_status_check()).store(MemoryStore::new()),
    );
    // The allowlist's host names are resolved in a task.
    let bloquo = runtime.block_on(async {
        let allowlist = Allowlist::parse(["192.0.2.1"]).unwrap();
        service(Webhook::new(provider::bloquo(allowlist)).store(MemoryStore::new()))
    });
    let blendfi = service(blendfi::webhook(MemoryStore::new()));

    let filled = |size: usize| Full::from("x".repeat(size));
    let get = |size: usize| Request::get("/hook").body(filled(size)).unwrap();
    let guessed = |size: usize| {
        let path = "/blox/3f9d1c0b7a5e48d26c90b1f4a7e35d83";
        Request::post(path).body(filled(size)).unwrap()
    };
    let stranger = |size: usize| {
        let peer: SocketAddr = "198.51.100.7:1234".parse().unwrap();
        let request = Request::post("/hook").extension(PeerAddr(peer));
        request.body(filled(size)).unwrap()
    };
    let unsigned = |size: usize| Request::post("/hook").body(filled(size)).unwrap();
    let malformed = |size: usize| {
        let request = Request::post("/hook").header("x-blendfi-signature", "t=1,v1");
        request.body(filled(size)).unwrap()
    };
    let encoded = |size: usize| {
        let request = Request::post("/hook").header("content-encoding", "gzip");
        request.body(filled(size)).unwrap()
    };
    let too_long = |_: usize| signed(&"x".repeat(1024 * KIB + 1));

    type Build<'a> = &'a dyn Fn(usize) -> Request<Body>;
    let check = |name: &str,
                 build: Build<'_>,
                 status: u16,
                 (count, bytes): (u64, u64),
                 send: &dyn Fn(Request<Body>, u16) -> AllocationInfo| {
        // The first of each fills what is made once, such as the places for discarded bodies.
        send(build(KIB), status);
        let (short, long) = (send(build(KIB), status), send(build(512 * KIB), status));
        // An answer that frees a longer body frees more, and allocates no more.
        assert_eq!(short.count_total, long.count_total, "{name}");
        assert_eq!(short.bytes_total, long.bytes_total, "{name}");
        assert!(
            short.count_total <= count && short.bytes_total <= bytes,
            "{name}: {short:?}"
        );
    };
    let to_blox = |request, status| allocations(&runtime, &blox, request, status);
    let to_bloquo = |request, status| allocations(&runtime, &bloquo, request, status);
    let to_blendfi = |request, status| allocations(&runtime, &blendfi, request, status);
    // The answer's extensions, their table and the reason in them; the reason alone where the
    // request has extensions, which become the answer's.
    check("path token", &guessed, 404, (3, 256), &to_blox);
    check("address", &stranger, 403, (1, 32), &to_bloquo);
    check("no signature", &unsigned, 401, (3, 256), &to_blendfi);
    check(
        "malformed signature",
        &malformed,
        401,
        (3, 256),
        &to_blendfi,
    );
    check("content encoding", &encoded, 415, (3, 256), &to_blendfi);
    // And the answer's headers.
    check("method", &get, 405, (5, 1024), &to_blendfi);
    // And the request's head, the check of its signature, the layer's future, and what throws the body away.
    check("announced too long", &too_long, 413, (7, 2048), &to_blendfi);
}
