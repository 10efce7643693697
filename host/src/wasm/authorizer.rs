//! Handlers that export our interface `authorization`: a request's variables in, a decision out.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, response::Parts};
use wasmtime::component::InstancePre;

use super::{
    bindings::authorizer::{
        AuthorizerPre,
        exports::fcgi_wasm_host::handler::authorization::{self, Denial},
    },
    fault::Fault,
    sandbox::Sandbox,
    store::{HEADER_BYTES, State, Stderr},
};
use crate::request::Variables;

/// A component that decides, ready to run.
pub(super) struct Authorizer {
    component: AuthorizerPre<State>,
    sandbox: Sandbox,
}

/// What an authorizer decided: valid, and ready to be sent.
#[derive(Debug)]
pub enum Decision {
    /// The web server may go on, and is told these variables.
    Allow(Vec<(String, Vec<u8>)>),
    /// The client gets this instead.
    Deny(Box<Parts>, Bytes),
}

impl Authorizer {
    /// Takes a component whose imports are linked.
    pub(super) fn new(component: InstancePre<State>, sandbox: Sandbox) -> wasmtime::Result<Self> {
        Ok(Self { component: AuthorizerPre::new(component)?, sandbox })
    }

    /// What [`Handler::authorize`](super::Handler::authorize) promises.
    pub(super) async fn authorize(&self, variables: Variables, stderr: Stderr) -> Result<Decision, Fault> {
        let told: Vec<_> = variables
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, value)))
            .collect();
        let store = || self.sandbox.store(variables.clone(), stderr.clone());
        let (mut store, started) = self.sandbox.start(&self.component, store).await;
        let decided = match started {
            Ok(authorizer) => {
                authorizer.fcgi_wasm_host_handler_authorization().call_authorize(&mut store, &told).await
            }
            Err(error) => Err(error),
        };
        checked(decided.map_err(|error| self.sandbox.fault(&error, &store))?)
    }
}

fn checked(decision: authorization::Decision) -> Result<Decision, Fault> {
    match decision {
        authorization::Decision::Allow(variables) => {
            bounded(&variables)?;
            variables.iter().try_for_each(|(name, value)| variable(name, value))?;
            Ok(Decision::Allow(variables))
        }
        authorization::Decision::Deny(denial) => denied(denial),
    }
}

/// Web servers read the variables out of headers, and some give up on long ones.
fn bounded(pairs: &[(String, Vec<u8>)]) -> Result<(), Fault> {
    let bytes = pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if bytes > HEADER_BYTES {
        return Err(Fault::Response(format!(
            "names and values of {bytes} bytes are longer than {HEADER_BYTES}"
        )));
    }
    Ok(())
}

/// A name and a value that arrive as they are given (FastCGI §6.3, RFC 9110 §5.1 and §5.5).
fn variable(name: &str, value: &[u8]) -> Result<(), Fault> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Fault::Response(format!("{name:?} cannot be the name of a variable")))?;
    HeaderValue::from_bytes(value)
        .map_err(|_| Fault::Response(format!("the variable {name} has a control character in its value")))?;
    Ok(())
}

fn denied(Denial { status, headers, body }: Denial) -> Result<Decision, Fault> {
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.is_redirection() || status.is_client_error() || status.is_server_error())
        .ok_or_else(|| {
            Fault::Response(format!("the status {status} is not that of a denial (300 to 599)"))
        })?;
    bounded(&headers)?;
    let (mut parts, body) = Response::new(Bytes::from(body)).into_parts();
    parts.status = status;
    for (name, value) in headers {
        let invalid = |_| Fault::Response(format!("{name:?} cannot be a header with that value"));
        let value = HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(invalid)?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Fault::Response(format!("{name:?} cannot be the name of a header")))?;
        parts.headers.append(name, value);
    }
    Ok(Decision::Deny(Box::new(parts), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, Vec<u8>) {
        (name.to_owned(), value.as_bytes().to_vec())
    }

    #[test]
    fn variables_that_would_not_arrive_are_refused() {
        let check = |name: &str, value: &str, expected: bool| {
            let decision = authorization::Decision::Allow(vec![pair(name, value)]);
            assert_eq!(checked(decision).is_ok(), expected, "{name:?} {value:?}");
        };
        check("AUTH_METHOD", "database lookup", true);
        check("A", "", true);
        check("Ä", "x", false);
        check("A", "ü", true);
        check("", "x", false);
        check("A:B", "x", false);
        check("A B", "x", false);
        check("A\r\nB", "x", false);
        check("A", "x\r\nStatus: 403", false);
        check("A", "x\0", false);
        check("A", &"x".repeat(HEADER_BYTES), false);
    }

    #[test]
    fn a_denial_cannot_be_taken_for_a_permission() {
        let check = |status: u16, header: (&str, &str), expected: bool| {
            let denial = Denial { status, headers: vec![pair(header.0, header.1)], body: Vec::new() };
            let decision = checked(authorization::Decision::Deny(denial));
            assert_eq!(decision.is_ok(), expected, "{status} {header:?}");
        };
        let plain = ("Content-Type", "text/plain");
        for status in [302, 401, 403, 500, 599] {
            check(status, plain, true);
        }
        for status in [0, 99, 100, 200, 204, 299, 600, 999, 1000] {
            check(status, plain, false);
        }
        check(403, ("X-A", "b\nc"), false);
        check(403, ("X A", "b"), false);
        check(403, ("X-A", &"x".repeat(HEADER_BYTES)), false);
    }
}
