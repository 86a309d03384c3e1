//! Sends a request again after a failure, in one region after the other, until it succeeds, fails
//! for good, or the time is up. The picture shows a single request with one fallback region
//! ([`super::turns`] shows several requests):
//!
//! ```text
//!  deadline    ├────────────────────────────────── --timeout ────────────────────────────────────┤
//!  turn        ├────────── us-east-1: gives way after 6 s ─────────┼── us-west-2 ────────────────┤
//!  retry       ├─1─┤  ├─2─┤     ├─3─┤            ├─4─┤  │ no room  ├─1─┤  ├─2─┤ success
//!                  pause   pause      pause            for a pause
//!                  0–0.1 s 0–0.2 s    0–0.4 s
//! ```
//!
//! - An attempt is repeated after an outage that allows it ([`Again`]). A denial or an absence is
//!   an answer, so the attempt isn't repeated.
//! - The pause before the next attempt has a random length between zero and a growing maximum. AWS
//!   can lengthen it (`x-amz-retry-after`).
//! - When the time is up, the attempt in progress is cancelled. The error is then the outage before
//!   it, which is more helpful than the message that the time is up.
//! - AWS_MAX_ATTEMPTS limits the attempts in each region, in addition to the time.
//! - If no region succeeds in its turn ([`RetryBudget::region_turns`]), the first one is asked
//!   again in the time that is left.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};

use super::deadline::{Deadline, Progress};
use super::turns::{SILENCE, Turn, Turns};
use crate::model::message::{Again, Cause, FetchError, FetchResult, Limit, OutageKind};
use crate::model::reference::Region;

/// With less time left, no further attempt starts, because it could hardly get an answer.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(20);

/// AWS's `x-amz-retry-after` can lengthen a pause by at most this much, as in AWS's SDKs since
/// 2026.
const LONGEST_EXTENSION: Duration = Duration::from_secs(5);

/// A pause that doesn't fit into the remaining time is shortened if at least this much is left. The
/// first pause is shortened in any case.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// A request fails after this many answers that are damaged or not from AWS, such as a captive
/// portal's page. Another attempt would rarely get a different answer.
const MOST_MALFORMED_ANSWERS: u32 = 3;

/// The time and the number of attempts that a request may use.
#[derive(Clone)]
pub struct RetryBudget<'r> {
    deadline: Deadline,
    max_attempts: Option<u32>,
    /// When this region's share of the time ends. `None` if the time isn't divided among regions.
    share_end: Option<Instant>,
    /// Set to true once this region gives way ([`Turns::gives_way_at`]). `None` if no other region
    /// comes next.
    gives_way: Option<Rc<Cell<bool>>>,
    /// The host's name in messages.
    host: &'r str,
    /// The request's name, for `-vv`. `None` for the SDK's own requests.
    request: Option<&'r dyn fmt::Display>,
}

impl<'r> RetryBudget<'r> {
    /// A budget until `deadline`. `max_attempts` is AWS_MAX_ATTEMPTS.
    pub fn new(deadline: Deadline, max_attempts: Option<u32>) -> Self {
        Self {
            deadline,
            max_attempts,
            share_end: None,
            gives_way: None,
            host: "AWS",
            request: None,
        }
    }

    /// Divides the time from `begun` to the deadline into `count` equal parts. The new budget lasts
    /// until the end of the part at `index`. Each part allows the full number of attempts.
    fn share(&self, begun: Instant, index: usize, count: usize) -> Self {
        let whole = self.deadline.left() + begun.elapsed();
        let share = (index + 1) as f64 / count as f64;
        Self {
            share_end: Some(begun + whole.mul_f64(share)),
            ..self.clone()
        }
    }

    /// This budget with at most this number of attempts.
    pub fn at_most(&self, attempts: u32) -> Self {
        Self {
            max_attempts: Some(attempts),
            ..self.clone()
        }
    }

    /// This budget for a named request, whose attempts are counted and, with `-vv`, printed.
    pub fn for_request(&self, host: &'r str, name: &'r dyn fmt::Display) -> Self {
        Self {
            request: Some(name),
            ..self.for_host(host)
        }
    }

