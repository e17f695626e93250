// How an encoder runs.
#ifndef MIMEME_MODEL_ENCODER_OPTIONS_H_
#define MIMEME_MODEL_ENCODER_OPTIONS_H_

namespace mimeme {

struct EncoderOptions {
  // Threads inside one encode(). One, with several callers, is the best rate; all cores, with one
  // caller, is the shortest wait. 0: all cores.
  int threads = 1;
};

}  // namespace mimeme

#endif  // MIMEME_MODEL_ENCODER_OPTIONS_H_
