use strict;
use warnings;
use FCGI;
use FCGI::ProcManager;

my ($path, $processes) = @ARGV;
my $socket = FCGI::OpenSocket($path, 1024);
my $request = FCGI::Request(\*STDIN, \*STDOUT, \*STDERR, \%ENV, $socket);
my $manager = FCGI::ProcManager->new({ n_processes => $processes });
$manager->pm_manage();
while ($request->Accept() >= 0) {
    $manager->pm_pre_dispatch();
    print "Content-Type: text/plain\r\n\r\nhello\n";
    $manager->pm_post_dispatch();
}