    /// This budget for the SDK's requests, which have no name.
    pub fn for_host(&self, host: &'r str) -> Self {
        Self {
            host,
            ..self.clone()
        }
    }

    /// Repeats `attempt` until it succeeds, or no further attempt is allowed. `attempt` is passed
    /// the time for which the server may be silent.
    pub async fn retry<T>(
        &self,
        turns: &Turns,
        attempt: impl AsyncFn(Duration) -> FetchResult<T>,
    ) -> FetchResult<T> {
        let begun = Instant::now();
        let _request = turns.join();
        let mut last = None;
        let mut attempts = 0;
        let mut malformed_answers = 0;
        let mut is_used_up = false;
        loop {
            // Keep the turn until the attempt's result has been recorded.
            let Some(_turn) = self.next_turn(turns).await else {
                last = turns.last_failure();
                is_used_up = turns.is_used_up();
                break;
            };

            attempts += 1;
            let attempt_begun = Instant::now();
            if self.request.is_some() {
                self.progress().count_attempt();
            }
            let failures_before = turns.record_sending();
            // A silence longer than `SILENCE` may take up at most half of the remaining time, so
            // that there is time to ask the server again. If another region comes next, this isn't
            // needed, because the first region is asked again at the end.
            let mut longest = self.left_for(turns);
            if self.gives_way.is_none() {
                longest /= 2;
            }
            let silence = turns.silence().min(SILENCE.max(longest));
            let end = Instant::now() + self.left_for(turns);
            let result = timeout_at(end, attempt(silence)).await.ok();
            self.trace_attempt(attempts, attempt_begun, result.as_ref());
            let outage = match result {
                None if self.left_for(turns).is_zero() => break,
                // Another request got an answer, so the endpoint doesn't give way, and there is
                // more time.
                None => continue,
                Some(Err(outage)) if outage.next_try().is_here() => last.insert(outage),
                Some(ended) => {
                    turns.answered();
                    return ended;
                }
            };

            self.progress().note_reason(outage.sentence());
            malformed_answers += u32::from(outage.is_malformed());
            let failures = turns.failed(failures_before, silence, outage);
            is_used_up = self.is_used_up(
                attempts.max(failures.all),
                malformed_answers.max(failures.malformed),
            );
            if is_used_up {
                turns.use_up();
                break;
            }
        }

        if let Some(gives_way) = &self.gives_way
            && !is_used_up
            && self.left_for(turns) < self.left()
        {
            gives_way.set(true);
        }
        let mut error = last.unwrap_or_else(|| self.unanswered());
        if is_used_up && self.max_attempts.is_some() {
            error = error.with_limit(Limit::MaxAttempts);
        }
        Err(self.with_attempts(error, attempts, begun))
    }

