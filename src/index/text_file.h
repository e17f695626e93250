// A TextStore in an SQLite file, with FTS5; docs/format.md has the layout.
#ifndef MIMEME_INDEX_TEXT_FILE_H_
#define MIMEME_INDEX_TEXT_FILE_H_

#include <memory>
#include <string>

#include "base/result.h"
#include "core/text_store.h"

namespace mimeme {

// As TextIndex::create() and open().
Result<std::unique_ptr<TextStore>> create_text_file(const std::string& path);
Result<std::unique_ptr<TextStore>> open_text_file(const std::string& path);

}  // namespace mimeme

#endif  // MIMEME_INDEX_TEXT_FILE_H_
