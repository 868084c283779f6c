//! What the nursery does all its life: waits for servers to ask, for children to end, for signals.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};

use super::call::Call;
use super::hooks::Hooks;
use super::message::{self, Reply, Request};
use super::program::{Offspring, Program};
use crate::system::{self, Received, Signals};

/// What the signals are that a nursery does not let do what they do by default.
pub(super) const SIGNALS: [i32; 7] = [
    libc::SIGCHLD,
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
];

/// The exit code after a mistake of ours (`EX_SOFTWARE`).
const INTERNAL: u8 = 70;

/// What a nursery is to the server that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Its child, for as long as it lives.
    Beside,
    /// The process with PID 1: the parent of all servers, and of all orphans.
    Init,
}

/// The state of a nursery.
#[derive(Debug)]
pub(super) struct Keeper {
    role: Role,
    program: Program,
    hooks: Hooks,
    signals: Signals,
    /// From the oldest to the youngest. Beside a server, that one is the first.
    servers: Vec<Server>,
    /// How the youngest server that served has ended, and which it was.
    ended: Option<(usize, u8)>,
    started: usize,
}

#[derive(Debug)]
struct Server {
    number: usize,
    pid: Pid,
    /// Where it asks for things; `None` if it does not any more.
    socket: Option<OwnedFd>,
    /// The sockets for its successor, with their names.
    offered: Vec<(String, OwnedFd)>,
    /// It has said that it serves.
    is_up: bool,
}

impl Keeper {
    /// Turns this process into the nursery of the server at the other end of `socket`.
    pub(super) fn take_over(
        role: Role,
        program: Program,
        hooks: Hooks,
        signals: Signals,
        server: Pid,
        socket: OwnedFd,
    ) -> ! {
        let run = || {
            name_process(&program);
            system::close_all_but(&[signals.as_fd().as_raw_fd(), socket.as_raw_fd()])?;
            let servers = Vec::new();
            let mut keeper =
                Self { role, program, hooks, signals, servers, ended: None, started: 0 };
            keeper.add(server, Some(socket)).is_up = true;
            keeper.run()
        };
        // A panic must not lead back into the code of the server.
        let code = panic::catch_unwind(AssertUnwindSafe(run));
        system::leave(code.unwrap_or(Ok(INTERNAL)).unwrap_or(INTERNAL))
    }

    fn run(&mut self) -> io::Result<u8> {
        while !self.is_over() {
            for index in self.wait()? {
                self.serve(index);
            }
            while let Some(signal) = self.signals.next() {
                match signal.number {
                    libc::SIGCHLD => self.reap(),
                    _ => self.forward(signal),
                }
            }
            // After the signals: what has ended by itself was not late.
            self.hooks.kill_late();
        }
        Ok(self.ended.map_or(0, |(_, code)| code))
    }

    fn is_over(&self) -> bool {
        match self.role {
            // A hook may change what others rely on, so it is not left without an end or a limit.
            Role::Beside => {
                self.servers.iter().all(|server| server.socket.is_none()) && self.hooks.is_idle()
            }
            // The kernel ends all others with PID 1.
            Role::Init => self.servers.is_empty(),
        }
    }