    /// Divides the time from `begun` to the deadline among the regions. Each region has one turn,
    /// and the first one has another turn at the end. With the default `--timeout`:
    ///
    /// ```text
    /// us-east-1 is down    ├─ us-east-1: 6 s ─┼─ us-west-2: at most 12 s ─┼─ us-east-1 again ─┤
    /// us-east-1 throttles  ├─ us-east-1: 15 s ───────────┼─ us-west-2: 15 s ──────────────────┤
    /// ```
    ///
    /// Each region gets an equal share, plus what earlier regions left over. But an endpoint that
    /// doesn't answer gives way early. The time left is then divided among all remaining turns,
    /// including the first region's second one.
    ///
    /// If the cache has every value ([`Deadline::with_limit`]), each endpoint gives way early, even
    /// if it has answered, and there is no second turn.
    pub fn region_turns<'t>(
        &'t self,
        begun: Instant,
        regions: &'t [Region],
    ) -> impl Iterator<Item = RegionTurn<'t>> {
        let count = regions.len();
        let is_limited = self.deadline.is_limited();
        let mut turns: Vec<&Region> = regions.iter().collect();
        if count > 1 && !is_limited {
            turns.extend(regions.first());
        }

        let has_given_way = Rc::<Cell<bool>>::default();
        (0..turns.len()).map(move |index| {
            let budget = if is_limited {
                self.clone()
            } else if has_given_way.get() {
                let remaining_turns = turns.len() - index;
                self.share(Instant::now(), 0, remaining_turns)
            } else {
                self.share(begun, index, count)
            };
            let is_second = index == count;
            let may_give_way = count > 1 && !is_second;
            RegionTurn {
                region: turns[index],
                budget: RetryBudget {
                    gives_way: may_give_way.then(|| Rc::clone(&has_given_way)),
                    ..budget
                },
                is_second,
            }
        })
    }

    fn unanswered(&self) -> FetchError {
        let host = self.host;
        FetchError::outage(OutageKind::Timeout, format!("{host} didn't answer in time"))
    }

    fn trace_attempt<T>(&self, number: u32, begun: Instant, result: Option<&FetchResult<T>>) {
        let Some(name) = self.request else { return };
        let host = self.host;
        let milliseconds = begun.elapsed().as_millis();
        self.deadline.progress.trace(|| {
            let failure = match result {
                Some(Ok(_)) => String::new(),
                Some(Err(error)) => format!(": {}", error.sentence()),
                None => format!(": {}", self.unanswered().sentence()),
            };
            format!("{name} at {host}, attempt {number}, {milliseconds} ms{failure}")
        });
    }

    /// Adds a detail such as `3 attempts in 1.2s` to some outages, such as a timeout. If the
    /// request was never sent, adds a note about this instead.
    fn with_attempts(&self, error: FetchError, attempts: u32, begun: Instant) -> FetchError {
        use OutageKind::{Service, Silent, Throttled, Timeout};
        if self.request.is_none() {
            return error;
        }
        let host = self.host;
        let Cause::Outage(kind) = error.cause() else {
            return error;
        };
        if attempts == 0 {
            let note = format!("no request was sent, because {host} kept failing");
            return error.notes([note]);
        }
        if let Service | Silent | Throttled | Timeout = kind {
            let noun = if attempts == 1 { "attempt" } else { "attempts" };
            let seconds = begun.elapsed().as_secs_f64();
            let detail = format!("{attempts} {noun} in {seconds:.1}s");
            return error.detail(detail);
        }
        error
    }

    fn left(&self) -> Duration {
        let left = self.deadline.left();
        match self.share_end {
            Some(end) => left.min(end.saturating_duration_since(Instant::now())),
            None => left,
        }
    }

    fn left_for(&self, turns: &Turns) -> Duration {
        let left = self.left();
        if self.gives_way.is_some()
            && let Some(end) = turns.gives_way_at(self.deadline.is_limited())
        {
            return left.min(end.saturating_duration_since(Instant::now()));
        }
        left
    }

    /// Waits for `future`. `None` if the budget ends first, which cancels the future.
    // An `async fn` would need the memory for `future` twice.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = Option<F::Output>> {
        timeout_at(Instant::now() + self.left(), future).map(Result::ok)
    }

    pub fn progress(&self) -> &Progress {
        &self.deadline.progress
    }

    fn is_used_up(&self, failures: u32, malformed_answers: u32) -> bool {
        let is_limit_reached = self.max_attempts.is_some_and(|max| failures >= max);
        is_limit_reached || malformed_answers >= MOST_MALFORMED_ANSWERS
    }

    /// Waits for the request's turn and, while the endpoint fails, for a pause. `None` if too
    /// little time is left or the allowed attempts are used up.
    async fn next_turn<'t>(&self, turns: &'t Turns) -> Option<Turn<'t>> {
        let turn = self.within(turns.turn()).await?;
        if self.gives_way.is_some() && self.left_for(turns).is_zero() {
            return None;
        }
        let failures = turns.failures();
        if failures == 0 {
            return Some(turn);
        }
        if turns.is_used_up() {
            return None;
        }

        let company = if turns.has_several_requests() {
            Company::Others
        } else {
            Company::Alone
        };
        let last = turns.last_failure()?;
        let left = self.left_for(turns);
        let pause = pause_for(left, failures, &last, company, fastrand::f64)?;
        tokio::time::sleep(pause).await;
        Some(turn)
    }
}

