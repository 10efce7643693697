# Net::FastCGI: sends the request that is in the environment and on the standard input to a socket, so many times on one
# connection, and prints the responses with a NUL byte between them.
use strict;
use warnings;
use IO::Socket::UNIX;
use Net::FastCGI::Constant qw(:all);
use Net::FastCGI::IO qw(read_record);
use Net::FastCGI::Protocol qw(build_begin_request parse_end_request_body);

my ($path, $count) = @ARGV;
binmode $_ for *STDIN, *STDOUT;
my $body = do { local $/; <STDIN> };
my $socket = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
for my $id (1 .. $count) {
    my $flags = $id < $count ? FCGI_KEEP_CONN : 0;
    my $request = build_begin_request($id, FCGI_RESPONDER, $flags, {%ENV}, $body);
    while (length $request) {
        my $sent = syswrite($socket, $request) or die "write: $!";
        substr($request, 0, $sent, '');
    }
    while (1) {
        my ($type, $request_id, $content) = read_record($socket) or die "closed before the end: $!";
        die "a record of request $request_id" if $request_id != $id;
        if ($type == FCGI_STDOUT) { print $content }
        elsif ($type == FCGI_STDERR) { print STDERR $content }
        elsif ($type == FCGI_END_REQUEST) {
            my ($app_status, $protocol_status) = parse_end_request_body($content);
            die "ended with $app_status, $protocol_status" if $app_status || $protocol_status != FCGI_REQUEST_COMPLETE;
            last;
        }
        else { die "a record of type $type" }
    }
    print "\0" if $id < $count;
}
die "still open" if sysread($socket, my $rest, 1);
