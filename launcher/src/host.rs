//! Hosting a service, in the order that safety asks for: what needs rights comes first, then the
//! rights are given up, and only then the service's own code runs.

use std::{num::NonZero, sync::Arc};

use holdall_bundle::ExitCode;
use holdall_certificates::Certificates;
use holdall_endpoint::{Endpoint, Inherited, Listener, Tls};
use holdall_log::Log;
use holdall_process::{
    Nursery, Predecessor, find_hosts_without_modules, limits::raise_file_limit, notify::Notify,
};
use holdall_service::{
    AccessLog, Admin, Binding, BoxService, BuildInfo, Ended, Readiness, Role, Server, chain,
    http_challenges, redirect,
};
use tokio::runtime::Builder;

use crate::{
    check, confinement,
    failure::Failure,
    lifecycle::Life,
    options::{Logs, Options},
    reload,
    tending::{self, Ready, Wanted},
    upgrade::Sockets,
};

/// The program that hosts a service.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub name: String,
    pub version: String,
    /// A program that was not bundled yet is in development, and opens what it likes.
    pub is_bundled: bool,
}

/// Serves on all endpoints until a signal ends it.
pub(crate) fn serve(
    program: &Program,
    options: &Options,
    start: impl FnOnce() -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    let mut predecessor = Predecessor::from_environment();
    let ended = host(program, options, &mut predecessor, start);
    if let (Err(failure), Some(predecessor)) = (&ended, predecessor) {
        // It may have gone meanwhile.
        let _ = predecessor.failed(&chain(failure));
    }
    match ended? {
        Ended::Drained => tracing::debug!("all requests were answered"),
        Ended::Cut { connections } => tracing::warn!(connections, "cut"),
    }
    Ok(ExitCode::Success)
}

fn host(
    program: &Program,
    options: &Options,
    predecessor: &mut Option<Predecessor>,
    start: impl FnOnce() -> Result<BoxService, Failure>,
) -> Result<Ended, Failure> {
    let log = Log::start(&program.name, options.logs.settings())?;
    let files = raise_file_limit().map_err(Failure::FileLimit)?;
    let mut open = Open::all(options)?;
    let notify = Notify::from_environment();
    let wanted = Wanted::of(options)?;
    // This fails where the nursery does, and that says why.
    let _ = find_hosts_without_modules();
    let nursery = Arc::new(Nursery::start(wanted.hooks())?);
    let server = Server {
        limits: options.limits.for_server(files),
        grace_period: options.lifecycle.grace_period,
        ..Server::default()
    };
    // The limit on processor time that a container has can't be read any more afterwards.
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    confinement::become_user(&options.lifecycle)?;
    let tended = wanted.prepare(&open.listeners(), &nursery)?;
    tending::make_empty_files(&options.empty_files)?;
    open.take_certificates(&tended);
    if program.is_bundled {
        confinement::close_in(options, &open.certificates(), &tended)?;
    }
    let service = start()?;
    // Several threads, not one: a service that blocks or computes must not hold up the others.
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(workers).enable_all().build().map_err(Failure::Runtime)?;
    let listeners = open.public.iter_mut().chain(&mut open.admin);
    let sockets = Sockets::of(listeners.map(|opened| &mut opened.listener));
    let sockets = sockets.map_err(Failure::Runtime)?;
    let life = Life {
        server: Server { access_log: access_log(&options.logs, &log)?, ..server },
        log,
        certificates: open.certificates(),
        tending: Arc::new(tended.start()?),
        readiness: Arc::new(Readiness::new(["starting"])),
        notify,
        nursery,
        predecessor: predecessor.take(),
        sockets,
        upgrade_timeout: options.lifecycle.upgrade_timeout,
    };
    // Watching starts threads, which must not have more rights than the rest.
    let watchers = open.certificates().iter().map(Certificates::watch).collect::<Vec<_>>();
    let ended = runtime.block_on(life.run(|life, shutdown| {
        let service = match options.live_reload {
            true => reload::live(service, shutdown),
            false => service,
        };
        open.bind(program, life, &service)
    }));
    // Work that was cut off may block for ever, and must not keep the process.
    runtime.shutdown_background();
    drop(watchers);
    ended
}

