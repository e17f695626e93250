#include "http/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace mimeme {

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                          .Name("mimeme_http_requests_total")
                                                          .Help("Requests that were answered")
                                                          .Register(registry);
  prometheus::Family<prometheus::Histogram>& seconds =
      prometheus::BuildHistogram()
          .Name("mimeme_http_request_seconds")
          .Help("From the handler's start to its end, without the wait for a worker")
          .Register(registry);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::count(const std::string& method, const std::string& route, int status,
                    double seconds) {
  impl_->requests.Add({{"method", method}, {"route", route}, {"status", std::to_string(status)}})
      .Increment();
  // From an answer out of memory to a queue of large pictures.
  static const prometheus::Histogram::BucketBoundaries kBounds{0.001, 0.003, 0.01, 0.03, 0.1,
                                                               0.3,   1,     3,    10,   30};
  impl_->seconds.Add({{"method", method}, {"route", route}}, kBounds).Observe(seconds);
}

void Metrics::set(const std::string& name, const std::string& help, double value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add({}).Set(value);
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace mimeme
