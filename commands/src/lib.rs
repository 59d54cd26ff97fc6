//! Executes a command: read, decide, append.
