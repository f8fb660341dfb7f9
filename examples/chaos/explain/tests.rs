use super::*;

const SECOND: u64 = 1_000_000;

/// A hold by process 7, whose handler had its effect half a second after it began.
const HELD: Held = Held {
    pid: 7,
    from: 100 * SECOND,
    to: 100 * SECOND + SECOND / 2,
};

fn fault(harm: Harm, begin: u64, lasts: u64) -> Fault {
    Fault {
        begin,
        end: begin + lasts,
        harm,
        text: "it broke".to_owned(),
    }
}

/// Whether these faults explain that the event of `HELD` ran again ten seconds later.
fn explains(faults: &[Fault]) -> bool {
    HELD.ended_by(faults, 110 * SECOND).is_some()
}

#[test]
fn a_death_explains_what_its_own_process_had_at_the_time() {
    let kills = |pid, at| explains(&[fault(Harm::Kills(pid), at, SECOND)]);
    assert!(kills(Some(7), 100 * SECOND + 1));
    assert!(kills(None, 100 * SECOND + 1));
    assert!(kills(Some(7), 101 * SECOND), "the end is not recorded yet");
    assert!(!kills(Some(8), 100 * SECOND + 1), "of another one");
    assert!(!kills(Some(7), 90 * SECOND), "before it began");
    assert!(!kills(Some(7), 102 * SECOND), "the end is recorded");
    // The store is away when the end should be recorded: until that is over, a death leaves it
    // unrecorded.
    let kept = |harm, at| {
        explains(&[
            fault(harm, 101 * SECOND, SECOND / 2),
            fault(Harm::Kills(Some(7)), at, SECOND),
        ])
    };
    assert!(kept(Harm::Away, 102 * SECOND + SECOND / 2));
    assert!(kept(Harm::Stops(7), 102 * SECOND + SECOND / 2));
    assert!(!kept(Harm::Stops(8), 102 * SECOND), "another one's");
    assert!(!kept(Harm::Away, 105 * SECOND), "behind its lease");
}

#[test]
fn an_outage_explains_only_what_it_can_have_kept_from_its_renewals() {
    let lasts = |harm, at, lasts| explains(&[fault(harm, at, lasts)]);
    assert!(lasts(Harm::Stops(7), 100 * SECOND, 2 * SECOND));
    assert!(!lasts(Harm::Stops(7), 100 * SECOND, SECOND), "short");
    assert!(!lasts(Harm::Stops(8), 100 * SECOND, 9 * SECOND), "another");
    assert!(!lasts(Harm::Away, 90 * SECOND, 5 * SECOND), "over before");
    assert!(!lasts(Harm::Away, 105 * SECOND, 9 * SECOND), "too late");
    assert!(lasts(Harm::Away, 101 * SECOND, 3 * SECOND));
    assert!(!lasts(Harm::None, 100 * SECOND, 9 * SECOND), "harmless");
    // Two adjacent outages count together; with time for a renewal between them they do not.
    let two = |pause| {
        let second = 100 * SECOND + SECOND / 2 + pause;
        explains(&[
            fault(Harm::Stops(7), 100 * SECOND, SECOND / 2),
            fault(Harm::Stops(7), second, SECOND),
        ])
    };
    assert!(two(SECOND / 2));
    assert!(!two(3 * SECOND / 2));
}

#[test]
fn a_clock_explains_what_it_has_passed_over() {
    let set = |seconds, at| explains(&[fault(Harm::Ahead(seconds), at, 0)]);
    assert!(set(3, 101 * SECOND));
    assert!(!set(1, 101 * SECOND), "two thirds of a lease are left");
    assert!(!set(8, 102 * SECOND), "the end is recorded");
}

#[test]
fn a_failover_explains_the_loss_of_what_was_acknowledged_a_moment_before() {
    let faults = [fault(Harm::Forgets, 50 * SECOND, 2 * SECOND)];
    let lost = |at| forgotten_by(&faults, at).is_some();
    assert!(lost(49 * SECOND + SECOND / 2));
    assert!(!lost(48 * SECOND), "the replica has it by then");
    assert!(!lost(53 * SECOND), "the new master has it");
    let away = [fault(Harm::Away, 50 * SECOND, 2 * SECOND)];
    assert_eq!(forgotten_by(&away, 50 * SECOND), None);
}
