//! The wiki: reads Foswiki's data folders and answers its requests.
//!
//! The engine does no input or output of its own: topics and attachments come from a [`store::Store`],
//! the request from an [`actions::Request`], the time from the caller. The glue that serves it as a
//! WebAssembly component is the only code that knows about `wasi:http` and files.
//!
//! | room | what it knows |
//! |---|---|
//! | [`store`] | where topics, histories and attachments are |
//! | [`topic`] | a topic file: text and `%META` |
//! | [`prefs`] | settings, in the order in which they override each other |
//! | [`access`] | who may VIEW or CHANGE what |
//! | [`macros`] | `%MACRO{…}%` to text |
//! | [`tml`] | topic markup to HTML |
//! | [`http`] | requests as CGI variables, responses, dates, conditions, ranges |
//! | [`actions`] | what a request asks for, and the answer |
//! | [`skin`] | the look of pages |
//! | [`page`] | what macros and markup may ask about the page being made |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on fails"))]

pub mod access;
pub mod actions;
pub mod html;
pub mod http;
pub mod macros;
pub mod page;
pub mod prefs;
mod render;
pub mod skin;
pub mod store;
#[cfg(test)]
mod testing;
pub mod tml;
pub mod topic;
#[cfg(target_arch = "wasm32")]
mod wasm;
