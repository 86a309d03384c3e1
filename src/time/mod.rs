//! Time: how long a launch tries, and when it repeats a request.
//!
//! ```text
//! deadline   --timeout, and what the launch is waiting for
//!    ▲
//! retries    how often a request is sent within the deadline, and in which region
//!    │
//!    ▼
//! turns      which request to a failing endpoint may be sent now
//! ```

mod deadline;
mod retries;
#[cfg(all(test, feature = "simulation"))]
mod simulation;
mod turns;

pub use deadline::{Deadline, Progress, Waiting};
pub use retries::RetryBudget;
pub use turns::{PATIENCE, SILENCE, Turns};
