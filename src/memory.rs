//! Makes dlmalloc the allocator of the static binary. musl's own allocator maps and unmaps pages
//! all the time, which would make a launch with many secrets take a quarter longer.
//!
//! Rust uses dlmalloc as the global allocator. The cryptography library aws-lc is written in C, so
//! it gets functions that call dlmalloc and behave like malloc(3), realloc(3) and free(3).
//! ARCHITECTURE.md ("Speed") says what a launch would cost if only Rust used dlmalloc.

#![allow(unsafe_code, reason = "an allocator for C")]

use std::alloc::{GlobalAlloc, Layout, alloc, dealloc};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use dlmalloc::Dlmalloc;

#[global_allocator]
static ALLOCATOR: Memory = Memory(Mutex::new(Dlmalloc::new()));

/// dlmalloc behind a lock that takes one atomic instruction while it is free, and a futex while it
/// isn't. The crate's own lock is musl's mutex, which takes several calls for each allocation.
///
/// A child that is forked while another thread has the lock would never get it. A process that
/// forks a poll has one thread, and the child that starts a helper program doesn't allocate.
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

/// The size of the header in front of every block that aws-lc gets, which is also the alignment of
/// these blocks. The header stores the length of the whole allocation, because Rust needs it to
/// free the block.
const HEADER: usize = 16;

/// Makes the C library aws-lc use dlmalloc, too. Call this before aws-lc allocates memory.
pub fn share_with_aws_lc() {
    // SAFETY: the functions behave like malloc(3), realloc(3) and free(3). There's no other thread
    // yet.
    let is_set = unsafe {
        aws_lc_sys::CRYPTO_set_mem_functions(Some(allocate), Some(reallocate), Some(free))
    };
    assert!(is_set == 1, "aws-lc already has memory functions");
}

/// The layout of an allocation of `length` bytes, which include the header.
fn layout(length: usize) -> Option<Layout> {
    Layout::from_size_align(length, HEADER).ok()
}

/// Allocates memory like malloc(3). The last two parameters are the caller's source file and line,
/// which aws-lc leaves empty.
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

/// Resizes a block like realloc(3), but always moves it, and overwrites the old memory.
unsafe extern "C" fn reallocate(
    old: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    let new = allocate(size, file, line);
    if !old.is_null() && !new.is_null() {
        // SAFETY: `allocate` returned both, and they don't overlap.
        unsafe {
            let old_size = old.cast::<u8>().sub(HEADER).cast::<usize>().read() - HEADER;
            ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), old_size.min(size));
            free(old, file, line);
        }
    }
    new
}

/// Frees memory like free(3), but overwrites it first, as aws-lc does by default.
unsafe extern "C" fn free(memory: *mut c_void, _: *const c_char, _: c_int) {
    if memory.is_null() {
        return;
    }
    // SAFETY: `allocate` stored the length of the allocation in front of `memory`, and made the
    // same layout.
    unsafe {
        let start = memory.cast::<u8>().sub(HEADER);
        let length = start.cast::<usize>().read();
        aws_lc_sys::OPENSSL_cleanse(start.cast(), length);
        if let Some(layout) = layout(length) {
            dealloc(start, layout);
        }
    }
}
