//! Signals by their number on Linux (signal(7), all architectures but Alpha, SPARC, MIPS and PA-RISC). A real-time signal has no name
//! here.

use std::fmt::{self, Display, Formatter};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignalNumber(pub i32);

/// The rule by which a signal that reaches this process is sent to the command's process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    Always,
    /// If a process sent it (`si_code` of 0 or less): the kernel raises it for a fault of this process (sigaction(2)).
    IfSent,
    /// The signal concerns this process alone, or has no handler (SIGKILL, SIGSTOP).
    Never,
}

/// The standard signals in the order of their numbers, from 1.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

impl SignalNumber {
    pub const INT: Self = Self(2);
    pub const QUIT: Self = Self(3);
    pub const ILL: Self = Self(4);
    pub const BUS: Self = Self(7);
    pub const FPE: Self = Self(8);
    pub const KILL: Self = Self(9);
    pub const SEGV: Self = Self(11);
    pub const PIPE: Self = Self(13);
    pub const TERM: Self = Self(15);
    pub const CHLD: Self = Self(17);
    pub const CONT: Self = Self(18);
    pub const STOP: Self = Self(19);
    pub const TTIN: Self = Self(21);
    pub const TTOU: Self = Self(22);

    /// Parses a signal that a command can handle, by name (`HUP`, `SIGHUP`), in either case.
    ///
    /// # Errors
    /// If there is no such signal, or it is never forwarded or stands for a fault.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        match (1..)
            .zip(NAMES)
            .find(|(_, standard)| *standard == name)
            .map(|(number, _)| Self(number))
        {
            Some(signal) if signal.forwarding() == Forwarding::Always => Ok(signal),
            Some(_) => Err("a signal that a program handles as a request, like HUP or USR1"),
            None => Err("the name of a signal, like HUP or USR1"),
        }
    }

    pub fn forwarding(self) -> Forwarding {
        match self {
            Self::KILL | Self::STOP | Self::CHLD | Self::TTIN | Self::TTOU | Self::PIPE => {
                Forwarding::Never
            }
            Self::SEGV | Self::BUS | Self::FPE | Self::ILL => Forwarding::IfSent,
            Self(_) => Forwarding::Always,
        }
    }
}

/// The name with `SIG`, or the number of a real-time signal.
impl Display for SignalNumber {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let standard = usize::try_from(self.0 - 1)
            .ok()
            .and_then(|at| NAMES.get(at));
        match standard {
            Some(name) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;
    use nix::sys::signal::Signal;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_names_of_standard_signals_are_those_of_the_system() {
        for signal in Signal::iterator() {
            let number = SignalNumber(signal as i32);
            assert_eq!(number.to_string(), signal.as_str());
            let is_request = number.forwarding() == Forwarding::Always;
            assert_eq!(
                SignalNumber::parse(signal.as_str()).ok(),
                is_request.then_some(number)
            );
        }
        assert_eq!(Signal::iterator().count(), NAMES.len());
        assert_eq!(SignalNumber(64).to_string(), "signal 64");
    }

    #[test]
    fn a_signal_of_the_process_itself_is_not_forwarded_and_a_fault_only_if_sent() {
        let never = [
            libc::SIGCHLD,
            libc::SIGTTIN,
            libc::SIGTTOU,
            libc::SIGPIPE,
            libc::SIGKILL,
            libc::SIGSTOP,
        ];
        let faults = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
        for number in 1..32 {
            let expected = match number {
                number if never.contains(&number) => Forwarding::Never,
                number if faults.contains(&number) => Forwarding::IfSent,
                _ => Forwarding::Always,
            };
            assert_eq!(SignalNumber(number).forwarding(), expected, "{number}");
        }
    }
}
