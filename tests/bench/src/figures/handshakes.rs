//! What a TLS handshake costs with one certificate in the directory, and with ten thousand.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context, Result};
use holdall_bundle::EntryPointKind;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, client::Resumption, pki_types::ServerName,
};

use crate::{
    Bench,
    bundles::Recipe,
    content,
    cores::Cores,
    measure::{cpu_time, median},
    report::{Goal, Quantity, Row},
    server::Server,
};

/// What a handshake among many certificates may cost, as a multiple of one with a single one.
const LIMIT: f64 = 1.05;

const CERTIFICATES: usize = 10_000;
const TURNS: usize = 9;
const HANDSHAKES: usize = 500;

/// Both servers, and a client that trusts them.
struct Servers {
    one: Server,
    many: Server,
    client: Arc<ClientConfig>,
    cores: Cores,
}

/// New connections only: no session is resumed.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let servers = Servers::start(bench)?;
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for turn in 0..=bench.effort.turns(TURNS) {
        let costs =
            [servers.cost(&servers.one, 1, turn)?, servers.cost(&servers.many, 9_973, turn)?];
        // The first turn only warms up.
        if turn > 0 {
            one.push(costs[0]);
            many.push(costs[1]);
        }
    }
    let ratios = many.iter().zip(&one).map(|(many, one)| many / one).collect();
    let row = Row::new("one of 10,000 certificates", Quantity::Time(median(many)))
        .against("the only one", Quantity::Time(median(one)))
        .spread(ratios)
        .goal(Goal::Ratio(LIMIT));
    Ok(vec![row])
}

impl Servers {
    fn start(bench: &Bench) -> Result<Self> {
        let bundle = bench.directory.join("linked");
        let prefix = bench.programs.linked_server();
        let resources = vec![content::first()];
        Recipe { prefix, kind: EntryPointKind::Linked, payload: None, resources }.write(&bundle)?;
        let authority = authority()?;
        let cores = Cores::of_process()?;
        let start = |name: &str, count| {
            let directory = bench.directory.join(name);
            fill(&directory, &authority, count)?;
            let mut command = Command::new(&bundle);
            let endpoint = format!("tls:path={}:tcp:0:interface=127.0.0.1", directory.display());
            command.args(["--port", &endpoint]);
            cores.for_server(|| Server::start(&mut command, &bench.directory.join("log")))?
        };
        let (one, many) = (start("one", 1)?, start("many", CERTIFICATES)?);
        Ok(Servers { one, many, client: client(&authority)?, cores })
    }

    /// Processor time of the server for one handshake, in seconds; `step` leads from one name to
    /// the next so that none is asked for twice in a turn.
    fn cost(&self, server: &Server, step: usize, turn: usize) -> Result<f64> {
        let address = server.url.rsplit('/').next().context("an address")?;
        let count = if step == 1 { 1 } else { CERTIFICATES };
        let before = cpu_time(server.pid())?;
        self.cores.for_load(|| -> Result<()> {
            for number in 0..HANDSHAKES {
                shake_hands(&self.client, address, (turn * HANDSHAKES + number) * step % count)?;
            }
            Ok(())
        })??;
        Ok((cpu_time(server.pid())? - before).as_secs_f64() / HANDSHAKES as f64)
    }
}

fn shake_hands(client: &Arc<ClientConfig>, address: &str, number: usize) -> Result<()> {
    let name = ServerName::try_from(host(number))?;
    let mut connection = ClientConnection::new(Arc::clone(client), name)?;
    let mut socket = TcpStream::connect(address)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(())
}

fn host(number: usize) -> String {
    format!("host{number}.example")
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn fill(
    directory: &Path,
    authority: &CertifiedIssuer<'static, KeyPair>,
    count: usize,
) -> Result<()> {
    fs::create_dir(directory)?;
    for number in 0..count {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec![host(number)])?;
        let certificate = params.signed_by(&key, authority)?;
        let path: PathBuf = directory.join(format!("{}.pem", host(number)));
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        std::io::Write::write_all(
            &mut file,
            format!("{}{}", key.serialize_pem(), certificate.pem()).as_bytes(),
        )?;
    }
    Ok(())
}

fn client(authority: &CertifiedIssuer<'static, KeyPair>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}
