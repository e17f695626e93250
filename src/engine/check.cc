#include "engine/check.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/half.h"
#include "core/sha256.h"
#include "engine/documents.h"
#include "engine/look.h"

namespace mimeme {
namespace fs = std::filesystem;
namespace {

constexpr int kPage = 1024;

// The index is as it was written, and holds exactly the catalog's rows.
Result<bool> agrees(const VectorIndex& index,
                    const std::function<Result<FloatRows>(int64_t seq)>& rows_since,
                    const char* what, const CheckOptions& options, int64_t& rows) {
  rows = 0;
  if (!index.verify()) return false;
  for (int64_t seq = 0;;) {
    const FloatRows page = TRY(rows_since(seq));
    if (page.ids.empty()) break;
    seq = page.seq;
    rows += static_cast<int64_t>(page.ids.size());
    const std::vector<float> stored = to_float(to_half(page.rows));
    const auto dim = static_cast<size_t>(index.dim());
    const auto indexed = index.rows(page.ids);
    if (!indexed) return false;
    for (size_t i = 0; i < page.ids.size(); ++i)
      if (!std::ranges::equal(std::span(stored).subspan(i * dim, dim), (*indexed)[i])) return false;
    options.progress(what, rows, index.size());
  }
  return index.size() == rows;
}

Result<bool> vectors_agree(Library& library, const CheckOptions& options, CheckReport& report) {
  const auto searchable = library.searchable();
  if (!searchable) return true;
  return agrees(
      *searchable->index, [&](int64_t seq) { return library.catalog().vectors_since(seq, kPage); },
      "checking the vector index", options, report.vectors);
}

Result<bool> meanings_agree(Library& library, const CheckOptions& options, CheckReport& report) {
  const auto words = library.words();
  if (!words || !words->meaning) return true;
  return agrees(
      *words->meaning,
      [&](int64_t seq) {
        return library.catalog().text_vectors_since(words->text_model, seq, kPage);
      },
      "checking the index of meanings", options, report.meanings);
}

Result<bool> texts_agree(Library& library, const CheckOptions& options, CheckReport& report) {
  const auto words = library.words();
  report.texts = 0;
  if (!words || !words->text->verify()) return false;
  const auto count = words->text->count();
  if (!count) return false;
  for (int64_t seq = 0;;) {
    const TextPage page = TRY(library.catalog().texts_since(seq, kPage));
    if (page.texts.empty()) break;
    seq = page.seq;
    for (const ImageText& text : page.texts) {
      const auto row = words->text->row(text.id);
      if (!row || *row != to_document(text)) return false;
    }
    report.texts += static_cast<int64_t>(page.texts.size());
    options.progress("checking the text index", report.texts, *count);
  }
  return *count == report.texts;
}

// Of the parts that details have, and none else; their rows are not compared, because they are not
// projected twice to the last bit.
Result<bool> parts_agree(Library& library, const CheckOptions& options, CheckReport&) {
  const auto searchable = library.searchable();
  if (!searchable || !searchable->parts) return true;
  if (!searchable->parts->verify()) return false;
  int64_t parts = 0;
  for (int64_t seq = 0;;) {
    const auto page = TRY(library.details()->parts_since(seq, kPage, searchable->record.model,
                                                         searchable->record.input_dim));
    if (page.ids.empty()) break;
    seq = page.seq;
    const auto known = searchable->parts->known(page.ids);
    if (!known || *known != page.ids) return false;
    parts += std::ssize(page.ids);
    options.progress("checking the index of parts", parts, searchable->parts->size());
  }
  return parts == searchable->parts->size();
}

// Details can only be found again by decoding, so what cannot be read is left to the next `add`.
Result<> check_details(Library& library, const CheckOptions& options, CheckReport& report) {
  const auto store = library.features();
  const auto searchable = library.searchable();
  if (!store || !searchable) return {};
  const ProjectionRecord& by = searchable->record;
  if (const auto verified = store->verify(); !verified) {
    report.problems.push_back(verified.error().message +
                              ": delete the file while nothing runs; `mimeme add` makes it again");
    return {};
  }
  int64_t damaged = 0;
  for (ImageId after = 0;;) {
    const std::vector<ImageId> page = TRY(store->images(after, kPage));
    if (page.empty()) break;
    after = page.back();
    std::vector<ImageId> bad = page;
    const std::vector<StoredFeatures> found = TRY(store->get(page));
    for (const StoredFeatures& stored : found) {
      const auto parts = TRY(store->parts(stored.image, by.model));
      if (to_look(stored) && std::ranges::all_of(parts, [&](const StoredPart& part) {
            return std::cmp_equal(part.embedding.size(), by.input_dim);
          }))
        std::erase(bad, stored.image);
    }
    if (!bad.empty()) TRY(store->remove(bad));
    // What the catalog on a server has is followed again.
    if (!bad.empty() && Catalog::is_server(library.options().catalog)) TRY(store->set_followed(0));
    damaged += std::ssize(bad);
    options.progress("checking details", report.details += std::ssize(page), 0);
  }
  if (damaged == 0) return {};
  report.repaired.push_back("the details of " + std::to_string(damaged) +
                            " images could not be read: `mimeme add` looks at them again");
  return library.refresh_pictures();  // without their parts
}

// An index that can be made again from the catalog.
struct Derived {
  const char* name;
  Library::Index index;
  Result<bool> (*agrees)(Library&, const CheckOptions&, CheckReport&);
};
constexpr Derived kDerived[] = {{"vector index", Library::Index::kVectors, vectors_agree},
                                {"index of parts", Library::Index::kVectors, parts_agree},
                                {"text index", Library::Index::kText, texts_agree},
                                {"index of meanings", Library::Index::kMeaning, meanings_agree}};

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
  TRY(check_details(library, options, report));
  for (const auto& [name, index, agree] : kDerived) {
    if (TRY(agree(library, options, report))) continue;
    // On a server others may have been at work meanwhile.
    TRY(library.refresh());
    if (TRY(agree(library, options, report))) continue;
    TRY(library.rebuild(index));
    if (TRY(agree(library, options, report))) {
      report.repaired.push_back("the " + std::string(name) +
                                " differed from the catalog: made again");
    } else {
      report.problems.push_back("the " + std::string(name) +
                                " differs from the catalog, also after it was made again");
    }
  }
  TRY(check_originals(library, options, report));
  return report;
}

}  // namespace mimeme
