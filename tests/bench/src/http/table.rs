//! What was measured, in two tables: the cost with its goals, and all the rest.

use crate::{
    markdown,
    report::{Quantity, Verdict},
};

use super::{Measured, peers::Peer, turns::Medians};

/// Prints both, and how many goals were reached.
pub fn print(measured: &[Measured]) {
    const COSTS: [&str; 9] =
        ["cell", "holdall", "nginx", "Caddy", "hyper", "to nginx", "goal", "to hyper", "goal"];
    const REST: [&str; 6] = ["cell", "server", "rate", "p50", "p99", "RSS"];
    markdown::print("Processor time of the server", &COSTS, measured.iter().map(costs).collect());
    markdown::print("Rate, latency, memory", &REST, measured.iter().flat_map(rest).collect());
    let verdicts = measured
        .iter()
        .flat_map(|measured| [Peer::Nginx, Peer::Hyper].map(|peer| measured.verdict(peer)));
    let verdicts: Vec<Verdict> = verdicts.collect();
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    println!("\n{} goals reached, {} missed", count(Verdict::Pass), count(Verdict::Miss));
}

fn costs(measured: &Measured) -> Vec<String> {
    let cost = |peer| measured.quantity(peer).map(|cost| cost.to_string());
    let mut fields = vec![measured.cell.title.to_owned()];
    fields.extend(Peer::ALL.map(|peer| cost(peer).unwrap_or_default()));
    for peer in [Peer::Nginx, Peer::Hyper] {
        fields.push(measured.ratio(peer).map(|ratio| format!("{ratio:.2}x")).unwrap_or_default());
        fields.push(match measured.goal(peer) {
            Some(goal) => format!("<= {goal:.2} {}", measured.verdict(peer)),
            None => String::new(),
        });
    }
    fields
}

fn rest(measured: &Measured) -> Vec<Vec<String>> {
    let fields = |medians: &Medians| {
        let text = |number: Option<f64>, quantity: fn(f64) -> Quantity| {
            number.map(|number| quantity(number).to_string()).unwrap_or_default()
        };
        vec![
            measured.cell.title.to_owned(),
            medians.peer.name().to_owned(),
            text(medians.rate, Quantity::Rate),
            text(medians.p50_s, Quantity::Time),
            text(medians.p99_s, Quantity::Time),
            text(medians.resident_bytes, |bytes| Quantity::Size(bytes as u64)),
        ]
    };
    measured.peers.iter().map(fields).collect()
}
