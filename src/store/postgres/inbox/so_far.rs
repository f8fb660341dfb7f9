//! The results of the commands of one batch, as far as they are known.

use std::collections::HashMap;

use crate::store::error::StoreError;
use crate::store::sql::inbox::{Answer, Placed, mixed_up};

/// The known answers, at the positions of their commands.
pub(super) struct SoFar {
    answers: Vec<Option<Result<Answer, StoreError>>>,
    /// By how much the number of unfinished entries has grown.
    pub(super) opened: i64,
    pub(super) wrote: bool,
}

impl SoFar {
    pub(super) fn nothing_of(placed: &[&Placed]) -> Self {
        Self {
            answers: placed.iter().map(|_| None).collect(),
            opened: 0,
            wrote: false,
        }
    }

    pub(super) fn answer(&mut self, number: usize, answer: Result<Answer, StoreError>) {
        if let Some(place) = self.answers.get_mut(number) {
            *place = Some(answer);
        }
    }

    /// The commands without an answer.
    pub(super) fn rest<'a>(&self, placed: &[&'a Placed]) -> Vec<&'a Placed> {
        let all = placed.iter().zip(&self.answers);
        all.filter_map(|(it, answer)| answer.is_none().then_some(*it))
            .collect()
    }

    /// Fills in the missing answers, in the same order.
    pub(super) fn fill(&mut self, answers: Vec<Result<Answer, StoreError>>) {
        let missing = self.answers.iter_mut().filter(|answer| answer.is_none());
        for (place, answer) in missing.zip(answers) {
            *place = Some(answer);
        }
    }

    pub(super) fn into_answers(self) -> Vec<Result<Answer, StoreError>> {
        let all = self.answers.into_iter();
        all.map(|it| it.unwrap_or_else(mixed_up)).collect()
    }
}

/// The commands that share their entries with no other, with their numbers among all.
pub(super) fn alone<'a>(placed: &[&'a Placed]) -> Vec<(usize, &'a Placed)> {
    let mut at_each = HashMap::new();
    for place in placed.iter().filter_map(|it| it.place.as_ref()) {
        *at_each.entry(place).or_insert(0_usize) += 1;
    }
    let is_alone = |it: &&Placed| {
        let place = it.place.as_ref();
        place.is_some_and(|place| at_each.get(place) == Some(&1))
    };
    let all = placed.iter().copied().enumerate();
    all.filter(|(_, it)| is_alone(it)).collect()
}
