#include "app/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace mimeme {
namespace {

namespace fs = std::filesystem;

class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("config_test." + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file() const { return (folder_ / "mimeme.toml").string(); }
  Result<Config> read(const std::string& text) const {
    std::ofstream(file(), std::ios::binary) << text;
    return read_config(folder_.string());
  }

  fs::path folder_;
};

void expect_defaults(const Result<Config>& config) {
  ASSERT_TRUE(config.ok()) << config.error().message;
  const Config::Describer& d = config->describer;
  EXPECT_EQ(d.base_url, "");
  EXPECT_EQ(d.model, "");
  EXPECT_EQ(d.api_key_env, "MIMEME_DESCRIBER_KEY");
  EXPECT_EQ(d.prompt, VisionModelOptions().prompt);
  EXPECT_EQ(d.timeout_seconds, 120);
  EXPECT_EQ(d.concurrency, 1);
  EXPECT_EQ(d.retries, 3);
  EXPECT_FALSE(config->serve.fetch_urls);
  EXPECT_TRUE(config->serve.hosts.empty());
}

TEST_F(ConfigTest, FetchingIsAllowedByOneLine) {
  for (const auto& [text, is_allowed] :
       {std::pair("[serve]\n", false), std::pair("[serve]\nfetch_urls = true\n", true),
        std::pair("[serve]\nfetch_urls = false\n", false)}) {
    const auto config = read(text);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->serve.fetch_urls, is_allowed) << text;
  }
}

