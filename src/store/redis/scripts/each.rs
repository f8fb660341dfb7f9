//! The same commands for several records at once.

use redis::Value;

use super::super::error::Fault;
use super::super::keys::Place;
use super::{CLAIM_WORDS, CLAIMS, COMPLETE_WORDS, COMPLETIONS, Call, STRANGE, Source};
use crate::store::command::{Claim, Complete};

impl Call {
    /// Claims, in a cluster those of one partition.
    pub(in super::super) fn claims(claims: &[(&Claim, Place)]) -> Self {
        let call = Self::of_each(&CLAIMS, claims.iter().map(|(_, place)| place), CLAIM_WORDS);
        (claims.iter()).fold(call, |call, (claim, place)| call.claim_words(claim, place))
    }

    /// Completions, in a cluster those of one partition.
    pub(in super::super) fn completions(completions: &[(&Complete, Place)]) -> Self {
        let places = completions.iter().map(|(_, place)| place);
        let call = Self::of_each(&COMPLETIONS, places, COMPLETE_WORDS);
        (completions.iter()).fold(call, |call, (it, place)| call.complete_words(it, place))
    }

    /// A call for several records, each of which has so many arguments; these follow.
    fn of_each<'a>(
        source: &'static Source,
        places: impl ExactSizeIterator<Item = &'a Place>,
        width: usize,
    ) -> Self {
        let count = places.len();
        let args = count.saturating_mul(width).saturating_add(1);
        let call = places.fold(Self::on(source, count, args), |call, place| {
            call.word(&place.key)
        });
        call.word(width)
    }
}

/// What a script answers for each of several records.
pub(in super::super) fn each_answer(value: Value, asked: usize) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Array(answers) if answers.len() == asked => Ok(answers),
        _ => Err(STRANGE),
    }
}
