#include "http/api.h"

#include <future>
#include <optional>

#include "base/json.h"
#include "engine/ingest.h"
#include "engine/test_library.h"
#include "engine/words.h"

namespace mimeme {
namespace {

// The handlers on a real library: real catalog, real indexes, real files.
class ApiTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    add_word_models();
    for (int i = 1; i <= 3; ++i) files_.push_back(add_picture(i));
    reads_ = [](std::span<const uint8_t>) -> Result<std::vector<TextLine>> {
      return std::vector<TextLine>{{.text = "not today", .confidence = 0.99F}};
    };
    auto library = open();
    ASSERT_TRUE(library) << library.error().message;
    library_ = *std::move(library);
    ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
    ASSERT_TRUE(learn_words(*library_, {}, {}));
    comparison_.emplace(*library_);
    auto api = Api::open(*library_, jobs_, events_,
                         {.limits = {},
                          .jobs = {{"words", [](auto&, auto&) { return Result<>(); }}},
                          .comparison = &*comparison_});
    ASSERT_TRUE(api) << api.error().message;
    api_ = *std::move(api);
  }

  HttpResponse call(const std::string& method, const std::string& target,
                    const std::string& body = "") {
    return (*api_)({.method = method, .target = target, .body = body});
  }
  Json get(const std::string& target) {
    const HttpResponse response = call("GET", target);
    EXPECT_EQ(response.status, 200) << target << ": " << response.body;
    return parsed(response);
  }
  static Json parsed(const HttpResponse& response) {
    const auto json = Json::parse(response.body);
    EXPECT_TRUE(json) << response.body;
    return json ? *json : Json();
  }
  static std::vector<int64_t> ids(const Json& list) {
    std::vector<int64_t> found;
    for (const Json& item : *list.array()) found.push_back(*item["id"].integer());
    return found;
  }

  std::vector<std::string> files_;
  // In place of all that is there: number 4, its copy of fewer bytes, and another of its template.
  void make_a_family() {
    ASSERT_TRUE(library_->catalog().remove_images(std::vector<ImageId>{1, 2, 3}));
    const auto folder = root_ / "family";
    std::filesystem::create_directories(folder);
    std::vector<uint8_t> rgb(kFakeSide * kFakeSide * 3);
    rgb[7] = 255;
    for (const char* const name : {"1.tiff", "2.tiff", "3.tiff"}) {
      rgb[1] = name[0] == '3' ? 60 : 0;
      write_tiff(folder / name, kFakeSide, rgb);
      std::ofstream(folder / name, std::ios::app) << (name[0] == '1' ? "more" : "");
      ASSERT_TRUE(ingest(*library_, {.roots = {folder}}, {}));
    }
  }

  std::unique_ptr<Library> library_;
  std::optional<Comparison> comparison_;
  Events events_;
  Jobs jobs_{[](const Job&) {}};
  std::unique_ptr<Api> api_;
};

using Ids = std::vector<int64_t>;

TEST_F(ApiTest, ImagesArePaged) {
  const Json first = get("/api/v1/images?limit=2"), rest = get("/api/v1/images?limit=2&cursor=2");
  EXPECT_EQ(ids(first["images"]), (Ids{3, 2})) << "the newest first";
  EXPECT_EQ(*first["next"].integer(), 2);
  EXPECT_EQ(ids(rest["images"]), (Ids{1}));
  EXPECT_TRUE(rest["next"].is_null());
  EXPECT_EQ(ids(get("/api/v1/images?order=oldest&limit=2")["images"]), (Ids{1, 2}));
  EXPECT_EQ(get("/api/v1/images?name=2.tiff")["images"].array()->size(), 1U);
}

