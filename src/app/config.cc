#include "app/config.h"

// Its errors as values; as headers, it needs no library when mimeme runs.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "store/catalog.h"

namespace mimeme {
namespace {

using Describer = Config::Describer;

bool read_text(const toml::node& node, std::string& text) {
  const auto value = node.value_exact<std::string>();
  if (value) text = *value;
  return value && !value->empty() && value->find('\0') == value->npos;
}

bool read_whole(const toml::node& node, int64_t least, int64_t most, int& number) {
  const auto value = node.value_exact<int64_t>();
  if (!value || *value < least || *value > most) return false;
  number = static_cast<int>(*value);
  return true;
}

// What POSIX lets a variable be called; so an API key with a '-' in it is noticed.
bool is_variable(const std::string& name) {
  return !std::isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return c < 0x80 && (std::isalnum(c) || c == '_'); });
}

template <typename Table>
struct Key {
  std::string_view name;
  std::string_view must;
  std::string_view example;
  bool (*read)(const toml::node&, Table&);
};

constexpr Key<Describer> kDescriberKeys[] = {
    {"base_url", "an http or https URL", "base_url = \"http://127.0.0.1:11434/v1\"",
     [](const toml::node& node, Describer& d) {
       return read_text(node, d.base_url) &&
              (d.base_url.starts_with("http://") || d.base_url.starts_with("https://"));
     }},
    {"model", "text, as the server calls the model", "model = \"qwen2.5vl:3b\"",
     [](const toml::node& node, Describer& d) { return read_text(node, d.model); }},
    {"api_key_env", "the name of an environment variable, which holds the key",
     "api_key_env = \"MIMEME_DESCRIBER_KEY\"",
     [](const toml::node& node, Describer& d) {
       return read_text(node, d.api_key_env) && is_variable(d.api_key_env);
     }},
    {"prompt", "text", "prompt = \"Describe this meme in one sentence.\"",
     [](const toml::node& node, Describer& d) { return read_text(node, d.prompt); }},
    {"timeout_seconds", "a number above 0 and at most 3600", "timeout_seconds = 120",
     [](const toml::node& node, Describer& d) {
       d.timeout_seconds = node.is_number() ? node.value<double>().value_or(0) : 0;
       return d.timeout_seconds > 0 && d.timeout_seconds <= 3600;
     }},
    {"concurrency", "a whole number, 1 to 64", "concurrency = 1",
     [](const toml::node& node, Describer& d) { return read_whole(node, 1, 64, d.concurrency); }},
    {"retries", "a whole number, 0 to 20", "retries = 3",
     [](const toml::node& node, Describer& d) { return read_whole(node, 0, 20, d.retries); }},
};

Error wrong(const toml::source_region& where, const std::string& what) {
  return {ErrorCode::kInvalidArgument, std::to_string(where.begin.line) + ": " + what};
}

Error unknown(const toml::key& key, const std::string& known) {
  return wrong(key.source(), "`" + printable(key.str()) + "` is not known: write " + known);
}

template <typename Table>
Result<> read_value(const Key<Table>& key, const toml::key& name, const toml::node& node,
                    Table& into) {
  if (key.read(node, into)) return {};
  return wrong(name.source(), "`" + std::string(key.name) + "` must be " + std::string(key.must) +
                                  ", as in " + std::string(key.example));
}

template <typename Table>
Result<Table> read_table(const toml::table& table, std::span<const Key<Table>> keys) {
  Table read;
  for (const auto& [name, node] : table) {
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const Key<Table>& k) { return k.name == name.str(); });
    if (key == keys.end()) {
      std::string known;
      for (const auto& k : keys) known += (known.empty() ? "" : ", ") + std::string(k.name);
      return unknown(name, "one of " + known);
    }
    TRY(read_value(*key, name, node, read));
  }
  return read;
}

Result<Describer> read_describer(const toml::table& table) {
  Describer describer = TRY(read_table<Describer>(table, kDescriberKeys));
  if (describer.base_url.empty() && !table.empty())
    return wrong(table.source(), "`base_url` is missing: write where the model is served, as in " +
                                     std::string(kDescriberKeys[0].example));
  if (!describer.base_url.empty() && describer.model.empty())
    return wrong(table.source(),
                 "`model` is missing: write the name that the server has for it, as in " +
                     std::string(kDescriberKeys[1].example));
  return describer;
}

// As a browser writes it into Host, but for the port.
bool is_host(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isdigit(c) || std::islower(c) || c == '.' || c == '-' || c == '_';
  });
}

bool read_hosts(const toml::node& node, std::vector<std::string>& hosts) {
  const toml::array* names = node.as_array();
  if (!names) return false;
  for (const toml::node& name : *names)
    if (!read_text(name, hosts.emplace_back()) || !is_host(hosts.back())) return false;
  return true;
}

bool read_proxies(const toml::node& node, std::vector<Network>& proxies) {
  const toml::array* texts = node.as_array();
  if (!texts) return false;
  for (const toml::node& text : *texts) {
    const auto network = parse_network(text.value_exact<std::string>().value_or(""));
    if (!network) return false;
    proxies.push_back(*network);
  }
  return true;
}

bool read_number(const toml::node& node, double least, std::optional<double>& number) {
  number = node.is_number() ? node.value<double>() : std::nullopt;
  return number && *number >= least && *number <= 1e6;
}

