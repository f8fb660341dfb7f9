//! Commands that wait for the call under way, and those that go in the next one.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The most commands in one call: other calls get their turn in between.
const MOST: usize = 128;
/// The most bytes in one call. A larger command goes alone, so that a problem with its size affects
/// only itself.
const MOST_BYTES: usize = 64 * 1024;

/// The most calls that are under way at a time.
const UNDER_WAY: usize = 2;
/// If the last call was sent longer ago than this part of the longest call, the server is far away or
/// slow: one more call is sent, so that no command spends its time waiting for others.
const SLOW: u32 = 8;

/// The commands for one server, or for one partition of a cluster: few calls are under way at a time, and
/// commands that arrive in the meantime go in the next one.
///
/// Each waiting caller has one command here, so the queue is as long as there are callers.
#[derive(Debug)]
pub(super) struct Lane<T> {
    waiting: VecDeque<T>,
    /// The turns under way, and when each sent its last call.
    turns: Vec<(u64, Instant)>,
    begun: u64,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            turns: Vec::new(),
            begun: 0,
        }
    }
}

impl<T> Lane<T> {
    /// Begins a turn if there is room for one; `None` means waiting for another turn.
    ///
    /// No call takes longer than `longest`. A turn that does is no longer driven, for example
    /// because its runtime is blocked: another turn takes its place.
    pub(super) fn begin(&mut self, now: Instant, longest: Duration) -> Option<u64> {
        let within = |since, span| now.saturating_duration_since(since) <= span;
        if self.turns.len() >= UNDER_WAY {
            self.turns.retain(|(_, since)| within(*since, longest));
        }
        let is_slow = (self.turns.iter()).all(|(_, since)| !within(*since, longest / SLOW));
        if self.turns.len() >= UNDER_WAY && !is_slow {
            return None;
        }
        self.begun = self.begun.wrapping_add(1);
        self.turns.push((self.begun, now));
        Some(self.begun)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn wait(&mut self, command: T) {
        self.waiting.push_back(command);
    }

    /// The commands of the next call of this turn, in order of arrival. If none waits, or another turn
    /// has taken its place, there are none, and the turn is over.
    pub(super) fn next(
        &mut self,
        turn: u64,
        now: Instant,
        size: impl Fn(&T) -> usize,
    ) -> Option<Vec<T>> {
        if !self.goes_on(turn) {
            return None;
        }
        for (number, since) in &mut self.turns {
            if *number == turn {
                *since = now;
            }
        }
        let count = fitting(self.waiting.iter().map(size));
        Some(self.waiting.drain(..count).collect())
    }

    /// Whether a command waits for the next call of this turn; otherwise the turn is over.
    pub(super) fn goes_on(&mut self, turn: u64) -> bool {
        let is_own = self.turns.iter().any(|(number, _)| *number == turn);
        if self.waiting.is_empty() {
            self.end(turn);
        }
        is_own && !self.waiting.is_empty()
    }

    /// Ends a turn that cannot continue. Returns the waiting commands, to fail, if no other is under way.
    pub(super) fn give_up(&mut self, turn: u64) -> VecDeque<T> {
        self.end(turn);
        if self.turns.is_empty() {
            std::mem::take(&mut self.waiting)
        } else {
            VecDeque::new()
        }
    }

    fn end(&mut self, turn: u64) {
        self.turns.retain(|(number, _)| *number != turn);
    }
}

/// How many of the first commands, with these sizes, go in one call.
fn fitting(sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    let mut count = 0_usize;
    for size in sizes.take(MOST) {
        bytes = bytes.saturating_add(size);
        if count > 0 && bytes > MOST_BYTES {
            break;
        }
        count = count.saturating_add(1);
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(1);

    fn next(lane: &mut Lane<u32>, turn: u64) -> Option<Vec<u32>> {
        lane.next(turn, Instant::now(), |_| 1)
    }

    /// The maximum number of turns, all begun at this time.
    fn busy(now: Instant) -> (Lane<u32>, Vec<u64>) {
        let mut lane = Lane::default();
        let turns = std::iter::from_fn(|| lane.begin(now, LONGEST)).collect();
        (lane, turns)
    }

    #[test]
    fn what_comes_while_calls_are_under_way_goes_in_the_next() {
        let now = Instant::now();
        let (mut lane, turns) = busy(now);
        assert_eq!(turns.len(), UNDER_WAY);
        (0..3).for_each(|command| lane.wait(command));
        assert_eq!(next(&mut lane, turns[0]), Some(vec![0, 1, 2]));
        lane.wait(3);
        assert_eq!(next(&mut lane, turns[0]), Some(vec![3]));
        assert_eq!(next(&mut lane, turns[0]), None);
        assert_eq!(next(&mut lane, turns[0]), None, "it is over");
        let another = lane.begin(now, LONGEST);
        assert!(another.is_some_and(|turn| !turns.contains(&turn)));
    }

    #[test]
    fn a_turn_that_takes_too_long_is_replaced_and_finds_that_out() {
        let begun = Instant::now();
        let (mut lane, stuck) = busy(begun);
        lane.wait(1);
        let late = begun + LONGEST + Duration::from_millis(1);
        let turn = lane.begin(late, LONGEST).unwrap();
        for stuck in stuck {
            assert_eq!(next(&mut lane, stuck), None);
            assert!(!lane.goes_on(stuck));
            assert!(lane.give_up(stuck).is_empty());
        }
        assert_eq!(next(&mut lane, turn), Some(vec![1]));
        assert!(!lane.goes_on(turn));
    }

    #[test]
    fn where_a_server_is_slow_few_more_calls_are_sent_and_no_crowd_of_them() {
        let begun = Instant::now();
        let (mut lane, _) = busy(begun);
        let mut more = 0;
        for millis in 0..=1_000 {
            let now = begun + Duration::from_millis(millis);
            more += u32::from(lane.begin(now, LONGEST).is_some());
        }
        assert!((6..=8).contains(&more), "{more}");
    }

    #[test]
    fn those_who_waited_for_the_last_turn_can_be_told_that_it_was_given_up() {
        let (mut lane, turns) = busy(Instant::now());
        lane.wait(1);
        assert!(lane.goes_on(turns[0]));
        let (last, others) = turns.split_last().unwrap();
        for turn in others {
            assert!(lane.give_up(*turn).is_empty(), "another goes on");
        }
        assert_eq!(lane.give_up(*last), [1]);
        assert!(lane.begin(Instant::now(), LONGEST).is_some());
    }

    #[test]
    fn a_call_has_a_bound_in_commands_and_in_bytes() {
        assert_eq!(fitting(std::iter::empty()), 0);
        assert_eq!(fitting([1; 1_000].into_iter()), 128);
        assert_eq!(fitting([32_768, 32_768, 1].into_iter()), 2);
        assert_eq!(fitting([1, 65_536].into_iter()), 1);
        assert_eq!(
            fitting([1_000_000, 1].into_iter()),
            1,
            "a large one goes alone"
        );
    }

    proptest! {
        #[test]
        fn each_command_goes_once_and_in_its_order(sizes in prop::collection::vec(0..40_000_usize, 0..500)) {
            let mut lane = Lane::default();
            let now = Instant::now();
            let turn = lane.begin(now, LONGEST).unwrap();
            for command in sizes.iter().copied().enumerate() {
                lane.wait(command);
            }
            let mut sent = Vec::new();
            while let Some(batch) = lane.next(turn, now, |(_, size)| *size) {
                let bytes: usize = batch.iter().map(|(_, size)| size).sum();
                prop_assert!(batch.len() == 1 || bytes <= 65_536, "{bytes} bytes");
                prop_assert!((1..=128).contains(&batch.len()));
                sent.extend(batch);
            }
            let all: Vec<_> = sizes.into_iter().enumerate().collect();
            prop_assert_eq!(sent, all);
        }
    }
}
