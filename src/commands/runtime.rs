//! The async runtime, with the deadline, the watchdog and the messages about a long wait.

use super::long_wait::LongWait;
use crate::model::inherited::Inherited;
use crate::model::options::Options;
use crate::report::{Failure, Report};
use crate::system::os_error;
use crate::system::signals::{block_signals, with_blocked_signals};
use crate::time::deadline::Deadline;
use crate::time::watchdog::Watchdog;

/// Runs `action` within the deadline of `options`. No other function has an async runtime.
///
/// # Errors
/// Those of `action`, or when no runtime or thread can be created.
pub fn run<T>(
    options: &Options,
    inherited: &Inherited,
    action: impl AsyncFnOnce(Deadline) -> Result<T, Report>,
) -> Result<T, Report> {
    let long_wait = LongWait::new(options, inherited);
    let deadline = Deadline::new(options.timeout, options.wait).observed_by(LongWait::observer(options));
    let start_watchdog = || Watchdog::start(deadline.clone(), long_wait.callbacks());
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let watchdog = if options.rotation.is_some() {
        // These threads may outlive the resolution, and must not take a signal that is then the command's.
        builder.on_thread_start(block_signals);
        with_blocked_signals(start_watchdog)
    } else {
        start_watchdog()
    };
    let watchdog = watchdog.map_err(|error| Failure::Runtime(os_error::no_thread(&error)))?;
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Runtime(os_error::text(&error)))?;
    let result = runtime.block_on(action(deadline));
    drop(watchdog);
    drop(long_wait);
    // Dropping the runtime would wait for its blocking threads.
    runtime.shutdown_background();
    result
}