using Serve = Config::Serve;
constexpr Key<Serve> kServeKeys[] = {
    {"fetch_urls", "true or false", "fetch_urls = true",
     [](const toml::node& node, Serve& serve) {
       const auto value = node.value_exact<bool>();
       serve.fetch_urls = value.value_or(false);
       return value.has_value();
     }},
    {"hosts", "names in lower case without a port", "hosts = [\"memes.example\"]",
     [](const toml::node& node, Serve& serve) { return read_hosts(node, serve.hosts); }},
    {"address", "an address of this machine, or 0.0.0.0 or :: for all", "address = \"0.0.0.0\"",
     [](const toml::node& node, Serve& serve) {
       return read_text(node, serve.address) && !parse_address(serve.address).empty();
     }},
    {"proxies", "addresses or networks", "proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]",
     [](const toml::node& node, Serve& serve) { return read_proxies(node, serve.proxies); }},
    {"anonymous", "none, read, write or admin", "anonymous = \"read\"",
     [](const toml::node& node, Serve& serve) {
       serve.anonymous = parse_scope(node.value_exact<std::string>().value_or(""));
       return serve.anonymous.has_value();
     }},
    {"rate", "a number of requests a second; 0: as many as come", "rate = 50",
     [](const toml::node& node, Serve& serve) { return read_number(node, 0, serve.rate); }},
    {"burst", "a number of requests, 1 at least", "burst = 1000",
     [](const toml::node& node, Serve& serve) { return read_number(node, 1, serve.burst); }},
};

// Those before all tables.
constexpr Key<Config> kConfigKeys[] = {
    {"catalog", "the address of a PostgreSQL server",
     "catalog = \"postgresql://mimeme@db.example/mimeme\"",
     [](const toml::node& node, Config& config) {
       return read_text(node, config.catalog) && Catalog::is_server(config.catalog);
     }},
    {"replica", "the address of a PostgreSQL server",
     "replica = \"postgresql://mimeme@standby.example/mimeme\"",
     [](const toml::node& node, Config& config) {
       return read_text(node, config.replica) && Catalog::is_server(config.replica);
     }},
    {"uploads", "a folder", "uploads = \"/srv/memes/uploads\"",
     [](const toml::node& node, Config& config) { return read_text(node, config.uploads); }},
};

// The line of the first letter beyond ASCII that stands neither in a string nor in a comment, where
// TOML 1.0 has none; 0: there is no such letter. toml++ 3.3.0 does not refuse them all: for some
// its behaviour is undefined (is_non_ascii_horizontal_whitespace). It stops at its first error, so
// this has to be right as far as the text is TOML.
int line_of_letter_out_of_place(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // says that it is UTF-8
  constexpr std::string_view kBeforeString = " \t\r\n=[,{.";    // after 1979x" toml++ reads on
  int line = 1;
  std::string_view quote;  // what ends the string that is open
  bool comment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      comment = false;
      if (quote.size() == 1) quote = {};  // never ended
    } else if (comment) {
      continue;
    } else if (!quote.empty()) {
      if (c == '\\' && quote[0] == '"' && text.substr(i + 1, 1) != "\n")
        ++i;
      else if (text.substr(i).starts_with(quote))
        i += std::exchange(quote, {}).size() - 1;
    } else if ((c == '"' || c == '\'') &&
               (i == 0 || kBeforeString.find(text[i - 1]) != kBeforeString.npos)) {
      const std::string_view three = c == '"' ? R"(""")" : "'''";
      quote = text.substr(i).starts_with(three) ? three : three.substr(0, 1);
      i += quote.size() - 1;
    } else if (c == '#') {
      comment = true;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      return line;
    }
  }
  return 0;
}

Result<Config> parse(const std::string& text) {
  if (const int line = line_of_letter_out_of_place(text); line > 0)
    return Error{ErrorCode::kInvalidArgument,
                 std::to_string(line) + ": a letter that is not ASCII, outside of quotes"};
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed)
    return wrong(parsed.error().source(), "not TOML: " + std::string(parsed.error().description()));
  Config config;
  for (const auto& [name, node] : parsed.table()) {
    const std::string key(name.str());
    if (const auto* const known = std::ranges::find(kConfigKeys, name.str(), &Key<Config>::name);
        known != std::end(kConfigKeys)) {
      TRY(read_value(*known, name, node, config));
      continue;
    }
    if (key != "describer" && key != "serve")
      return unknown(name, "catalog, replica, uploads, [describer] or [serve]");
    if (!node.is_table())
      return wrong(name.source(), "`" + key + "` must be a table: write [" + key + "]");
    if (key == "describer") config.describer = TRY(read_describer(*node.as_table()));
    if (key == "serve") config.serve = TRY(read_table<Serve>(*node.as_table(), kServeKeys));
  }
  return config;
}

}  // namespace

bool Config::Serve::is_private() const {
  return is_loopback(parse_address(address)) && hosts.empty() && proxies.empty();
}

Result<Config> read_config(const std::string& library) {
  const std::string path = (std::filesystem::path(library) / "mimeme.toml").string();
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file && errno == ENOENT) return Config();
  if (!file || (file.peek(), file.bad())) return Error{ErrorCode::kIo, path + ": cannot be read"};
  std::ostringstream text;
  if (!file.eof()) text << file.rdbuf();
  auto config = parse(text.str());
  if (!config) return Error{config.error().code, path + ":" + config.error().message};
  return config;
}

}  // namespace mimeme
