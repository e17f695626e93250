// Counters for Prometheus (text exposition format 0.0.4). Thread-safe.
#ifndef MIMEME_HTTP_METRICS_H_
#define MIMEME_HTTP_METRICS_H_

#include <memory>
#include <string>

namespace mimeme {

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // A request that was answered. route: as the contract writes it, "/api/v1/images/{}".
  void count(const std::string& method, const std::string& route, int status, double seconds);
  // A value as it is now.
  void set(const std::string& name, const std::string& help, double value);
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mimeme

#endif  // MIMEME_HTTP_METRICS_H_
