use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const WAITS: &[Duration] = &[SECOND, MINUTE, Duration::from_secs(300)];

fn flat() -> SenderContract {
    SenderContract::new(
        RetrySchedule::Fixed {
            interval: 30 * SECOND,
            attempts: 5,
        },
        RetriedStatuses::server_errors_and(&[408, 409, 425, 429]),
    )
}

fn once() -> SenderContract {
    SenderContract::new(RetrySchedule::Never, RetriedStatuses::AllButSuccess).waits(10 * SECOND)
}

#[test]
fn schedules_end_where_the_providers_say() {
    let doubling = RetrySchedule::Exponential {
        first: MINUTE,
        attempts: 10,
    };
    assert_eq!(doubling.horizon(), 1023 * MINUTE);
    assert_eq!(doubling.interval(), Some(MINUTE));
    assert_eq!(flat().schedule().horizon(), 150 * SECOND);
    assert_eq!(once().schedule().horizon(), Duration::ZERO);
    let forever = RetrySchedule::Exponential {
        first: Duration::MAX,
        attempts: u32::MAX,
    };
    assert_eq!(forever.horizon(), Duration::MAX);
    let waits = RetrySchedule::listed(WAITS);
    assert_eq!(waits.interval(), Some(SECOND));
    assert_eq!(waits.horizon(), 11 * MINUTE + SECOND);
}

#[test]
fn an_answer_is_one_that_the_sender_retries() {
    let failed = |contract: SenderContract, status: u16| {
        contract
            .failure(StatusCode::from_u16(status).unwrap())
            .as_u16()
    };
    assert_eq!(failed(flat(), 409), 409);
    assert_eq!(failed(flat(), 400), 500, "BlendFi gives up after a 400");
    assert_eq!(failed(flat(), 302), 500);
    assert_eq!(failed(flat(), 502), 502);
    assert_eq!(failed(once(), 502), 500, "nothing is retried: a plain 500");
    let picky = SenderContract::new(flat().schedule, RetriedStatuses::AllButSuccess);
    assert_eq!(failed(picky.clone(), 404), 404);
    assert!(!picky.retries(StatusCode::NO_CONTENT));
    assert_eq!(flat().not_now().as_u16(), 503);
    assert!(
        !once().retries_at_all(),
        "one attempt has no retried status"
    );
}

#[test]
fn what_is_no_success_to_a_sender_is_what_it_retries() {
    let ok = StatusCode::OK;
    let of = |success| {
        let schedule = flat().schedule;
        SenderContract::new(schedule, RetriedStatuses::AllButSuccess).counts_as_success(success)
    };
    let strict = of(SuccessAnswer::exactly(200));
    assert!(strict.retries(StatusCode::NO_CONTENT) && !strict.retries(ok));
    assert_eq!(strict.success().status_for(StatusCode::NO_CONTENT), ok);
    let listed = of(SuccessAnswer::one_of(&[202, 200, 410]));
    assert!(!listed.retries(StatusCode::GONE), "it gives up on the hook");
    assert_eq!(listed.failure(StatusCode::GONE).as_u16(), 500);
    assert_eq!(
        listed.success().status_for(StatusCode::CREATED).as_u16(),
        202
    );
    assert_eq!(listed.success().status_for(ok), ok);
    let told = SuccessAnswer::text("[accepted]");
    assert!(told.is_given_by(ok, b"[accepted]"));
    assert!(
        !told.is_given_by(ok, b"accepted") && !told.is_given_by(StatusCode::CREATED, b"[accepted]")
    );
}

#[test]
fn not_now_is_a_status_that_the_sender_retries() {
    let only = |statuses: &'static [u16]| {
        SenderContract::new(flat().schedule, RetriedStatuses::only(statuses))
    };
    assert_eq!(only(&[429, 503]).not_now().as_u16(), 503);
    assert_eq!(only(&[429, 500]).not_now().as_u16(), 429);
    assert_eq!(only(&[429]).failure(StatusCode::BAD_GATEWAY).as_u16(), 429);
    assert!(only(&[429]).check_words().is_ok());
    let said = |contract: SenderContract| contract.check_words().unwrap_err().to_string();
    assert_eq!(
        said(only(&[])),
        "sender contract: the sender tries again and no status makes it: of those that it retries, \
         name one from 400 to 599 that does not count as success"
    );
    let everything = once().counts_as_success(SuccessAnswer::one_of(&[]));
    assert_eq!(
        said(everything),
        "sender contract: no status counts as success: name one"
    );
    assert!(said(once().counts_as_success(SuccessAnswer::one_of(&[100]))).contains("200 to 599"));
    assert!(
        said(once().counts_as_success(SuccessAnswer::one_of(&[409, 200]))).contains("2xx first")
    );
}

