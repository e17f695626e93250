// Principal component analysis: fewer dimensions that keep most of the variance (Jolliffe,
// Principal Component Analysis, 2nd ed., ch. 2). Pure; a fitted Pca is immutable and may be used
// from any thread.
#ifndef MIMEME_CORE_PCA_H_
#define MIMEME_CORE_PCA_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"

namespace mimeme {

struct Pca {
  int input_dim = 0;
  int output_dim = 0;
  std::vector<float> mean;  // input_dim
  // output_dim × input_dim, row-major; orthonormal rows, by falling variance.
  std::vector<float> components;
  // Of every component with any variance, falling, summing to 1: the explained-variance curve. At
  // least output_dim.
  std::vector<float> explained_variance_ratio;
};

// A fit holds a few matrices of dim² doubles: 2 GB at this many dimensions, a minute of work.
inline constexpr int kMaxPcaDim = 8192;

// Where to cut: the fewest components that together explain `variance`, unless `dim` (> 0) says how
// many.
struct PcaTarget {
  double variance = 0.99;
  int dim = 0;
};

// Sees the rows once, in any number of chunks; memory is dim² doubles at most, whatever the number
// of rows. Not thread-safe.
class PcaFitter {
 public:
  explicit PcaFitter(int dim);
  ~PcaFitter();

  // rows: n × dim floats, row-major.
  void add(std::span<const float> rows);

  int64_t count() const;

  // kInvalidArgument for fewer than 2 rows, no variance at all, a target outside 0 < variance ≤ 1,
  // or a dim beyond what the rows span (the message says how many there are).
  Result<Pca> fit(const PcaTarget& target) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// rows: n × input_dim → n × output_dim: centred, projected, each row L2-normalised, so that a dot
// product of two rows is the cosine of the angle between them as seen from the library's mean. A
// row equal to the mean becomes zeros.
std::vector<float> project(const Pca& pca, std::span<const float> rows);

// The same for directions, which are not centred: only projected, and L2-normalised.
std::vector<float> project_directions(const Pca& pca, std::span<const float> rows);

// rows: n × dim, each scaled to length 1 (zeros stay).
void l2_normalise(std::span<float> rows, int dim);

}  // namespace mimeme

#endif  // MIMEME_CORE_PCA_H_
