#include "http/events.h"

namespace mimeme {

std::string event_text(const std::string& name, const Json& data) {
  return "event: " + name + "\ndata: " + data.dump() + "\n\n";  // JSON on one line
}

void publish_size(Library& library, Events& events) {
  if (const auto counts = library.catalog().counts())
    events.publish("library", Json::Object{{"images", counts->images}});
}

}  // namespace mimeme
