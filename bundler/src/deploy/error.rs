//! What can't be deployed.

use crate::listening::ListeningError;
use holdall_bundle::ExitCode;

/// Why nothing can be written for a target.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// Its arguments don't tell where it listens.
    #[error(transparent)]
    Listening(#[from] ListeningError),
    /// No name that objects of Kubernetes may have (RFC 1035, section 2.3.1).
    #[error(
        "{name:?} can't be the name of a service: give --name, of a-z, 0-9 and -, 63 at most, a letter first"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Nothing is known that others could connect to.
    #[error("no endpoint is a TCP port that other hosts can reach: give --expose PORT")]
    NoPort,
    /// The probes of Kubernetes can't ask there.
    #[error(
        "--admin {endpoint} can't be asked from outside the container in plain HTTP: take a port, as --arg --admin=9090"
    )]
    Admin {
        /// The endpoint.
        endpoint: String,
    },
    /// Two endpoints at one port.
    #[error("port {port} is taken twice")]
    Twice {
        /// The port.
        port: u16,
    },
    /// The directory of certificates can't be in a volume.
    #[error(
        "{path} has to lie in a directory that can be a volume, as /var/lib/NAME/certs does: the \
         root of a volume is open to its group, and a directory of certificates must not be"
    )]
    Directory {
        /// The directory.
        path: String,
    },
}

impl DeployError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Listening(error) => error.exit_code(),
            _ => ExitCode::Usage,
        }
    }
}
