-- Prints what was measured as the load generator for FastCGI does, in one line of JSON.
function done(summary, latency, requests)
    local errors = summary.errors
    local failures = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    local seconds = summary.duration / 1e6
    io.write(string.format(
        '{"requests":%d,"requests_per_second":%f,"failures":%d,"p50":%d,"p99":%d}\n',
        summary.requests, summary.requests / seconds, failures, latency:percentile(50), latency:percentile(99)))
end
