//! Fan-out: locators grouped into distinct requests, and a limit on the requests in flight.

use std::collections::BTreeMap;

use tokio::sync::Semaphore;

use crate::model::answer::{Answer, Answers, Document};
use crate::model::reference::Locator;
use crate::net::connector::MAX_CONNECTIONS;
use crate::time::retry::RetryBudget;

/// Requests, each with the locators that it answers. Two locators can be one request: with and without the default region, for example.
pub struct FanOut<'a, R>(BTreeMap<R, Vec<&'a Locator>>);

impl<'a, R: Ord> FanOut<'a, R> {
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub fn add(&mut self, request: R, locator: &'a Locator) {
        self.0.entry(request).or_default().push(locator);
    }

    /// The distinct requests.
    pub fn requests(&self) -> impl Iterator<Item = &R> {
        self.0.keys()
    }

    /// The locators that a request answers.
    pub fn locators(&self, request: &R) -> &[&'a Locator] {
        self.0.get(request).map_or(&[], Vec::as_slice)
    }

    /// Copies the answer of each request to each of its locators.
    pub fn distribute(&self, answered: impl IntoIterator<Item = (R, Answer)>) -> Answers {
        let mut answers = Vec::new();
        for (request, answer) in answered {
            for locator in self.locators(&request) {
                let copy = answer.as_ref().map(Document::copy).map_err(Clone::clone);
                answers.push(((*locator).clone(), copy));
            }
        }
        answers
    }
}

/// Permits for requests in flight, as many as there are connections to one host.
pub struct Permits(Semaphore);

impl Permits {
    pub fn new() -> Self {
        Self(Semaphore::new(MAX_CONNECTIONS))
    }

    /// Runs `request` with a permit; `None` if the budget ends before there is one.
    pub async fn run<T>(&self, budget: &RetryBudget, request: impl Future<Output = T>) -> Option<T> {
        // The semaphore is never closed.
        let _permit = budget.within(self.0.acquire()).await?.ok()?;
        Some(request.await)
    }
}
