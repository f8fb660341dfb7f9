//! Type-erased proofs, and combinations of several that are all demanded.

use std::cmp::Ordering;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::HeaderName;

#[cfg(feature = "asymmetric")]
use super::Wanted;
use super::{NotProved, ProofHead, Prove, ProveBody};
use crate::authenticated::{Coverage, Proved};
use crate::clock::{Tolerance, UnixTime};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;

/// The second step of a user's proof. A panic while it is dropped is caught.
pub(crate) struct OwnBody(Option<Box<dyn JudgeBody>>);

trait JudgeBody: Send {
    fn judge(self: Box<Self>, body: &[u8], now: UnixTime) -> Result<Proved, NotProved>;

    #[cfg(feature = "asymmetric")]
    fn wanted(&self, body: &[u8]) -> Option<Wanted>;
}

impl<B: ProveBody> JudgeBody for B {
    fn judge(self: Box<Self>, body: &[u8], now: UnixTime) -> Result<Proved, NotProved> {
        (*self).body(body, now)
    }

    #[cfg(feature = "asymmetric")]
    fn wanted(&self, body: &[u8]) -> Option<Wanted> {
        ProveBody::wanted(self, body)
    }
}

impl OwnBody {
    fn new(judge: impl JudgeBody + 'static) -> Self {
        Self(Some(Box::new(judge)))
    }

    fn judge(mut self, body: &[u8], now: UnixTime) -> Result<Proved, NotProved> {
        match self.0.take() {
            Some(judge) => judge.judge(body, now),
            None => Err(NotProved::not_now("the body was judged already")),
        }
    }

    #[cfg(feature = "asymmetric")]
    fn wanted(&self, body: &[u8]) -> Option<Wanted> {
        self.0.as_ref()?.wanted(body)
    }
}

impl Drop for OwnBody {
    fn drop(&mut self) {
        let judge = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(judge)));
    }
}

/// A user's proof; clones share it.
#[derive(Clone)]
pub(crate) struct OwnProof {
    covers: Coverage,
    is_several: bool,
    prove: Arc<dyn Erased>,
}

trait Erased: Send + Sync {
    fn secret_headers(&self) -> Vec<HeaderName>;

    fn signs_time(&self) -> Option<Tolerance>;

    fn head(&self, head: &ProofHead<'_>) -> Result<OwnBody, NotProved>;
}

impl<P: Prove> Erased for P {
    fn secret_headers(&self) -> Vec<HeaderName> {
        Prove::secret_headers(self)
    }

    fn signs_time(&self) -> Option<Tolerance> {
        Prove::signs_time(self)
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<OwnBody, NotProved> {
        let step = Prove::head(self, head)?;
        Ok(OwnBody::new(step))
    }
}

impl OwnProof {
    pub(crate) fn new(proof: impl Prove) -> Self {
        Self {
            covers: proof.covers(),
            is_several: false,
            prove: Arc::new(proof),
        }
    }

    /// Demands both, this one first. Coverage and id are those of the proof that covers more; if
    /// both cover the same, the later one's id takes precedence. Either one's verified signature is
    /// reported.
    pub(crate) fn and(self, then: Self) -> Self {
        let covers = if then.covers.rank() >= self.covers.rank() {
            then.covers
        } else {
            self.covers
        };
        Self {
            covers,
            is_several: true,
            prove: Arc::new(Both(self, then)),
        }
    }

    /// Whether it combines several proofs that are all demanded.
    #[cfg(feature = "senders")]
    pub(crate) fn is_several(&self) -> bool {
        self.is_several
    }

    pub(crate) fn covers(&self) -> Coverage {
        self.covers
    }

    pub(crate) fn secret_headers(&self) -> Vec<HeaderName> {
        self.prove.secret_headers()
    }

    pub(crate) fn signs_time(&self) -> Option<Tolerance> {
        self.prove.signs_time()
    }

    /// The first step. A panic proves nothing, and a retry may help.
    pub(crate) fn head(&self, head: &ProofHead<'_>) -> Result<OwnBody, RejectionCause> {
        caught(|| self.prove.head(head))
    }
}

/// Two proofs that are both demanded.
struct Both(OwnProof, OwnProof);

impl Erased for Both {
    fn secret_headers(&self) -> Vec<HeaderName> {
        let mut headers = self.0.secret_headers();
        headers.extend(self.1.secret_headers());
        headers
    }

    fn signs_time(&self) -> Option<Tolerance> {
        self.0.signs_time().max(self.1.signs_time())
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<OwnBody, NotProved> {
        let first = self.0.prove.head(head)?;
        let then = self.1.prove.head(head)?;
        let ranks = self.1.covers.rank().cmp(&self.0.covers.rank());
        Ok(OwnBody::new(BothBodies { first, then, ranks }))
    }
}

/// The second steps of two proofs.
struct BothBodies {
    first: OwnBody,
    then: OwnBody,
    /// How the second proof's coverage compares with the first one's.
    ranks: Ordering,
}

impl JudgeBody for BothBodies {
    fn judge(self: Box<Self>, body: &[u8], now: UnixTime) -> Result<Proved, NotProved> {
        let Self { first, then, ranks } = *self;
        let (first, then) = (first.judge(body, now)?, then.judge(body, now)?);
        Ok(match ranks {
            Ordering::Less => first.beside(then, false),
            Ordering::Equal => then.beside(first, true),
            Ordering::Greater => then.beside(first, false),
        })
    }

    #[cfg(feature = "asymmetric")]
    fn wanted(&self, body: &[u8]) -> Option<Wanted> {
        match (self.first.wanted(body), self.then.wanted(body)) {
            (Some(first), Some(then)) => Some(Wanted(Box::pin(async {
                first.0.await;
                then.0.await;
            }))),
            (first, then) => first.or(then),
        }
    }
}

/// What the second step must wait for. If this panics, it waits for nothing and is judged next.
#[cfg(feature = "asymmetric")]
pub(crate) fn wanted(step: &OwnBody, body: &[u8]) -> Option<Wanted> {
    catch_unwind(AssertUnwindSafe(|| step.wanted(body))).ok()?
}

/// The second step.
pub(crate) fn finish(step: OwnBody, body: &[u8], now: UnixTime) -> Result<Proved, RejectionCause> {
    caught(|| step.judge(body, now))
}

fn caught<T>(step: impl FnOnce() -> Result<T, NotProved>) -> Result<T, RejectionCause> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(judged) => judged.map_err(NotProved::into_cause),
        Err(_) => Err(RejectionCause::because(
            Reason::ProofUnavailable,
            "the proof panicked",
        )),
    }
}

impl fmt::Debug for OwnProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            covers,
            is_several,
            prove: _,
        } = self;
        f.debug_struct("OwnProof")
            .field("covers", covers)
            .field("is_several", is_several)
            .finish_non_exhaustive()
    }
}
