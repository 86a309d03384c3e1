//! Runs commands and says what each took. Standard input names files, a line each, that hold the number of arguments, the
//! arguments and then the environment, each ended by a NUL. The answer is a line: wall (ns), user and system time (µs), the
//! largest resident set (KiB), and the status as wait4 gives it.
//!
//! A process of its own, and a small one, since Linux counts the memory of whoever starts a command as the command's.

use std::error::Error;
use std::ffi::{CString, c_char};
use std::fs;
use std::io::{self, BufRead};
use std::ptr;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let text = fs::read(line?)?;
        let mut words = text.split(|byte| *byte == 0).map(CString::new);
        let count: usize = words.next().ok_or("an empty file")??.to_str()?.parse()?;
        let arguments = words.by_ref().take(count).collect::<Result<Vec<_>, _>>()?;
        let environment = words.collect::<Result<Vec<_>, _>>()?;
        let environment: Vec<_> = environment.into_iter().filter(|entry| !entry.is_empty()).collect();
        println!("{}", time(&arguments, &environment)?);
    }
    Ok(())
}

fn time(arguments: &[CString], environment: &[CString]) -> io::Result<String> {
    let pointers = |words: &[CString]| -> Vec<*mut c_char> {
        words.iter().map(|word| word.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
    };
    let (argv, envp) = (pointers(arguments), pointers(environment));
    let (mut pid, mut status) = (0, 0);
    // SAFETY: both arrays end with a null and outlive the calls; `rusage` of zeros is valid.
    let (wall, used) = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        let mut actions: libc::posix_spawn_file_actions_t = std::mem::zeroed();
        libc::posix_spawn_file_actions_init(&mut actions);
        let null = c"/dev/null".as_ptr();
        libc::posix_spawn_file_actions_addopen(&mut actions, 0, null, libc::O_RDONLY, 0);
        libc::posix_spawn_file_actions_addopen(&mut actions, 1, null, libc::O_WRONLY, 0);
        let start = Instant::now();
        let result = libc::posix_spawn(&mut pid, argv[0], &actions, ptr::null(), argv.as_ptr(), envp.as_ptr());
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        while libc::wait4(pid, &mut status, 0, &mut used) < 0 {}
        let wall = start.elapsed();
        libc::posix_spawn_file_actions_destroy(&mut actions);
        (wall, used)
    };
    let microseconds = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    Ok(format!(
        "{} {} {} {} {status}",
        wall.as_nanos(),
        microseconds(used.ru_utime),
        microseconds(used.ru_stime),
        used.ru_maxrss
    ))
}