/// The endpoints, open.
struct Open {
    public: Vec<Opened>,
    admin: Option<Opened>,
}

struct Opened {
    listener: Listener,
    certificates: Option<Certificates>,
}

impl Open {
    fn all(options: &Options) -> Result<Self, Failure> {
        let mut inherited = Inherited::from_environment()?;
        let public = options.endpoints.iter().map(|endpoint| open(endpoint, &mut inherited));
        let public = public.collect::<Result<_, _>>()?;
        let admin = options.admin.iter().map(|endpoint| open(endpoint, &mut inherited)).next();
        let admin = admin.transpose()?;
        let unused: Vec<_> = inherited.unused().collect();
        if !unused.is_empty() {
            tracing::warn!(names = unused.join(", "), "descriptors that no endpoint asks for");
        }
        Ok(Self { public, admin })
    }

    fn each(&self) -> impl Iterator<Item = &Opened> {
        self.public.iter().chain(&self.admin)
    }

    fn listeners(&self) -> Vec<&Listener> {
        self.each().map(|opened| &opened.listener).collect()
    }

    /// The certificates that were not there before an authority was to be asked for them.
    fn take_certificates(&mut self, tended: &Ready) {
        for opened in self.public.iter_mut().chain(&mut self.admin) {
            let found = tended.certificates(&opened.listener.endpoint);
            opened.certificates = opened.certificates.take().or(found);
        }
    }

    fn certificates(&self) -> Vec<Certificates> {
        self.each().filter_map(|opened| opened.certificates.clone()).collect()
    }

    /// What answers where; tells each address.
    fn bind(self, program: &Program, life: &Life, service: &BoxService) -> Vec<Binding> {
        let certificates = self.certificates();
        let challenges = certificates.iter().filter_map(Certificates::challenges).cloned();
        let (challenges, metrics) = (challenges.collect::<Vec<_>>(), &life.server.metrics);
        let mut bindings = Vec::new();
        for Opened { listener, certificates } in self.public {
            tracing::info!("serving on {}", listener.url());
            let service = match &listener.endpoint.redirect {
                Some(to) => redirect(to.port.get()),
                None => service.clone(),
            };
            let service = match &listener.endpoint.tls {
                // Authorities ask in clear text, before any redirect.
                None => http_challenges(challenges.clone(), Arc::clone(metrics), service),
                Some(_) => service,
            };
            bindings.push(Binding { listener, certificates, service, role: Role::Public });
        }
        let ends = move || {
            let list = certificates.iter().flat_map(Certificates::list);
            list.map(|certificate| (certificate.names, certificate.not_after)).collect()
        };
        let tending = Arc::clone(&life.tending);
        let tended = move || tending.tended();
        if let Some(Opened { listener, certificates }) = self.admin {
            tracing::info!("admin on {}", listener.url());
            let service = Admin {
                metrics: Arc::clone(&life.server.metrics),
                readiness: Arc::clone(&life.readiness),
                build: BuildInfo { name: program.name.clone(), version: program.version.clone() },
                certificates: Box::new(ends),
                tended: Box::new(tended),
            };
            let service = service.into_service();
            bindings.push(Binding { listener, certificates, service, role: Role::Admin });
        }
        bindings
    }
}

fn open(endpoint: &Endpoint, inherited: &mut Inherited) -> Result<Opened, Failure> {
    // Before the socket: a certificate that can't be used is told before clients come.
    let load = |tls: &Tls| Certificates::load(check::source(tls));
    let files = endpoint.tls.as_ref().filter(|tls| !matches!(tls, Tls::Acme(_)));
    let certificates = files.map(load).transpose()?;
    Ok(Opened { listener: endpoint.open(inherited)?, certificates })
}

fn access_log(logs: &Logs, log: &Log) -> Result<Option<AccessLog>, Failure> {
    let Some(format) = logs.access_format() else { return Ok(None) };
    AccessLog::start(format, log.lines()).map(Some).map_err(Failure::Runtime)
}
