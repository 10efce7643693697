//! What a handler may do with files beyond read-only or not: hidden files, names that may be written, quotas.

mod hidden;
mod named;
mod quotas;
mod sandbox;
