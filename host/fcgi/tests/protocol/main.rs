//! The application's side of the protocol, byte by byte, and both sides against each other.

mod bad_inputs;
mod conformance;
mod joined;
mod properties;
mod wire;
