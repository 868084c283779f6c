//! Endpoint strings (tcp:8080) and the listeners they open
