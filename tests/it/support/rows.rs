//! Rows of a table that mostly wait.

use std::thread;

/// Tests every row at the same time.
pub fn side_by_side<T: Send>(rows: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for row in rows {
            scope.spawn(|| test(row));
        }
    });
}
