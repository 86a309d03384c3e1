//! Two simulations of throttling: a fleet of launches that is too large to run on one machine, and
//! one launch with many secrets. Both use the real code for retries, and a simulated clock that
//! jumps to the next event.
//!
//! The second simulation compares requests that share their pauses with requests that each have
//! pauses of their own, and so retry independently of each other.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};

use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::deadline::Deadline;
use super::retries::RetryBudget;
use super::turns::Turns;
use crate::model::answer::{FetchError, FetchResult, OutageKind};

/// The GetSecretValue requests per second that AWS allows for an account in a region.
const QUOTA: f64 = 10_000.0;
/// The number of requests that AWS allows in a burst, after a time without requests. AWS doesn't
/// publish this number, so we assume the requests of a tenth of a second.
const BURST: f64 = QUOTA / 10.0;
/// The default of `--timeout`, in seconds.
const TIMEOUT: usize = 30;
/// The time from a request to its answer, which is another assumption.
const ANSWER: Duration = Duration::from_millis(10);

/// A token bucket of `burst` requests, refilled with `quota` per second.
struct Bucket {
    quota: f64,
    burst: f64,
    left: f64,
    filled: Instant,
}

impl Bucket {
    fn full(quota: f64, burst: f64) -> Self {
        Self {
            quota,
            burst,
            left: burst,
            filled: Instant::now(),
        }
    }

    fn take_token(&mut self) -> bool {
        let now = Instant::now();
        self.left = (self.burst).min(self.left + (now - self.filled).as_secs_f64() * self.quota);
        self.filled = now;
        let has_token = self.left >= 1.0;
        self.left -= f64::from(u8::from(has_token));
        has_token
    }
}

/// Answers a request, after [`ANSWER`].
async fn answer(is_granted: bool) -> FetchResult<()> {
    tokio::time::sleep(ANSWER).await;
    if is_granted {
        Ok(())
    } else {
        Err(FetchError::outage(OutageKind::Throttled, "Rate exceeded"))
    }
}

struct Launched {
    /// The time until the launch has the secret; `None` if it never gets it.
    time: Option<Duration>,
    /// The number of its requests in each second of `--timeout`.
    requests: [u32; TIMEOUT],
}

/// Simulates a launch with one secret.
async fn launch(is_granted: impl Fn() -> bool) -> Launched {
    let begun = Instant::now();
    let requests = Cell::new([0; TIMEOUT]);
    let attempt = async |_| {
        let mut counts = requests.get();
        counts[begun.elapsed().as_secs() as usize] += 1;
        requests.set(counts);
        answer(is_granted()).await
    };
    let deadline = Deadline::new(Duration::from_secs(TIMEOUT as u64));
    let result = RetryBudget::new(deadline, None)
        .retry(&Turns::default(), attempt)
        .await;
    Launched {
        time: result.is_ok().then(|| begun.elapsed()),
        requests: requests.get(),
    }
}

/// A runtime whose clock jumps to the next event.
fn simulated_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Simulates a fleet of launches that start together. The clock is simulated, too, and jumps to the
/// next event.
fn run_fleet(launches: u64, is_granted: impl Fn() -> bool) -> Vec<Launched> {
    fastrand::seed(launches);
    simulated_runtime().block_on(async {
        let fleet: FuturesUnordered<_> = (0..launches).map(|_| launch(&is_granted)).collect();
        fleet.collect().await
    })
}

#[test]
fn a_fleet_that_starts_at_once_gets_its_secrets() {
    println!(
        "\n| launches | succeed | half of them within | the last after | requests of a launch, mean | at most |"
    );
    println!("|---|---|---|---|---|---|");
    for launches in [1_000, 10_000, 100_000] {
        let service = RefCell::new(None);
        let ended = run_fleet(launches, || {
            let mut service = service.borrow_mut();
            let bucket = service.get_or_insert_with(|| Bucket::full(QUOTA, BURST));
            bucket.take_token()
        });
        let mut times: Vec<f64> = ended
            .iter()
            .filter_map(|launched| Some(launched.time?.as_secs_f64()))
            .collect();
        times.sort_by(f64::total_cmp);
        let (half, last) = (times[times.len() / 2], times[times.len() - 1]);
        let requests = ended
            .iter()
            .map(|launched| launched.requests.iter().sum::<u32>());
        let mean = f64::from(requests.clone().sum::<u32>()) / ended.len() as f64;
        let most = requests.max().unwrap();
        println!(
            "| {launches} | {} | {half:.2} s | {last:.2} s | {mean:.2} | {most} |",
            times.len()
        );
        assert_eq!(times.len(), ended.len());
    }
}

#[test]
fn a_fleet_that_is_throttled_until_its_deadline_does_not_end_with_a_burst_of_requests() {
    let launches = 10_000;
    let ended = run_fleet(launches, || false);
    let per_second: Vec<f64> = (0..TIMEOUT)
        .map(|second| {
            let requests = ended.iter().map(|launched| launched.requests[second]);
            f64::from(requests.sum::<u32>()) / launches as f64
        })
        .collect();
    println!("requests of a launch in each second: {per_second:.2?}");
    assert!(ended.iter().all(|launched| launched.time.is_none()));
    // In the first second, each launch sends its first request. In no later second are there more
    // requests than launches.
    assert!(
        per_second[1..].iter().all(|requests| *requests < 1.1),
        "{per_second:.2?}"
    );
}

