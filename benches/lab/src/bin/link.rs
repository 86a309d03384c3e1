//! `link RTT_MS COMMAND ARG…` runs COMMAND in its own network namespace, at 10.200.0.2. Each packet
//! between it and this namespace (10.200.0.1) takes half of RTT_MS, in both directions. It replaces
//! `tc netem`, which not every kernel has.
//!
//! It needs CAP_NET_ADMIN in the current namespace, and /dev/net/tun. The link exists until the
//! command ends.

use std::collections::VecDeque;
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, exit};
use std::thread;
use std::time::{Duration, Instant};

/// The address in the namespace of this process.
const HERE: [u8; 4] = [10, 200, 0, 1];
/// The address in the namespace of the command.
const THERE: [u8; 4] = [10, 200, 0, 2];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rtt: f64 = arguments
        .next()
        .ok_or("usage: link RTT_MS COMMAND ARG…")?
        .parse()?;
    let mut command = Command::new(arguments.next().ok_or("no command")?);
    command.args(arguments);
    let here = tun(HERE)?;
    // SAFETY: there is only one thread, and open descriptors stay in the old namespace.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    let there = tun(THERE)?;
    let mut child = command.spawn()?;
    thread::spawn(move || {
        exit(
            child
                .wait()
                .ok()
                .and_then(|status| status.code())
                .unwrap_or(1),
        )
    });
    // SAFETY: both calls take plain integers. They reduce late wake-ups, which would add to the
    // delay. The kernel may refuse them.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        libc::setpriority(libc::PRIO_PROCESS, 0, -15);
    }
    carry([here, there], Duration::from_secs_f64(rtt / 2000.0))
}

/// Creates a TUN device with this address and brings it up.
fn tun(address: [u8; 4]) -> io::Result<File> {
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")?;
    // SAFETY: an `ifreq` of zeros is valid. Each call reads and writes only the `ifreq`, in the
    // field that is set for it.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (place, byte) in request.ifr_name.iter_mut().zip(*b"bench0") {
            *place = byte.cast_signed();
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        check(libc::ioctl(
            device.as_raw_fd(),
            libc::TUNSETIFF as _,
            &request,
        ))?;
        let socket = check(libc::socket(
            libc::AF_INET,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
            0,
        ))?;
        let _closes = File::from_raw_fd(socket);
        for (call, bytes) in [
            (libc::SIOCSIFADDR, address),
            (libc::SIOCSIFNETMASK, [255, 255, 255, 252]),
        ] {
            let mut place: libc::sockaddr_in = std::mem::zeroed();
            place.sin_family = libc::AF_INET as libc::sa_family_t;
            place.sin_addr.s_addr = u32::from_ne_bytes(bytes);
            request.ifr_ifru.ifru_addr =
                std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(place);
            check(libc::ioctl(socket, call as _, &request))?;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        check(libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &request))?;
    }
    Ok(device)
}

/// Returns the result of a system call, or its error.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Writes each packet to the other side after the delay. Never returns: the process exits when the
/// command ends.
fn carry(mut sides: [File; 2], delay: Duration) -> Result<(), Box<dyn Error>> {
    let mut queues: [VecDeque<(Instant, Vec<u8>)>; 2] = Default::default();
    let mut buffer = vec![0; 65536];
    loop {
        let now = Instant::now();
        for (from, queue) in queues.iter_mut().enumerate() {
            while queue.front().is_some_and(|(due, _)| *due <= now) {
                if let Some((_, packet)) = queue.pop_front() {
                    // If the write fails, the packet is lost.
                    let _ = sides[1 - from].write(&packet);
                }
            }
        }
        let next = queues
            .iter()
            .filter_map(|queue| queue.front())
            .map(|(due, _)| *due)
            .min();
        let wait = next.map(|due| due.saturating_duration_since(Instant::now()));
        let wait = wait.map(|wait| libc::timespec {
            tv_sec: wait.as_secs().cast_signed(),
            tv_nsec: wait.subsec_nanos().into(),
        });
        let mut ready = [0, 1].map(|side| libc::pollfd {
            fd: sides[side].as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        let limit = wait.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: both descriptors and the timeout outlive the call.
        if unsafe { libc::ppoll(ready.as_mut_ptr(), 2, limit, std::ptr::null()) } <= 0 {
            continue;
        }
        for side in [0, 1] {
            if ready[side].revents & libc::POLLIN == 0 {
                continue;
            }
            loop {
                match sides[side].read(&mut buffer) {
                    Ok(length) if length > 0 => {
                        queues[side].push_back((Instant::now() + delay, buffer[..length].to_vec()))
                    }
                    _ => break,
                }
            }
        }
    }
}
