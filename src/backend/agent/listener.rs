//! The user who listens at the agent's port, which any local user can take before the agent does.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;

use crate::system::paths::is_foreign;

/// Returns a user who listens at a port of this host, and who is neither root, nor the effective user, nor the agent's, whom `token_file` is
/// made for: its owner, or a user whose own group may read it, as the agent's installation has it.
///
/// `None` without such a user, without /proc, and for a listener of another network namespace that a proxy leads to.
pub fn foreign_user(port: u16, token_file: Option<&str>) -> Option<u32> {
    let token_file = token_file.and_then(|file| fs::metadata(file).ok());
    let is_agent = |user| {
        token_file.as_ref().is_some_and(|file| {
            let group = (file.mode() & 0o040 != 0).then(|| group_of(user)).flatten();
            file.uid() == user || group == Some(file.gid())
        })
    };
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| File::open(table).ok());
    let mut users = tables.flat_map(|table| listeners(BufReader::new(table), port));
    users.find(|user| is_foreign(*user) && !is_agent(*user))
}

/// Returns the users who listen at a port, by the lines of /proc/net/tcp (proc_net(5)): listeners (state 0A) come first.
fn listeners(table: impl BufRead, port: u16) -> Vec<u32> {
    let mut users = Vec::new();
    for line in table.lines().map_while(Result::ok).skip(1) {
        let fields = Vec::from_iter(line.split_whitespace());
        let [_, address, _, "0A", _, _, _, user, ..] = fields[..] else {
            break;
        };
        if address.ends_with(&format!(":{port:04X}")) {
            users.extend(user.parse::<u32>());
        }
    }
    users
}

/// Returns the group of a user in /etc/passwd, with lines of `NAME:PASSWORD:ID:GROUP:…`.
fn group_of(user: u32) -> Option<u32> {
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let passwd = String::from_utf8_lossy(&passwd);
    let fields = passwd.lines().map(|line| line.split(':').skip(2));
    fields
        .filter_map(|mut fields| Some((fields.next()?, fields.next()?)))
        .find_map(|(id, group)| {
            let is_user = id.parse() == Ok(user);
            group.parse().ok().filter(|_| is_user)
        })
}