#[test]
fn a_method_is_a_delivery_a_probe_or_none_of_both() {
    let usual = once();
    assert_eq!(usual.methods().use_of(&Method::POST), MethodUse::Delivery);
    assert_eq!(usual.methods().use_of(&Method::HEAD), MethodUse::Foreign);
    assert_eq!(usual.methods().listed(), None);
    let both = once()
        .delivers_with([Method::GET])
        .probes_with([Method::HEAD]);
    assert_eq!(both.methods().use_of(&Method::GET), MethodUse::Delivery);
    assert_eq!(both.methods().use_of(&Method::HEAD), MethodUse::Probe);
    assert_eq!(both.methods().use_of(&Method::POST), MethodUse::Foreign);
    assert_eq!(both.methods().listed().unwrap(), "GET, HEAD");
}

#[test]
fn four_fifths_of_the_time_to_answer_are_ours() {
    assert_eq!(flat().deadline(), 4 * SECOND);
    assert_eq!(once().deadline(), 8 * SECOND);
    assert_eq!(once().time_to_answer(), 10 * SECOND);
    let within = |millis| flat().waits(Duration::from_millis(millis));
    assert!(within(125).check_deadline().is_ok());
    assert_eq!(
        within(124).check_deadline().unwrap_err().to_string(),
        "sender contract: four fifths of a time to answer of 124ms are less than 100ms"
    );
}

#[test]
fn retention_outlasts_the_sender() {
    let window = Tolerance::DEFAULT;
    assert_eq!(flat().default_retention(), 30 * DAY, "it signs no time");
    let signed = flat().signs_time(window);
    assert_eq!(signed.default_retention(), 72 * HOUR);
    let by_hand = signed.clone().redelivers_by_hand();
    assert_eq!(by_hand.default_retention(), 30 * DAY);
    let error = signed
        .check_retention(599 * SECOND)
        .unwrap_err()
        .to_string();
    assert!(error.contains("599s") && error.contains("600s"), "{error}");
    assert!(signed.check_retention(600 * SECOND).is_ok());
    let minute = flat().signs_time(Tolerance::from_secs(60).unwrap());
    assert!(minute.check_retention(224 * SECOND).is_err());
    assert!(minute.check_retention(225 * SECOND).is_ok());
    // Ten years of 365.25 days, rounded up to whole days.
    let most = 3_653 * DAY;
    assert_eq!(flat().check_retention(most).unwrap(), most);
    assert_eq!(
        flat()
            .check_retention(most + SECOND)
            .unwrap_err()
            .to_string(),
        "retention: 315619201s is more than the 315619200s of ten years"
    );
}

#[test]
fn a_dead_receiver_holds_no_event_until_the_sender_gives_up() {
    let error = flat().check_lease(31 * SECOND).unwrap_err().to_string();
    assert!(error.contains("31s") && error.contains("30s"), "{error}");
    assert!(flat().check_lease(30 * SECOND).is_ok());
    assert!(flat().check_lease(SECOND / 2).is_err());
    assert!(flat().check_lease(SECOND).is_ok());
    assert!(once().check_lease(HOUR).is_ok());
    assert_eq!(
        once().check_lease(HOUR + SECOND).unwrap_err().to_string(),
        "lease: 3601s is more than 3600s: give at most that"
    );

    let error = flat()
        .check_renewal_ceiling(75 * SECOND, 15 * SECOND)
        .unwrap_err()
        .to_string();
    assert!(error.contains("75s is not under 75s"), "{error}");
    assert!(
        flat()
            .check_renewal_ceiling(74 * SECOND, 15 * SECOND)
            .is_ok()
    );
    assert!(
        flat()
            .check_renewal_ceiling(14 * SECOND, 15 * SECOND)
            .is_err()
    );
    assert!(
        flat()
            .check_renewal_ceiling(15 * SECOND, 15 * SECOND)
            .is_ok()
    );
    assert!(once().check_renewal_ceiling(7 * DAY, 15 * SECOND).is_ok());
    assert_eq!(
        once()
            .check_renewal_ceiling(7 * DAY + SECOND, 15 * SECOND)
            .unwrap_err()
            .to_string(),
        "lease: the renewal ceiling of 604801s is more than 604800s"
    );
    assert_eq!(flat().default_renewal_ceiling(), 60 * SECOND);
}

