//! Opens the endpoints on the command line, says what it got, and answers one connection on each.
//!
//! Standard output and input may be sockets that were passed, so all is said on standard error.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use holdall_endpoint::{Endpoint, Inherited, Listener, OpenSocket};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let endpoints = std::env::args().skip(1).map(|argument| argument.parse());
    let endpoints: Vec<Endpoint> = endpoints.collect::<Result<_, _>>()?;
    let mut inherited = Inherited::from_environment()?;
    let listeners: Vec<Listener> =
        endpoints.iter().map(|endpoint| endpoint.open(&mut inherited)).collect::<Result<_, _>>()?;
    for listener in &listeners {
        eprintln!("{} {}", listener.name(), listener.url());
    }
    for name in inherited.unused() {
        eprintln!("unused {name}");
    }
    eprintln!("ready");
    listeners.into_iter().try_for_each(answer)
}

fn answer(listener: Listener) -> Result<(), Box<dyn Error>> {
    let name = listener.name().to_owned();
    match listener.into_socket() {
        OpenSocket::Tcp(socket) => socket.accept()?.0.write_all(name.as_bytes())?,
        OpenSocket::Unix(socket, _path) => socket.accept()?.0.write_all(name.as_bytes())?,
        _ => std::io::stdout().write_all(name.as_bytes())?,
    }
    Ok(())
}
