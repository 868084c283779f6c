//! What the system says of processes and sockets: memory, descriptors, processor time; limits.

use std::fs;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, getrlimit, setrlimit};

/// Bytes of memory that a process has for itself alone: heap and stacks, not the program.
pub fn memory(pid: Pid) -> u64 {
    let rollup = read(pid, "smaps_rollup");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.map_or_else(|| panic!("no memory in {rollup}"), |number: u64| number << 10)
}

/// How many descriptors a process has open.
pub fn descriptors(pid: Pid) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("a process of ours").count()
}

/// How long a process has used processors, in user and in kernel mode.
pub fn processor_time(pid: Pid) -> Duration {
    let stat = read(pid, "stat");
    // proc_pid_stat(5): fields 14 and 15, of which the third follows the name in parentheses.
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = fields.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap_or(0));
    Duration::from_millis(ticks.sum::<u64>() * 1_000 / rustix::param::clock_ticks_per_second())
}

fn read(pid: Pid, file: &str) -> String {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Allows this process as many open files as the system lets it; returns how many.
pub fn raise_file_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("a limit that may be raised");
    limit.current.unwrap_or(u64::MAX)
}

/// Has the connection end by a reset when it is closed, as that of a client that vanishes.
pub fn reset_on_close(stream: &TcpStream) {
    let linger = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(stream, linger).expect("a socket");
}

/// Waits until this is true.
///
/// # Panics
/// If it is not within half a minute.
pub fn wait_until(what: &str, is_true: impl FnMut() -> bool) {
    assert!(wait_within(Duration::from_secs(30), is_true), "not within 30 s: {what}");
}

/// Waits until this is true; tells whether it was so in time.
pub fn wait_within(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if is_true() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    is_true()
}
