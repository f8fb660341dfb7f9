//! What one would write by hand: the minimum that checks a signature, and the minimum that also
//! keeps a record in Redis.

#[path = "../../src/store/redis/code.rs"]
#[allow(dead_code, reason = "two of the scripts are called")]
mod code;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use redis::Value;
use redis::aio::MultiplexedConnection;
use serde::Deserialize;
use sha2::Sha256;

use crate::common::{Result, SECRET, SIGNATURE};
use crate::handler::read_body;

use self::code::{CLAIM, COMPLETE};

/// A prepared key and nothing else: no time window, no second key, no limit on the header.
#[derive(Clone)]
pub(crate) struct BareMac(Hmac<Sha256>);

impl BareMac {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Hmac::new_from_slice(SECRET.as_bytes())?))
    }

    /// The signature, if it is correct.
    fn check(&self, headers: &HeaderMap, body: &[u8]) -> Option<[u8; 32]> {
        let header = headers.get(SIGNATURE)?.to_str().ok()?;
        let (time, signature) = header.strip_prefix("t=")?.split_once(",v1=")?;
        let signature = HEXLOWER.decode(signature.as_bytes()).ok()?;
        let mut mac = self.0.clone();
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.verify_slice(&signature).ok()?;
        signature.try_into().ok()
    }
}

pub(crate) async fn bare_mac(
    State(mac): State<BareMac>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    match mac.check(&headers, &body) {
        Some(_) => read_body(body).await,
        None => StatusCode::UNAUTHORIZED,
    }
}

const LEASE: u64 = 15_000_000;
const RETENTION: u64 = 30 * 86_400 * 1_000_000;
/// In milliseconds.
const KEPT_BY_REDIS: u64 = RETENTION / 1_000 + 1_000;

/// The same, plus the two script calls of a delivery, sent directly.
#[derive(Clone)]
pub(crate) struct TwoScripts {
    mac: BareMac,
    redis: MultiplexedConnection,
    claim: String,
    complete: String,
}

#[derive(Deserialize)]
struct Head<'a> {
    id: &'a str,
}

impl TwoScripts {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let client = redis::Client::open(url)?;
        let mut redis = client.get_multiplexed_async_connection().await?;
        let mut load = redis::cmd("SCRIPT");
        let claim = load.arg("LOAD").arg(CLAIM).query_async(&mut redis).await?;
        let mut load = redis::cmd("SCRIPT");
        let complete = load
            .arg("LOAD")
            .arg(COMPLETE)
            .query_async(&mut redis)
            .await?;
        Ok(Self {
            mac: BareMac::new()?,
            redis,
            claim,
            complete,
        })
    }

    async fn handle(mut self, headers: &HeaderMap, body: Bytes) -> Result<StatusCode> {
        let Some(signature) = self.mac.check(headers, &body) else {
            return Ok(StatusCode::UNAUTHORIZED);
        };
        let head: Head<'_> = serde_json::from_slice(&body)?;
        let key = format!("wh:hand:{{0}}:blendfi:{}", head.id);
        let meaning = signature.get(..16).unwrap_or_default();
        let mut token = [0_u8; 16];
        getrandom::fill(&mut token)?;
        let mut claim = redis::cmd("EVALSHA");
        claim.arg(&self.claim).arg(1).arg(&key);
        claim
            .arg(&token)
            .arg(meaning)
            .arg("1")
            .arg(LEASE)
            .arg(RETENTION);
        claim.arg(KEPT_BY_REDIS).arg("");
        // A new event: the first attempt, with the time as its fence.
        let Value::Int(fence @ 1..) = claim.query_async(&mut self.redis).await? else {
            return Ok(StatusCode::CONFLICT);
        };
        let status = read_body(body).await;
        let mut complete = redis::cmd("EVALSHA");
        complete.arg(&self.complete).arg(1).arg(&key);
        complete.arg(&token).arg(&[1_u8, 2 | 8]);
        complete.arg([fence.to_be_bytes().as_slice(), &1_u32.to_be_bytes()].concat());
        complete.arg([meaning, &status.as_u16().to_be_bytes()].concat());
        complete.arg(RETENTION).arg(KEPT_BY_REDIS);
        let answer: Value = complete.query_async(&mut self.redis).await?;
        let held = matches!(answer, Value::Int(1..));
        Ok(if held { status } else { StatusCode::CONFLICT })
    }
}

pub(crate) async fn two_scripts(
    State(hand): State<TwoScripts>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let handled = hand.handle(&headers, body).await;
    handled.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