/// The results of launches with many secrets.
struct Summary {
    /// The mean time until a launch ended.
    seconds: f64,
    /// The time until the last launch ended.
    last: f64,
    failed: usize,
    requests: usize,
}

/// Whether the requests of a launch share their pauses, or retry independently of each other.
#[derive(Clone, Copy)]
enum Pauses {
    Shared,
    Independent,
}

/// The number of requests that a launch has in flight.
const IN_FLIGHT: usize = 32;

/// Simulates a launch with this number of secrets. Returns how long it took, and whether it got all
/// of them.
async fn launch_with(
    secrets: usize,
    pauses: Pauses,
    is_granted: &impl Fn() -> bool,
) -> (f64, bool) {
    let begun = Instant::now();
    let attempt = async |_| answer(is_granted()).await;
    let deadline = Deadline::new(Duration::from_secs(TIMEOUT as u64));
    let budget = RetryBudget::new(deadline, None);
    let shared = Turns::default();
    let results: Vec<_> = stream::iter(0..secrets)
        .map(async |_| match pauses {
            Pauses::Shared => budget.retry(&shared, attempt).await,
            Pauses::Independent => budget.retry(&Turns::default(), attempt).await,
        })
        .buffer_unordered(IN_FLIGHT)
        .collect()
        .await;
    let has_all = results.iter().all(Result::is_ok);
    (begun.elapsed().as_secs_f64(), has_all)
}

/// Simulates launches that start together, against one bucket that grants this number of requests a
/// second, and a burst of as many.
fn run_launches(launches: usize, secrets: usize, rate: f64, pauses: Pauses) -> Summary {
    let ended = simulated_runtime().block_on(async {
        let bucket = RefCell::new(Bucket::full(rate, rate));
        let requests = Cell::new(0);
        let is_granted = || {
            requests.set(requests.get() + 1);
            bucket.borrow_mut().take_token()
        };
        let together: FuturesUnordered<_> = (0..launches)
            .map(|_| launch_with(secrets, pauses, &is_granted))
            .collect();
        let ended: Vec<(f64, bool)> = together.collect().await;
        (ended, requests.get())
    });
    let (ended, requests) = ended;
    Summary {
        seconds: ended.iter().map(|(seconds, _)| seconds).sum::<f64>() / launches as f64,
        last: ended
            .iter()
            .map(|(seconds, _)| *seconds)
            .fold(0.0, f64::max),
        failed: ended.iter().filter(|(_, has_all)| !has_all).count(),
        requests,
    }
}

#[test]
fn a_throttled_launch_whose_requests_share_their_pauses_ends_no_later() {
    println!("\n| secrets | answers a second | pauses | end, mean | failed | requests, mean |");
    println!("|---|---|---|---|---|---|");
    let launches = 200;
    for (secrets, rate) in [
        (20, 2.0),
        (20, 5.0),
        (20, 20.0),
        (100, 2.0),
        (100, 5.0),
        (100, 20.0),
    ] {
        let [independent, shared] = [
            ("independent", Pauses::Independent),
            ("shared", Pauses::Shared),
        ]
        .map(|(name, pauses)| {
            let mut seconds = 0.0;
            let mut failed = 0;
            let mut requests = 0;
            for seed in 0..launches {
                fastrand::seed(seed);
                // Each launch has a bucket of its own.
                let summary = run_launches(1, secrets, rate, pauses);
                seconds += summary.seconds / launches as f64;
                failed += summary.failed;
                requests += summary.requests;
            }
            let mean = requests as f64 / launches as f64;
            println!("| {secrets} | {rate} | {name} | {seconds:.1} s | {failed} | {mean:.0} |");
            (seconds, failed)
        });
        assert!(
            shared.0 <= independent.0 && shared.1 <= independent.1,
            "{shared:?}, {independent:?}"
        );
    }
}

#[test]
fn a_throttled_fleet_whose_launches_share_their_pauses_ends_no_later_with_no_more_requests() {
    for (launches, secrets) in [(1_000, 1), (20, 20), (50, 20), (100, 20), (10, 100)] {
        fastrand::seed(1);
        let independent = run_launches(launches, secrets, 100.0, Pauses::Independent);
        fastrand::seed(1);
        let shared = run_launches(launches, secrets, 100.0, Pauses::Shared);
        for (name, summary) in [("independent", &independent), ("shared", &shared)] {
            let (last, requests) = (summary.last, summary.requests);
            println!(
                "{launches} launches with {secrets}, {name}: {last:.1} s, {requests} requests"
            );
        }
        assert!(shared.last <= independent.last && shared.failed <= independent.failed);
        assert!(shared.requests <= independent.requests);
    }
}
