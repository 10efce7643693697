//! One measurement: a load for some seconds, and what the server used meanwhile.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::CONNECTIONS;
use super::clock::Clock;
use super::contenders::{Address, Contender};
use super::interrupt::Interrupt;
use super::server::Server;
use crate::packages;

/// How much longer than it should a load may take.
const GRACE: Duration = Duration::from_secs(90);

/// How often a load is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a server may take for the one answer that is looked at.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The longest answer that is looked at.
const MAX_ANSWER: u64 = 16 << 20;

/// The load's own figures, as both load generators print them; latencies in microseconds.
#[derive(Debug, Clone, Deserialize)]
struct Printed {
    requests: u64,
    requests_per_second: f64,
    failures: u64,
    p50: u64,
    p99: u64,
    first_failure: Option<String>,
}

/// What came of a measurement. Latencies in microseconds, memory in KiB.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) failures: u64,
    /// Microseconds of all the server's processes for each request.
    pub(crate) cpu: f64,
    pub(crate) pss: u64,
    pub(crate) hwm: u64,
    /// The part of the processors' time that went to processes without a part in it.
    pub(crate) others: f64,
}

/// The programs that make the load.
pub(crate) struct Generators {
    fcgi_load: PathBuf,
    wrk: PathBuf,
    script: PathBuf,
}

impl Generators {
    /// Finds the programs; `folder` takes the script for one of them.
    pub(crate) fn new(target: &Path, folder: &Path) -> Result<Self> {
        let script = folder.join("wrk.lua");
        fs::write(&script, include_str!("wrk.lua"))?;
        Ok(Self { fcgi_load: target.join("release/fcgi-load"), wrk: packages::find("wrk")?, script })
    }

    /// The load on a contender's own socket.
    pub(crate) fn direct(&self, contender: &Contender, keep: bool, time: Duration) -> Result<Command> {
        let Address::FastCgi(socket) = &contender.address else { bail!("it does not speak FastCGI") };
        let mut command = Command::new(&self.fcgi_load);
        command.arg("--connect").arg(socket).arg(format!("--connections={CONNECTIONS}"));
        command.arg(format!("--keep-alive={}", if keep { "on" } else { "off" }));
        command.arg(format!("--seconds={}", time.as_secs_f64()));
        if let Some(script) = &contender.script {
            command.arg("--param").arg(format!("SCRIPT_FILENAME={}", script.display()));
        }
        Ok(command)
    }

    /// The load on nginx. wrk knows whole seconds only.
    pub(crate) fn through_nginx(&self, site: SocketAddr, uri: &str, time: Duration) -> Command {
        let mut command = Command::new(&self.wrk);
        let seconds = time.as_secs().max(1);
        command.args(["--threads=1", "--latency", "--timeout=60s"]).arg(format!("--duration={seconds}s"));
        command.arg(format!("--connections={CONNECTIONS}")).arg("--script").arg(&self.script);
        command.arg(format!("http://{site}{uri}"));
        command
    }
}

/// What takes part in a measurement besides the load.
pub(crate) struct Setup<'a> {
    pub(crate) contender: &'a Server,
    pub(crate) nginx: &'a Server,
    pub(crate) interrupt: &'a Interrupt,
}

impl Setup<'_> {
    /// Runs `load`, which takes `time`.
    pub(crate) fn measure(&self, mut load: Command, time: Duration) -> Result<Sample> {
        let clock = Clock::now()?;
        let (before, nginx) = (self.contender.usage()?, self.nginx.usage()?);
        let printed = output(&mut load, time + GRACE, self.interrupt)?;
        let (after, nginx) = (self.contender.usage()?, self.nginx.usage()? - nginx);
        let others = Clock::now()?.others_since(clock, (after - before) + nginx);
        let line = printed.lines().last().unwrap_or_default();
        let Printed { requests, requests_per_second, failures, p50, p99, first_failure } =
            serde_json::from_str(line).with_context(|| format!("the load printed {line:?}"))?;
        if requests == 0 {
            bail!("no request was answered: {}", first_failure.unwrap_or_default());
        }
        #[expect(clippy::cast_precision_loss, reason = "far from 2^53 requests")]
        let cpu = (after - before).as_secs_f64() * 1e6 / requests as f64;
        let (pss, hwm) = (after.pss, after.hwm);
        Ok(Sample { per_second: requests_per_second, p50, p99, failures, cpu, pss, hwm, others })
    }
}

/// What a program prints that is ended when it takes too long, or when this one is interrupted.
fn output(command: &mut Command, limit: Duration, interrupt: &Interrupt) -> Result<String> {
    struct Ended(Child);

    impl Drop for Ended {
        fn drop(&mut self) {
            // What has ended already needs no signal.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    // A line or two fit into the pipe, so that it can be read at the end.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).env_remove("RUST_BACKTRACE");
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = Ended(command.spawn().with_context(|| name.clone())?);
    let started = Instant::now();
    loop {
        interrupt.check()?;
        if let Some(status) = child.0.try_wait()? {
            let mut text = String::new();
            child.0.stdout.take().context("no output")?.read_to_string(&mut text)?;
            if !status.success() {
                bail!("{name}: {status}: {text}");
            }
            return Ok(text);
        }
        if started.elapsed() > limit {
            bail!("{name}: no end after {} s", limit.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// The body of the answer to one request; an error if it is not a 200.
pub(crate) fn page(site: SocketAddr, uri: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(site)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    write!(stream, "GET {uri} HTTP/1.0\r\nHost: wiki.example\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).with_context(|| format!("no answer to {uri}"))?;
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("no end of the header")?;
    let body = answer.split_off(head + 4);
    let status = String::from_utf8_lossy(&answer);
    let status = status.lines().next().unwrap_or_default();
    if status.split_whitespace().nth(1) != Some("200") {
        bail!("{uri} was answered with {status}");
    }
    Ok(body)
}
