//! The sandbox's PID 1: protocol (this library) and binary.
