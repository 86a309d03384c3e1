//! Runs commands and prints the time and memory of each. Each line of standard input names a file with the number of arguments, the
//! arguments and the environment, each terminated by a NUL. The output is one line per command: wall time (ns), user and system
//! time (µs), peak resident set size (KiB), and the status from wait4.
//!
//! This is a separate, small process, because Linux includes the parent's resident set in the peak of a process it starts.

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
