//! Signals by their number: `Signal` of nix lacks the real-time signals, which are forwarded as well.

use nix::libc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignalNumber(pub i32);

/// The rule by which a signal that reaches this process is sent to the command's process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    Always,
    /// If a process sent it (`si_code` of 0 or less): the kernel raises it for a fault of this process (sigaction(2)).
    IfSent,
    /// It concerns this process alone, or has no handler (SIGKILL, SIGSTOP).
    Never,
}

impl SignalNumber {
    pub const TERM: Self = Self(libc::SIGTERM);
    pub const KILL: Self = Self(libc::SIGKILL);
    pub const CONT: Self = Self(libc::SIGCONT);

    pub fn forwarding(self) -> Forwarding {
        match self.0 {
            libc::SIGKILL | libc::SIGSTOP | libc::SIGCHLD | libc::SIGTTIN | libc::SIGTTOU | libc::SIGPIPE => {
                Forwarding::Never
            }
            libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL => Forwarding::IfSent,
            _ => Forwarding::Always,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard signals with this rule.
    fn with(rule: Forwarding) -> Vec<i32> {
        (1..32).filter(|number| SignalNumber(*number).forwarding() == rule).collect()
    }

    fn sorted<const N: usize>(mut numbers: [i32; N]) -> [i32; N] {
        numbers.sort();
        numbers
    }

    #[test]
    fn signals_about_children_the_terminal_and_pipes_are_not_forwarded() {
        let of_this_process =
            [libc::SIGCHLD, libc::SIGTTIN, libc::SIGTTOU, libc::SIGPIPE, libc::SIGKILL, libc::SIGSTOP];
        assert_eq!(with(Forwarding::Never), sorted(of_this_process));
    }

    #[test]
    fn faults_are_forwarded_only_if_a_process_sent_them() {
        let faults = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
        assert_eq!(with(Forwarding::IfSent), sorted(faults));
    }

    #[test]
    fn real_time_signals_are_forwarded() {
        assert_eq!(SignalNumber(64).forwarding(), Forwarding::Always);
    }
}
