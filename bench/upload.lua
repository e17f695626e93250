-- wrk: what looks like a picture that is sent, each time another (a number after a JPEG's end). FILES: a list of them.
local files = {}
function init()
  math.randomseed(7)
  for name in io.lines(os.getenv("FILES")) do
    local file = io.open(name, "rb")
    files[#files + 1] = file:read("*a")
    file:close()
  end
end
local i = 0
function request()
  i = i % #files + 1
  return wrk.format("POST", "/api/v1/similar?limit=20", {}, files[i] .. math.random(1000000000))
end
