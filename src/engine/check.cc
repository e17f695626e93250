#include "engine/check.h"

#include <algorithm>
#include <filesystem>

#include "core/half.h"
#include "core/sha256.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr int kPage = 1024;

// The index holds exactly the catalog's vectors.
Result<bool> index_agrees(Library& library, const CheckOptions& options, CheckReport& report) {
  const auto searchable = library.searchable();
  if (!searchable) return true;
  const VectorIndex& index = *searchable->index;
  report.vectors = 0;
  for (int64_t seq = 0;;) {
    const FloatRows page = TRY(library.catalog().vectors_since(seq, kPage));
    if (page.ids.empty()) break;
    seq = page.seq;
    report.vectors += static_cast<int64_t>(page.ids.size());
    const std::vector<float> stored = to_float(to_half(page.rows));
    const auto dim = static_cast<size_t>(index.dim());
    for (size_t i = 0; i < page.ids.size(); ++i) {
      const auto row = std::span(stored).subspan(i * dim, dim);
      const std::vector<float> indexed = index.row(page.ids[i]);
      if (!std::equal(row.begin(), row.end(), indexed.begin(), indexed.end())) return false;
    }
    options.progress("checking the index", report.vectors, index.size());
  }
  return index.size() == report.vectors;
}

Result<> check_originals(Library& library, const CheckOptions& options, CheckReport& report) {
  const int64_t total = TRY(library.catalog().counts()).images;
  for (ImageId after = 0;;) {
    const std::vector<ImageRecord> page = TRY(library.catalog().images(after, kPage));
    if (page.empty()) return {};
    after = page.back().id;
    for (const ImageRecord& image : page) {
      for (const std::string& path : image.paths) {
        std::error_code error;
        const auto size = fs::file_size(path, error);
        if (error) {
          report.notes.push_back(path + ": " + error.message());
        } else if (static_cast<int64_t>(size) != image.bytes) {
          report.notes.push_back(path + ": has changed since it was indexed");
        } else if (options.read_originals) {
          const auto digest = sha256_file(path);
          if (!digest) report.notes.push_back(digest.error().message);
          if (digest && *digest != image.sha256)
            report.notes.push_back(path + ": its bytes have changed");
        }
      }
      options.progress("checking originals", ++report.images, total);
    }
  }
}

}  // namespace

Result<CheckReport> check(Library& library, const CheckOptions& options) {
  CheckReport report;
  for (std::string& sentence : TRY(library.catalog().check()))
    report.repaired.push_back(std::move(sentence));
  TRY(library.refresh());

  const auto model = library.model();
  if (!model) {
    report.problems.push_back(model.error().message);
  } else if (const auto verified = verify(*model); !verified) {
    report.problems.push_back(verified.error().message);
  }
  if (!TRY(index_agrees(library, options, report))) {
    TRY(library.rebuild_index());
    if (TRY(index_agrees(library, options, report))) {
      report.repaired.push_back("the vector index differed from the catalog: made again");
    } else {
      report.problems.push_back(
          "the vector index differs from the catalog, also after it was made again");
    }
  }
  TRY(check_originals(library, options, report));
  return report;
}

}  // namespace mimeme
