//! FastCGI clients that this project did not write, as programs: the request goes in as environment and standard input,
//! as for a CGI program, and the response comes out.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use crate::{Request, Response, TestHost, paths};

/// Runs a client's program with a request and returns the responses that it printed, with a NUL byte between them.
fn run(mut program: Command, request: &Request) -> Vec<Response> {
    // Some send what the length says, as CGI programs read.
    let request = request.clone().variable("CONTENT_LENGTH", &request.body.len().to_string());
    program.env_clear().envs(request.variables());
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = format!("{program:?}");
    let mut child = program.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let mut stdin = child.stdin.take().expect("its standard input");
    let body = request.body.clone();
    let sending = thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}: {}: {said}", output.status);
    sending.join().expect("a thread").expect("a client that reads the body");
    let parts = output.stdout.split(|byte| *byte == 0);
    parts.map(|part| Response { stdout: part.to_vec(), ..Response::default() }).collect()
}

/// Debian's `cgi-fcgi`, of the FastCGI developer's kit.
pub fn cgi_fcgi(host: &TestHost, request: &Request) -> Response {
    let mut program = Command::new("cgi-fcgi");
    program.args(["-bind", "-connect"]).arg(host.socket());
    one(run(program, request))
}

/// Perl's `FCGI::Client`.
pub fn fcgi_client_perl(host: &TestHost, request: &Request) -> Response {
    let mut program = Command::new("perl");
    program.arg(paths::repository("tests/clients/fcgi-client.pl")).arg(host.socket());
    one(run(program, request))
}

/// Perl's `Net::FastCGI`: so many requests after one another on a connection.
pub fn net_fastcgi_perl(host: &TestHost, request: &Request, count: usize) -> Vec<Response> {
    let mut program = Command::new("perl");
    program.arg(paths::repository("tests/clients/net-fastcgi.pl")).arg(host.socket()).arg(count.to_string());
    run(program, request)
}

/// npm's `fastcgi-client`: so many requests at once on a connection.
pub fn fastcgi_client_npm(host: &TestHost, request: &Request, count: usize) -> Vec<Response> {
    let mut program = Command::new("node");
    program.arg("--no-deprecation").arg(paths::repository("tests/clients/fastcgi-client.js"));
    program.arg(paths::npm("fastcgi-client")).arg(host.socket()).arg(count.to_string());
    run(program, request)
}

fn one(responses: Vec<Response>) -> Response {
    let [response] = <[_; 1]>::try_from(responses).expect("one response");
    response
}
