//! What no option of the command line reaches, told through the library: hidden files, names that may be written, quotas,
//! and instances that are used again.

mod hidden;
mod named;
mod quotas;
mod reuse;
mod sandbox;
