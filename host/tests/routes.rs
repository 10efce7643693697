//! The way to a route does not depend on how many there are.

use std::{hint::black_box, time::Instant};

use fcgi_wasm_host::route::{Asked, Place, Routes, Sites, UrlPath};

/// Lookups of one measurement.
const LOOKUPS: u32 = 20_000;

/// Measurements; the best one counts, since a shared machine does other things in between.
const ROUNDS: usize = 10;

/// How much longer a lookup may take among ten thousand times as many: the tables are larger than the processor's caches.
const SLOWER: f64 = 8.0;

/// Nanoseconds of a lookup among so many sites of ten routes each.
fn lookup(sites: usize) -> f64 {
    let mut table = Sites::new();
    let path = UrlPath::new("/wiki").expect("a path");
    let methods = [http::Method::GET];
    for site in 0..sites {
        let mut routes = Routes::new(Some(&path));
        for route in 0..10 {
            let action = format!("action{route}");
            routes.add(Place::Action(&action), &methods, route).expect("a free place");
        }
        let site = std::sync::Arc::new((site, routes));
        table.add(Some(&format!("site{}.example", site.0)), Some(&path), site).expect("a free place");
    }
    let hosts: Vec<_> =
        (0..sites).step_by((sites / 100).max(1)).map(|site| format!("site{site}.example")).collect();
    let round = || {
        let started = Instant::now();
        for (number, host) in (0..LOOKUPS).zip(hosts.iter().cycle()) {
            let asked = Asked {
                host: host.as_bytes(),
                script: b"/wiki/bin/action7",
                info: b"/Main/WebHome",
                method: b"GET",
                ..Asked::default()
            };
            let path = UrlPath::asked(black_box(&asked), false);
            let site = table.find(&asked, &path).expect("a site");
            assert_eq!(site.1.find(&asked, &path), Ok(&7), "{number}");
        }
        started.elapsed().as_secs_f64() * 1e9 / f64::from(LOOKUPS)
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

#[test]
fn a_lookup_takes_as_long_among_many_routes_as_among_few() {
    let [few, more, many] = [1, 100, 10_000].map(lookup);
    println!(
        "a lookup takes {few:.0} ns among 10 routes, {more:.0} ns among 1,000, {many:.0} ns among 100,000"
    );
    assert!(
        many < few * SLOWER,
        "{few:.0} ns among 10 routes, {more:.0} among 1,000, {many:.0} among 100,000"
    );
}