TEST_F(ConfigTest, HostsAreAList) {
  const auto config = read("[serve]\nhosts = [\"memes.example\", \"pictures-2.local\"]\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->serve.hosts, (std::vector<std::string>{"memes.example", "pictures-2.local"}));
}

TEST_F(ConfigTest, WithoutAFileAllIsAsUsual) {
  expect_defaults(read_config(folder_.string()));
  expect_defaults(read_config((folder_ / "no library yet").string()));
}

TEST_F(ConfigTest, AnEmptyFileChangesNothing) {
  for (const char* text : {"", "\n", "# mine\n", "[describer]\n"}) expect_defaults(read(text));
}

TEST_F(ConfigTest, EverySettingIsRead) {
  const auto config = read(R"(
[describer]
base_url = "https://models.example/v1"
model = "qwen2.5vl:3b"
api_key_env = "MY_KEY"
prompt = """
Say what
is funny."""
timeout_seconds = 2.5
concurrency = 4
retries = 0
)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  const Config::Describer& d = config->describer;
  EXPECT_EQ(d.base_url, "https://models.example/v1");
  EXPECT_EQ(d.model, "qwen2.5vl:3b");
  EXPECT_EQ(d.api_key_env, "MY_KEY");
  EXPECT_EQ(d.prompt, "Say what\nis funny.");
  EXPECT_EQ(d.timeout_seconds, 2.5);
  EXPECT_EQ(d.concurrency, 4);
  EXPECT_EQ(d.retries, 0);
}

TEST_F(ConfigTest, WholeSecondsNeedNoPoint) {
  const auto config =
      read(R"(describer = {base_url = "http://h/v1", model = "m", timeout_seconds = 30})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->describer.timeout_seconds, 30);
}

TEST_F(ConfigTest, NoLetterIsTakenForABlank) {
  const auto config = read(
      "[describer]\nbase_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\nprompt = \"\"\"\\\n  "
      "\u00DCber \u019E\"\"\"\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->describer.prompt, "\u00DCber \u019E");
}

TEST_F(ConfigTest, WhereTheCatalogAndUploadsAreIsRead) {
  const auto config = read(
      "\xEF\xBB\xBF# ü: \"\ncatalog = \"postgres://h/memes\"\nuploads = '/shäred'\n"
      "[describer]\nbase_url = \"http://h/v1\"\nmodel = \"é\\\\\"\n"
      "prompt = \"\"\"é \\\" \"\"é\né\"\"\"\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->catalog, "postgres://h/memes");
  EXPECT_EQ(config->uploads, "/shäred");
  EXPECT_EQ(config->describer.prompt, "é \" \"\"é\né");
}

TEST_F(ConfigTest, WhatAServerIsReachedByIsRead) {
  const auto config = read(
      "[serve]\naddress = \"0.0.0.0\"\nproxies = [\"127.0.0.1\", \"10.0.0.0/8\", "
      "\"2001:db8::/32\"]\n"
      "anonymous = \"read\"\nrate = 2.5\nburst = 10\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->serve.address, "0.0.0.0");
  ASSERT_EQ(config->serve.proxies.size(), 3U);
  EXPECT_EQ(config->serve.proxies[1].bits, 8);
  EXPECT_EQ(config->serve.anonymous, Scope::kRead);
  EXPECT_EQ(config->serve.rate, 2.5);
  EXPECT_EQ(config->serve.burst, 10);
}

TEST_F(ConfigTest, OnlyAServerThatNobodyElseReachesIsPrivate) {
  const auto is_private = [this](const char* lines) {
    const auto config = read(std::string("[serve]\n") + lines);
    EXPECT_TRUE(config) << config.error().message;
    return config && config->serve.is_private();
  };
  for (const char* lines : {"", "address = \"127.0.0.1\"", "address = \"127.1.2.3\"",
                            "address = \"::1\"", "fetch_urls = true"})
    EXPECT_TRUE(is_private(lines)) << lines;
  for (const char* lines : {"address = \"0.0.0.0\"", "address = \"::\"", "address = \"192.0.2.1\"",
                            "hosts = [\"memes.example\"]", "proxies = [\"127.0.0.1\"]"})
    EXPECT_FALSE(is_private(lines)) << lines;
}

TEST_F(ConfigTest, WhatIsWrongIsNamedWithItsLineAndWhatToWrite) {
  const std::string known =
      "write one of base_url, model, api_key_env, prompt, timeout_seconds, concurrency, retries";
  const std::string retries = "`retries` must be a whole number, 0 to 20, as in retries = 3";
  const std::string timeout =
      "`timeout_seconds` must be a number above 0 and at most 3600, as in timeout_seconds = 120";
  const std::string url =
      "`base_url` must be an http or https URL, as in base_url = \"http://127.0.0.1:11434/v1\"";
  const std::string variable =
      "`api_key_env` must be the name of an environment variable, which holds the key, as in "
      "api_key_env = \"MIMEME_DESCRIBER_KEY\"";
  const std::string hosts =
      "2: `hosts` must be names in lower case without a port, as in hosts = [\"memes.example\"]";
  const std::pair<std::string, std::string> cases[] = {
      {"\n\n[describe]\n",
       "3: `describe` is not known: write catalog, replica, search_in, uploads, [describer] or "
       "[serve]"},
      {"model = \"x\"",
       "1: `model` is not known: write catalog, replica, search_in, uploads, [describer] or "
       "[serve]"},
      {"catalog = \"memes.db\"",
       "1: `catalog` must be the address of a PostgreSQL server, as in catalog = "
       "\"postgresql://mimeme@db.example/mimeme\""},
      {"# größer\n\nƞ = 1",
       "3: not TOML: Error while parsing root table: expected keys, tables, whitespace or "
       "comments, saw 'ƞ'"},
      {"prompt = '''\n'\"é''' é",
       "2: not TOML: Error while parsing key-value pair: expected a comment or whitespace, saw "
       "'é'"},
      {"uploads = 3", "1: `uploads` must be a folder, as in uploads = \"/srv/memes/uploads\""},
      {"describer = 7", "1: `describer` must be a table: write [describer]"},
      {"[[describer]]", "1: `describer` must be a table: write [describer]"},
      {"serve = true", "1: `serve` must be a table: write [serve]"},
      {"[serve]\nport = 80",
       "2: `port` is not known: write one of fetch_urls, hosts, address, proxies, anonymous, rate, "
       "burst"},
      {"[serve]\nhosts = \"memes.example\"", hosts},
      {"[serve]\nhosts = [\"memes.example:8080\"]", hosts},
      {"[serve]\nhosts = [\"Memes.example\"]", hosts},
      {"[serve]\nhosts = [\"\"]", hosts},
      {"[serve]\nhosts = [1]", hosts},
      {"[serve]\naddress = \"localhost\"",
       "2: `address` must be an address of this machine, or 0.0.0.0 or :: for all, as in address = "
       "\"0.0.0.0\""},
      {"[serve]\nproxies = [\"10.0.0.0/33\"]",
       "2: `proxies` must be addresses or networks, as in proxies = [\"127.0.0.1\", "
       "\"10.0.0.0/8\"]"},
      {"[serve]\nanonymous = \"all\"",
       "2: `anonymous` must be none, read, write or admin, as in anonymous = \"read\""},
      {"[serve]\nrate = -1",
       "2: `rate` must be a number of requests a second; 0: as many as come, as in rate = 50"},
      {"[serve]\nburst = 0",
       "2: `burst` must be a number of requests, 1 at least, as in burst = 1000"},
      {"[serve]\nfetch_urls = 1", "2: `fetch_urls` must be true or false, as in fetch_urls = true"},
      {"[serve]\nfetch_urls = \"true\"",
       "2: `fetch_urls` must be true or false, as in fetch_urls = true"},
      {"[describer]\n\napi_key = \"sk-secret\"", "3: `api_key` is not known: " + known},
      {"[describer]\n\"a\\nb\" = 1", "2: `a?b` is not known: " + known},
      {"[describer]\nretries = -1", "2: " + retries},
      {"[describer]\nretries = 21", "2: " + retries},
      {"[describer]\nretries = 1.5", "2: " + retries},
      {"[describer]\nretries = \"3\"", "2: " + retries},
      {"[describer]\nretries = 9223372036854775807", "2: " + retries},
      {"[describer]\nconcurrency = 0",
       "2: `concurrency` must be a whole number, 1 to 64, as in concurrency = 1"},
      {"[describer]\ntimeout_seconds = 0", "2: " + timeout},
      {"[describer]\ntimeout_seconds = nan", "2: " + timeout},
      {"[describer]\ntimeout_seconds = inf", "2: " + timeout},
      {"[describer]\ntimeout_seconds = true", "2: " + timeout},
      {"[describer]\nbase_url = \"localhost:11434\"", "2: " + url},
      {"[describer]\nbase_url = \"\"", "2: " + url},
      {"[describer]\nbase_url = 11434", "2: " + url},
      {"[describer]\napi_key_env = \"sk-secret\"", "2: " + variable},
      {"[describer]\napi_key_env = \"1secret\"", "2: " + variable},
      {"[describer]\nprompt = \"\"",
       "2: `prompt` must be text, as in prompt = \"Describe this meme "
       "in one sentence.\""},
      {"[describer]\nmodel = \"qwen2.5vl:3b\"",
       "1: `base_url` is missing: write where the model is served, as in base_url = "
       "\"http://127.0.0.1:11434/v1\""},
      {"\n[describer]\nbase_url = \"http://127.0.0.1/v1\"",
       "2: `model` is missing: write the name that the server has for it, as in model = "
       "\"qwen2.5vl:3b\""},
  };
  for (const auto& [text, what] : cases) {
    const auto config = read(text);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument) << text;
    EXPECT_EQ(config.error().message, file() + ":" + what);
  }
}

TEST_F(ConfigTest, WhatIsNotTomlIsNamedWithItsLine) {
  for (const char* line : {"retries 3", "retries = ", "[broken", "model = \"x",
                           "retries = 1\nretries = 2", "model = \"\xFF\""}) {
    const auto config = read("[describer]\n" + std::string(line));
    ASSERT_FALSE(config.ok()) << line;
    EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument) << line;
    const bool later = std::string(line).find('\n') != std::string::npos;
    EXPECT_EQ(config.error().message.find(file() + (later ? ":3: not TOML: " : ":2: not TOML: ")),
              0U)
        << config.error().message;
  }
}

TEST_F(ConfigTest, AFolderInItsPlaceIsAnError) {
  fs::create_directories(file());
  EXPECT_EQ(read_config(folder_.string()).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace mimeme
