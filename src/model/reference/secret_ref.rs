//! References as users write them, and what they point to: `SECRET[:KEY[:STAGE[:VERSION-ID]]]`.
//!
//! [`Reference`] is the text with its fields told apart; [`SecretRef`] is where it leads once aliases and `${NAME}`
//! are known: a [`Locator`] (one request) and a [`Selector`] (one value in the answer).

use super::locator::Locator;
use super::selector::Selector;

/// Where a reference leads: what to request, and what to take from the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretRef {
    /// What is requested; equal locators are one request.
    pub locator: Locator,
    /// What is taken from the answer.
    pub selector: Selector,
}
