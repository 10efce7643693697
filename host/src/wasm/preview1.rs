//! Core modules of WASI preview 1, made components with the engine's own adapter.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW_1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// How a core module begins; a component has another version behind the same magic.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// What a program exports to be started.
const START: &str = "_start";

/// What a module's machine code depends on besides its own bytes: the adapter, if it needs one.
pub(super) fn adapter(wasm: &[u8]) -> Option<&'static [u8]> {
    wasm.starts_with(CORE_MODULE).then_some(ADAPTER)
}

/// The component itself, or one made of a core module; an error says why that is not possible.
pub(super) fn component(wasm: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let Some(adapter) = adapter(wasm) else { return Ok(Cow::Borrowed(wasm)) };
    check_program(wasm)?;
    let made = ComponentEncoder::default()
        .validate(true)
        .module(wasm)
        .and_then(|encoder| encoder.adapter(PREVIEW_1, adapter))
        .and_then(|mut encoder| encoder.encode());
    made.map(Cow::Owned).map_err(|error| format!("{error:#}"))
}

/// Whether a module is a program that wants nothing but preview 1.
fn check_program(wasm: &[u8]) -> Result<(), String> {
    let mut starts = false;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(|error| error.to_string())?;
                    if import.module != PREVIEW_1 {
                        return Err(format!(
                            "it imports {:?} from {:?}, and programs get {PREVIEW_1} alone",
                            import.name, import.module
                        ));
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    starts |= export.map_err(|error| error.to_string())?.name == START;
                }
            }
            _ => {}
        }
    }
    if starts { Ok(()) } else { Err(format!("it exports no {START}, so it is no program")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A core module with a memory, and one import and one export of a function without parameters, where they are named.
    fn module(import: Option<(&str, &str)>, export: Option<&str>) -> Vec<u8> {
        let name = |text: &str| [&[text.len().try_into().expect("a short name")], text.as_bytes()].concat();
        let section = |id: u8, content: Vec<u8>| {
            [vec![id, content.len().try_into().expect("a short section")], content].concat()
        };
        let imported =
            import.map(|(from, what)| section(2, [&[1], &*name(from), &name(what), &[0, 0]].concat()));
        let index = u8::from(import.is_some());
        let function = export.map(|what| [&*name(what), &[0, index]].concat()).unwrap_or_default();
        let count = 1 + u8::from(export.is_some());
        [
            CORE_MODULE.to_vec(),
            section(1, vec![1, 0x60, 0, 0]),
            imported.unwrap_or_default(),
            section(3, vec![1, 0]),
            section(5, vec![1, 0, 1]),
            section(7, [&[count], &*name("memory"), &[2, 0], &function].concat()),
            section(10, vec![1, 2, 0, 0x0b]),
        ]
        .concat()
    }

    #[test]
    fn only_programs_become_components() {
        let check = |module: Vec<u8>, reason: &str| {
            let told = component(&module).expect_err(reason);
            assert!(told.contains(reason), "{told}");
        };
        check(CORE_MODULE.to_vec(), "it exports no _start");
        check(module(None, Some("main")), "it exports no _start");
        check(module(Some(("env", "system")), Some("_start")), "it imports \"system\" from \"env\"");
        check(module(Some(("wasi_unstable", "x")), Some("_start")), "from \"wasi_unstable\"");
        check(module(None, Some("_start"))[..20].to_vec(), "unexpected end");

        let made = component(&module(None, Some("_start"))).expect("a component").into_owned();
        assert!(adapter(&made).is_none());
        assert_eq!(component(&made).expect("a component"), made);
    }
}
