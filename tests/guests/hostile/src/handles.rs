//! Handles, as many as there are.

use std::{thread, time::Duration};

use wasip2::clocks::monotonic_clock::{subscribe_duration, subscribe_instant};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, DirectoryEntryStream, OpenFlags, PathFlags};
use wasip2::http::types::Fields;
use wasip2::io::poll::poll;

/// A value of a header that fills its map quickly.
const VALUE: usize = 1000;

/// Headers of that length that a map has room for.
const VALUES: usize = 110;

/// What a stream is asked for at once.
const READ: u64 = 64 << 10;

/// Makes `count` of something, tells how far it came, and keeps them.
pub(crate) fn hold<T>(count: u64, make: fn(&Descriptor) -> T) {
    let folder = mount();
    let held: Vec<T> = (0..count).map(|_| make(&folder)).collect();
    sleep(held.len());
}

pub(crate) fn headers(_: &Descriptor) -> Fields {
    let (fields, value) = (Fields::new(), [b'x'; VALUE]);
    (0..VALUES).for_each(|number| fields.append(&format!("x-{number}"), &value).expect("room"));
    fields
}

pub(crate) fn file(folder: &Descriptor) -> Descriptor {
    folder.open_at(PathFlags::empty(), "file", OpenFlags::empty(), DescriptorFlags::READ).expect("a file")
}

pub(crate) fn listing(folder: &Descriptor) -> DirectoryEntryStream {
    folder.read_directory().expect("a folder")
}

pub(crate) fn list() -> usize {
    let listing = listing(&mount());
    std::iter::from_fn(|| listing.read_directory_entry().expect("a name")).count()
}

/// Streams that are asked for something, and whose answers nobody takes.
pub(crate) fn streams(count: u64) {
    let file = file(&mount());
    let stream = |_| {
        let stream = file.read_via_stream(0).expect("a stream");
        stream.read(READ).expect("a beginning");
        stream
    };
    let held: Vec<_> = (0..count).map(stream).collect();
    sleep(held.len());
}

pub(crate) fn timers(count: u64) {
    let timers: Vec<_> = (0..count).map(|number| subscribe_duration(u64::MAX - number)).collect();
    eprintln!("holding {}", timers.len());
    poll(&timers.iter().collect::<Vec<_>>());
}

pub(crate) fn crowd(count: u64) {
    let timer = subscribe_duration(u64::MAX);
    let crowd: Vec<_> = (0..count).map(|_| &timer).collect();
    poll(&crowd);
}

pub(crate) fn ages() {
    let (instant, duration) = (subscribe_instant(u64::MAX), subscribe_duration(u64::MAX));
    eprintln!("waiting");
    poll(&[&instant, &duration]);
}

fn mount() -> Descriptor {
    get_directories().pop().expect("a mount").0
}

fn sleep(held: usize) {
    eprintln!("holding {held}");
    loop {
        thread::sleep(Duration::MAX);
    }
}