/// The pause before the next attempt, after `failures` failures in a row. `None` if too little time
/// is left for another attempt.
///
/// The length is random, between zero and a maximum (full jitter), so that clients that were
/// throttled together spread out (AWS Architecture Blog, "Exponential Backoff And Jitter"). AWS can
/// ask for a longer pause, up to [`LONGEST_EXTENSION`] more.
fn pause_for(
    left: Duration,
    failures: u32,
    last: &FetchError,
    company: Company,
    random: fn() -> f64,
) -> Option<Duration> {
    if left < SHORTEST_ATTEMPT {
        return None;
    }

    let backoff = longest_backoff(failures, last.cause(), company).mul_f64(random());
    let mut pause = backoff;
    if let Again::Here { after: Some(after) } = last.next_try() {
        pause = after.clamp(backoff, backoff + LONGEST_EXTENSION);
    }

    let longest_that_fits = left - SHORTEST_ATTEMPT;
    if pause <= longest_that_fits {
        return Some(pause);
    }
    // The first pause is always shortened, so that even a short `--timeout` allows a second
    // attempt.
    if failures > 1 && left < SHORTEST_REST {
        return None;
    }
    // Clients that were throttled together also have their deadlines at the same time, so this
    // length is random, too.
    Some(longest_that_fits.mul_f64(random()))
}

/// A region's turn to answer a request.
pub struct RegionTurn<'r> {
    pub region: &'r Region,
    /// The time and the attempts that the request may use in this region.
    pub budget: RetryBudget<'r>,
    /// True for the first region's second turn.
    pub is_second: bool,
}

impl RegionTurn<'_> {
    /// True if a request that failed with `errors` in earlier turns should be sent in this one. The
    /// first region is asked again only if its answer may change, and if enough time is left.
    pub fn may_help(&self, errors: &[(Region, FetchError)]) -> bool {
        if self.is_second {
            let is_in_time = self.budget.left() >= SHORTEST_REST;
            return is_in_time
                && errors
                    .first()
                    .is_some_and(|(_, own)| own.next_try().is_here());
        }
        errors
            .last()
            .is_none_or(|(_, error)| error.next_try().is_in_next_region())
    }
}

/// Whether the launch has other requests to the same endpoint.
#[derive(Clone, Copy)]
enum Company {
    Alone,
    Others,
}

