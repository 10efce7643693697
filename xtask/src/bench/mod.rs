//! `cargo xtask bench`: the host against others, directly and behind nginx, in rounds in which each has its turn.
//!
//! What else a machine does changes from minute to minute, so it is the ratios within a round that count.

mod clock;
mod contenders;
mod interrupt;
mod machine;
mod measure;
mod nginx;
mod report;
mod server;
mod wiki;

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use self::contenders::{Contender, Kind, Stage};
use self::interrupt::Interrupt;
use self::measure::{Generators, Sample, Setup, page};
use self::nginx::Nginx;
use self::report::Report;
use crate::guests::Guests;
use crate::workspace::Workspace;
use crate::{packages, step};

/// Connections of every load.
pub(crate) const CONNECTIONS: usize = 16;

/// The answer of all contenders but the wiki.
const HELLO: &[u8] = b"hello\n";

/// How long each is warmed up before the first round.
const WARM_UP: Duration = Duration::from_millis(500);

/// Where the figures are written.
const PAGE: &str = "docs/benchmarks.md";

/// `cargo xtask bench`
#[derive(Args)]
pub(crate) struct Bench {
    /// Two short rounds, which are printed and not written to docs/benchmarks.md
    #[arg(long)]
    quick: bool,
    /// Measure what was built before, as it is
    #[arg(long)]
    no_build: bool,
    /// Rounds in which each contender has its turn [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: Option<u8>,
    /// Seconds of each measurement [default: 2]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u8).range(1..=60))]
    seconds: Option<u8>,
}

/// One contender asked in one way, and what came of it in each round.
pub(crate) struct Series {
    pub(crate) kind: Kind,
    pub(crate) way: Way,
    /// Whether connections to the contender are kept open.
    pub(crate) keep: bool,
    pub(crate) samples: Vec<Sample>,
}

/// How a contender is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the load generator itself.
    Direct,
    /// Through nginx, for this path.
    Nginx(String),
}

impl Bench {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        packages::ensure(packages::BENCH)?;
        if !self.no_build {
            build(workspace)?;
        }
        // Taken over before anything is started, so that no signal leaves servers or files behind.
        let interrupt = Interrupt::on_signals()?;
        let folder = tempfile::Builder::new().prefix("fcgi-bench.").tempdir()?;
        let stage = Stage { workspace, folder: folder.path(), interrupt: &interrupt };
        let contenders = stage.contenders()?;
        let nginx = Nginx::start(folder.path(), &contenders, &interrupt)?;
        let field = Field {
            generators: Generators::new(&workspace.target, folder.path())?,
            contenders,
            nginx,
            interrupt: &interrupt,
        };
        let report = self.measured(&field, workspace)?;
        if self.quick {
            println!("{report}");
            return Ok(());
        }
        let page = workspace.root.join(PAGE);
        fs::write(&page, report.to_string()).with_context(|| page.display().to_string())?;
        println!("{}\nwritten to {PAGE}", report.promises());
        Ok(())
    }

    fn measured(&self, field: &Field, workspace: &Workspace) -> Result<Report> {
        let rounds = self.rounds.unwrap_or(if self.quick { 2 } else { 5 });
        let time = Duration::from_secs(self.seconds.unwrap_or(if self.quick { 1 } else { 2 }).into());
        let wiki = wiki::pages(&workspace.root, |uri| page(field.site(Kind::Wiki, true)?, uri))?;
        let mut series = field.series(&wiki);
        field.check_answers()?;
        for one in &series {
            field.measure(one, WARM_UP)?;
        }
        for round in 1..=rounds {
            let mut others = Vec::new();
            for one in &mut series {
                let sample = field.measure(one, time)?;
                others.push(sample.others);
                one.samples.push(sample);
            }
            let others = 100.0 * report::median(others.into_iter());
            println!("round {round} of {rounds}; others had {others:.0} % of the processors");
        }
        Ok(Report { series, wiki, machine: machine::describe(workspace), rounds, time })
    }
}

/// All that is running.
struct Field<'a> {
    generators: Generators,
    contenders: Vec<Contender>,
    nginx: Nginx,
    interrupt: &'a Interrupt,
}

impl Field<'_> {
    fn contender(&self, kind: Kind) -> Result<(usize, &Contender)> {
        let found = self.contenders.iter().enumerate().find(|(_, contender)| contender.kind == kind);
        found.with_context(|| format!("{} is not running", kind.title()))
    }

    fn site(&self, kind: Kind, keep: bool) -> Result<std::net::SocketAddr> {
        Ok(self.nginx.site(self.contender(kind)?.0, keep))
    }

    /// All that is to be measured, in the order of the tables.
    fn series(&self, wiki: &[wiki::Page]) -> Vec<Series> {
        let one = |kind, way, keep| Series { kind, way, keep, samples: Vec::new() };
        let mut series = Vec::new();
        for keep in [true, false] {
            for kind in [Kind::Host, Kind::Native, Kind::Php, Kind::Perl] {
                series.push(one(kind, Way::Direct, keep));
            }
            for contender in self.contenders.iter().filter(|contender| contender.kind != Kind::Wiki) {
                series.push(one(contender.kind, Way::Nginx("/hello".into()), keep));
            }
            for page in wiki {
                series.push(one(Kind::Wiki, Way::Nginx(page.uri.clone()), keep));
            }
        }
        series
    }

    /// All must do the same work.
    fn check_answers(&self) -> Result<()> {
        for contender in self.contenders.iter().filter(|contender| contender.kind != Kind::Wiki) {
            for keep in [true, false] {
                let answer = page(self.site(contender.kind, keep)?, "/hello");
                let answer = answer.with_context(|| contender.kind.title())?;
                if answer != HELLO {
                    bail!("{}: answered {:?}", contender.kind.title(), String::from_utf8_lossy(&answer));
                }
            }
        }
        Ok(())
    }

    fn measure(&self, series: &Series, time: Duration) -> Result<Sample> {
        let (index, contender) = self.contender(series.kind)?;
        let load = match &series.way {
            Way::Direct => self.generators.direct(contender, series.keep, time)?,
            Way::Nginx(uri) => self.generators.through_nginx(self.nginx.site(index, series.keep), uri, time),
        };
        let (contender, nginx) = (&contender.server, &self.nginx.server);
        let sample = Setup { contender, nginx, interrupt: self.interrupt }.measure(load, time);
        // Until nginx has closed the connections that it kept.
        thread::sleep(2 * nginx::IDLE);
        sample.with_context(|| series.kind.title())
    }
}

fn build(workspace: &Workspace) -> Result<()> {
    Guests::only(["foswiki", "hello"]).run(workspace)?;
    // One after the other, with the features that each is built with elsewhere.
    step::loud(&mut workspace.cargo(["build", "--release", "--package", "fcgi-wasm-host"]))?;
    step::loud(&mut workspace.cargo(["build", "--release", "--package", "tests", "--bins"]))
}
