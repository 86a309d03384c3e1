//! memcpy(3) and memmove(3) of the static binary on x86-64. musl's versions use `rep movsq`, which
//! takes about a hundred cycles to start on many CPUs, while half of a launch's copies have at most
//! 16 bytes.
//!
//! The compiler must not turn anything here into a call of memcpy or memmove, because the function
//! would call itself. So nothing larger than 32 bytes is moved, and an empty `asm!` hides the loops
//! from LLVM.

#![allow(unsafe_code, reason = "functions that C calls, too")]

use std::arch::asm;
use std::arch::x86_64::{__m128i, __m256i};

#[cfg_attr(target_env = "musl", unsafe(no_mangle))]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // SAFETY: the caller keeps the rules of memcpy, which are stricter than those of memmove.
    unsafe { copy(to, from, size) }
}

#[cfg_attr(target_env = "musl", unsafe(no_mangle))]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // SAFETY: as for memmove, the caller has `size` bytes in both buffers.
    unsafe { copy(to, from, size) }
}

#[inline(always)]
unsafe fn copy(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // SAFETY: only `size` bytes of each buffer are accessed, and none is read after it was
    // overwritten.
    unsafe {
        match size {
            0 => {}
            1 => to.write(from.read()),
            2..4 => copy_ends::<u16>(to, from, size),
            4..8 => copy_ends::<u32>(to, from, size),
            8..16 => copy_ends::<u64>(to, from, size),
            16..=32 => copy_ends::<__m128i>(to, from, size),
            33..=64 => copy_ends::<__m256i>(to, from, size),
            _ if to.addr().wrapping_sub(from.addr()) >= size => {
                let last = from.add(size - 32).cast::<__m256i>().read_unaligned();
                let mut offset = 0;
                while offset < size - 32 {
                    copy_ends::<__m256i>(to.add(offset), from.add(offset), 32);
                    offset += 32;
                    asm!("", options(nostack, preserves_flags));
                }
                to.add(size - 32).cast::<__m256i>().write_unaligned(last);
            }
            _ => {
                let first = from.cast::<__m256i>().read_unaligned();
                let mut offset = size - 32;
                while offset > 0 {
                    copy_ends::<__m256i>(to.add(offset), from.add(offset), 32);
                    offset = offset.saturating_sub(32);
                    asm!("", options(nostack, preserves_flags));
                }
                to.cast::<__m256i>().write_unaligned(first);
            }
        }
    }
    to
}

/// Copies the first `T` and the last `T` of the `size` bytes. The two may overlap.
#[inline(always)]
unsafe fn copy_ends<T>(to: *mut u8, from: *const u8, size: usize) {
    let end = size - size_of::<T>();
    // SAFETY: both pointers have `size` bytes, which is at least the size of a `T`.
    unsafe {
        let first = from.cast::<T>().read_unaligned();
        let last = from.add(end).cast::<T>().read_unaligned();
        to.cast::<T>().write_unaligned(first);
        to.add(end).cast::<T>().write_unaligned(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 600;

    type Function = unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8;

    /// Moves `size` bytes in the middle of a copy of `before`, and compares all of it with a copy
    /// that is made byte by byte.
    fn assert_moves(before: &[u8], size: usize, distance: isize) {
        let to = MOST.strict_add_signed(distance);
        let mut expected = before.to_vec();
        #[expect(clippy::manual_memcpy, reason = "copy_from_slice calls memcpy")]
        for index in 0..size {
            expected[to + index] = before[MOST + index];
        }

        let is_apart = distance.unsigned_abs() >= size;
        let functions = [Some(memmove as Function), is_apart.then_some(memcpy)];
        for function in functions.into_iter().flatten() {
            let mut buffer = before.to_vec();
            let start = buffer.as_mut_ptr();
            // SAFETY: both ranges are within the buffer.
            let returned = unsafe { function(start.add(to), start.add(MOST), size) };
            assert_eq!(returned, start.wrapping_add(to));
            assert!(buffer == expected, "{size} bytes, moved by {distance}");
        }
    }

    #[test]
    fn bytes_are_moved_whatever_their_number_and_their_overlap() {
        let before: Vec<u8> = (0..3 * MOST).map(|index| (index % 251) as u8).collect();
        for size in 0..=MOST {
            // At both ends, the two ranges touch each other.
            let farthest = size.cast_signed();
            for distance in -farthest..=farthest {
                assert_moves(&before, size, distance);
            }
        }
    }
}
