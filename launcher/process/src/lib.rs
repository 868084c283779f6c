//! What a server is to the system: limits, user, sandbox, upgrade, systemd.
//!
//! A server begins with rights that it needs only once, such as to bind a port or to read a key,
//! and gives them up before it runs code of its service. The parts of this package depend on each
//! other in this order; all of them are called by the only thread, before the runtime starts:
//!
//! 1. [`Predecessor::from_environment`]: first of all, so that an old server that waits for this
//!    one can be told every error.
//! 2. [`raise_file_limit`](limits::raise_file_limit).
//! 3. Open all that a path or a right is needed for: endpoints, certificates, log files.
//! 4. [`Notify::from_environment`](notify::Notify::from_environment): the path of the manager's
//!    socket can't be opened later.
//! 5. [`Nursery::start`]: a copy of the process that keeps the rights, for hooks and the next
//!    upgrade.
//! 6. [`Identity::assume`](identity::Identity::assume), as another user may not be assumed from
//!    inside of the sandbox.
//! 7. [`Sandbox::close`](sandbox::Sandbox::close). From here on, threads may be started.
//! 8. [`Predecessor::ready`] and [`Notify::ready`](notify::Notify::ready), when it serves.
//!
//! ```no_run
//! use holdall_process::identity::Identity;
//! use holdall_process::limits::raise_file_limit;
//! use holdall_process::notify::Notify;
//! use holdall_process::sandbox::Sandbox;
//! use holdall_process::{Nursery, Outcome, Predecessor};
//! use std::net::TcpListener;
//! use std::os::fd::AsFd;
//! use std::time::Duration;
//!
//! let predecessor = Predecessor::from_environment();
//! raise_file_limit()?;
//! // A successor takes the socket that it was passed instead: sd_listen_fds(3).
//! let listener = TcpListener::bind("[::]:80")?;
//! let notify = Notify::from_environment();
//! let nursery = Nursery::start(Vec::new())?;
//! Identity::find(Some("www-data"), None)?.assume()?;
//! Sandbox { read: vec!["/etc/ssl/hello".into()], write: vec![] }.close()?;
//! // Start the runtime, serve on the listener.
//! if let Some(predecessor) = predecessor {
//!     predecessor.ready(&nursery)?;
//! }
//! notify.ready();
//!
//! // When an upgrade is asked for:
//! let successor = nursery.spawn(&[("tcp.80", listener.as_fd())])?;
//! match successor.wait_ready(Duration::from_secs(60))? {
//!     Some(Outcome::Ready) => notify.main_pid(successor.pid()), // and drain
//!     Some(Outcome::Failed { reason }) => eprintln!("the new one does not start: {reason}"),
//!     Some(Outcome::Ended) => eprintln!("the new one has ended"),
//!     None => nursery.kill(&successor)?,
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Upgrades
//!
//! A server that dropped its privileges and closed itself in can't start its successor: it may not
//! execute anything, and the successor has to bind ports and read keys. So before it gives all
//! that up it forks. One of the two processes stays as it is, the nursery, and does one thing
//! only: it executes the file that is now at the path of the program, with the same arguments,
//! environment and directory, and with the sockets that the server sends.
//!
//! ```text
//!                    usual                             as PID 1
//!
//!            server ──── socket ─── nursery      nursery (PID 1)
//!                                      │            │         │
//!            successor ◄── starts ─────┘          server   successor
//!              │                                  each with a socket to it
//!              └─ its own nursery
//! ```
//!
//! Usually the nursery is a child of the server, and ends with it; the successor makes its own. The
//! first process of a container must outlive every server, so there it is the nursery, and the
//! server is its child. It waits for orphans, and passes `TERM`, `INT` and `QUIT` on to all
//! servers, `HUP`, `USR1` and `USR2` to the youngest that is ready. When the last server has
//! ended, it ends as the current one did: with its exit code, or 128 and the number of the signal.
//!
//! What the successor gets: the sockets as sd_listen_fds(3) says, from descriptor 3 on; a pipe
//! (`HOLDALL_READY_FD`) on which it says `ready`, or why it does not start; and under PID 1 its
//! socket to the nursery (`HOLDALL_NURSERY_FD`). No other descriptors but the standard streams, no
//! signal ignored or blocked.
//!
//! # Hooks
//!
//! What else a server may not do inside of its sandbox, such as to change a record in the DNS, a
//! program of the operator's can do for it: [`Nursery::run_hook`]. The nursery runs it, with the
//! rights that the service was started with: where that is root and the server another user, a hook
//! runs as root. It executes only the files that were named at its start, as nobody else but the
//! operator then had a say; but whoever takes the server over chooses their arguments. So neither a
//! hook nor its directory may be writable for the user of the server, or in what its sandbox lets it
//! write.
//!
//! A hook has a session and process group of its own, which is killed as a whole when its time is
//! over, and no signal for the service reaches it. It runs to its end if the server ends, and the
//! nursery beside it waits; only the end of PID 1 ends all hooks.

pub mod environment;
mod fdname;
mod handed;
pub mod identity;
pub mod limits;
pub mod notify;
mod nursery;
mod predecessor;
pub mod sandbox;
mod system;
mod threads;

pub use nursery::{HOOK_LIMIT, HookError, Nursery, NurseryError, Outcome, SpawnError, Successor};
pub use predecessor::Predecessor;
pub use threads::ThreadsError;
