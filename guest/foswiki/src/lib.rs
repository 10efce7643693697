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
//! | [`page`] | what macros and markup may ask about the page being made |

pub mod access;
pub mod macros;
pub mod page;
pub mod prefs;
pub mod store;
#[cfg(test)]
mod testing;
pub mod tml;
pub mod topic;
