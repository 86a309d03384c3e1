//! Rules for following symbolic links, which other users may have created.

use nix::unistd::geteuid;

/// The number of symbolic links that the kernel follows in one path (path_resolution(7)).
pub const MAX_SYMLINKS: usize = 40;

/// True if a file with this owner belongs to neither root nor the effective user.
pub fn is_foreign(owner: u32) -> bool {
    owner != 0 && owner != geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_root_and_of_the_effective_user_are_not_foreign() {
        assert!(!is_foreign(0));
        assert!(!is_foreign(geteuid().as_raw()));
        assert!(is_foreign(geteuid().as_raw() + 1));
    }
}
