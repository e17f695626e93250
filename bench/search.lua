-- wrk: searches by two words that tools/make_library.mjs uses.
local words = { "penguin", "camera", "battle", "almond", "cooker", "zebra", "water", "tiger", "yellow", "train", "bear",
  "house", "apple", "clothespin", "lemon", "old", "dog", "fish", "white", "small" }
function init() math.randomseed(7) end
function request()
  return wrk.format("GET", "/api/v1/search?limit=20&q=" .. words[math.random(#words)] .. "+" .. words[math.random(#words)])
end
