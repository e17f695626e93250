// Sockets: HTTP/1.1 on RESTinio, in front of a handler.
//
// Threads: one of RESTinio's reads requests and writes answers, and does nothing else; the handler
// runs on workers. Requests wait for a worker in a bounded queue; when it is full, an answer of 503
// with Retry-After goes out at once; the same when the bodies that wait or are worked on take too
// much memory. A body over the limit is read, dropped and answered 413. What waits when its client
// hangs up is dropped.
#ifndef MIMEME_HTTP_SERVER_H_
#define MIMEME_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/message.h"

namespace mimeme {

struct ServerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;  // 0: any that is free
  int workers = 0;       // 0: one for each core
  size_t queue = 4096;   // requests that wait
  // Of their bodies, and of those that are worked on; one alone may be larger.
  size_t queue_bytes = size_t{1} << 30;
  size_t max_body = 256 << 20;
  // Fewer if the limit of open files has no room for them; start() raises that for the process as
  // far as it may. More connections wait until others go.
  size_t max_connections = 12'000;
  int idle_timeout_s = 30;  // for a whole request to come, or an answer to be taken
  int stop_timeout_s = 10;  // for what waits when stop() is called
};

class Server {
 public:
  // Answers from now on. kBusy: the port is in use. kInvalidArgument: not an address of this
  // machine. kIo.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, HttpHandler handler);
  ~Server();  // stop()

  uint16_t port() const;

  // To everyone whose answer stays open. Who does not take it within idle_timeout_s is hung up on.
  // Any thread; not after stop() was called.
  void publish(const std::string& text);

  // Ends all of those answers; who still wants to listen asks anew. As publish().
  void end_streams();

  // Answers what has come in, with 503 what comes in meanwhile or has still been waiting after
  // stop_timeout_s, and hangs up. Handlers that run are waited for. Returns when all is written, or
  // after idle_timeout_s more. Call it from no handler, and from one thread at a time.
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mimeme

#endif  // MIMEME_HTTP_SERVER_H_
