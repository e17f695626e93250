// What the user sets for a library, in <library>/mimeme.toml (docs/format.md).
#ifndef MIMEME_APP_CONFIG_H_
#define MIMEME_APP_CONFIG_H_

#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "core/access_key.h"
#include "model/vision_model.h"

namespace mimeme {

struct Config {
  std::string catalog;  // the address of a PostgreSQL server; empty: a file in the library's folder
  std::string replica;  // of the catalog's server, which answers a server's reads; empty: none
  bool search_in_database = false;  // of that server, instead of in indexes in the library's folder
  std::string uploads;              // a folder for pictures that are sent; empty: the library's own

  // Who describes the pictures. Not configured, and nobody does, while base_url is empty.
  struct Describer {
    std::string base_url;
    std::string model;
    std::string api_key_env = "MIMEME_DESCRIBER_KEY";  // the variable that holds the key, if any
    std::string prompt = VisionModelOptions().prompt;
    double timeout_seconds = VisionModelOptions().timeout_seconds;
    int concurrency = 1;  // pictures described at a time
    int retries = VisionModelOptions().retries;
  } describer;

  struct Serve {
    bool fetch_urls = false;         // pictures to search with may be given by their web address
    std::vector<std::string> hosts;  // names that browsers reach it by, besides localhost
    std::string address = "127.0.0.1";
    std::vector<Network> proxies;  // believed what they write into X-Forwarded-For and -Proto
    std::optional<Scope> anonymous;
    std::optional<double> rate, burst;  // AccessOptions

    // Nobody comes but from this machine, as far as this says: then the defaults are that everyone
    // may do everything, as often as he likes, else that nobody may anything without a key.
    bool is_private() const;
  } serve;
};

// The defaults, if there is no such file. kInvalidArgument: "…/mimeme.toml:3: what is wrong: what
// to write"; values are not repeated, for a key may be where it does not belong. kIo if the file
// cannot be read.
Result<Config> read_config(const std::string& library);

}  // namespace mimeme

#endif  // MIMEME_APP_CONFIG_H_
