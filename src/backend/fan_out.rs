//! Fan-out: locators grouped into distinct requests, and a limit on the requests in flight.

use std::collections::BTreeMap;

use futures_util::stream::{Stream, StreamExt};

use crate::model::answer::{Answers, Document};
use crate::model::reference::Locator;

/// The limit on requests in flight.
///
/// Each request has its own connection, so a lower limit costs round trips: it is above the 20 secrets of a usual launch, and low
/// enough not to flood a service.
pub const MAX_IN_FLIGHT: usize = 32;

/// The requests, which are complete locators, each with the locators that it answers: a locator with and one without the default region
/// can be one request.
pub type Requests<'a> = BTreeMap<Locator, Vec<&'a Locator>>;

/// Copies the answer of each request to each of its locators.
pub fn distribute(requests: &Requests<'_>, answered: Answers) -> Answers {
    let mut answers = Vec::new();
    for (request, answer) in answered {
        let Some((last, others)) = requests
            .get(&request)
            .and_then(|locators| locators.split_last())
        else {
            continue;
        };
        for locator in others {
            let copy = answer.as_ref().map(Document::copy).map_err(Clone::clone);
            answers.push(((*locator).clone(), copy));
        }
        answers.push(((*last).clone(), answer));
    }
    answers
}

/// Completes futures, up to [`MAX_IN_FLIGHT`] at the same time. Each is made when its turn comes.
pub async fn in_flight<F: Future>(requests: impl Stream<Item = F>) -> Vec<F::Output> {
    requests.buffer_unordered(MAX_IN_FLIGHT).collect().await
}
