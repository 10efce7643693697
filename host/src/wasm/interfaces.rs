//! The interfaces that a component names: what it exports decides what it serves.

use std::fmt;

use wasmparser::{Encoding, Parser, Payload};
use wasmtime::component::Component;

/// An interface of a component that answers HTTP requests, and its versions up to their last dot.
pub(super) const INCOMING_HANDLER: [&str; 2] = ["wasi:http/incoming-handler", "0.2."];

/// The same as an asynchronous function that returns the response; with the feature `wasi-03`.
pub(super) const HANDLER: [&str; 2] = ["wasi:http/handler", "0.3."];

/// The interface of a program.
pub(super) const RUN: [&str; 2] = ["wasi:cli/run", "0.2."];

/// The interface of a component that decides about requests.
pub(super) const AUTHORIZATION: [&str; 2] = ["fcgi-wasm-host:handler/authorization", "0.1."];

/// The interface of a component that answers with what it makes of a file.
pub(super) const FILTERING: [&str; 2] = ["fcgi-wasm-host:handler/filtering", "0.1."];

/// Those that make a component a handler.
const HANDLERS: [[&str; 2]; 5] = [INCOMING_HANDLER, HANDLER, RUN, AUTHORIZATION, FILTERING];

/// What a component offers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exports(Vec<String>);

/// What a component names before it is compiled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Interfaces {
    imports: Vec<String>,
    pub(super) exports: Exports,
}

impl Interfaces {
    /// Reads them; nothing of what is no component, which is for the compiler to say.
    pub(super) fn read(wasm: &[u8]) -> Option<Self> {
        let mut named = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return None,
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                // What is inside has names of its own.
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        named.imports.push(import.ok()?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        named.exports.0.push(export.ok()?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Some(named)
    }

    /// Whether it is written for WASI 0.3, whose functions are asynchronous, at least in part.
    pub(super) fn are_asynchronous(&self) -> bool {
        let mut names = self.imports.iter().chain(&self.exports.0);
        names.any(|name| name.starts_with("wasi:") && name.contains("@0.3."))
    }
}

impl Exports {
    pub(super) fn of(component: &Component) -> Self {
        let (ty, engine) = (component.component_type(), component.engine().clone());
        Self(ty.exports(&engine).map(|(name, _)| name.to_owned()).collect())
    }

    /// Whether an interface is there, in a version that begins as is wanted and is no draft of it.
    pub(super) fn offers(&self, [interface, versions]: [&str; 2]) -> bool {
        let mut named = self.0.iter().filter_map(|name| name.split_once('@'));
        named.any(|(name, version)| {
            name == interface && version.starts_with(versions) && !version.contains('-')
        })
    }

    pub(super) fn serves_anything(&self) -> bool {
        HANDLERS.into_iter().any(|interface| self.offers(interface))
    }

    /// Whether requests are answered by what it runs.
    pub(super) fn is_program(&self) -> bool {
        self.offers(RUN) && !self.offers(INCOMING_HANDLER) && !self.offers(HANDLER)
    }
}

/// What makes a component a handler of this program, for people.
pub(super) fn wanted() -> String {
    let served = HANDLERS.into_iter().filter(|interface| cfg!(feature = "wasi-03") || *interface != HANDLER);
    let names = served.map(|[interface, versions]| format!("{interface}@{}", versions.trim_end_matches('.')));
    names.collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Exports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => formatter.write_str("nothing"),
            names => formatter.write_str(&names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMPORTS: u8 = 10;
    const EXPORTS: u8 = 11;

    /// A component with an import or an export section that has one instance of that name, and another component in front.
    fn component(section: u8, name: &str) -> Vec<u8> {
        const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("something short");
        let instance: &[u8] = if section == IMPORTS { &[5, 0] } else { &[5, 0, 0] };
        let item = [&[1, 0, length(name.as_bytes())], name.as_bytes(), instance].concat();
        let inner = [HEAD, &[IMPORTS, 8, 1, 0, 3], b"x:y", &[5, 0]].concat();
        [HEAD, &[4, length(&inner)], &inner, &[section, length(&item)], &item].concat()
    }

    #[test]
    fn a_component_says_what_it_is_before_it_is_compiled() {
        let check = |section: u8, name: &str, asynchronous: bool| {
            let named = Interfaces::read(&component(section, name)).expect("a component");
            let (imports, exports) = (named.imports.join(" "), named.exports.to_string());
            let expected = if section == IMPORTS { (name, "nothing") } else { ("", name) };
            assert_eq!((imports.as_str(), exports.as_str()), expected);
            assert_eq!(named.are_asynchronous(), asynchronous, "{name}");
        };
        check(IMPORTS, "wasi:cli/stderr@0.2.6", false);
        check(IMPORTS, "wasi:cli/stderr@0.3.0", true);
        check(IMPORTS, "other:cli/stderr@0.3.0", false);
        check(EXPORTS, "wasi:http/handler@0.3.2", true);
        check(EXPORTS, "wasi:http/incoming-handler@0.2.6", false);
        assert_eq!(Interfaces::read(b"\0asm\x01\0\0\0"), None);
        assert_eq!(Interfaces::read(b"no component"), None);
        assert_eq!(Interfaces::read(&component(EXPORTS, "a:b/c@0.1.0")[..30]), None);
    }

    const NONE: [bool; 5] = [false; 5];

    #[test]
    fn a_component_serves_what_its_exports_say() {
        let check = |names: &[&str], expected: [bool; 5], told: &str| {
            let exports = Exports(names.iter().map(|&name| name.to_owned()).collect());
            let wanted = [INCOMING_HANDLER, HANDLER, RUN, AUTHORIZATION, FILTERING];
            assert_eq!(wanted.map(|interface| exports.offers(interface)), expected, "{names:?}");
            assert_eq!(exports.serves_anything(), expected.contains(&true));
            assert_eq!(exports.to_string(), told);
        };
        let (http, authorization) =
            ("wasi:http/incoming-handler@0.2.12", "fcgi-wasm-host:handler/authorization@0.1.0");
        check(&[], NONE, "nothing");
        check(&[http], [true, false, false, false, false], http);
        check(&["wasi:http/handler@0.3.2"], [false, true, false, false, false], "wasi:http/handler@0.3.2");
        check(&["wasi:http/handler@0.3.0-rc-1"], NONE, "wasi:http/handler@0.3.0-rc-1");
        check(&["wasi:http/incoming-handler@0.3.0"], NONE, "wasi:http/incoming-handler@0.3.0");
        check(&["wasi:http/incoming-handler"], NONE, "wasi:http/incoming-handler");
        check(&[http, authorization], [true, false, false, true, false], &format!("{http}, {authorization}"));
        check(
            &["fcgi-wasm-host:handler/filtering@0.1.7"],
            [false, false, false, false, true],
            "fcgi-wasm-host:handler/filtering@0.1.7",
        );
        check(&["fcgi-wasm-host:handler/filtering@0.2.0"], NONE, "fcgi-wasm-host:handler/filtering@0.2.0");
    }
}
