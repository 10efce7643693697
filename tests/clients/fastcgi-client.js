// The npm package fastcgi-client: sends the request that is in the environment and on the standard input to a socket, so
// many times at once, and prints the responses with a NUL byte between them. It asks for FCGI_MPXS_CONNS first and then
// has all requests on one connection.
'use strict';

const [module_, sockFile, count] = process.argv.slice(2);
const connect = require(module_);

const read = (stream) => new Promise((resolve, reject) => {
    const pieces = [];
    stream.on('data', (piece) => pieces.push(piece));
    stream.on('end', () => resolve(Buffer.concat(pieces)));
    stream.on('error', reject);
});

const ask = (client, body) => new Promise((resolve, reject) => {
    client.request({ ...process.env }, (error, request) => {
        if (error) return reject(error);
        read(request.stderr).then((text) => process.stderr.write(text), reject);
        read(request.stdout).then((response) => {
            const status = request.getExitStatus();
            return status === 0 ? resolve(response) : reject(status instanceof Error ? status : new Error(`exit status ${status}`));
        }, reject);
        request.stdin.end(body);
    });
});

read(process.stdin).then((body) => {
    const client = connect({ sockFile });
    client.on('error', (error) => { throw error; });
    client.on('ready', async () => {
        const responses = await Promise.all(Array.from({ length: Number(count) }, () => ask(client, body)));
        const joined = responses.flatMap((response) => [Buffer.from([0]), response]).slice(1);
        process.stdout.write(Buffer.concat(joined));
    });
});
