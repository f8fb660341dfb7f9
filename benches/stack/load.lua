-- Sends the deliveries of a file one after another, over wrk's connections.
--
-- Arguments: the file, the path, "signed" or "unsigned", "once" or "again", the names of the headers
-- for id, time and signature, and how many of the file's deliveries are needed. Each line of the
-- file is an id, a time, a signature and a body, separated by tabs. With "once", the run fails when
-- the deliveries are used up: a duplicate is not a delivery.

local requests, sent, again = {}, 0, false

function init(args)
  local file, path, signed = args[1], args[2], args[3] == 'signed'
  again = args[4] == 'again'
  local most = tonumber(args[8])
  for line in io.lines(file) do
    if #requests == most then break end
    local a = line:find('\t', 1, true)
    local b = line:find('\t', a + 1, true)
    local c = line:find('\t', b + 1, true)
    local body = line:sub(c + 1)
    requests[#requests + 1] = table.concat({
      'POST ', path, ' HTTP/1.1\r\nhost: receiver\r\ncontent-type: application/json\r\n',
      args[5], ': ', line:sub(1, a - 1), '\r\n',
      args[6], ': ', line:sub(a + 1, b - 1), '\r\n',
      signed and args[7] .. ': ' .. line:sub(b + 1, c - 1) .. '\r\n' or '',
      'content-length: ', #body, '\r\n\r\n', body,
    })
  end
  collectgarbage()
  collectgarbage('stop')
end

function request()
  sent = sent + 1
  if sent > #requests then
    if not again then
      io.stderr:write('ran out of deliveries\n')
      os.exit(3)
    end
    sent = 1
  end
  return requests[sent]
end

function done(summary)
  local errors = summary.errors
  io.write(string.format('done %d %d %d %d\n', summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