/// The longest possible pause after `failures` failures in a row.
///
/// - After throttling, other clients retry, too, so the pauses quickly become long enough for a
///   large fleet (docs/ecs.md, "Many services that start at once").
/// - If several of this launch's requests take turns after throttling, each already asks less
///   often, so the pauses are shorter.
/// - Other outages may be over in a moment, so their pauses start short and stay shorter.
fn longest_backoff(failures: u32, cause: Cause, company: Company) -> Duration {
    // The lengths are in milliseconds.
    let (first, factor, limit) = if cause == Cause::Outage(OutageKind::Throttled) {
        match company {
            Company::Alone => (2_000, 4_u64, 30_000),
            Company::Others => (500, 2, 8_000),
        }
    } else {
        (100, 2, 5_000)
    };
    let growth = factor.saturating_pow(failures.saturating_sub(1));
    Duration::from_millis(growth.saturating_mul(first).min(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(seconds: u64, max_attempts: Option<u32>) -> RetryBudget<'static> {
        RetryBudget::new(Deadline::new(Duration::from_secs(seconds)), max_attempts)
    }

    #[test]
    fn the_longest_pause_grows_up_to_a_bound() {
        let pauses = |kind, company, random| {
            let outage = FetchError::outage(kind, "");
            [1, 2, 3, 7, 60].map(|failures| {
                let left = Duration::from_secs(600);
                let pause = pause_for(left, failures, &outage, company, random);
                pause.unwrap().as_millis()
            })
        };
        for company in [Company::Alone, Company::Others] {
            let longest = pauses(OutageKind::Service, company, || 1.0);
            assert_eq!(longest, [100, 200, 400, 5_000, 5_000]);
            assert_eq!(pauses(OutageKind::Service, company, || 0.0), [0; 5]);
        }
        let alone = pauses(OutageKind::Throttled, Company::Alone, || 1.0);
        assert_eq!(alone, [2_000, 8_000, 30_000, 30_000, 30_000]);
        let with_others = pauses(OutageKind::Throttled, Company::Others, || 1.0);
        assert_eq!(with_others, [500, 1_000, 2_000, 8_000, 8_000]);
    }

    #[test]
    fn a_pause_that_does_not_fit_ends_within_what_is_left_if_that_is_a_second_or_more() {
        let pause = |budget: RetryBudget, failures, random| {
            let outage = FetchError::outage(OutageKind::Service, "");
            pause_for(budget.left(), failures, &outage, Company::Alone, random)
        };
        assert_eq!(pause(budget(0, None), 1, || 0.0), None);
        let latest = pause(budget(2, None), 9, || 1.0).unwrap();
        assert!(
            (1_900..=1_980).contains(&latest.as_millis()),
            "{latest:?} of two seconds"
        );
        // The share is a third of two seconds. A first pause that would be longer is shortened, so
        // it ends within the share.
        let third = || budget(2, None).share(Instant::now(), 0, 3);
        let throttled = FetchError::outage(OutageKind::Throttled, "");
        let first = pause_for(third().left(), 1, &throttled, Company::Alone, || 1.0);
        assert!(
            first.is_some_and(|pause| pause < Duration::from_secs(1)),
            "{first:?}"
        );
        assert_eq!(pause(third(), 9, || 1.0), None);
        assert!(pause(third(), 1, || 1.0).is_some());
    }

    #[test]
    fn a_retry_after_is_honoured_within_the_backoff_and_five_seconds_more() {
        let outage = |kind, after| FetchError::outage(kind, "").again(Again::Here { after });
        let pause = |retry_after, random| {
            let after = Some(Duration::from_millis(retry_after));
            pause_for(
                Duration::from_secs(60),
                1,
                &outage(OutageKind::Service, after),
                Company::Alone,
                random,
            )
        };
        for (retry_after, shortest, longest) in [
            (50, 50, 100),
            (2_000, 2_000, 2_000),
            (u64::MAX, 5_000, 5_100),
        ] {
            assert_eq!(
                pause(retry_after, || 0.0),
                Some(Duration::from_millis(shortest))
            );
            assert_eq!(
                pause(retry_after, || 1.0),
                Some(Duration::from_millis(longest))
            );
        }
        let almost_over = Duration::from_secs(3);
        let year = Some(Duration::from_secs(365 * 24 * 60 * 60));
        assert!(
            pause_for(
                almost_over,
                1,
                &outage(OutageKind::Throttled, year),
                Company::Alone,
                || 0.5
            )
            .is_some_and(|pause| pause < Duration::from_secs(2))
        );
    }

    #[test]
    fn a_share_is_a_fraction_of_the_remaining_time() {
        let left = |budget: &RetryBudget| budget.left().as_secs_f64();
        let whole = budget(60, None);
        let third = whole.share(Instant::now(), 0, 3);
        assert!((left(&third) - 20.0).abs() < 1.0, "{}", left(&third));
        let all = whole.share(Instant::now(), 0, 1);
        assert!((left(&all) - 60.0).abs() < 1.0, "{}", left(&all));
        // Thirty of ninety seconds are over. The second of three parts is then the next thirty
        // seconds.
        let begun = Instant::now().checked_sub(Duration::from_secs(30)).unwrap();
        assert!(
            (left(&whole.share(begun, 1, 3)) - 30.0).abs() < 1.0,
            "{}",
            left(&whole.share(begun, 1, 3))
        );
    }
}
