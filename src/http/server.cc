#include "http/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <restinio/all.hpp>
#include <thread>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "base/bounded_queue.h"
#include "base/log.h"
#include "base/thread_count.h"
#include "http/problem.h"

namespace mimeme {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kHeartbeat = std::chrono::seconds(15);

// A name of its own, so that our parser_settings are taken.
struct Methods : restinio::default_http_methods_t {};

// Which connections there are. RESTinio's thread tells, workers ask.
class Connections {
 public:
  void state_changed(const restinio::connection_state::notice_t& notice) noexcept {
    const std::lock_guard lock(mu_);
    if (std::holds_alternative<restinio::connection_state::accepted_t>(notice.cause()))
      open_.insert(notice.connection_id());
    else
      open_.erase(notice.connection_id());
  }
  bool has(restinio::connection_id_t id) const {
    const std::lock_guard lock(mu_);
    return open_.contains(id);
  }

 private:
  mutable std::mutex mu_;
  std::unordered_set<restinio::connection_id_t> open_;  // guarded by mu_
};

struct Traits : restinio::default_traits_t {
  using http_methods_mapper_t = Methods;
  using connection_state_listener_t = Connections;
  static constexpr bool use_connection_count_limiter = true;
};

// Marks a request whose body was over the limit: no field that is sent can have this name.
constexpr const char* kTooLarge = " too large";

restinio::impl::http_parser_ctx_t& context_of(const http_parser* parser) {
  return *static_cast<restinio::impl::http_parser_ctx_t*>(parser->data);
}

int drop_body(http_parser* parser) {
  context_of(parser).m_header.set_field(kTooLarge, "");
  std::string().swap(context_of(parser).m_body);
  return 0;
}

HttpRequest to_request(const restinio::request_t& from) {
  HttpRequest request{.method = from.header().method().c_str(),
                      .target = std::string(from.header().request_target()),
                      .body = from.body(),
                      .peer = from.remote_endpoint().address().to_string()};
  from.header().for_each_field([&](const restinio::http_header_field_t& field) {
    request.headers.emplace_back(std::string(field.name()), std::string(field.value()));
  });
  return request;
}

const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    default:
      return status < 500 ? "Refused" : "Failed";
  }
}

}  // namespace
}  // namespace mimeme

// RESTinio hangs up when a body goes over its limit. This reads it to its end, within the time that
// a request has, and drops what comes, so that the client hears why it was refused.
template <>
inline http_parser_settings restinio::impl::create_parser_settings<mimeme::Methods>() noexcept {
  http_parser_settings settings = create_parser_settings<restinio::default_http_methods_t>();
  settings.on_headers_complete = [](http_parser* parser) -> int {
    const auto& limits = mimeme::context_of(parser).m_limits;
    if (parser->content_length == ULLONG_MAX || parser->content_length <= limits.max_body_size())
      return restinio_headers_complete_cb(parser);
    mimeme::context_of(parser).m_leading_headers_completed = true;
    return mimeme::drop_body(parser);
  };
  settings.on_body = [](http_parser* parser, const char* at, size_t length) -> int {
    const auto& context = mimeme::context_of(parser);
    if (context.m_header.has_field(mimeme::kTooLarge)) return 0;
    if (context.m_body.size() + length > context.m_limits.max_body_size())
      return mimeme::drop_body(parser);
    return restinio_body_cb(parser, at, length);
  };
  return settings;
}

