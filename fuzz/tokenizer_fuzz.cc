// Any text is tokens of the vocabulary, between the two that each text has, as many as there may
// be.
#include "fuzz/fuzz.h"
#include "model/tokenizer.h"

using namespace mimeme;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The vocabulary may be anybody's, too.
  (void)Tokenizer::parse(as_text(data, size));
  static const auto tokenizer =
      *Tokenizer::parse("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\nthe\ncat\n##s\n##a\n!\né\n中\n");
  constexpr size_t kMost = 16;
  const auto ids = tokenizer->encode(as_text(data, size), kMost);
  require(ids.size() >= 2 && ids.size() <= kMost && ids.front() == 2 && ids.back() == 3);
  for (const int64_t id : ids) require(id >= 0 && id < 13);
  return 0;
}
