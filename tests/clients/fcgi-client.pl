# FCGI::Client: sends the request that is in the environment and on the standard input to a socket, prints the response.
use strict;
use warnings;
use FCGI::Client;
use IO::Socket::UNIX;

my ($path) = @ARGV;
binmode $_ for *STDIN, *STDOUT, *STDERR;
my $body = do { local $/; <STDIN> };
my $socket = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
my $client = FCGI::Client::Connection->new(sock => $socket, timeout => 30);
my ($stdout, $stderr, $status) = $client->request({%ENV}, $body);
print STDERR $stderr // '';
print STDOUT $stdout // '';
exit $status;
