//! What a request costs: the same handler as a plug-in, as a linked service, and on hyper alone.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::Result;
use holdall_bundle::EntryPointKind;

use crate::{
    Bench,
    bundles::Recipe,
    content,
    cores::Cores,
    load::{Answered, Load, Protocol},
    measure::{cpu_time, median},
    report::{Goal, Quantity, Row},
    server::Server,
};

/// What a linked service may cost, as a multiple of hyper alone.
const LINKED_LIMIT: f64 = 1.05;
/// What a plug-in may cost, as a multiple of a linked service.
const PLUGIN_LIMIT: f64 = 1.10;

const TURNS: usize = 7;
const DURATION: Duration = Duration::from_secs(2);

const WORKLOADS: [Workload; 4] = [
    Workload { name: "14 B, keep-alive", path: "/small", protocol: Protocol::KeepAlive },
    Workload { name: "10 KB, keep-alive", path: "/large", protocol: Protocol::KeepAlive },
    Workload { name: "14 B, a connection each", path: "/small", protocol: Protocol::Close },
    Workload { name: "14 B, HTTP/2", path: "/small", protocol: Protocol::Http2 },
];

/// What is asked for, and how.
#[derive(Debug, Clone, Copy)]
struct Workload {
    name: &'static str,
    /// Which answer, as `serving/answer.rs` has them.
    path: &'static str,
    protocol: Protocol,
}

/// What a server did in a turn.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Processor time for each request, in seconds.
    cost_s: f64,
    /// Requests in a second.
    rate: f64,
}

/// The three servers.
struct Servers<'a> {
    bench: &'a Bench<'a>,
    linked: PathBuf,
    plugin: PathBuf,
    cores: Cores,
}

/// Small and large answers, with and without keep-alive, and HTTP/2.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let servers = Servers::new(bench)?;
    let mut rows = Vec::new();
    for workload in WORKLOADS {
        let turns = servers.in_turns(workload)?;
        rows.extend(costs(workload, &turns));
        rows.extend(rates(workload, &turns));
    }
    Ok(rows)
}

impl<'a> Servers<'a> {
    fn new(bench: &'a Bench<'a>) -> Result<Self> {
        let linked = bench.directory.join("linked");
        let recipe = |prefix, kind, payload| Recipe {
            prefix,
            kind,
            payload,
            resources: vec![content::first()],
        };
        recipe(bench.programs.linked_server(), EntryPointKind::Linked, None).write(&linked)?;
        let plugin = bench.directory.join("plugin");
        let payload = Some(bench.programs.serving_plugin());
        recipe(bench.programs.dynamic_launcher(), EntryPointKind::Plugin, payload)
            .write(&plugin)?;
        Ok(Servers { bench, linked, plugin, cores: Cores::of_process()? })
    }

    /// Hyper, linked, plug-in, and the next time the other way round: what gets slower or faster
    /// all the while favours none of them.
    fn in_turns(&self, workload: Workload) -> Result<[Vec<Turn>; 3]> {
        let mut turns: [Vec<Turn>; 3] = Default::default();
        for number in 0..self.bench.effort.turns(TURNS) {
            let mut order = [0, 1, 2];
            if number % 2 == 1 {
                order.reverse();
            }
            for server in order {
                turns[server].push(self.turn(&mut self.command(server, workload), workload)?);
            }
        }
        Ok(turns)
    }

    fn command(&self, server: usize, workload: Workload) -> Command {
        let bundle = match server {
            0 => return self.hyper(workload.protocol),
            1 => &self.linked,
            _ => &self.plugin,
        };
        let mut command = Command::new(bundle);
        command.arg("--port=tcp:0:interface=127.0.0.1");
        command
    }

    fn hyper(&self, protocol: Protocol) -> Command {
        let mut command = Command::new(self.bench.programs.bare_server());
        if protocol == Protocol::Http2 {
            command.arg("http2");
        }
        command
    }

    /// Each turn has a process of its own: where its memory happens to lie makes a difference too.
    fn turn(&self, command: &mut Command, workload: Workload) -> Result<Turn> {
        let log = self.bench.directory.join("log");
        let server = self.cores.for_server(|| Server::start(command, &log))??;
        let url = format!("{}{}", server.url, workload.path);
        let before = cpu_time(server.pid())?;
        let load = Load::of(workload.protocol);
        let Answered { requests, rate, .. } = load.run(&url, DURATION, &self.cores)?;
        let spent = cpu_time(server.pid())? - before;
        Ok(Turn { cost_s: spent.as_secs_f64() / requests as f64, rate })
    }
}

fn costs(workload: Workload, [hyper, linked, plugin]: &[Vec<Turn>; 3]) -> [Row; 2] {
    let row = |name, turns, control, control_turns, limit| {
        let cost = |turns| Quantity::Time(median_of(turns, |turn| turn.cost_s));
        Row::new(format!("{}: {name}", workload.name), cost(turns))
            .against(control, cost(control_turns))
            .spread(ratios(turns, control_turns))
            .goal(Goal::Ratio(limit))
    };
    [
        row("linked", linked, "hyper", hyper, LINKED_LIMIT),
        row("plug-in", plugin, "linked", linked, PLUGIN_LIMIT),
    ]
}

fn rates(workload: Workload, [hyper, linked, plugin]: &[Vec<Turn>; 3]) -> [Row; 2] {
    let row = |name, turns, control, control_turns| {
        let rate = |turns| Quantity::Rate(median_of(turns, |turn| turn.rate));
        Row::new(format!("{}: {name}, rate", workload.name), rate(turns))
            .against(control, rate(control_turns))
    };
    [row("linked", linked, "hyper", hyper), row("plug-in", plugin, "linked", linked)]
}

fn median_of(turns: &[Turn], number: impl Fn(&Turn) -> f64) -> f64 {
    median(turns.iter().map(number).collect())
}

/// What the costs were as multiples of the control's, turn by turn.
fn ratios(turns: &[Turn], control: &[Turn]) -> Vec<f64> {
    turns.iter().zip(control).map(|(turn, control)| turn.cost_s / control.cost_s).collect()
}
