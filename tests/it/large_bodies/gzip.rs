//! Large bodies that come compressed: the file and its content find room, and strangers do not take it for good.

use std::time::Instant;

use futures_util::future::join_all;
use tokio::sync::watch;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::Budget;
use tower_webhook::signature::{Scheme, Verifier};
use tower_webhook::{
    Encoding, Name, Provider, Reason, RetriedStatuses, RetrySchedule, SenderContract, SignedForm,
    SigningSecret,
};

use super::*;
use crate::gzip::gzip;
use crate::support::http::Connection;
use crate::support::log::Log;
use crate::support::observer::Recorder;
use crate::support::openssl::hmac_sha256;
use crate::support::wait::{until, within};

/// A sender of bodies up to this length that signs this form, and waits as long as this machine needs.
fn compressing(cap: usize, form: SignedForm) -> Provider {
    let scheme = Scheme::builder("x-signature").single("", Encoding::Hex);
    let secret = SigningSecret::from_text(SECRET).unwrap();
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None)
        .waits(Duration::from_secs(20))
        .sends_up_to(cap)
        .gzip(form);
    let verifier = Verifier::new(scheme.build().unwrap(), secret);
    Provider::signed(Name::new("acme").unwrap(), verifier, rule, contract)
}

async fn receiving(provider: Provider, budget: &Budget, seen: &Recorder) -> Server {
    let webhook = Webhook::new(provider)
        .store(MemoryStore::new())
        .budget(budget.clone())
        .observer(seen.clone());
    serve(&webhook, handled).await
}

/// An event of this length, of which compressing takes away a quarter.
fn noise(length: usize) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut content = br#"{"id":"evt_1","pad":""#.to_vec();
    let mut state = 1_u32;
    content.resize_with(length - 2, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        LETTERS[usize::try_from(state >> 26).unwrap()]
    });
    content.extend_from_slice(br#""}"#);
    content
}

fn sent(file: &[u8], signature: &str) -> Request {
    Request::post("/github")
        .header("content-encoding", "gzip")
        .header("x-signature", signature)
        .body(file)
}

fn signed_in(form: SignedForm, file: &[u8], content: &[u8]) -> Request {
    let signed = match form {
        SignedForm::Decoded => content,
        _ => file,
    };
    sent(file, &hmac_sha256(SECRET, signed))
}

