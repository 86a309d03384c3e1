//! Two simulations of throttling, with the code of the retries and a simulated clock, which jumps
//! to the next event: a fleet of launches that is too large for a machine, and one launch with many
//! secrets.
//!
//! The second one compares requests that share their pauses with requests that each have their own,
//! and so retry independently of each other.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::{Deadline, RetryBudget, Turns};
use crate::model::answer::{FetchError, OutageKind};

/// The GetSecretValue requests per second that AWS allows for an account in a region.
const QUOTA: f64 = 10_000.0;
/// The requests that AWS allows in a burst, after a time without requests. AWS doesn't publish
/// this number, so we assume the requests of a tenth of a second.
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

struct Launched {
    /// The time until the launch has the secret; `None` if it never gets it.
    time: Option<Duration>,
    /// The number of its requests in each second of `--timeout`.
    requests: [u32; TIMEOUT],
}

/// Simulates a launch with one secret.
async fn launch(is_granted: impl Fn() -> bool) -> Launched {
    let (begun, requests) = (Instant::now(), Cell::new([0; TIMEOUT]));
    let attempt = async |_| {
        let mut counts = requests.get();
        counts[begun.elapsed().as_secs() as usize] += 1;
        requests.set(counts);
        let is_granted = is_granted();
        tokio::time::sleep(ANSWER).await;
        if is_granted {
            Ok(())
        } else {
            Err(FetchError::outage(OutageKind::Throttled, "Rate exceeded"))
        }
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

/// Simulates a fleet of launches that start together. The clock is simulated, too, and jumps to
/// the next event.
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
        let times = ended.iter().filter_map(|launched| launched.time);
        let mut times: Vec<f64> = times.map(|time| time.as_secs_f64()).collect();
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
    // In the first second, each launch sends its first request. In no later second are there
    // more requests than launches.
    assert!(
        per_second[1..].iter().all(|requests| *requests < 1.1),
        "{per_second:.2?}"
    );
}

/// What a launch with many secrets did, as means of several simulated launches.
struct Means {
    seconds: f64,
    failed: f64,
    requests: f64,
}

/// The number of times that a launch with many secrets is simulated.
const LAUNCHES: u64 = 300;

/// Simulates launches with this number of secrets, one after the other, each against a full bucket
/// of its own with this number of answers a second.
fn run_launches(secrets: usize, rate: f64, pauses_are_shared: bool) -> Means {
    let (mut seconds, mut failed, mut requests) = (0.0, 0.0, 0);
    for seed in 0..LAUNCHES {
        fastrand::seed(seed);
        let (ended, is_whole, sent) = simulated_runtime().block_on(async {
            let begun = Instant::now();
            let bucket = RefCell::new(Bucket::full(rate, rate));
            let sent = Cell::new(0);
            let attempt = async |_| {
                sent.set(sent.get() + 1);
                let is_granted = bucket.borrow_mut().take_token();
                tokio::time::sleep(ANSWER).await;
                match is_granted {
                    true => Ok(()),
                    false => Err(FetchError::outage(OutageKind::Throttled, "Rate exceeded")),
                }
            };
            let deadline = Deadline::new(Duration::from_secs(TIMEOUT as u64));
            let budget = RetryBudget::new(deadline, None);
            let shared = Turns::default();
            let reading = futures_util::stream::iter(0..secrets)
                .map(async |_| match pauses_are_shared {
                    true => budget.retry(&shared, attempt).await,
                    false => budget.retry(&Turns::default(), attempt).await,
                })
                .buffer_unordered(32);
            let results: Vec<_> = reading.collect().await;
            let is_whole = results.iter().all(Result::is_ok);
            (begun.elapsed().as_secs_f64(), is_whole, sent.get())
        });
        seconds += ended;
        failed += f64::from(u8::from(!is_whole));
        requests += sent;
    }
    let launches = LAUNCHES as f64;
    Means {
        seconds: seconds / launches,
        failed: failed / launches,
        requests: f64::from(requests) / launches,
    }
}

#[test]
fn a_throttled_launch_whose_requests_share_their_pauses_ends_no_later() {
    println!(
        "\n| secrets | answers a second | end, independent | end, shared | failed, independent | failed, shared | requests, independent | requests, shared |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (secrets, rate) in [
        (20, 2.0),
        (20, 5.0),
        (20, 20.0),
        (100, 2.0),
        (100, 5.0),
        (100, 20.0),
    ] {
        let own = run_launches(secrets, rate, false);
        let shared = run_launches(secrets, rate, true);
        println!(
            "| {secrets} | {rate} | {:.1} s | {:.1} s | {:.0} % | {:.0} % | {:.0} | {:.0} |",
            own.seconds,
            shared.seconds,
            own.failed * 100.0,
            shared.failed * 100.0,
            own.requests,
            shared.requests
        );
    }
}

#[test]
fn explore_fleet() {
    for (launches, secrets, rate) in [
        (50usize, 20usize, 100.0),
        (100, 20, 100.0),
        (20, 20, 100.0),
        (1000, 1, 100.0),
        (10, 100, 100.0),
    ] {
        for shared_pauses in [false, true] {
            fastrand::seed(7);
            let (mut times, sent, failed) = simulated_runtime().block_on(async {
                let begun = Instant::now();
                let bucket = RefCell::new(Bucket::full(rate, rate));
                let sent = Cell::new(0);
                let failed = Cell::new(0);
                let (bucket, sent_, failed_) = (&bucket, &sent, &failed);
                let fleet: FuturesUnordered<_> = (0..launches)
                    .map(|_| async move {
                        let attempt = async |_| {
                            sent_.set(sent_.get() + 1);
                            let is_granted = bucket.borrow_mut().take_token();
                            tokio::time::sleep(ANSWER).await;
                            match is_granted {
                                true => Ok(()),
                                false => {
                                    Err(FetchError::outage(OutageKind::Throttled, "Rate exceeded"))
                                }
                            }
                        };
                        let deadline = Deadline::new(Duration::from_secs(TIMEOUT as u64));
                        let budget = RetryBudget::new(deadline, None);
                        let shared = Turns::default();
                        let reading = futures_util::stream::iter(0..secrets)
                            .map(async |_| match shared_pauses {
                                true => budget.retry(&shared, attempt).await,
                                false => budget.retry(&Turns::default(), attempt).await,
                            })
                            .buffer_unordered(32);
                        let results: Vec<_> = reading.collect().await;
                        if !results.iter().all(Result::is_ok) {
                            failed_.set(failed_.get() + 1)
                        }
                        begun.elapsed().as_secs_f64()
                    })
                    .collect();
                let times: Vec<f64> = fleet.collect().await;
                (times, sent.get(), failed.get())
            });
            times.sort_by(f64::total_cmp);
            println!(
                "{launches} x {secrets} at {rate}: shared {shared_pauses}: median {:.1} last {:.1} failed {failed} requests {sent}",
                times[times.len() / 2],
                times[times.len() - 1]
            );
        }
    }
}
