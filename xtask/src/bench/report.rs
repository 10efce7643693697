//! The figures as a page of the documentation.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::contenders::{Kind, children};
use super::measure::Sample;
use super::wiki::Page;
use super::{CONNECTIONS, Series, Way};

/// All that was measured.
pub(crate) struct Report {
    pub(crate) series: Vec<Series>,
    pub(crate) wiki: Vec<Page>,
    pub(crate) machine: Vec<(&'static str, String)>,
    pub(crate) rounds: u8,
    pub(crate) time: Duration,
}

/// Something that the project promises, and whether it was so.
struct Promise {
    text: String,
    at_least: f64,
    seen: f64,
    unit: &'static str,
}

impl Report {
    /// The promises and what was seen of them, as a table.
    pub(crate) fn promises(&self) -> String {
        let lines = self.promised().into_iter().map(|promise| promise.to_string());
        "| Promise | At least | Measured | |\n|---|---:|---:|---|\n".to_owned() + &lines.collect::<String>()
    }

    fn promised(&self) -> Vec<Promise> {
        let compared = |text: &str, at_least, other, way: &Way, keep| {
            let seen = ratio(self.find(Kind::Host, way, keep)?, self.find(other, way, keep)?);
            Some(Promise { text: text.to_owned(), at_least, seen, unit: " ×" })
        };
        let nginx = hello();
        let longest = self.wiki.first().and_then(|page| {
            let series = self.find(Kind::Wiki, &Way::Nginx(page.uri.clone()), true)?;
            let seen = median(series.samples.iter().map(|sample| sample.per_second));
            let text = format!("Requests/s of the wiki's longest page ({} KB) through nginx", kb(page.len));
            Some(Promise { text, at_least: 500.0, seen, unit: "" })
        });
        let ratios = [
            compared("Direct, connections kept: native responder", 0.6, Kind::Native, &Way::Direct, true),
            compared("Through nginx, connections kept: php-fpm", 1.5, Kind::Php, &nginx, true),
            compared("Through nginx, a connection per request: php-fpm", 1.1, Kind::Php, &nginx, false),
            compared("Through nginx, a connection per request: Perl FCGI.pm", 1.1, Kind::Perl, &nginx, false),
            compared("Through nginx, connections kept: `wasmtime serve`", 3.0, Kind::Wasmtime, &nginx, true),
        ];
        ratios.into_iter().chain([longest]).flatten().collect()
    }

    fn find(&self, kind: Kind, way: &Way, keep: bool) -> Option<&Series> {
        self.series.iter().find(|one| one.kind == kind && one.way == *way && one.keep == keep)
    }

    fn hello_table(&self, way: &Way, keep: bool) -> String {
        let host = self.find(Kind::Host, way, keep);
        let mut table = head("host ÷ this |", "---:|");
        for one in self.series.iter().filter(|one| one.way == *way && one.keep == keep) {
            let ratio = host.map_or(f64::NAN, |host| ratio(host, one));
            table += &row(one.kind.title(), one, &format!(" {ratio:.2} |"));
        }
        table
    }

