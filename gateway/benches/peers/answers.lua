-- Says in one line what wrk saw. With the argument `check`, every answer is compared with what it must be; that
-- takes the time of wrk, so it is done in the round that is not measured.
local threads = {}

function setup(thread) table.insert(threads, thread) end

function init(arguments)
  wrong = 0
  if arguments[1] == "check" then
    local expected = string.rep("x", 1024)
    response = function(status, _, body)
      if status ~= 200 or body ~= expected then wrong = wrong + 1 end
    end
  end
end

function done(summary)
  local errors, wrong = summary.errors, 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("wrong") end
  io.write(string.format("\nanswers=%d bytes=%d wrong=%d status=%d broken=%d\n", summary.requests, summary.bytes,
    wrong, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
