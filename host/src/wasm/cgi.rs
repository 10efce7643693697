//! The interface `cgi`: the request's variables that HTTP has no place for.

use wasmtime::component::{HasData, Linker};

use super::{
    bindings::authorizer::fcgi_wasm_host::handler::cgi::{self, Host},
    store::State,
};
use crate::request::Variables;

/// What headers of the client begin with: a handler finds them in its request, and nothing that a client made up here.
const HEADER: &[u8] = b"HTTP_";

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    cgi::add_to_linker::<State, Cgi>(linker, |state| View(&state.variables))
}

struct Cgi;

struct View<'a>(&'a Variables);

impl HasData for Cgi {
    type Data<'a> = View<'a>;
}

impl Host for View<'_> {
    fn get(&mut self, name: String) -> Option<Vec<u8>> {
        own(self.0).find(|(other, _)| *other == name.as_bytes()).map(|(_, value)| value.to_vec())
    }

    fn all(&mut self) -> Vec<(String, Vec<u8>)> {
        let named = own(self.0).filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, value)));
        named.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
    }
}

/// What the web server says itself, as far as the handler may believe it.
fn own(variables: &Variables) -> impl Iterator<Item = (&[u8], &[u8])> {
    variables.iter().filter(|(name, value)| !name.starts_with(HEADER) && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Trust;

    #[test]
    fn headers_are_not_the_web_servers_words() {
        let pairs =
            [("SCRIPT_NAME", "/x"), ("HTTP_REMOTE_USER", "admin"), ("PATH_INFO", ""), ("HTTPS", "on")];
        let variables = Variables::new(pairs.into_iter().collect(), Trust::default());
        let mut view = View(&variables);
        let check = |view: &mut View, name: &str, expected: Option<&str>| {
            let expected = expected.map(|value| value.as_bytes().to_vec());
            assert_eq!(view.get(name.to_owned()), expected, "{name}");
        };
        check(&mut view, "SCRIPT_NAME", Some("/x"));
        check(&mut view, "HTTP_REMOTE_USER", None);
        check(&mut view, "PATH_INFO", None);
        check(&mut view, "REMOTE_USER", None);
        assert_eq!(view.all(), [("SCRIPT_NAME".into(), b"/x".to_vec()), ("HTTPS".into(), b"on".to_vec())]);
    }
}
