//! Makes dlmalloc the allocator of the static binary. musl's own allocator maps and unmaps pages
//! all the time, which would make a launch with many secrets take a quarter longer.
//!
//! The cryptography library aws-lc is written in C, so it gets functions like malloc(3), realloc(3)
//! and free(3) that call dlmalloc. ARCHITECTURE.md ("Speed") says what a launch would cost if only
//! Rust used dlmalloc.

#![allow(unsafe_code, reason = "an allocator for C")]

use std::alloc::{GlobalAlloc, Layout, alloc, dealloc};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use dlmalloc::Dlmalloc;

#[global_allocator]
static ALLOCATOR: Memory = Memory(Mutex::new(Dlmalloc::new()));

/// Locking this mutex takes one atomic instruction if it is free. The crate's own lock would be
/// slower: it is musl's mutex, which takes several calls for each allocation.
///
/// A child that is forked while another thread has the lock would never get it. But a process that
/// forks a poll (`--on-rotation`) has one thread, and the child that starts a helper program
/// doesn't allocate.
struct Memory(Mutex<Dlmalloc>);

impl Memory {
    #[inline]
    fn locked<T>(&self, work: impl FnOnce(&mut Dlmalloc) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// SAFETY: dlmalloc keeps the rules of an allocator, and neither it nor the lock allocates.
unsafe impl GlobalAlloc for Memory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the rules of `GlobalAlloc`, here and below.
        self.locked(|heap| unsafe { heap.malloc(layout.size(), layout.align()) })
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        self.locked(|heap| unsafe { heap.free(memory, layout.size(), layout.align()) });
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        self.locked(|heap| unsafe { heap.calloc(layout.size(), layout.align()) })
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`.
        self.locked(|heap| unsafe { heap.realloc(memory, layout.size(), layout.align(), size) })
    }
}

/// The size of the header in front of every block of aws-lc, and the alignment of these blocks. The
/// header stores the length of the whole allocation, which Rust needs to free the block.
const HEADER: usize = 16;

/// Makes aws-lc use this allocator. Call this before aws-lc allocates memory.
pub fn share_with_aws_lc() {
    // SAFETY: the functions keep the rules of malloc(3), realloc(3) and free(3), and there's no
    // other thread yet.
    let is_set = unsafe {
        aws_lc_sys::CRYPTO_set_mem_functions(Some(allocate), Some(reallocate), Some(free))
    };
    assert!(is_set == 1, "aws-lc already has memory functions");
}

/// `length` includes the header.
fn layout(length: usize) -> Option<Layout> {
    Layout::from_size_align(length, HEADER).ok()
}

/// aws-lc leaves the last two parameters, a source file and a line, empty.
extern "C" fn allocate(size: usize, _: *const c_char, _: c_int) -> *mut c_void {
    let Some(layout) = size.checked_add(HEADER).and_then(layout) else {
        return ptr::null_mut();
    };
    // SAFETY: the layout isn't empty, because it includes the header.
    unsafe {
        let start = alloc(layout);
        if start.is_null() {
            return ptr::null_mut();
        }
        start.cast::<usize>().write(layout.size());
        start.add(HEADER).cast()
    }
}

/// Always moves the block, and overwrites the old memory.
unsafe extern "C" fn reallocate(
    old: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    let new = allocate(size, file, line);
    if !old.is_null() && !new.is_null() {
        // SAFETY: `allocate` returned both blocks, and they don't overlap.
        unsafe {
            let old_size = old.cast::<u8>().sub(HEADER).cast::<usize>().read() - HEADER;
            ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), old_size.min(size));
            free(old, file, line);
        }
    }
    new
}

/// Overwrites the memory first, as aws-lc does by default.
unsafe extern "C" fn free(memory: *mut c_void, _: *const c_char, _: c_int) {
    if memory.is_null() {
        return;
    }
    // SAFETY: `allocate` made the same layout, and stored its length in front of `memory`.
    unsafe {
        let start = memory.cast::<u8>().sub(HEADER);
        let length = start.cast::<usize>().read();
        aws_lc_sys::OPENSSL_cleanse(start.cast(), length);
        if let Some(layout) = layout(length) {
            dealloc(start, layout);
        }
    }
}
