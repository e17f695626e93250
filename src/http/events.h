// What happens, for those who listen: server-sent events (WHATWG HTML, "Server-sent events").
#ifndef MIMEME_HTTP_EVENTS_H_
#define MIMEME_HTTP_EVENTS_H_

#include <functional>
#include <string>

#include "base/json.h"
#include "base/mutex.h"
#include "engine/library.h"

namespace mimeme {

// One event as it goes over the wire.
std::string event_text(const std::string& name, const Json& data);

// Passes events on to where they are sent from. Thread-safe.
class Events {
 public:
  using Sink = std::function<void(const std::string& text)>;

  // Null: nowhere. After it returns the old sink is not called any more.
  void attach(Sink sink) {
    Lock lock(mu_);
    sink_ = std::move(sink);
  }
  void publish(const std::string& name, const Json& data) {
    Lock lock(mu_);
    if (sink_) sink_(event_text(name, data));
  }

 private:
  Mutex mu_;
  Sink sink_ GUARDED_BY(mu_);
};

// "library": how many images there are, when some came or went.
void publish_size(Library& library, Events& events);

}  // namespace mimeme

#endif  // MIMEME_HTTP_EVENTS_H_