namespace mimeme {
namespace {

// As many connections as the limit of open files leaves room for, once that is raised as far as it
// goes: after an accept() that failed for want of a descriptor, RESTinio accepts no more.
size_t within_file_limit(size_t connections) {
  constexpr rlim_t kOthers = 64;  // catalog, indexes, what handlers read
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
  if (limit.rlim_cur < connections + kOthers) {
    const rlimit raised{std::min<rlim_t>(limit.rlim_max, connections + kOthers), limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  const rlim_t room = limit.rlim_cur > 2 * kOthers ? limit.rlim_cur - kOthers : limit.rlim_cur / 2;
  return std::min<size_t>(connections, room);
}

// Lets what waits in it, connections too, be freed before the rest: shutdown() is for derived
// classes only.
struct IoContext : restinio::asio_ns::io_context {
  void free_handlers() { shutdown(); }
};

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& options, HttpHandler called)
      : handler(std::move(called)),
        waiting(options.queue),
        max_waiting_bytes(options.queue_bytes),
        max_body(options.max_body),
        timeout(options.idle_timeout_s),
        stop_timeout(options.stop_timeout_s) {}

  void serve() {
    while (auto request = waiting.pop()) {
      const bool has_gone = !connections->has((*request)->connection_id());
      HttpResponse response;  // to nobody, if the client has gone
      if (!has_gone) response = Clock::now() < stop_by.load() ? answer(**request) : busy();
      waiting_bytes -= (*request)->body().size();
      send(**request, std::move(response));
    }
  }

  HttpResponse answer(const restinio::request_t& request) const {
    try {
      return handler(to_request(request));
    } catch (const std::exception& e) {
      log(LogLevel::kWarning, std::string("a request ended with an exception: ") + e.what());
      return problem(Error{ErrorCode::kInternal, "an error of ours; the log says which"});
    }
  }

  static HttpResponse busy() {
    return problem(Error{ErrorCode::kBusy, "too many requests wait: try again"});
  }

  // The answer's head, for one kind of body.
  template <typename Output>
  auto begin(restinio::request_t& request, const HttpResponse& response) {
    auto out = request.create_response<Output>(
        {restinio::http_status_code_t{static_cast<uint16_t>(response.status)},
         reason(response.status)});
    if (!response.content_type.empty())
      out.append_header(restinio::http_field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) out.append_header(name, value);
    if (stopping) out.connection_close();
    return out;
  }

  void send(restinio::request_t& request, HttpResponse response) {
    // Called on RESTinio's thread, when it is written or the connection has gone.
    const auto written = [this](const auto&) { count_answered(); };
    if (std::string_view(request.header().method().c_str()) == "HEAD") {
      auto out = begin<restinio::user_controlled_output_t>(request, response);
      out.set_content_length(response.body.size());
      out.done(written);
    } else if (response.stays_open && !stopping) {
      auto stream = std::make_shared<Stream>(begin<restinio::chunked_output_t>(request, response));
      post([this, stream, text = std::move(response.body)] {
        streams.push_back(stream);
        write(stream, text);
      });
      count_answered();  // what follows is waited for by nobody
    } else {
      auto out = begin<restinio::restinio_controlled_output_t>(request, response);
      out.set_body(std::move(response.body));
      out.done(written);
    }
  }

  void count_answered() {
    const std::lock_guard lock(mu);
    if (--unanswered == 0) all_answered.notify_all();
  }

  // --- Streams; all of this on the I/O thread.

  using Stream = restinio::response_builder_t<restinio::chunked_output_t>;

  template <typename F>
  void post(F f) {
    restinio::asio_ns::post(*io, std::move(f));
  }

  void write(const std::shared_ptr<Stream>& stream, const std::string& text) {
    stream->append_chunk(text);
    stream->flush([this, weak = std::weak_ptr(stream)](const auto& error) {
      if (error) std::erase(streams, weak.lock());
    });
  }

  void write_to_all(const std::string& text) {
    for (const auto& stream : std::vector(streams)) write(stream, text);
  }

  // A comment now and then shows whose connection has gone, and keeps proxies from closing others.
  void keep_alive() {
    heartbeat->expires_after(kHeartbeat);
    heartbeat->async_wait([this](const auto& error) {
      if (error) return;
      write_to_all(": \n\n");
      keep_alive();
    });
  }

  restinio::request_handling_status_t accept(const restinio::request_handle_t& request) {
    {
      const std::lock_guard lock(mu);
      ++unanswered;
    }
    if (request->header().has_field(kTooLarge)) {
      send(*request, problem(Error{ErrorCode::kTooLarge,
                                   "a body may have " + std::to_string(max_body) + " bytes"}));
      return restinio::request_accepted();
    }
    // Counted here and when it is answered; this thread alone lets in.
    const size_t bytes = request->body().size();
    const bool fits = waiting_bytes == 0 || waiting_bytes + bytes <= max_waiting_bytes;
    waiting_bytes += bytes;
    if (stopping || !fits || !waiting.try_push(restinio::request_handle_t(request))) {
      waiting_bytes -= bytes;
      send(*request, busy());
    }
    return restinio::request_accepted();
  }

  const HttpHandler handler;
  BoundedQueue<restinio::request_handle_t> waiting;
  const std::shared_ptr<Connections> connections = std::make_shared<Connections>();
  const size_t max_waiting_bytes, max_body;
  std::atomic<size_t> waiting_bytes = 0;
  const std::chrono::seconds timeout, stop_timeout;
  std::atomic<bool> stopping = false;
  std::atomic<Clock::time_point> stop_by = Clock::time_point::max();  // the handler is called
  uint16_t port = 0;                                                  // constant after start()
  std::mutex mu;  // RESTinio's callbacks take it for a moment
  std::condition_variable all_answered;
  int64_t unanswered = 0;  // guarded by mu
  std::vector<std::jthread> workers;
  // Opened by the thread that starts it, and run by one of our own: RESTinio's pool of threads has
  // a data race when opening fails. Freeing them closes the connections.
  std::unique_ptr<IoContext> io = std::make_unique<IoContext>();
  std::unique_ptr<restinio::http_server_t<Traits>> server;
  std::optional<restinio::asio_ns::steady_timer> heartbeat{*io};
  std::vector<std::shared_ptr<Stream>> streams;  // the I/O thread's
  std::jthread io_thread;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { stop(); }
uint16_t Server::port() const { return impl_->port; }

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, HttpHandler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  Impl& server = *impl;
  const std::string name = options.address + ":" + std::to_string(options.port);
  try {
    const auto address = restinio::asio_ns::ip::make_address(options.address);
    auto settings =
        restinio::server_settings_t<Traits>{}
            .address(address)
            .port(options.port)
            .acceptor_post_bind_hook([&](restinio::asio_ns::ip::tcp::acceptor& acceptor) {
              server.port = acceptor.local_endpoint().port();
            })
            .request_handler(
                [&](const restinio::request_handle_t& request) { return server.accept(request); })
            .connection_state_listener(server.connections)
            // RESTinio reads on beside the first, and so learns when the client has gone.
            .max_pipelined_requests(2)
            .max_parallel_connections(within_file_limit(options.max_connections))
            .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t{}
                                          .max_url_size(16'384)
                                          .max_field_name_size(256)
                                          .max_field_value_size(16'384)
                                          .max_field_count(100)
                                          .max_body_size(options.max_body))
            .read_next_http_message_timelimit(server.timeout)
            .write_http_response_timelimit(server.timeout)
            .handle_request_timeout(std::chrono::minutes(5))  // a queue full of large pictures
            .concurrent_accepts_count(8);
    server.server = std::make_unique<restinio::http_server_t<Traits>>(
        restinio::external_io_context(*server.io), std::move(settings));
    server.server->open_sync();
    server.keep_alive();
    server.io_thread = std::jthread([&server] { server.io->run(); });
  } catch (const restinio::asio_ns::system_error& e) {
    if (e.code() == restinio::asio_ns::error::address_in_use)
      return Error{ErrorCode::kBusy, name + " is in use: another --port may be free"};
    return Error{e.code() == restinio::asio_ns::error::invalid_argument
                     ? ErrorCode::kInvalidArgument
                     : ErrorCode::kIo,
                 name + ": " + e.code().message()};
  } catch (const std::exception& e) {
    return Error{ErrorCode::kIo, name + ": " + e.what()};
  }
  for (int i = 0; i < thread_count(options.workers); ++i)
    server.workers.emplace_back([&server] { server.serve(); });
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::publish(const std::string& text) {
  impl_->post([impl = impl_.get(), text] { impl->write_to_all(text); });
}

void Server::end_streams() {
  impl_->post([impl = impl_.get()] {
    for (const auto& stream : std::exchange(impl->streams, {})) stream->done();
  });
}

void Server::stop() {
  if (impl_->stopping.exchange(true)) return;
  impl_->stop_by = Clock::now() + impl_->stop_timeout;
  impl_->waiting.close();  // workers take what is in it, then end
  impl_->workers.clear();  // joins
  {
    std::unique_lock lock(impl_->mu);
    impl_->all_answered.wait_for(lock, impl_->timeout, [&] { return impl_->unanswered == 0; });
  }
  impl_->post([this] {
    impl_->heartbeat->cancel();
    impl_->server->close_sync();
    impl_->io->stop();
  });
  impl_->io_thread.join();
  impl_->streams.clear();
  impl_->heartbeat.reset();    // it is of io
  impl_->io->free_handlers();  // connections count themselves out in the server when they go
  impl_->server.reset();
  impl_->io.reset();
}

}  // namespace mimeme
