-- wrk: what looks like an image of the library, any of IMAGES.
local images = tonumber(os.getenv("IMAGES"))
function init() math.randomseed(7) end
function request() return wrk.format("GET", "/api/v1/images/" .. math.random(1, images) .. "/similar?limit=20") end
