#include "engine/pipeline.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

#include "base/bounded_queue.h"
#include "base/mutex.h"
#include "base/thread_count.h"
#include "core/half.h"
#include "engine/library.h"
#include "media/scan.h"

namespace mimeme {
namespace {

struct DecodedFile {
  IngestResult result;
  std::vector<uint8_t> rgb;
};

class Pipeline {
 public:
  Pipeline(Catalog& catalog, ModelId model, const ImageEncoder& encoder,
           const PipelineOptions& options)
      : catalog_(catalog),
        model_(model),
        encoder_(encoder),
        options_(options),
        target_(decode_target(encoder.manifest())),
        decode_threads_(thread_count(options.decode_threads)),
        encode_threads_(thread_count(options.encode_threads)),
        batch_(static_cast<size_t>(options.encode_batch)),
        work_(static_cast<size_t>(options.ahead)),
        decoded_(static_cast<size_t>(encode_threads_) * batch_ * 2),
        results_(static_cast<size_t>(options.commit_batch)) {}

  Result<> run(const WorkSource& source, const ResultSink& sink) {
    decoders_left_ = decode_threads_;
    encoders_left_ = encode_threads_;
    Result<> committed;
    {
      std::vector<std::jthread> threads;
      // Whatever ends the run, a sink that throws too: first the queues close, then the threads
      // join.
      const struct Closer {
        Pipeline& pipeline;
        ~Closer() { pipeline.abandon(); }
      } closer{*this};
      const auto start = [&](auto stage) {
        threads.emplace_back([this, stage] {
          try {
            stage();
          } catch (const std::exception& e) {
            fail({ErrorCode::kInternal, e.what()});
          }
        });
      };
      start([&] { feed(source); });
      for (int i = 0; i < decode_threads_; ++i) start([&] { decode_all(); });
      for (int i = 0; i < encode_threads_; ++i) start([&] { encode_all(); });
      committed = commit_all(sink);
    }
    if (!committed) return committed;
    Lock lock(mu_);
    return failed_;
  }

 private:
  bool stopped() const { return abandoned_ || options_.stop.stop_requested(); }

  // Ends the run with an error; the first one counts.
  void fail(Error error) {
    {
      Lock lock(mu_);
      if (failed_) failed_ = std::move(error);
    }
    abandon();
  }

  void abandon() {
    abandoned_ = true;
    work_.close();
    decoded_.close();
    results_.close();
  }

  void feed(const WorkSource& source) {
    for (int64_t after = 0; !stopped();) {
      auto page = source(after, options_.ahead);
      if (!page) return fail(std::move(page).error());
      if (page->empty()) break;
      after = page->back().n;
      for (Work& work : *page)
        if (stopped() || !work_.push(std::move(work))) break;
    }
    work_.close();
  }

  void decode_all() {
    while (auto work = work_.pop()) {
      if (stopped()) continue;  // drains the queue
      DecodedFile file{.result = {.n = work->n,
                                  .path = work->path,
                                  .size = work->size,
                                  .mtime_ns = work->mtime_ns},
                       .rgb = {}};
      const Result<> read = decode_one(file);
      if (!read) {
        file.result.error = read.error().message;
        // A disk that is away is not the file's fault: the next run tries again.
        file.result.transient =
            read.error().code == ErrorCode::kIo || read.error().code == ErrorCode::kNotFound;
      }
      if (file.rgb.empty()) {
        results_.push(std::move(file.result));
      } else {
        decoded_.push(std::move(file));
      }
    }
    if (--decoders_left_ == 0) decoded_.close();
  }

  // Leaves rgb empty if there is nothing to encode.
  Result<> decode_one(DecodedFile& file) {
    const FileBytes content = TRY(read_file(file.result.path, options_.limits.max_bytes));
    file.result.size = static_cast<int64_t>(content.bytes.size());
    file.result.mtime_ns = content.mtime_ns;
    file.result.sha256 = content.sha256;
    // The same bytes under another path: nothing to do but to note the path.
    const auto known = catalog_.find_embedded(content.sha256, model_);
    if (!known) {
      fail(known.error());
      return known.error();
    }
    if (*known) return {};
    Decoded decoded = TRY(decode(content.bytes, target_, options_.limits));
    file.result.info = std::move(decoded.info);
    file.rgb = std::move(decoded.rgb);
    return {};
  }

  void encode_all() {
    for (;;) {
      std::vector<DecodedFile> batch = decoded_.pop_some(batch_);
      if (batch.empty()) break;
      if (stopped()) continue;
      encode(batch);
      for (DecodedFile& file : batch) results_.push(std::move(file.result));
    }
    if (--encoders_left_ == 0) results_.close();
  }

  void encode(std::span<DecodedFile> batch) {
    std::vector<uint8_t> rgb;
    for (const DecodedFile& file : batch) rgb.insert(rgb.end(), file.rgb.begin(), file.rgb.end());
    const auto embeddings = encoder_.encode(rgb);
    if (embeddings) {
      const std::vector<Half> halves = to_half(*embeddings);
      const auto dim = static_cast<ptrdiff_t>(halves.size() / batch.size());
      for (size_t i = 0; i < batch.size(); ++i) {
        const auto row = halves.begin() + static_cast<ptrdiff_t>(i) * dim;
        batch[i].result.embedding.assign(row, row + dim);
      }
    } else if (batch.size() == 1) {
      batch[0].result.error = embeddings.error().message;
    } else {
      for (size_t i = 0; i < batch.size(); ++i)
        encode(batch.subspan(i, 1));  // one bad picture fails alone
    }
  }

  Result<> commit_all(const ResultSink& sink) {
    using Clock = std::chrono::steady_clock;
    std::vector<IngestResult> batch;
    auto last = Clock::now();
    while (auto result = results_.pop()) {
      batch.push_back(*std::move(result));
      const double seconds = std::chrono::duration<double>(Clock::now() - last).count();
      if (batch.size() < static_cast<size_t>(options_.commit_batch) &&
          seconds < options_.commit_seconds)
        continue;
      TRY(sink(batch));
      batch.clear();
      last = Clock::now();
    }
    if (!batch.empty()) TRY(sink(batch));
    return {};
  }

  Catalog& catalog_;
  const ModelId model_;
  const ImageEncoder& encoder_;
  const PipelineOptions& options_;
  const Target target_;
  const int decode_threads_, encode_threads_;
  const size_t batch_;

  BoundedQueue<Work> work_;
  BoundedQueue<DecodedFile> decoded_;
  BoundedQueue<IngestResult> results_;
  std::atomic<int> decoders_left_ = 0, encoders_left_ = 0;
  std::atomic<bool> abandoned_ = false;
  Mutex mu_;
  Result<> failed_ GUARDED_BY(mu_);
};

}  // namespace

Result<> run_pipeline(Catalog& catalog, ModelId model, const ImageEncoder& encoder,
                      const WorkSource& source, const ResultSink& sink,
                      const PipelineOptions& options) {
  return Pipeline(catalog, model, encoder, options).run(source, sink);
}

}  // namespace mimeme