    fn wiki_table(&self, keep: bool) -> String {
        let mut table = head("KB |", "---:|");
        for page in &self.wiki {
            if let Some(one) = self.find(Kind::Wiki, &Way::Nginx(page.uri.clone()), keep) {
                table += &row(&page.title, one, &format!(" {} |", kb(page.len)));
            }
        }
        table
    }
}

impl Display for Report {
    fn fmt(&self, page: &mut Formatter<'_>) -> fmt::Result {
        writeln!(page, "{}\n\n{}", include_str!("intro.md").trim_end(), self.promises())?;
        writeln!(page, "## The machine\n\n| | |\n|---|---|")?;
        for (name, value) in &self.machine {
            writeln!(page, "| {name} | {value} |")?;
        }
        let (rounds, seconds) = (self.rounds, self.time.as_secs());
        let others = self.series.iter().flat_map(|one| &one.samples).map(|sample| 100.0 * sample.others);
        let others = median(others);
        writeln!(page, "\n{rounds} rounds, {seconds} s for each measurement, {CONNECTIONS} connections.")?;
        writeln!(page, "Processes without a part in it had {others:.0} % of the processors' time (median).")?;
        for (title, way) in [("Directly over FastCGI", Way::Direct), ("Through nginx", hello())] {
            writeln!(page, "\n## {title}: `hello`")?;
            writeln!(page, "\nConnections kept:\n\n{}", self.hello_table(&way, true))?;
            writeln!(page, "A connection per request:\n\n{}", self.hello_table(&way, false).trim_end())?;
        }
        writeln!(page, "\n## Through nginx: the example wiki")?;
        writeln!(page, "\nConnections kept:\n\n{}", self.wiki_table(true))?;
        writeln!(page, "A connection per request:\n\n{}", self.wiki_table(false))?;
        let method = include_str!("method.md").trim_end().replace("{children}", &children().to_string());
        writeln!(page, "{method}")
    }
}

impl Display for Promise {
    fn fmt(&self, line: &mut Formatter<'_>) -> fmt::Result {
        let Self { text, at_least, seen, unit } = self;
        let verdict = if seen >= at_least { "kept" } else { "**missed**" };
        let digits = if unit.is_empty() { 0 } else { 2 };
        writeln!(line, "| {text} | {at_least}{unit} | {seen:.digits$}{unit} | {verdict} |")
    }
}

/// How many times as many requests/s: the median of the rounds' ratios.
fn ratio(one: &Series, other: &Series) -> f64 {
    let pairs = one.samples.iter().zip(&other.samples);
    median(pairs.map(|(one, other)| one.per_second / other.per_second))
}

/// The way of all hello worlds through nginx.
fn hello() -> Way {
    Way::Nginx("/hello".into())
}

fn head(column: &str, line: &str) -> String {
    format!(
        "| | requests/s | {column} p50 ms | p99 ms | CPU µs per request | PSS MiB | peak RSS MiB | failures |\n\
         |---|---:|{line}---:|---:|---:|---:|---:|---:|\n"
    )
}

fn row(title: &str, series: &Series, column: &str) -> String {
    let each = |figure: fn(&Sample) -> f64| median(series.samples.iter().map(figure));
    let most = |figure: fn(&Sample) -> u64| series.samples.iter().map(figure).max().unwrap_or(0);
    let failures: u64 = series.samples.iter().map(|sample| sample.failures).sum();
    format!(
        "| {title} | {:.0} |{column} {:.2} | {:.2} | {:.0} | {} | {} | {failures} |\n",
        each(|sample| sample.per_second),
        each(|sample| millis(sample.p50)),
        each(|sample| millis(sample.p99)),
        each(|sample| sample.cpu),
        most(|sample| sample.pss).div_ceil(1024),
        most(|sample| sample.hwm).div_ceil(1024),
    )
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far from 2^53 µs")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

fn kb(bytes: usize) -> usize {
    (bytes + 500) / 1000
}

/// The middle of `values`, between two of them where their number is even; NaN if there are none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => f64::NAN,
        Some(upper) if values.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(values[middle - 1], *upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: f64) {
        assert_eq!(median(values.iter().copied()).to_bits(), expected.to_bits(), "{values:?}");
    }

    #[test]
    fn medians() {
        check(&[], f64::NAN);
        check(&[3.0], 3.0);
        check(&[3.0, 1.0], 2.0);
        check(&[5.0, 1.0, 3.0], 3.0);
    }

    fn series(kind: Kind, per_second: [f64; 3]) -> Series {
        let sample = |per_second| Sample {
            per_second,
            p50: 1,
            p99: 2,
            failures: 0,
            cpu: 3.0,
            pss: 4,
            hwm: 5,
            others: 0.0,
        };
        Series { kind, way: Way::Direct, keep: true, samples: per_second.map(sample).into() }
    }

    #[test]
    fn a_promise_is_judged_by_the_ratios_within_the_rounds() {
        // A disturbance that slows both in the second round changes nothing.
        let series = vec![series(Kind::Host, [60.0, 6.1, 63.0]), series(Kind::Native, [100.0, 10.0, 100.0])];
        let (wiki, machine, time) = (Vec::new(), Vec::new(), Duration::from_secs(1));
        let report = Report { series, wiki, machine, rounds: 3, time };
        assert!(report.promises().contains("| 0.6 × | 0.61 × | kept |"), "{}", report.promises());
    }
}
