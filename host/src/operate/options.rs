//! The options that are about the process, and not about what it serves.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, builder::FalseyValueParser};

use crate::serve::Page;

/// How the process runs. Not in the settings file: it is whoever starts the host who knows.
#[derive(Debug, Clone, Default, Args)]
pub struct Written {
    /// File for the number of the process, which keeps it locked for as long as it runs
    ///
    /// Another host is refused it. One that was left behind is replaced. The host removes it at its end, unless --user has made it
    /// somebody who cannot.
    #[arg(short, long, value_name = "FILE")]
    pub pidfile: Option<PathBuf>,

    /// Go to the background once ready to serve
    ///
    /// The command returns 0 then, and otherwise something else after saying why. Without --log-file, what is logged after that is
    /// lost.
    #[arg(short, long)]
    pub daemon: bool,

    /// Let SIGUSR2 replace the host by the program that is then at its place, without a lost request
    ///
    /// A second process keeps the sockets meanwhile, and is the one to send signals to. A service of systemd has no need of it:
    /// its socket unit keeps them.
    #[arg(long)]
    pub upgrade: bool,

    /// File for the log, instead of standard error; SIGUSR1 opens it anew
    ///
    /// A folder of its own is best: log files in it stay within reach of the process.
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Log warnings and errors alone
    #[arg(
        short, long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes",
        hide_possible_values = true, value_parser = FalseyValueParser::new()
    )]
    pub quiet: Option<bool>,

    /// Name of the process, for ps and top
    #[arg(short = 'a', long, value_name = "NAME")]
    pub pname: Option<String>,

    /// Ask for pages before being ready to serve [default page: /]
    ///
    /// Each page is asked for by as many requests at once as may run (--nproc). PAGE is a path, with http:// and a host before it for one
    /// site of several; yes is the front page, no is nothing. What fails is logged, and keeps nobody waiting.
    #[arg(
        short, long, value_name = "PAGE,…", num_args = 0..=1, require_equals = true, default_missing_value = "yes"
    )]
    pub warming: Option<Pages>,

    /// No meaning here: there are no processes to manage
    #[arg(short = 'M', long, value_name = "CLASS")]
    pub manager: Option<String>,

    /// No meaning here: the size of an instance is looked at after each of its requests
    #[arg(short, long, value_name = "N", allow_hyphen_values = true)]
    pub check: Option<String>,
}

/// Pages to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages(Vec<Page>);

impl Written {
    /// What was said that means something else than it did to foswiki.fcgi, a line each.
    pub(super) fn notes(&self) -> impl Iterator<Item = &'static str> {
        let said = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let manager = "--manager has no meaning here: instances are made and ended by the host itself";
        let check =
            "--check has no meaning here: the size of an instance is looked at after each of its requests";
        let notes = [(said(&self.manager), manager), (said(&self.check), check)];
        notes.into_iter().filter(|(said, _)| *said).map(|(_, note)| note)
    }

    pub(super) fn pages(&self) -> &[Page] {
        self.warming.as_ref().map_or(&[], |pages| &pages.0)
    }
}

impl FromStr for Pages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "no" | "n" | "false" | "f" | "off" | "0" => Ok(Self::default()),
            "yes" | "y" | "true" | "t" | "on" | "1" => Ok(Self(vec![Page::front()])),
            _ => text
                .split([',', ' '])
                .filter(|page| !page.is_empty())
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map(Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let check = |text: &str, expected: Option<&[(Option<&str>, &str)]>| {
            let read = text.parse::<Pages>().ok();
            let read = read.as_ref().map(|pages| pages.0.iter());
            let read: Option<Vec<_>> =
                read.map(|pages| pages.map(|page| (page.host.as_deref(), page.path.as_str())).collect());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("", Some(&[]));
        check("No", Some(&[]));
        check("0", Some(&[]));
        check("true", Some(&[(None, "/")]));
        check("/", Some(&[(None, "/")]));
        check("/a?b=c,/d /e", Some(&[(None, "/a?b=c"), (None, "/d"), (None, "/e")]));
        check("http://a.example,http://b:80/c", Some(&[(Some("a.example"), "/"), (Some("b:80"), "/c")]));
        for bad in ["a", "/a,yes", "https://a/", "http:///a", "/\u{e4}", "/a\tb"] {
            check(bad, None);
        }
    }

    #[test]
    fn what_has_no_meaning_is_said() {
        let told = |manager: Option<&str>, check: Option<&str>| {
            let [manager, check] = [manager, check].map(|text| text.map(str::to_owned));
            Written { manager, check, ..Written::default() }.notes().count()
        };
        assert_eq!(told(None, None), 0);
        assert_eq!(told(Some("FCGI::ProcManager"), Some("10")), 2);
        // As an empty variable of an environment file gives them.
        assert_eq!(told(Some(""), Some("")), 0);
    }
}
