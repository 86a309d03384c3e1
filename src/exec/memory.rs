//! Wiping of memory in a process that goes on after it has read secrets: what it frees, and the part of the stack that it used.

#![allow(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// The stack that a resolution uses, with a margin. Measured with every source of credentials, with TLS, and with values nested as
/// deeply as JSON may be: 207 KiB in the static binary, 719 KiB without optimization.
pub const STACK: u64 = if cfg!(debug_assertions) { 832 * 1024 } else { 256 * 1024 };

/// An allocator that wipes memory before it is freed, from [`wipe_freed_memory`] on: buffers of connections and parsers hold copies of
/// secrets. A launch needs none of it: execve frees all memory at once.
pub struct WipingAllocator<A>(pub A);

static WIPES: AtomicBool = AtomicBool::new(false);

/// Wipes memory from now on before it is freed.
pub fn wipe_freed_memory() {
    WIPES.store(true, Ordering::Relaxed);
}

// SAFETY: each call is passed on, in `realloc` as an allocation and a release of the whole.
unsafe impl<A: GlobalAlloc> GlobalAlloc for WipingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the contract of this function.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the contract of this function.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if WIPES.load(Ordering::Relaxed) {
            // SAFETY: the caller owns this many bytes.
            unsafe { ptr::write_bytes(memory, 0, layout.size()) };
            // Otherwise the compiler omits writes to memory that is freed next.
            black_box(memory);
        }
        // SAFETY: by the contract of this function.
        unsafe { self.0.dealloc(memory, layout) };
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !WIPES.load(Ordering::Relaxed) {
            // SAFETY: by the contract of this function.
            return unsafe { self.0.realloc(memory, layout, size) };
        }
        // SAFETY: by the contract of this function, the size is valid for this alignment. Both blocks have the smaller size.
        unsafe {
            let moved = self.0.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(memory, moved, layout.size().min(size));
                self.dealloc(memory, layout);
            }
            moved
        }
    }
}

/// Wipes the stack below the caller, which keeps parts of the values that functions have worked on.
#[inline(never)]
pub fn wipe_stack() {
    /// More than a resolution was measured to use. The rest of [`STACK`] is for the callers.
    const LENGTH: usize = (STACK / 8 * 7) as usize;
    let mut bytes = [0_u8; LENGTH];
    black_box(&mut bytes);
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use super::*;

    const PLANTED: u8 = 0xa7;
    const FRAME: usize = 1024;

    /// Fills frames of the stack, and returns the address of the deepest.
    #[inline(never)]
    fn plant(frames: usize) -> usize {
        let mut frame = [PLANTED; FRAME];
        let address = black_box(&mut frame).as_ptr().addr();
        let deepest = if frames > 1 { plant(frames - 1) } else { address };
        black_box(&mut frame);
        deepest
    }

    /// Returns true if a frame has what was planted. It is read as a file, since it is no value any more.
    fn is_planted(address: usize) -> bool {
        let mut frame = [0; FRAME];
        let memory = File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut frame, u64::try_from(address).unwrap()).unwrap();
        frame == [PLANTED; FRAME]
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn frames_as_deep_as_those_of_a_resolution_are_wiped() {
        /// A frame without optimization is a little longer than its array.
        const FRAMES: usize = if cfg!(debug_assertions) { 719 } else { 207 } * 9 / 10;
        let test = || {
            let deepest = plant(FRAMES);
            let was_planted = is_planted(deepest);
            wipe_stack();
            (was_planted, is_planted(deepest))
        };
        let stack = usize::try_from(STACK).unwrap() * 2;
        let thread = std::thread::Builder::new().stack_size(stack).spawn(test).unwrap();
        assert_eq!(thread.join().unwrap(), (true, false));
    }
}
