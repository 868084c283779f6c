//! Running programs in turns, and what each run cost.

use std::{
    io,
    mem::MaybeUninit,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// What a run cost, or the median of many.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// From the start of the process to its end, in seconds.
    pub wall_s: f64,
    /// What the processors worked for it, in user and kernel mode, in seconds.
    pub cpu_s: f64,
}

/// Something that can be measured again and again.
pub type Arm<'a> = Box<dyn Fn() -> Result<Cost> + 'a>;

/// An arm that runs a program to its end; the program must succeed.
pub fn program<'a>(command: impl Fn() -> Command + 'a) -> Arm<'a> {
    Box::new(move || run(&mut command()))
}

/// The medians of each arm, measured in turns (A B A B …), so that whatever slows the machine down
/// meets all of them. The first turn only warms up.
pub fn in_turns(arms: &[Arm], turns: usize) -> Result<Vec<Cost>> {
    for arm in arms {
        arm()?;
    }
    let mut costs = vec![Vec::new(); arms.len()];
    for _ in 0..turns {
        for (arm, costs) in arms.iter().zip(&mut costs) {
            costs.push(arm()?);
        }
    }
    Ok(costs.iter().map(|costs| medians(costs)).collect())
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("can't run {command:?}"))?;
    let (status, cpu) = wait(child)?;
    let wall_s = start.elapsed().as_secs_f64();
    ensure!(status == 0, "{command:?} ended with wait status {status:#x}");
    Ok(Cost { wall_s, cpu_s: cpu.as_secs_f64() })
}

/// Waits for the end of a process: its wait status, and what the processors did for it.
pub fn wait(child: Child) -> io::Result<(i32, Duration)> {
    let pid = child.id() as libc::pid_t;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to locals; the process is our child and was not waited for, as
    // `child` is owned here and dropping it does not wait.
    let waited = unsafe { libc::wait4(pid, &mut status, 0, usage.as_mut_ptr()) };
    if waited != pid {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed is a valid `rusage`, and the kernel has filled it in.
    let usage = unsafe { usage.assume_init() };
    Ok((status, duration(usage.ru_utime) + duration(usage.ru_stime)))
}

/// What the processors have worked so far for all threads of a process, in user and kernel mode:
/// the sum that proc_pid_stat(5) gives in ticks, in nanoseconds.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: the pointer is to a local.
    let failed = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local.
    match unsafe { libc::clock_gettime(clock, &mut time) } {
        0 => Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The median of some numbers; NaN of none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The medians of wall and of processor time, each on its own.
pub fn medians(costs: &[Cost]) -> Cost {
    Cost {
        wall_s: median(costs.iter().map(|cost| cost.wall_s).collect()),
        cpu_s: median(costs.iter().map(|cost| cost.cpu_s).collect()),
    }
}

/// Asks for real-time priority for this process and its children, where that is permitted: other
/// work on the machine then disturbs less.
pub fn ask_for_priority() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: the pointer is to a local; 0 is this process.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn the_time_of_a_process_goes_on_while_it_works_and_ends_with_it() {
        let this = std::process::id();
        let before = cpu_time(this).unwrap();
        while cpu_time(this).unwrap() < before + Duration::from_millis(2) {}
        let mut gone = Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        assert!(cpu_time(gone.id()).is_err());
    }

    #[test]
    fn a_program_that_works_costs_time() {
        let cost = run(
            Command::new("sh").args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"])
        )
        .unwrap();
        assert!(cost.cpu_s > 0.0 && cost.wall_s > 0.0);
        assert!(run(&mut Command::new("false")).is_err());
    }
}