    /// Waits for anything to happen, and returns which servers ask.
    fn wait(&self) -> io::Result<Vec<usize>> {
        let asking = self.servers.iter().enumerate();
        let asking = asking.filter_map(|(index, server)| Some((index, server.socket.as_ref()?)));
        let (indices, sockets): (Vec<_>, Vec<_>) = asking.unzip();
        let all = sockets.into_iter().map(AsFd::as_fd).chain([self.signals.as_fd()]);
        let mut all: Vec<_> =
            all.map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)).collect();
        rustix::io::retry_on_intr(|| poll(&mut all, self.hooks.patience().as_ref()))?;
        let ready = indices.into_iter().zip(&all);
        Ok(ready.filter(|(_, file)| !file.revents().is_empty()).map(|(index, _)| index).collect())
    }

    /// Does what one server asks for. One that does not keep to the protocol is not heard again.
    fn serve(&mut self, index: usize) {
        let served = self.servers[index].receive().and_then(|(request, descriptors)| {
            match request {
                Request::Offer(names) => {
                    self.servers[index].offered.extend(names.into_iter().zip(descriptors));
                }
                Request::Spawn => return self.spawn(index),
                Request::Kill(pid) => self.kill(index, pid),
                Request::Up => self.servers[index].is_up = true,
                Request::Hook(call) => return self.run_hook(index, &call),
            }
            Ok(())
        });
        if served.is_err() {
            self.servers[index].socket = None;
        }
    }

    fn spawn(&mut self, index: usize) -> io::Result<()> {
        let offered = std::mem::take(&mut self.servers[index].offered);
        let spawned = self.program.spawn(&offered, self.role);
        match spawned {
            Ok(Offspring { pid, ready, socket }) => {
                self.add(pid, socket);
                self.servers[index].reply(&Reply::Spawned(pid), &[ready.as_fd()])
            }
            Err(error) => self.servers[index].reply(&error.to_reply(), &[]),
        }
    }

    fn run_hook(&mut self, index: usize, call: &Call) -> io::Result<()> {
        match self.hooks.start(call, &self.program) {
            Ok(pipe) => self.servers[index].reply(&Reply::Running, &[pipe.as_fd()]),
            Err(reply) => self.servers[index].reply(&reply, &[]),
        }
    }

    /// Kills a younger server. That it is in the list means that it was not waited for yet, and so
    /// that no other process has its number.
    fn kill(&self, index: usize, pid: Pid) {
        if self.servers[index + 1..].iter().any(|server| server.pid == pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    fn add(&mut self, pid: Pid, socket: Option<OwnedFd>) -> &mut Server {
        let number = self.started;
        self.started += 1;
        self.servers.push(Server { number, pid, socket, offered: Vec::new(), is_up: false });
        self.servers.last_mut().expect("it was just added")
    }

    /// Waits for all children that have ended, orphans of others too.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            self.hooks.reap(pid, status);
            let Some(index) = self.servers.iter().position(|server| server.pid == pid) else {
                continue;
            };
            let ended = self.servers.remove(index);
            // A successor that never served says nothing about how the service ended.
            if ended.is_up && self.ended.is_none_or(|(number, _)| number < ended.number) {
                self.ended = Some((ended.number, code_of(status)));
            }
        }
    }

    /// As PID 1, passes a signal on: what ends the service to all servers, the rest to the current.
    fn forward(&self, signal: Received) {
        // From a terminal, the servers got it as well.
        if self.role == Role::Beside || signal.from_terminal {
            return;
        }
        let Some(number) = Signal::from_named_raw(signal.number) else { return };
        let ends = [Signal::INT, Signal::QUIT, Signal::TERM].contains(&number);
        let current = self.servers.iter().rfind(|server| server.is_up);
        let all = self.servers.iter().filter(|_| ends);
        for server in all.chain(current.filter(|_| !ends)) {
            let _ = kill_process(server.pid, number);
        }
    }
}

impl Server {
    fn receive(&self) -> io::Result<(Request, Vec<OwnedFd>)> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let received = message::receive(socket)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let request = Request::parse(&received.0).ok_or(io::ErrorKind::InvalidData)?;
        Ok((request, received.1))
    }

    fn reply(&self, reply: &Reply, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        message::send(socket, &reply.to_text(), descriptors)
    }
}

/// As a shell says it: the exit code, or 128 and the number of the signal.
fn code_of(status: WaitStatus) -> u8 {
    let signal = status.terminating_signal().map(|number| 128 + number);
    let code = status.exit_status().or(signal).unwrap_or(INTERNAL.into());
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// What ps(1) shows: at most 15 bytes.
fn name_process(program: &Program) {
    let file = program.path().file_name().unwrap_or_default().as_encoded_bytes();
    let name = [&file[..file.len().min(7)], b" nursery"].concat();
    if let Ok(name) = std::ffi::CString::new(name) {
        let _ = rustix::thread::set_name(&name);
    }
}
