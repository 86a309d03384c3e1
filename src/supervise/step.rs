//! The state machine: a pure function from state and event to state and actions.

use super::event::{Action, Event};
use super::policy::Policy;
use super::state::{NextPoll, Starting, State};
use super::{running, starting, stopping};

/// Returns the first state and its action.
pub fn begin() -> (State, Vec<Action>) {
    let starting = Starting { is_first: true, held: Vec::new(), next_poll: NextPoll::default() };
    (State::Starting(starting), vec![Action::Start])
}

/// Returns the state after an event, and what is to be done now, in this order.
///
/// An event that has no meaning in a state changes nothing: a timer or a poll may end in the moment in which it is cancelled.
pub fn step(policy: &Policy, state: State, event: Event) -> (State, Vec<Action>) {
    match state {
        State::Starting(starting) => starting::step(policy, starting, event),
        State::Running(running) => running::step(policy, running, event),
        State::Stopping(stopping) => stopping::step(policy, stopping, event),
        State::Exited => (State::Exited, Vec::new()),
    }
}
