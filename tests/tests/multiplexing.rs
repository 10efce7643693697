//! Many requests on one connection against one request on each of many: the same load must be served about as fast.

use std::process::Command;

use tests::{TestHost, guest};

/// Requests at once.
const REQUESTS: &str = "16";

/// How much of the speed may be lost.
const LEAST: f64 = 0.8;

/// Loads that are compared, one right after the other, because the machine changes its speed.
const PAIRS: usize = 7;

#[test]
fn one_connection_serves_what_many_serve() {
    let host = TestHost::with(guest::HELLO).start();
    load(&host, ["--connections", REQUESTS]);
    let mut ratios: Vec<f64> = (0..PAIRS)
        .map(|_| {
            let many = load(&host, ["--connections", REQUESTS]);
            load(&host, ["--connections", "1", "--multiplex", REQUESTS]) / many
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[PAIRS / 2] >= LEAST, "{ratios:?}");
    println!("{ratios:?}");
}

/// Requests per second under a load with these options.
fn load<const N: usize>(host: &TestHost, options: [&str; N]) -> f64 {
    let mut load = Command::new(env!("CARGO_BIN_EXE_fcgi-load"));
    load.arg("--connect").arg(host.socket()).args(["--seconds", "0.4"]).args(options);
    let output = load.output().expect("a load");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["failures"], 0, "{report}");
    report["requests_per_second"].as_f64().expect("a number")
}
