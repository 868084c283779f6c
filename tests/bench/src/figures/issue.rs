//! How long it takes from the start of a process until there is a certificate.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use holdall_acme_tests::{Site, TLS_PORT};
use holdall_bundle::EntryPointKind;
use holdall_tests::tools;

use crate::{
    Bench,
    bundles::Recipe,
    content,
    measure::{self, median},
    report::{Goal, Quantity, Row},
};

/// What it may take, as a multiple of what lego takes.
const LIMIT: f64 = 1.3;

const TURNS: usize = 9;
const NAME: &str = "hello.example.com";

/// How long an authority on the same machine may take at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both ask the same authority over tls-alpn-01, each time with a new account.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let bundle = bench.directory.join("linked");
    let prefix = bench.programs.linked_server();
    let resources = vec![content::first()];
    Recipe { prefix, kind: EntryPointKind::Linked, payload: None, resources }.write(&bundle)?;
    let site = Site::new();
    let (mut ours, mut legos) = (Vec::new(), Vec::new());
    for turn in 0..=bench.effort.turns(TURNS) {
        let directory = bench.directory.join(format!("turn{turn}"));
        fs::create_dir(&directory)?;
        let times = [serve(&site, &bundle, &directory)?, lego(&site, &directory)?];
        // The first turn only warms up.
        if turn > 0 {
            ours.push(times[0]);
            legos.push(times[1]);
        }
    }
    let ratios = ours.iter().zip(&legos).map(|(ours, lego)| ours / lego).collect();
    let row = Row::new("start to the first certificate", Quantity::Time(median(ours)))
        .against("lego", Quantity::Time(median(legos)))
        .spread(ratios)
        .goal(Goal::Ratio(LIMIT));
    Ok(vec![row])
}

/// From the start of a bundle until the file of the name holds a certificate, in seconds.
fn serve(site: &Site, bundle: &Path, directory: &Path) -> Result<f64> {
    let certificates = directory.join("certificates");
    let mut command = Command::new(bundle);
    let url = format!("https\\://{}/dir", site.pebble.host().replace(':', "\\:"));
    let (address, ca) = (&site.address, site.scratch.path("ca.pem"));
    command.arg("--port").arg(format!(
        "acme:{}:directory={url}:ca={}:domains={NAME}:tcp:{TLS_PORT}:interface={address}",
        certificates.display(),
        ca.display()
    ));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut server = Running(command.spawn()?);
    let file = certificates.join(format!("{NAME}.pem"));
    while fs::metadata(&file).map_or(0, |file| file.len()) == 0 {
        ensure!(start.elapsed() < PATIENCE, "no certificate came");
        if let Some(status) = server.0.try_wait()? {
            bail!("{command:?} ended: {status}");
        }
        sleep(Duration::from_millis(1));
    }
    Ok(start.elapsed().as_secs_f64())
}

/// From its start to its end, in seconds.
fn lego(site: &Site, directory: &Path) -> Result<f64> {
    let mut command = Command::new(tools::path("lego"));
    let (listen, server) = (site.address.port(TLS_PORT).to_string(), site.pebble.host());
    command.env("LEGO_CA_CERTIFICATES", site.scratch.path("ca.pem"));
    command.args(["--server", &format!("https://{server}/dir"), "--accept-tos"]);
    command.args(["--email", "a@example.com", "--domains", NAME]).arg("--path");
    command.arg(directory.join("lego")).args(["--tls", "--tls.port", &listen, "run"]);
    command.stderr(Stdio::null());
    Ok(measure::run(&mut command)?.wall_s)
}

/// A server that ends with the value that stands for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already can't be ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
