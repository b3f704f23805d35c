-- What the load generator asks, and its counts, written to report.txt: wrk … URL -- KIND
-- KIND is "one", "batch" (16 in one write) or "many" (10,000 files at random).

function init(args)
    if args[1] == "batch" then
        local batch = string.rep(wrk.format(), 16)
        request = function() return batch end
    elseif args[1] == "many" then
        local requests = {}
        for number = 0, 9999 do
            requests[number] = wrk.format("GET", string.format("/many/%04d.bin", number))
        end
        -- The same sequence for every server.
        math.randomseed(10)
        request = function() return requests[math.random(0, 9999)] end
    end
end

function done(summary, latency)
    local errors = summary.errors
    local file = assert(io.open("report.txt", "w"))
    file:write(string.format("%d %d %d %d %d %d %d %d\n",
        summary.requests, summary.duration, summary.bytes,
        errors.connect + errors.read + errors.write, errors.status, errors.timeout,
        latency:percentile(50), latency:percentile(99)))
    file:close()
end