TEST_F(ApiTest, AnImageIsFoundByItsHash) {
  const std::string hash = *get("/api/v1/images/2")["sha256"].string();
  EXPECT_EQ(ids(get("/api/v1/images?sha256=" + hash)["images"]), (Ids{2}));
  EXPECT_EQ(ids(get("/api/v1/images?sha256=" + std::string(64, '0'))["images"]), Ids{});
  EXPECT_EQ(call("GET", "/api/v1/images?sha256=" + hash.substr(1)).status, 400);
}

TEST_F(ApiTest, AnImageTellsWhatIsKnownOfIt) {
  const Json image = get("/api/v1/images/1");
  EXPECT_EQ(*image["format"].string(), "tiff");
  EXPECT_EQ(*image["width"].integer(), kFakeSide);
  EXPECT_EQ(image["paths"].array()->size(), 1U);
  EXPECT_EQ(*(*image["lines"].array())[0]["text"].string(), "not today");
}

TEST_F(ApiTest, TheOriginalIsSentWithItsHashAndNotAgain) {
  const std::string path = *(*get("/api/v1/images/2")["paths"].array())[0].string();
  const HttpResponse sent = call("GET", "/api/v1/images/2/original");
  EXPECT_EQ(sent.status, 200);
  EXPECT_EQ(sent.content_type, "image/tiff");
  EXPECT_EQ(sent.body, bytes_of(path));
  ASSERT_EQ(sent.headers.front().first, "ETag");
  const HttpResponse again = (*api_)({.target = "/api/v1/images/2/original",
                                      .headers = {{"If-None-Match", sent.headers.front().second}}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
}

TEST_F(ApiTest, AFileThatHasChangedSinceIsNotSent) {
  const std::string path = *(*get("/api/v1/images/2")["paths"].array())[0].string();
  std::ofstream(path) << "the user's letters";
  EXPECT_EQ(call("GET", "/api/v1/images/2/original").status, 404);
}

TEST_F(ApiTest, SimilarByIdLeavesTheImageOut) {
  const Json found = get("/api/v1/images/1/similar");
  EXPECT_EQ(found["hits"].array()->size(), 2U);
  for (const int64_t id : ids(found["hits"])) EXPECT_NE(id, 1);
  EXPECT_EQ(get("/api/v1/images/1/similar?limit=1")["hits"].array()->size(), 1U);
}

TEST_F(ApiTest, SimilarByAPictureThatIsKnownAndOneThatIsNew) {
  const HttpResponse known = call("POST", "/api/v1/similar?limit=1", bytes_of(files_[1]));
  ASSERT_EQ(known.status, 200) << known.body;
  const Json hit = (*parsed(known)["hits"].array())[0];
  EXPECT_EQ(*(*hit["paths"].array())[0].string(), files_[1]);
  EXPECT_NEAR(*hit["similarity"].real(), 1, 1e-3);

  const std::string added = add_picture(9);
  const HttpResponse fresh = call("POST", "/api/v1/similar", bytes_of(added));
  EXPECT_EQ(fresh.status, 200) << fresh.body;
  EXPECT_EQ(parsed(fresh)["hits"].array()->size(), 3U);
  EXPECT_EQ(*get("/api/v1/status")["images"].integer(), 3);  // nothing was stored
}

TEST_F(ApiTest, WordsFindWithTheReason) {
  const Json found = get("/api/v1/search?q=not+today");
  ASSERT_EQ(found["hits"].array()->size(), 3U);
  const Json& match = (*(*found["hits"].array())[0]["why"]["matches"].array())[0];
  EXPECT_EQ(*match["field"].string(), "says");
  EXPECT_EQ(*match["match"].string(), "not");
}

TEST_F(ApiTest, ALibraryThatWasEmptyWhenTheServerBeganIsSearchedByMeaningToo) {
  api_.reset();
  library_.reset();
  take_library_away();
  library_ = *open();
  api_ = *Api::open(*library_, jobs_, events_, {.limits = {}, .jobs = {}});
  EXPECT_EQ(get("/api/v1/search?q=kitten")["hits"].array()->size(), 0U);
  ASSERT_TRUE(ingest(*library_, {.roots = {pictures()}}, {}));
  EXPECT_EQ(call("PATCH", "/api/v1/images/1", R"({"description": "kitty"})").status, 200);
  const Json hit = (*get("/api/v1/search?q=kitten")["hits"].array())[0];
  EXPECT_EQ(*hit["id"].integer(), 1);
  EXPECT_GT(*hit["why"]["meaning"].real(), 0.9);
}

TEST_F(ApiTest, AnEditIsKeptAndFoundAtOnce) {
  const HttpResponse edited =
      call("PATCH", "/api/v1/images/3", R"({"description": " a walrus ", "category": "animals"})");
  ASSERT_EQ(edited.status, 200) << edited.body;
  EXPECT_EQ(*parsed(edited)["description"].string(), "a walrus");
  EXPECT_EQ(*parsed(edited)["category"].string(), "animals");
  EXPECT_EQ(ids(get("/api/v1/search?q=walrus")["hits"]).front(), 3);

  EXPECT_EQ(call("PATCH", "/api/v1/images/3", R"({"category": null})").status, 200);
  EXPECT_EQ(*get("/api/v1/images/3")["category"].string(), "");
}

TEST_F(ApiTest, AnImageThatHasNoVectorYetIsDescribedAndNamed) {
  Catalog& catalog = library_->catalog();
  const ModelId model = catalog.active_model()->value().id;
  ASSERT_TRUE(catalog.commit(
      std::vector<IngestResult>{
          {.path = "/x.png", .info = {.format = "png"}, .embedding = std::vector<Half>(12)}},
      model));
  const HttpResponse edited =
      call("PATCH", "/api/v1/images/4", R"({"description": "a zebra", "category": "x"})");
  ASSERT_EQ(edited.status, 200) << edited.body;
  EXPECT_EQ(*parsed(edited)["category"].string(), "x");
  EXPECT_EQ(get("/api/v1/suggestions")["suggestions"].array()->size(), 0U);
  const Json hits = get("/api/v1/search?q=zebra")["hits"];
  ASSERT_EQ(ids(hits), (Ids{4}));
  EXPECT_GT(*(*hits.array())[0]["why"]["meaning"].real(), 0) << "and embedded";
}

TEST_F(ApiTest, AnEditThatIsWrongInOnePartChangesNothing) {
  for (const char* body : {"", "{}", "[]", "{", R"({"description": "x", "path": "/"})",
                           R"({"category": 7})", R"({"description": "x", "category": []})"}) {
    const HttpResponse refused = call("PATCH", "/api/v1/images/3", body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_EQ(refused.content_type, "application/problem+json");
  }
  EXPECT_NE(*get("/api/v1/images/3")["description"].string(), "x");
}

TEST_F(ApiTest, AForgottenImageIsGoneAndItsFileStays) {
  const std::string path = *(*get("/api/v1/images/1")["paths"].array())[0].string();
  EXPECT_EQ(call("DELETE", "/api/v1/images/1").status, 204);
  EXPECT_EQ(call("GET", "/api/v1/images/1").status, 404);
  EXPECT_EQ(call("DELETE", "/api/v1/images/1").status, 404);
  EXPECT_EQ(get("/api/v1/images/2/similar")["hits"].array()->size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ApiTest, AFormBringsPicturesEachWithItsOutcome) {
  const std::string fresh = bytes_of(add_picture(9)), known = bytes_of(files_[0]);
  const std::string type = "multipart/form-data; boundary=xyz";
  const auto part = [](const std::string& name, const std::string& bytes) {
    return "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name +
           "\"\r\nContent-Type: image/tiff\r\n\r\n" + bytes + "\r\n";
  };
  const auto send = [&](const std::string& body) {
    return (*api_)({.method = "POST",
                    .target = "/api/v1/images",
                    .headers = {{"content-type", type}},
                    .body = body});
  };
  const HttpResponse sent = send(part("gr\u00F6\u00DFe %22a%22.tiff", fresh) + part("b", known) +
                                 part("c.jpg", "text") + "--xyz--\r\n");
  ASSERT_EQ(sent.status, 200) << sent.body;
  const Json answered = parsed(sent);
  const Json::Array& files = *answered["files"].array();
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(*files[0]["outcome"].string(), "added");
  EXPECT_EQ(*files[0]["name"].string(), "gr\u00F6\u00DFe \"a\".tiff");
  EXPECT_EQ(*files[1]["outcome"].string(), "known");
  EXPECT_EQ(*(*files[1]["image"]["paths"].array())[0].string(), files_[0]);
  EXPECT_EQ(*files[2]["outcome"].string(), "failed");
  EXPECT_EQ(*files[2]["problem"]["code"].string(), "unsupported");
  EXPECT_EQ(*get("/api/v1/status")["images"].integer(), 4);
  EXPECT_EQ(*(*get("/api/v1/jobs")["jobs"].array())[0]["kind"].string(), "words");

  EXPECT_EQ(send(part("a", fresh)).status, 400) << "the form's end is missing";
  EXPECT_EQ(send("--xyz--\r\n").status, 400);
  EXPECT_EQ(
      send("--xyz\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--xyz--\r\n").status,
      400);
}

TEST_F(ApiTest, SuggestionsAreAnswered) {
  ASSERT_TRUE(library_->catalog().suggest_categories(
      std::vector<CategorySuggestion>{{1, "cats", 0.9F}, {2, "cats", 0.9F}, {3, "dogs", 0.9F}}));
  const Json page = get("/api/v1/suggestions?limit=2");
  EXPECT_EQ(page["suggestions"].array()->size(), 2U);
  EXPECT_EQ(*page["next"].integer(), 2);
  EXPECT_EQ(get("/api/v1/suggestions?limit=2&cursor=2")["suggestions"].array()->size(), 1U);
  EXPECT_EQ(*(*get("/api/v1/families")["families"].array())[0]["suggested"].integer(), 2);

  const auto answer_with = [&](const std::string& body) {
    return *parsed(call("POST", "/api/v1/suggestions", body))["answered"].integer();
  };
  EXPECT_EQ(answer_with(R"({"answer": "refuse", "images": [3, 3, 99]})"), 1);
  EXPECT_EQ(answer_with(R"({"answer": "accept", "category": "cats"})"), 2);
  EXPECT_EQ(ids(get("/api/v1/search?q=category:cats")["hits"]), (Ids{2, 1}));
  EXPECT_EQ(get("/api/v1/suggestions")["suggestions"].array()->size(), 0U);
}

TEST_F(ApiTest, DuplicatesAreListedOnceComparedUntilTheyAreToldApart) {
  make_a_family();
  EXPECT_EQ(*get("/api/v1/duplicates")["waiting"].integer(), 3);
  EXPECT_EQ(get("/api/v1/duplicates")["groups"].array()->size(), 0U);
  ASSERT_TRUE(comparison_->compare({}));
  const Json page = get("/api/v1/duplicates");
  EXPECT_EQ(*page["waiting"].integer(), 0);
  EXPECT_EQ(*page["total"].integer(), 1);
  EXPECT_TRUE(page["next"].is_null());
  const Json& group = (*page["groups"].array())[0];
  EXPECT_EQ(ids(group["images"]), (Ids{4, 5})) << "that of more bytes is the best";
  EXPECT_EQ(*group["best"].integer(), 4);
  EXPECT_EQ(get("/api/v1/duplicates?cursor=4")["groups"].array()->size(), 0U);

  const auto tell = [&](const std::string& body) {
    return call("POST", "/api/v1/duplicates", body).status;
  };
  EXPECT_EQ(tell(R"({"image": 5, "others": [4], "same": false})"), 204);
  EXPECT_EQ(get("/api/v1/duplicates")["groups"].array()->size(), 0U);
  EXPECT_EQ(tell(R"({"image": 4, "others": [5], "same": true})"), 204);
  EXPECT_EQ(get("/api/v1/duplicates")["groups"].array()->size(), 1U);
  EXPECT_EQ(tell(R"({"image": 4, "others": [99], "same": false})"), 404);
  EXPECT_EQ(tell(R"({"image": 4, "others": ["5"], "same": false})"), 400);
  EXPECT_EQ(tell(R"({"image": 4, "same": false})"), 400);
}

TEST_F(ApiTest, AFamilyThatHasNoNameIsNamedAsAWhole) {
  make_a_family();
  const auto unnamed = [&] { return get("/api/v1/families/unnamed"); };
  EXPECT_EQ(*unnamed()["waiting"].integer(), 3);
  EXPECT_EQ(*unnamed()["total"].integer(), 0);
  ASSERT_TRUE(comparison_->compare({}));
  const Json page = unnamed();
  EXPECT_EQ(*page["total"].integer(), 1);
  EXPECT_TRUE(page["next"].is_null());
  const Json& group = (*page["groups"].array())[0];
  EXPECT_EQ(*group["name"].string(), "");
  EXPECT_EQ(ids(group["images"]), (Ids{4, 5, 6}));
  EXPECT_EQ(*(*group["images"].array())[0]["category"].string(), "");

  const auto name = [&](const std::string& body) {
    return call("POST", "/api/v1/families/unnamed", body);
  };
  EXPECT_EQ(name(R"({"images": [4, 5], "name": " "})").status, 400);
  EXPECT_EQ(name(R"({"images": [4, "5"], "name": "x"})").status, 400);
  EXPECT_EQ(name(R"({"images": [4]})").status, 400);
  const HttpResponse named = name(R"({"images": [6, 4, 5, 99], "name": " cats "})");
  ASSERT_EQ(named.status, 200) << named.body;
  EXPECT_EQ(named.body, R"({"named":[4,5,6]})");
  EXPECT_EQ(unnamed()["groups"].array()->size(), 0U);
  EXPECT_EQ(ids(get("/api/v1/search?q=category:cats")["hits"]).size(), 3U);
}

TEST_F(ApiTest, ThumbnailsAreWebPAndKept) {
  const HttpResponse small = call("GET", "/api/v1/images/1/thumbnail?size=256");
  EXPECT_EQ(small.status, 200);
  EXPECT_EQ(small.content_type, "image/webp");
  EXPECT_EQ(small.body.substr(8, 4), "WEBP");
  const HttpResponse again =
      (*api_)({.target = "/api/v1/images/1/thumbnail?size=256",
               .headers = {{"if-none-match", small.headers.front().second}}});
  EXPECT_EQ(again.status, 304);
}

TEST_F(ApiTest, AQueryPictureThatTheClientHasIsNotRead) {
  const HttpResponse added = call("POST", "/api/v1/queries", bytes_of(add_picture(9)));
  const std::string name = *parsed(added)["name"].string();
  const std::string target = "/api/v1/queries/" + name + "/thumbnail";
  const HttpResponse sent = call("GET", target);
  ASSERT_EQ(sent.status, 200) << sent.body;
  const auto file = root_ / "library" / "queries" / name;
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);  // which cannot be read
  const auto again = [&](const std::string& etag) {
    return (*api_)({.target = target, .headers = {{"If-None-Match", etag}}}).status;
  };
  EXPECT_EQ(again(sent.headers.front().second), 304);
  EXPECT_EQ(again("\"other\""), 404);
  std::filesystem::remove(file);
  EXPECT_EQ(again("*"), 404);
}

TEST_F(ApiTest, TheWebAppAndTheContractAreServedAndTheAppsOwnAddressesToo) {
  for (const char* address : {"/", "/search?q=x", "/image/7", "/image/similar/batman.jpg"}) {
    const HttpResponse page = call("GET", address);
    EXPECT_EQ(page.status, 200) << address;
    EXPECT_TRUE(page.content_type.starts_with("text/html")) << address;
    EXPECT_NE(page.body.find("<html"), std::string::npos) << address;
  }
  const HttpResponse nothing =
      (*api_)({.target = "/nothing/here", .headers = {{"Accept", "text/html,*/*;q=0.8"}}});
  EXPECT_EQ(nothing.status, 404);
  EXPECT_TRUE(nothing.content_type.starts_with("text/html"));
  EXPECT_NE(get("/openapi.json")["paths"].object(), nullptr);
  const HttpResponse packed =
      (*api_)({.target = "/docs", .headers = {{"Accept-Encoding", "br, gzip"}}});
  EXPECT_EQ(packed.body.substr(0, 2), "\x1F\x8B");
  const HttpResponse plain = call("GET", "/docs");
  ASSERT_EQ(plain.headers.front().first, "ETag");
  EXPECT_NE(plain.headers.front().second, packed.headers.front().second);
  for (const auto& [accepted, is_packed] :
       std::vector<std::pair<std::string, bool>>{{"", false},
                                                 {"gzip;q=0", false},
                                                 {"GZip ; q=0.0, *", false},
                                                 {"br, *;q=0", false},
                                                 {"identity", false},
                                                 {"gzip;q=x", false},
                                                 {"*", true},
                                                 {"*;q=0, gzip;q=0.5", true},
                                                 {"x-gzip", true}}) {
    const HttpResponse page =
        (*api_)({.target = "/docs", .headers = {{"Accept-Encoding", accepted}}});
    EXPECT_EQ(page.body.starts_with("\x1F\x8B"), is_packed) << accepted;
    EXPECT_EQ(page.headers.front().second == packed.headers.front().second, is_packed) << accepted;
  }
}

TEST_F(ApiTest, EventsBeginWithWhatRuns) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  jobs_.start("words", [ended](auto&, auto&) {  // which may run after this test's end
    ended.wait();
    return Result<>();
  });
  const HttpResponse stream = call("GET", "/api/v1/events");
  end.set_value();
  EXPECT_TRUE(stream.stays_open);
  EXPECT_EQ(stream.content_type, "text/event-stream");
  EXPECT_NE(stream.body.find("event: job\ndata: {"), std::string::npos) << stream.body;
}

TEST_F(ApiTest, MetricsCountWhatWasAnswered) {
  call("GET", "/api/v1/images/77");
  call("GET", "/api/v1/images/78");
  const std::string text = call("GET", "/metrics").body;
  EXPECT_NE(text.find("mimeme_http_requests_total{method=\"GET\",route=\"/api/v1/images/{}\","
                      "status=\"404\"} 2"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("mimeme_images 3"), std::string::npos);
}

TEST_F(ApiTest, ErrorsAreProblemsWithAStableCode) {
  std::string many;
  for (int i = 0; i < 17; ++i) many += "q=a&";
  EXPECT_EQ(call("GET", "/api/v1/search?" + many.substr(4)).status, 200) << "16 are not too many";
  const struct {
    const char* method;
    std::string target, body;
    int status;
    const char* code;
  } cases[] = {
      {"GET", "/api", "", 404, "not_found"},
      {"GET", "/nothing", "", 404, "not_found"},
      {"GET", "/assets/nothing.js", "", 404, "not_found"},
      {"GET", "/api/v1/search?like=-1", "", 400, "invalid_argument"},
      {"POST", "/", "", 405, "method_not_allowed"},
      {"GET", "/api/v1/images?order=best", "", 400, "invalid_argument"},
      {"GET", "/api/v1/images/1/thumbnail?size=300", "", 400, "invalid_argument"},
      {"GET", "/api/v1/images/1/similar?box=0,0,1", "", 400, "invalid_argument"},
      {"GET", "/api/v1/images/1/similar?box=0.5,0,0.6,1", "", 400, "invalid_argument"},
      {"GET", "/api/v1/images/1/similar?box=0,0,0,1", "", 400, "invalid_argument"},
      {"GET", "/api/v1/search?like=x", "", 400, "invalid_argument"},
      {"GET", "/api/v1/search?weight=1&q=a", "", 400, "invalid_argument"},
      {"GET", "/api/v1/search?q=a&weight=11", "", 400, "invalid_argument"},
      {"GET", "/api/v1/search?q=a&box=0,0,1,1", "", 400, "invalid_argument"},
      {"GET", "/api/v1/search?like=77", "", 404, "not_found"},
      {"GET", "/api/v1/search?" + many, "", 400, "invalid_argument"},
      {"GET", "/api/v1/queries/x/thumbnail", "", 404, "not_found"},
      {"POST", "/api/v1/images", "no form", 415, "unsupported"},
      {"POST", "/api/v1/jobs", R"({"kind": "nothing"})", 400, "invalid_argument"},
      {"DELETE", "/api/v1/jobs/7", "", 404, "not_found"},
      {"POST", "/api/v1/suggestions", R"({"answer": "accept"})", 400, "invalid_argument"},
      {"POST", "/api/v1/suggestions", R"({"answer": "no", "images": []})", 400, "invalid_argument"},
      {"POST", "/api/v1/suggestions", R"({"answer": "accept", "images": ["1"]})", 400,
       "invalid_argument"},
      {"GET", "/api/v1/nothing", "", 404, "not_found"},
      {"GET", "/api/v1/images/x", "", 404, "not_found"},
      {"GET", "/api/v1/images/-1", "", 404, "not_found"},
      {"GET", "/api/v1/images/99999999999999999999", "", 404, "not_found"},
      {"GET", "/api/v1/images/77", "", 404, "not_found"},
      {"GET", "/api/v1/images/77/similar", "", 404, "not_found"},
      {"GET", "/api/v1/images/1/nothing", "", 404, "not_found"},
      {"GET", "/api/v1/images?limit=0", "", 400, "invalid_argument"},
      {"GET", "/api/v1/images?limit=1001", "", 400, "invalid_argument"},
      {"GET", "/api/v1/search", "", 400, "invalid_argument"},
      {"GET", "/api/v1/search?q=%", "", 400, "invalid_argument"},
      {"GET", "/api/v1/search?q=a&min=2", "", 400, "invalid_argument"},
      {"PATCH", "/api/v1/images/77", R"({"category": "x"})", 404, "not_found"},
      {"PUT", "/api/v1/images/1", "", 405, "method_not_allowed"},
      {"POST", "/api/v1/search?q=a", "", 405, "method_not_allowed"},
      {"GET", "/api/v1/similar", "", 405, "method_not_allowed"},
      {"POST", "/api/v1/similar", "", 415, "unsupported"},
      {"POST", "/api/v1/similar", "these are words", 415, "unsupported"},
      {"POST", "/api/v1/similar", bytes_of(files_[0]).substr(0, 150), 422, "corrupt"},
  };
  for (const auto& c : cases) {
    const HttpResponse response = call(c.method, c.target, c.body);
    EXPECT_EQ(response.status, c.status) << c.method << ' ' << c.target << ' ' << response.body;
    EXPECT_EQ(response.content_type, "application/problem+json") << c.target;
    const Json json = parsed(response);
    ASSERT_NE(json["code"].string(), nullptr) << c.target;
    EXPECT_EQ(*json["code"].string(), c.code) << c.target;
    EXPECT_EQ(*json["status"].integer(), c.status) << c.target;
  }
}

}  // namespace
}  // namespace mimeme
