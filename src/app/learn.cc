#include "app/learn.h"

#include <cstdlib>

#include "core/sha256.h"

namespace mimeme {

Result<ConfiguredDescriber> ConfiguredDescriber::open(const std::string& library_directory) {
  const Config::Describer config = TRY(read_config(library_directory)).describer;
  ConfiguredDescriber opened;
  // Where it is served does not change what it says.
  const std::string asked = config.model + '\n' + config.prompt;
  opened.digest_ = to_hex(sha256(asked.data(), asked.size()));
  opened.concurrency_ = config.concurrency;
  if (config.base_url.empty()) return opened;
  const char* const key = std::getenv(config.api_key_env.c_str());
  opened.model_ = TRY(open_vision_model({.base_url = config.base_url,
                                         .model = config.model,
                                         .api_key = key ? key : "",
                                         .prompt = config.prompt,
                                         .timeout_seconds = config.timeout_seconds,
                                         .retries = config.retries}));
  return opened;
}

}  // namespace mimeme
