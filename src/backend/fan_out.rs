//! Fan-out: locators grouped into distinct requests, and a limit on the requests in flight.

use std::collections::BTreeMap;

use futures_util::stream::{Stream, StreamExt};

use crate::model::answer::{Answers, Document};
use crate::model::reference::Locator;
use crate::net::pool::MAX_CONNECTIONS;

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

/// Completes requests, as many at the same time as a host may have connections. Each is made when its turn comes.
pub async fn in_flight<F: Future>(requests: impl Stream<Item = F>) -> Vec<F::Output> {
    requests.buffer_unordered(MAX_CONNECTIONS).collect().await
}
