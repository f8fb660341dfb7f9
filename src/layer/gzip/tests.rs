use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::layer::Budget;

/// `printf '{"id":1}' | gzip -9n`
const ONE: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x4c\x51\xb2\x32\xac\x05\x00\xc5\xf8\x5d\x44\x08\x00\x00\x00";
/// `printf '' | gzip -9n`
const NOTHING: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";

const CAP: usize = 1024 * 1024;

async fn inflated(file: impl AsRef<[u8]>, cap: usize) -> Result<Bytes, Reason> {
    let budget = Budget::default();
    let limits = Limits {
        max_bytes: cap,
        deadline: Instant::now() + Duration::from_secs(5),
        part: &budget.part(),
    };
    let mut content = Inflating::new(Bytes::copy_from_slice(file.as_ref()));
    let received = receive(Pin::new(&mut content), limits, |_| {}).await;
    received
        .map(|(bytes, _)| bytes)
        .map_err(|cause| cause.reason)
}

#[tokio::test]
async fn all_members_are_read_and_zeros_behind_them_are_nothing() {
    let twice = br#"{"id":1}{"id":1}"#;
    for (file, content) in [
        (ONE.to_vec(), &twice[..8]),
        ([ONE, ONE].concat(), twice),
        ([NOTHING, ONE, NOTHING, ONE].concat(), twice),
        ([ONE, &[0; 600]].concat(), &twice[..8]),
        (NOTHING.to_vec(), b""),
        (Vec::new(), b""),
    ] {
        assert_eq!(inflated(&file, 100).await.unwrap(), content, "{file:?}");
    }
}

#[tokio::test]
async fn what_is_no_gzip_file_is_told_from_one() {
    for length in 1..ONE.len() {
        assert_eq!(inflated(&ONE[..length], CAP).await, Err(Reason::BodyCutOff));
    }
    for file in [
        br#"{"id":1}"#.to_vec(),
        [ONE, b"behind"].concat(),
        [b"\0", ONE].concat(),
        // Its checksum and its length are of other content.
        [&ONE[..ONE.len() - 8], &[1, 1, 1, 1, 8, 0, 0, 0]].concat(),
        [&ONE[..ONE.len() - 4], &[7, 0, 0, 0]].concat(),
    ] {
        assert_eq!(
            inflated(&file, CAP).await,
            Err(Reason::BodyCutOff),
            "{file:?}"
        );
    }
}

#[tokio::test]
async fn the_cap_holds_whatever_the_file_says_of_its_length() {
    assert_eq!(inflated(ONE, 8).await.unwrap().len(), 8);
    assert_eq!(inflated(ONE, 7).await, Err(Reason::BodyTooLarge));
    let too_long = [&ONE[..ONE.len() - 4], &[200, 0, 0, 0]].concat();
    assert_eq!(inflated(too_long, 100).await, Err(Reason::BodyTooLarge));
    // A member without content behind it: the file seems to announce nothing.
    let hidden = [ONE, NOTHING].concat();
    assert_eq!(inflated(&hidden, 8).await.unwrap().len(), 8);
    assert_eq!(inflated(&hidden, 7).await, Err(Reason::BodyTooLarge));
}

/// A thread is shared: many members without content are not passed over in one go.
#[tokio::test]
async fn others_have_their_turn_meanwhile() {
    let mut content = Inflating::new(NOTHING.repeat(100).into());
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        Pin::new(&mut content)
            .poll_frame(cx)
            .map(|frame| assert!(frame.is_none()))
    })
    .await;
    assert_eq!(polls, 1 + 100 / (TURN / CHUNK));
}
