//! Programs that export `wasi:cli/run@0.2`: CGI/1.1 (RFC 3875), one request, one fresh instance.

use std::sync::{Arc, OnceLock};

use wasmtime::component::InstancePre;
use wasmtime_wasi::{I32Exit, p2::bindings::CommandPre};

use super::{
    fault::Fault,
    http::{Invocation, Respond},
    limits::Refusal,
    sandbox::Sandbox,
    stdio::{Next, Stdin, Stdout},
    store::State,
    turn,
};
use crate::{
    cgi::{CgiError, Event, Output},
    request::Variables,
};

/// Variables that every CGI program can rely on (RFC 3875 §4.1), for web servers that leave them out.
const ALWAYS: [(&str, &str); 3] = [
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("QUERY_STRING", ""),
    ("SERVER_SOFTWARE", concat!("fcgi-wasm-host/", env!("CARGO_PKG_VERSION"))),
];

/// A program, ready to run.
pub(super) struct Command {
    component: CommandPre<State>,
    sandbox: Sandbox,
    arguments: Arc<[String]>,
}

/// What one run of a program is given besides its folders.
#[derive(Clone)]
pub(super) struct Program {
    pub(super) arguments: Arc<[String]>,
    pub(super) stdin: Stdin,
    pub(super) stdout: Stdout,
}

impl Command {
    /// Takes a component whose imports are linked, and its arguments, its own name first.
    pub(super) fn new(
        component: InstancePre<State>,
        sandbox: Sandbox,
        arguments: Arc<[String]>,
    ) -> wasmtime::Result<Self> {
        Ok(Self { component: CommandPre::new(component)?, sandbox, arguments })
    }

    /// What [`Handler::invoke`](super::Handler::invoke) promises.
    pub(super) async fn invoke(
        &self,
        invocation: Invocation,
        respond: &mut impl Respond,
    ) -> Result<u32, Fault> {
        let stdout = Stdout::default();
        // Whichever fails ends the other: a program whose output is refused need not write more of it.
        let refused = OnceLock::new();
        let run = self.run(invocation, stdout.clone(), &refused);
        let done = tokio::try_join!(run, answer(&stdout, respond));
        done.map(|((), status)| status).map_err(|fault| fault.because(refused.get().copied()))
    }

    async fn run(
        &self,
        invocation: Invocation,
        stdout: Stdout,
        refused: &OnceLock<Refusal>,
    ) -> Result<(), Fault> {
        let Invocation { request, scheme: _, variables, stderr } = invocation;
        let stdin = Stdin::new(request.into_body());
        let program = Program { arguments: Arc::clone(&self.arguments), stdin, stdout: stdout.clone() };
        let store = || {
            let mut store = self.sandbox.store(variables.clone(), stderr.clone());
            store.data_mut().start(program.clone());
            store
        };
        let (mut store, started) = self.sandbox.start(&self.component, store).await;
        let ran = match started {
            Ok(command) => command.wasi_cli_run().call_run(&mut store).await,
            Err(error) => Err(error),
        };
        if let Some(refusal) = store.data().refused() {
            let _ = refused.set(refusal);
        }
        match ran {
            Ok(ended) => stdout.finish(u32::from(ended.is_err())),
            Err(error) => match error.downcast_ref() {
                Some(I32Exit(status)) => stdout.finish(status.cast_unsigned()),
                None => return Err(self.sandbox.fault(&error, &store)),
            },
        }
        Ok(())
    }
}

/// A program's environment: the request's variables, and those that are never missing.
pub(super) fn environment(variables: &Variables) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let missing = ALWAYS.iter().filter(|(name, _)| variables.get(name).is_none());
    let missing = missing.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sent = variables.iter().filter(|(name, value)| !is_misleading(name, value));
    let sent = sent.filter(|(name, value)| !value.is_empty() || !is_always(name));
    sent.map(|(name, value)| (text(name), text(value))).chain(missing).collect()
}

/// An unknown length that would be taken for a number, and what the client said where the web server says it too.
fn is_misleading(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"CONTENT_LENGTH" => value == b"-1",
        b"HTTP_CONTENT_LENGTH" | b"HTTP_CONTENT_TYPE" => true,
        _ => false,
    }
}

fn is_always(name: &[u8]) -> bool {
    ALWAYS.iter().any(|(other, _)| other.as_bytes() == name)
}

/// Hands the response on as the program writes it; returns the program's exit status.
async fn answer(stdout: &Stdout, respond: &mut impl Respond) -> Result<u32, Fault> {
    let mut output = Output::default();
    let status = loop {
        match turn::next(respond.patience(), |context| stdout.poll_read(context)).await {
            Some(Next::Piece(mut piece)) => {
                while let Some(event) = output.read(&mut piece).map_err(invalid)? {
                    pass_on(event, respond).await?;
                }
            }
            Some(Next::Exit(status)) => break status,
            None => respond.flush().await,
        }
    };
    match output.finish() {
        Ok(Some(event)) => pass_on(event, respond).await?,
        Ok(None) => {}
        // It knows best why it did not answer.
        Err(_) if status != 0 => return Err(Fault::Exit(status.cast_signed())),
        Err(error) => return Err(invalid(error)),
    }
    Ok(status)
}

async fn pass_on(event: Event, respond: &mut impl Respond) -> Result<(), Fault> {
    match event {
        Event::Head(head) => respond.head(&head),
        Event::Body(piece) => respond.body(piece).await,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn invalid(error: CgiError) -> Fault {
    Fault::Response(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Trust;

    #[test]
    fn programs_find_the_variables_that_they_rely_on() {
        let check = |pairs: &[(&str, &str)], expected: &[(&str, &str)]| {
            let params = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            let environment = environment(&Variables::new(params, Trust::default()));
            let environment: Vec<_> =
                environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(environment, expected);
        };
        check(&[], &ALWAYS);
        let [interface, query, software] = ALWAYS;
        check(&[("A", "b"), ("QUERY_STRING", "")], &[("A", "b"), interface, query, software]);
        check(
            &[("SERVER_SOFTWARE", "nginx/1.22.1"), ("QUERY_STRING", "c"), ("PATH_INFO", "")],
            &[("SERVER_SOFTWARE", "nginx/1.22.1"), ("QUERY_STRING", "c"), ("PATH_INFO", ""), interface],
        );
        let odd = [("CONTENT_LENGTH", "-1"), ("HTTP_CONTENT_LENGTH", "5"), ("HTTP_PROXY", "x")];
        check(&odd, &ALWAYS);
    }
}
