//! The binary, the only place that reads argv and the environment of the process.

/// With musl's own allocator a launch with many secrets takes a quarter longer.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// The memory of aws-lc, from the same allocator: musl's maps and unmaps pages all the time.
#[cfg(target_env = "musl")]
mod aws_lc_memory {
    #![allow(unsafe_code, reason = "an allocator for C")]

    use std::alloc::{Layout, alloc, dealloc};
    use std::ffi::{c_char, c_int, c_void};
    use std::ptr;

    /// The length of what precedes each allocation: its whole length, at the alignment that C's malloc has.
    const HEADER: usize = 16;

    /// To be called before aws-lc's first allocation. Returns false if there was one.
    pub fn set() -> bool {
        // SAFETY: the functions do what those of C do. No other thread exists yet.
        unsafe {
            aws_lc_sys::CRYPTO_set_mem_functions(Some(allocate), Some(reallocate), Some(free)) == 1
        }
    }

    fn layout(length: usize) -> Option<Layout> {
        Layout::from_size_align(length, HEADER).ok()
    }

    extern "C" fn allocate(size: usize, _: *const c_char, _: c_int) -> *mut c_void {
        let Some(layout) = size.checked_add(HEADER).and_then(layout) else {
            return ptr::null_mut();
        };
        // SAFETY: the layout has a header, which holds its length.
        unsafe {
            let start = alloc(layout);
            if start.is_null() {
                return ptr::null_mut();
            }
            start.cast::<usize>().write(layout.size());
            start.add(HEADER).cast()
        }
    }

    unsafe extern "C" fn reallocate(
        old: *mut c_void,
        size: usize,
        file: *const c_char,
        line: c_int,
    ) -> *mut c_void {
        let new = allocate(size, file, line);
        if !old.is_null() && !new.is_null() {
            // SAFETY: `allocate` returned both, and they do not overlap.
            unsafe {
                let old_size = old.cast::<u8>().sub(HEADER).cast::<usize>().read() - HEADER;
                ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), old_size.min(size));
                free(old, file, line);
            }
        }
        new
    }

    /// Wipes the memory first, as aws-lc does by default.
    unsafe extern "C" fn free(memory: *mut c_void, _: *const c_char, _: c_int) {
        if memory.is_null() {
            return;
        }
        // SAFETY: `allocate` returned the memory, behind a header with the length.
        unsafe {
            let start = memory.cast::<u8>().sub(HEADER);
            let length = start.cast::<usize>().read();
            aws_lc_sys::OPENSSL_cleanse(start.cast(), length);
            if let Some(layout) = layout(length) {
                dealloc(start, layout);
            }
        }
    }
}

fn main() -> ! {
    #[cfg(target_env = "musl")]
    assert!(
        aws_lc_memory::set(),
        "aws-lc has allocated memory before `main`"
    );
    secrets_exec::run(std::env::args_os().skip(1).collect(), std::env::vars_os())
}
