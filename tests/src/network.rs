//! Machines of one network: namespaces of the kernel, each with an address of its own, and a bridge between them.
//!
//! They have no names that could be left behind: each is there as long as the process that holds it, and that ends with
//! the story, however that ends.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsFd,
    panic,
    process::{Child, Command, Stdio},
    thread,
};

use rustix::{
    process::geteuid,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use crate::station;

/// The port of every host.
const PORT: u16 = 9000;

/// A web server's machine, and those of hosts.
#[derive(Debug)]
pub struct Network {
    web: Machine,
    hosts: Vec<Machine>,
}

/// A network namespace.
#[derive(Debug)]
struct Machine {
    /// Ends when its standard input is closed.
    holder: Child,
    namespace: File,
}

impl Network {
    /// The web server's machine, 10.0.0.1, and so many others: 10.0.0.2, 10.0.0.3 and so on.
    pub fn new(hosts: usize) -> Self {
        assert!(geteuid().is_root(), "only root makes network namespaces: run the tests as root");
        let web = Machine::new();
        web.ip("link add bridge type bridge");
        web.ip(&format!("address add {}/24 dev bridge", address(0)));
        web.ip("link set bridge up");
        let host = |number| {
            let machine = Machine::new();
            let (link, holder) = (link(number), machine.holder.id());
            web.ip(&format!("link add {link} type veth peer name uplink netns {holder}"));
            web.ip(&format!("link set {link} master bridge up"));
            machine.ip(&format!("address add {}/24 dev uplink", address(number + 1)));
            machine.ip("link set uplink up");
            machine
        };
        let hosts = (0..hosts).map(host).collect();
        Self { web, hosts }
    }

    /// Where the host on that machine listens.
    pub fn address(number: usize) -> SocketAddr {
        (address(number + 1), PORT).into()
    }

    /// Does something on the web server's machine. Threads and processes that begin there are there, too.
    pub fn on_web<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.web.run(work)
    }

    /// Does something on a host's machine.
    pub fn on<T: Send>(&self, number: usize, work: impl FnOnce() -> T + Send) -> T {
        self.hosts[number].run(work)
    }

    /// Lets nothing through to that machine or from it: whoever asks hears nothing.
    pub fn cut(&self, number: usize) {
        self.web.ip(&format!("link set {} down", link(number)));
    }

    /// Lets everything through again.
    pub fn mend(&self, number: usize) {
        self.web.ip(&format!("link set {} up", link(number)));
    }
}

impl Machine {
    fn new() -> Self {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", "echo there && exec cat"]);
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare");
        let mut line = String::new();
        let said = holder.stdout.take().expect("its standard output");
        BufReader::new(said).read_line(&mut line).expect("a line");
        assert_eq!(line, "there\n", "no network namespace");
        let namespace = File::open(format!("/proc/{}/ns/net", holder.id())).expect("its namespace");
        let machine = Self { holder, namespace };
        machine.ip("link set lo up");
        machine
    }

    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let within = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.namespace.as_fd(), kind).expect("a namespace");
            work()
        };
        let done = thread::scope(|scope| scope.spawn(within).join());
        done.unwrap_or_else(|fault| panic::resume_unwind(fault))
    }

    fn ip(&self, arguments: &str) {
        let run = || station::run(Command::new("ip").args(arguments.split(' ')));
        let (done, said) = self.run(run);
        assert!(done, "ip {arguments}: {said}");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn address(number: usize) -> Ipv4Addr {
    let last = u8::try_from(number + 1).expect("few machines");
    Ipv4Addr::new(10, 0, 0, last)
}

/// The web server's end of the cable to that machine.
fn link(number: usize) -> String {
    format!("host{number}")
}
