// learn_words() with the vision model that the library's mimeme.toml names, if it names one.
#ifndef MIMEME_APP_LEARN_H_
#define MIMEME_APP_LEARN_H_

#include <memory>
#include <string>

#include "app/config.h"
#include "engine/words.h"

namespace mimeme {

class ConfiguredDescriber {
 public:
  // Errors as read_config()'s and open_vision_model()'s.
  static Result<ConfiguredDescriber> open(const std::string& library_directory);

  // Valid for as long as this is.
  Describer describer() const {
    return {.model = model_.get(), .digest = digest_, .concurrency = concurrency_};
  }

 private:
  ConfiguredDescriber() = default;
  std::unique_ptr<VisionModel> model_;  // null: none is named
  std::string digest_;
  int concurrency_ = 1;
};

}  // namespace mimeme

#endif  // MIMEME_APP_LEARN_H_
