// A TextStore on the catalog's PostgreSQL server; docs/format.md has the layout. FTS5's part is
// played by tsvectors of our own words, without any of the server's dictionaries, and by pg_trgm.
#ifndef MIMEME_STORE_TEXT_TABLES_H_
#define MIMEME_STORE_TEXT_TABLES_H_

#include <memory>

#include "base/result.h"
#include "core/text_store.h"
#include "store/catalog_impl.h"

namespace mimeme {

// Catalog::text_store().
Result<std::unique_ptr<TextStore>> open_text_tables(Catalog::Impl& catalog);

}  // namespace mimeme

#endif  // MIMEME_STORE_TEXT_TABLES_H_
