// Reads the words in a picture.
#ifndef MIMEME_MODEL_OCR_H_
#define MIMEME_MODEL_OCR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/types.h"

namespace mimeme {

// An interface because the real one is slow, and because tests need one that fails on demand.
// Thread-safe: read() may be called from any number of threads at once, without a lock between
// them.
class Ocr {
 public:
  virtual ~Ocr() = default;

  // rgb: height × width × 3, 8-bit sRGB, row-major; a longest side of some 1,600 loses nothing.
  // Returns the lines from top to bottom, those of one row from left to right; none if there is no
  // text. Unsure ones are returned too, with their confidence. kInternal if the model fails.
  virtual Result<std::vector<TextLine>> read(std::span<const uint8_t> rgb, int width,
                                             int height) const = 0;
};

// PP-OCRv4 (PaddleOCR), as models/fetch_ppocr.mjs lays it out: one network finds lines, another
// reads them. `threads`: inside one read(); 0: all cores (EncoderOptions::threads says which is
// best when). Checks sizes, not checksums. kNotFound, kCorrupt; kUnsupported if it is for another
// task or a graph is not what the manifest says.
Result<std::unique_ptr<Ocr>> open_ocr(const std::string& manifest_path, int threads);

}  // namespace mimeme

#endif  // MIMEME_MODEL_OCR_H_