#[test]
fn a_short_first_wait_costs_an_attempt_and_not_the_event() {
    let listed = SenderContract::new(RetrySchedule::listed(WAITS), RetriedStatuses::AllButSuccess);
    assert_eq!(listed.default_lease(), 15 * SECOND);
    assert!(listed.check_lease(300 * SECOND).is_ok());
    assert!(listed.check_lease(301 * SECOND).is_err());
}

#[test]
fn a_sender_that_gives_up_at_once_never_retries() {
    let hasty = RetrySchedule::Fixed {
        interval: SECOND,
        attempts: 2,
    };
    let hasty = SenderContract::new(hasty, RetriedStatuses::AllButSuccess);
    assert_eq!(
        hasty.check_lease(SECOND).unwrap_err().to_string(),
        "lease: this sender gives up after 2s, which leaves no room for a lease of 1s: say \
         that it never retries"
    );
}

fn schedules() -> impl Strategy<Value = RetrySchedule> {
    // Leaked, because `Listed` holds constants of presets.
    let waits = prop::collection::vec(0_u64..=86_400_000, 1..20).prop_map(|waits| {
        let waits: Vec<_> = waits.into_iter().map(Duration::from_millis).collect();
        RetrySchedule::listed(waits)
    });
    let wait = || prop_oneof![0_u64..5_000, 0_u64..=86_400_000].prop_map(Duration::from_millis);
    prop_oneof![
        Just(RetrySchedule::Never),
        (wait(), 2_u32..1_000)
            .prop_map(|(interval, attempts)| RetrySchedule::Fixed { interval, attempts }),
        (wait(), 2_u32..40)
            .prop_map(|(first, attempts)| RetrySchedule::Exponential { first, attempts }),
        (wait(), wait())
            .prop_map(|(interval, horizon)| RetrySchedule::Unstated { interval, horizon }),
        waits,
    ]
}

proptest! {
    /// For all senders that retry for more than 2 s and less than six years.
    #[test]
    fn what_is_assumed_passes_every_check(
        schedule in schedules(),
        by_hand: bool,
        tolerance in prop::option::of(1_u64..=86_400),
    ) {
        let never = schedule == RetrySchedule::Never;
        let horizon = schedule.horizon();
        prop_assume!(never || (horizon > 2 * SECOND && horizon < 6 * 365 * DAY));
        let mut contract = SenderContract::new(schedule, RetriedStatuses::AllButSuccess);
        if by_hand {
            contract = contract.redelivers_by_hand();
        }
        if let Some(secs) = tolerance {
            contract = contract.signs_time(Tolerance::from_secs(secs).unwrap());
        }
        // Combined in the same way as in the layer.
        let lease = contract.check_lease(contract.default_lease());
        prop_assert!(lease.is_ok(), "{:?}", lease);
        let ceiling = contract.default_renewal_ceiling().max(contract.default_lease());
        let ceiling = contract.check_renewal_ceiling(ceiling, contract.default_lease());
        prop_assert!(ceiling.is_ok(), "{:?}", ceiling);
        let retention = contract.check_retention(contract.default_retention());
        prop_assert!(retention.is_ok(), "{:?}", retention);
        prop_assert!(contract.default_retention() >= horizon);
    }

    #[test]
    fn listed_waits_reach_as_far_as_the_same_waits_by_rule(first in 0_u64..=86_400, attempts in 1_u32..12) {
        let wait = |n: u32| Duration::from_secs(first << n);
        let waits: Vec<_> = (0..attempts).map(wait).collect();
        let doubling = RetrySchedule::Exponential { first: wait(0), attempts: attempts + 1 };
        let listed = RetrySchedule::listed(waits);
        // A doubling schedule counts one more doubling at its end, a listed one its last wait.
        prop_assert_eq!(doubling.horizon(), listed.horizon() + wait(attempts - 1));
    }
}
