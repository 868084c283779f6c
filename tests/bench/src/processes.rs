//! All processes of a server: the one that was started, and those that it started in turn.

use std::{fs, io, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use crate::measure::cpu_time;

/// The process and its descendants.
pub fn family(pid: u32) -> io::Result<Vec<u32>> {
    let pairs: Vec<(u32, u32)> =
        numbers_in_proc()?.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(pairs.iter().filter(|pair| pair.1 == parent).map(|pair| pair.0));
        next += 1;
    }
    Ok(family)
}

/// What the processors have worked for all of them.
pub fn cpu_time_of_family(pid: u32) -> io::Result<Duration> {
    family(pid)?.into_iter().map(cpu_time).sum()
}

/// What of their memory is in use, in bytes: of each what it would be alone.
pub fn resident_bytes_of_family(pid: u32) -> io::Result<u64> {
    family(pid)?.into_iter().map(resident_bytes).sum()
}

/// Ends all of them at once; who has ended already can't be ended.
pub fn kill_family(pid: u32) {
    for pid in family(pid).unwrap_or_default() {
        if let Some(pid) = pid.try_into().ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn numbers_in_proc() -> io::Result<impl Iterator<Item = u32>> {
    let entries = fs::read_dir("/proc")?.filter_map(Result::ok);
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// The fourth field of proc_pid_stat(5), behind a name that may have anything in it; `None` if the
/// process has gone.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split_whitespace().nth(1)?.parse().ok()
}

fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    // One that is about to end has no memory any more.
    Ok(kilobytes.unwrap_or(0) * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_of_children_belong_to_the_family_and_end_with_it() {
        let mut shell = Command::new("sh")
            .args(["-c", "sh -c 'sleep 1000; true' & echo; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        while family(shell.id()).unwrap().len() < 3 {}
        assert!(resident_bytes_of_family(shell.id()).unwrap() > 0);
        assert!(cpu_time_of_family(shell.id()).unwrap() > Duration::ZERO);
        let members = family(shell.id()).unwrap();
        kill_family(shell.id());
        shell.wait().unwrap();
        assert!(members[1..].iter().all(|&pid| parent(pid) != Some(shell.id())));
    }
}
