//! The static launcher to its first resource, against programs without one.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use holdall_bundle::EntryPointKind;

use crate::{
    Bench,
    bundles::{FIRST, Recipe},
    content,
    measure::{Arm, Cost, in_turns, program, wait},
    report::{Goal, Quantity, Row},
    server::address,
};

/// One reading and the end, then a server to its first answer.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    content::write_tree(bench.directory, &[content::first()])?;
    let site = launcher(bench, "site", EntryPointKind::Site, None)?;
    let reader = bench.programs.static_reader();
    let exec = launcher(bench, "exec", EntryPointKind::Exec, Some(reader))?;
    let mut rows = readings(bench, &site, &exec)?;
    rows.extend(answers(bench, &site)?);
    Ok(rows)
}

fn readings(bench: &Bench, site: &Path, exec: &Path) -> Result<Vec<Row>> {
    let asked = |bundle: &Path| {
        let mut command = Command::new(bundle);
        command.args(["--cat-resource", FIRST]);
        command
    };
    let costs = in_turns(
        &[
            program(|| loose(bench, &bench.programs.naked())),
            program(|| loose(bench, &bench.programs.naked_c())),
            program(|| asked(site)),
            program(|| asked(exec)),
            program(|| Command::new(exec)),
        ],
        bench.effort.turns(300),
    )?;
    let [rust, c] = [costs[0], costs[1]];
    let rows = |what: &str, cost: Cost| {
        [
            Row::new(format!("{what}, processor time"), Quantity::Time(cost.cpu_s))
                .against("dynamic Rust", Quantity::Time(rust.cpu_s))
                .goal(Goal::Ratio(1.0)),
            Row::new(format!("{what}, wall clock"), Quantity::Time(cost.wall_s))
                .against("dynamic Rust", Quantity::Time(rust.wall_s))
                .goal(Goal::Ratio(1.0)),
            Row::new(format!("{what}, processor time"), Quantity::Time(cost.cpu_s))
                .against("static C", Quantity::Time(c.cpu_s)),
        ]
    };
    let mut table: Vec<Row> = rows("site, reads a resource", costs[2]).into();
    table.extend(rows("exec, reads a resource", costs[3]));
    // The copy of the program is judged with the figure `start`.
    let whole = Row::new("exec, its static program reads", Quantity::Time(costs[4].cpu_s));
    table.push(whole.against("dynamic Rust", Quantity::Time(rust.cpu_s)));
    Ok(table)
}

/// From the start to the end of the first HTTP answer.
fn answers(bench: &Bench, site: &Path) -> Result<Vec<Row>> {
    let naked = || {
        let mut command = loose(bench, &bench.programs.naked());
        command.arg("serve");
        command
    };
    let served = || {
        let mut command = Command::new(site);
        command.arg("--port=tcp:0:interface=127.0.0.1");
        command
    };
    let arms: [Arm; 2] = [server(naked), server(served)];
    let costs = in_turns(&arms, bench.effort.turns(150))?;
    let row = |unit: &str, cost: fn(&Cost) -> f64| {
        Row::new(format!("site, first HTTP answer, {unit}"), Quantity::Time(cost(&costs[1])))
            .against("dynamic Rust, std only", Quantity::Time(cost(&costs[0])))
    };
    Ok(vec![row("processor time", |cost| cost.cpu_s), row("wall clock", |cost| cost.wall_s)])
}

/// An arm that starts a server, asks it once, and ends it.
fn server<'a>(command: impl Fn() -> Command + 'a) -> Arm<'a> {
    Box::new(move || {
        let start = Instant::now();
        let mut child = command().stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("stderr is a pipe")?;
        let answer = ask(BufReader::new(stderr));
        let wall_s = start.elapsed().as_secs_f64();
        child.kill()?;
        let (_, cpu) = wait(child)?;
        answer?;
        Ok(Cost { wall_s, cpu_s: cpu.as_secs_f64() })
    })
}

/// Reads the address that a server prints, and gets the first resource from it.
fn ask(mut stderr: impl BufRead) -> Result<()> {
    let mut line = String::new();
    stderr.read_line(&mut line)?;
    let address = address(&line).context("the server gave no address")?;
    let mut stream = TcpStream::connect(address)?;
    // In one piece: the naked server reads once.
    let request = format!("GET /{FIRST} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = vec![0; 16 * 1024];
    let mut length = 0;
    // The resource has one KB, and its last byte ends a line.
    while length < 1024 || !answer[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut answer[length..])?;
        ensure!(read > 0, "the server broke off");
        length += read;
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "the server refused");
    Ok(())
}

fn launcher(
    bench: &Bench,
    name: &str,
    kind: EntryPointKind,
    payload: Option<PathBuf>,
) -> Result<PathBuf> {
    let bundle = bench.directory.join(name);
    let resources = content::first_and_filler(1);
    Recipe { prefix: bench.programs.static_launcher(), kind, payload, resources }.write(&bundle)?;
    Ok(bundle)
}

fn loose(bench: &Bench, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(bench.directory.join(FIRST));
    command
}
