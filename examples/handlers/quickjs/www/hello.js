// A CGI script in JavaScript: `std` is QuickJS's own module for files and the environment.
const variable = (name) => std.getenv(name) ?? "";

const body = std.in.readAsString();
std.out.puts("Content-Type: text/plain; charset=utf-8\n\n");
std.out.puts(`${variable("REQUEST_METHOD")} ${variable("SCRIPT_NAME")}${variable("PATH_INFO")}\n`);
std.out.puts(body);
