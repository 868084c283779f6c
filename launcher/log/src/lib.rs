//! What a server tells its operator: lines on stderr or in a file, as text or JSON.
