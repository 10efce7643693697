//! The checklist of docs/conformance.md, line by line, over a real socket against the real program.
//!
//! A test is named after its line. Lines that a story elsewhere tells in full have that one in the table instead.

mod management;
mod pairs;
mod records;
mod requests;
mod responses;
mod roles;
mod table;

use tests::{TestHost, guest};

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).start()
}