/// Sends all but the last byte of a body so often, and once there is a queue, all the last ones.
/// Tells the statuses.
async fn burst(request: &Request, count: usize, budget: &Budget, to: SocketAddr) -> Vec<u16> {
    let bytes = request.bytes();
    let (start, end) = bytes.split_at(bytes.len() - 1);
    let (go, going) = watch::channel(false);
    let one = |mut going: watch::Receiver<bool>| async move {
        let (mut reads, mut writes) = TcpStream::connect(to).await.unwrap().into_split();
        let write = async {
            // A server that has answered may hang up.
            if writes.write_all(start).await.is_ok() && going.wait_for(|go| *go).await.is_ok() {
                drop(writes.write_all(end).await);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            status = status(&mut reads) => status,
            () = write => unreachable!(),
        }
    };
    let answers = join_all((0..count).map(|_| one(going.clone())));
    let begin = async {
        until("the room to be used up", || budget.body_bytes() > 31 * MIB).await;
        go.send(true).unwrap();
    };
    within("the answers", async { tokio::join!(answers, begin).0 }).await
}

#[tokio::test]
async fn a_file_and_its_content_need_no_room_at_once_where_the_content_is_signed() {
    let (budget, seen) = (Budget::default(), Recorder::new());
    let server = receiving(compressing(CAP, SignedForm::Decoded), &budget, &seen).await;
    let content = noise(20 * MIB);
    let file = gzip(&content);
    assert!(
        file.len() > 15 * MIB,
        "both are more than half of the budget"
    );
    let request = signed_in(SignedForm::Decoded, &file, &content);
    assert_eq!(request.send(server.address).await.status, 204);
    // In whatever frames it comes.
    let mut connection = Connection::open(server.address).await;
    connection.send(&request.bytes_chunked(100_000)).await;
    assert!(connection.response().await.unwrap().is_replayed());
    until("it is let go", || budget.body_bytes() == 0).await;
}

#[tokio::test]
async fn a_file_that_never_fits_with_its_content_is_told_so_at_once() {
    let content = noise(10 * MIB);
    let file = gzip(&content);
    let request = signed_in(SignedForm::Compressed, &file, &content);
    for (budget, status) in [(32, 503), (40, 204)] {
        let (budget, seen) = (Budget::new(budget * MIB, 8), Recorder::new());
        let provider = compressing(CAP, SignedForm::Compressed);
        let server = receiving(provider, &budget, &seen).await;
        let started = Instant::now();
        assert_eq!(request.send(server.address).await.status, status);
        if status == 503 {
            assert!(started.elapsed() < Duration::from_secs(10));
            let detail = seen.next().await.detail.unwrap();
            assert!(detail.contains("can never fit"), "{detail}");
        }
        until("it is let go", || budget.body_bytes() == 0).await;
    }
}

#[tokio::test]
async fn files_that_come_together_do_not_wait_for_each_other_until_their_time_is_up() {
    let content = noise(935_000);
    let file = gzip(&content);
    for form in [SignedForm::Decoded, SignedForm::Compressed] {
        let (budget, seen) = (Budget::default(), Recorder::new());
        let server = receiving(compressing(MIB, form), &budget, &seen).await;
        let right = signed_in(form, &file, &content);
        let statuses = burst(&right, 47, &budget, server.address).await;
        let taken = statuses.iter().filter(|it| matches!(it, 200 | 204)).count();
        assert_eq!(taken, 47, "{form:?}: {statuses:?}");
        // Nobody needs a key for it.
        let forged = sent(&file, &"0".repeat(64));
        let statuses = burst(&forged, 47, &budget, server.address).await;
        assert_eq!(statuses, [401; 47], "{form:?}");
        until("all are let go", || budget.body_bytes() == 0).await;
    }
}

/// `printf '' | gzip -9n`, so often that it is as long as a body may be.
#[tokio::test]
async fn a_file_of_members_without_content_is_no_gzip_file() {
    let (budget, seen) = (Budget::default(), Recorder::new());
    let server = receiving(compressing(CAP, SignedForm::Decoded), &budget, &seen).await;
    let nothing = gzip(b"");
    let file = nothing.repeat(CAP / nothing.len());
    let forged = sent(&file, &"0".repeat(64));
    assert_eq!(forged.send(server.address).await.status, 415);
    let seen = seen.next().await;
    assert_eq!(seen.reason, Some(Reason::ContentEncoding));
    assert!(seen.detail.unwrap().contains("members"));
}

/// One that sends next to nothing of what takes a lot of room.
#[tokio::test]
async fn a_stranger_that_stops_within_a_file_is_passed_by() {
    let (budget, seen) = (Budget::new(8 * MIB, 8), Recorder::new());
    let server = receiving(compressing(3 * MIB, SignedForm::Decoded), &budget, &seen).await;
    let much = gzip(&vec![b' '; 3 * MIB - 1_000]);
    let forged = sent(&much, &"0".repeat(64));
    let bytes = forged.bytes();
    let mut stopped = Connection::open(server.address).await;
    stopped.send(&bytes[..bytes.len() - 10]).await;
    until("its room", || budget.body_bytes() == 3 * MIB).await;
    let content = noise(3 * MIB);
    let right = sent(&content, &hmac_sha256(SECRET, &content)).without("content-encoding");
    assert_eq!(right.send(server.address).await.status, 204);
    assert!(stopped.response().await.unwrap().is_not_now());
}

#[tokio::test]
async fn a_budget_too_small_for_files_with_their_content_is_told_of() {
    for (form, budget, is_told) in [
        (SignedForm::Decoded, 2 * CAP, false),
        (SignedForm::Compressed, 4 * CAP, false),
        (SignedForm::Compressed, 4 * CAP - 2, true),
    ] {
        let log = Log::default();
        let guard = log.capture(false);
        let webhook = Webhook::new(compressing(CAP, form)).store(MemoryStore::new());
        let built = webhook.budget(Budget::new(budget, 8)).build();
        drop((built.unwrap(), guard));
        let text = log.text();
        assert_eq!(
            text.contains("the largest bodies"),
            is_told,
            "{form:?}: {text}"
        );
    }
}
