#include "http/events.h"

namespace mimeme {

std::string event_text(const std::string& name, const Json& data) {
  return "event: " + name + "\ndata: " + data.dump() + "\n\n";  // JSON on one line
}

}  // namespace mimeme
