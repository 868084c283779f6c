//! What a server is to the system: limits, user, sandbox, upgrade, systemd.
