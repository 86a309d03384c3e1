//! Time: how long a launch tries, and when it asks again.
//!
//! ```text
//! deadline   --timeout, and what the launch is waiting for
//!    ▲
//! retries    how often a request is sent within the deadline, and in which region
//!    │
//!    ▼
//! turns      which of the requests to an endpoint that fails may be sent now
//! ```

mod deadline;
mod retries;
#[cfg(all(test, feature = "simulation"))]
mod simulation;
mod turns;

pub use deadline::{Deadline, Progress, Waiting};
pub use retries::RetryBudget;
pub use turns::{SILENCE, Turns};
