//! The least that an authorizer can do: every request may go on.
//!
//! The benchmark compares it with `hello`, so it does nothing that costs: what it is told goes with the instance.

#![expect(unsafe_code, reason = "what the bindings are made of")]

mod bindings {
    #![allow(clippy::all, clippy::pedantic, reason = "what the macro makes of the world")]

    wit_bindgen::generate!({ path: "../../../wit", world: "authorizer", generate_all });
}

use bindings::{
    exports::fcgi_wasm_host::handler::authorization::{Decision, Guest},
    fcgi_wasm_host::handler::cgi::Variable,
};

struct Permit;

bindings::export!(Permit with_types_in bindings);

impl Guest for Permit {
    fn authorize(variables: Vec<Variable>) -> Decision {
        std::mem::forget(variables);
        Decision::Allow(Vec::new())
    }
}
