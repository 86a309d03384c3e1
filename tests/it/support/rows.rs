//! Rows of a table that mostly wait.

use std::thread;

use super::watch;

/// Tests every row at the same time.
pub fn side_by_side<T: Send>(rows: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for row in rows {
            let named = thread::Builder::new().name(watch::test());
            named.spawn_scoped(scope, || test(row)).unwrap();
        }
    });
}
