//! What was measured, in two tables: the cost with its goals, and all the rest.

use crate::{
    markdown,
    report::{Quantity, Verdict},
};

use super::{Measured, peers::Peer, turns::Course};

/// What the goals are about.
const CONTROLS: [Peer; 2] = [Peer::Nginx, Peer::Hyper];

/// Prints both, and how many goals were reached.
pub fn print(measured: &[Measured]) {
    const COSTS: [&str; 9] =
        ["cell", "holdall", "nginx", "Caddy", "hyper", "to nginx", "goal", "to hyper", "goal"];
    const REST: [&str; 6] = ["cell", "server", "rate", "p50", "p99", "RSS"];
    markdown::print("Processor time of the server", &COSTS, measured.iter().map(costs).collect());
    markdown::print("Rate, latency, memory", &REST, measured.iter().flat_map(rest).collect());
    let verdicts = |measured: &Measured| CONTROLS.map(|peer| measured.verdict(peer));
    let verdicts: Vec<Verdict> = measured.iter().flat_map(verdicts).collect();
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    println!("\n{} goals reached, {} missed", count(Verdict::Pass), count(Verdict::Miss));
}

fn costs(measured: &Measured) -> Vec<String> {
    let cost = |peer| measured.cost(peer).map(|cost| cost.to_string()).unwrap_or_default();
    let mut fields = vec![measured.cell.title.to_owned()];
    fields.extend(Peer::ALL.map(cost));
    for peer in CONTROLS {
        let ratio = measured.ratio(peer);
        let ratio =
            ratio.map(|[ratio, least, most]| format!("{ratio:.2}x ({least:.2} to {most:.2})"));
        let goal = measured.goal(peer);
        let goal = goal.map(|goal| format!("<= {goal:.2} {}", measured.verdict(peer)));
        fields.extend([ratio.unwrap_or_default(), goal.unwrap_or_default()]);
    }
    fields
}

fn rest(measured: &Measured) -> Vec<Vec<String>> {
    measured.courses.iter().map(|course| row(measured, course)).collect()
}

fn row(measured: &Measured, course: &Course) -> Vec<String> {
    let text = |quantity: Option<Quantity>| quantity.map(|quantity| quantity.to_string());
    let numbers = [
        course.median(|turn| turn.rate).map(Quantity::Rate),
        course.median(|turn| Some(turn.latency?.p50_s)).map(Quantity::Time),
        course.median(|turn| Some(turn.latency?.p99_s)).map(Quantity::Time),
        course
            .median(|turn| Some(turn.resident_bytes? as f64))
            .map(|bytes| Quantity::Size(bytes as u64)),
    ];
    let names = [measured.cell.title, course.peer.name()].map(str::to_owned);
    names.into_iter().chain(numbers.map(|number| text(number).unwrap_or_default())).collect()
}
