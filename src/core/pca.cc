#include "core/pca.h"

// OpenBLAS picks the CPU's vector unit at run time; Eigen alone would be built for SSE2.
#define EIGEN_USE_BLAS
#include <cblas.h>
#include <lapacke.h>

#include <Eigen/Core>
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace mimeme {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<const RowMajor>;

Rows as_rows(std::span<const float> rows, int dim) {
  return {rows.data(), static_cast<Eigen::Index>(rows.size()) / dim, dim};
}

// OpenBLAS on all cores while this lives, and on one at all other times: after each product its
// threads spin for some milliseconds, which a server that projects one picture after the other
// would pay for with a tenth of its time.
struct AllCores {
  AllCores() { openblas_set_num_threads(openblas_get_num_procs()); }
  ~AllCores() { openblas_set_num_threads(1); }
};

// Rows minus `centre`, projected, L2-normalised.
std::vector<float> project_from(const Eigen::RowVectorXf& centre, const Pca& pca,
                                std::span<const float> rows) {
  const Rows x = as_rows(rows, pca.input_dim);
  const Rows components = as_rows(pca.components, pca.input_dim);
  constexpr Eigen::Index kMany = 256;
  static const bool is_on_one_core = (openblas_set_num_threads(1), true);
  const auto all_cores =
      is_on_one_core && x.rows() >= kMany ? std::make_optional<AllCores>() : std::nullopt;
  std::vector<float> out(static_cast<size_t>(x.rows()) * pca.output_dim);
  Eigen::Map<RowMajor> y(out.data(), x.rows(), pca.output_dim);
  y.noalias() = (x.rowwise() - centre) * components.transpose();
  l2_normalise(out, pca.output_dim);
  return out;
}

Error invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

}  // namespace

struct PcaFitter::State {
  explicit State(int d) : dim(d), sum(Eigen::VectorXd::Zero(d)) {}

  bool keeps_rows() const { return count <= dim; }

  const int dim;
  int64_t count = 0;
  Eigen::VectorXd shift;  // the first row, taken from all: the sums stay small and exact
  Eigen::VectorXd sum;    // of shifted rows
  // As long as there are no more rows than dimensions: the shifted rows, a column each. Then the
  // lower triangle of Σ x xᵀ of them.
  Eigen::MatrixXd rows, scatter;
};

PcaFitter::PcaFitter(int dim) : state_(std::make_unique<State>(dim)) {}
PcaFitter::~PcaFitter() = default;

int64_t PcaFitter::count() const { return state_->count; }

void PcaFitter::add(std::span<const float> rows) {
  if (rows.empty()) return;
  const AllCores all_cores;
  State& s = *state_;
  const Rows x = as_rows(rows, s.dim);
  if (s.count == 0) s.shift = x.row(0).cast<double>();
  const Eigen::MatrixXd shifted = (x.cast<double>().rowwise() - s.shift.transpose()).transpose();
  s.sum += shifted.rowwise().sum();
  s.count += x.rows();
  if (s.keeps_rows()) {
    s.rows.conservativeResize(s.dim, s.count);
    s.rows.rightCols(x.rows()) = shifted;
    return;
  }
  if (s.scatter.size() == 0) s.scatter = Eigen::MatrixXd::Zero(s.dim, s.dim);
  auto scatter = s.scatter.selfadjointView<Eigen::Lower>();
  if (s.rows.size() > 0) scatter.rankUpdate(std::exchange(s.rows, {}));
  scatter.rankUpdate(shifted);
}

Result<Pca> PcaFitter::fit(const PcaTarget& target) const {
  const State& s = *state_;
  if (s.count < 2)
    return invalid("PCA needs at least 2 images, there are " + std::to_string(s.count));
  if (!(target.variance > 0 && target.variance <= 1))
    return invalid("variance must be above 0 and at most 1");

  const AllCores all_cores;
  const double n = static_cast<double>(s.count);
  const Eigen::VectorXd mean = s.sum / n;
  // The covariance X Xᵀ; or, of few rows, the smaller Xᵀ X, which has the same variances, and whose
  // axes are brought back by X (Jolliffe, ch. 3.5).
  Eigen::MatrixXd centred, axes;
  if (s.keeps_rows()) {
    centred = s.rows.colwise() - mean;
    axes = Eigen::MatrixXd::Zero(s.count, s.count);
    axes.selfadjointView<Eigen::Lower>().rankUpdate(centred.transpose());
  } else {
    axes = s.scatter;
    axes.selfadjointView<Eigen::Lower>().rankUpdate(mean, -n);
  }
  axes /= n - 1;
  const auto size = static_cast<int>(axes.rows());
  Eigen::VectorXd variances(size);  // rising
  // Divide and conquer (LAPACK dsyevd): ten times faster at 2048 × 2048 than Eigen's own QR
  // iteration.
  if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', size, axes.data(), size, variances.data()) != 0)
    return Error{ErrorCode::kInternal, "PCA did not converge"};

  const double total = variances.cwiseMax(0).sum();
  // Rounding leaves tiny variances where there are none; n rows span n−1 dimensions at most.
  const int64_t most = std::min<int64_t>(s.dim, s.count - 1);
  const double noise = variances[size - 1] * 1e-10;
  int rank = 0;
  while (rank < most && variances[size - 1 - rank] > noise) ++rank;
  if (!(total > 0) || rank == 0) return invalid("PCA needs images that differ");
  if (target.dim < 0 || target.dim > rank)
    return invalid("these images span " + std::to_string(rank) + " dimensions, " +
                   std::to_string(target.dim) + " were asked for");

  Pca pca;
  pca.input_dim = s.dim;
  double explained = 0;
  for (int i = 0; i < rank; ++i) {
    const double ratio = variances[size - 1 - i] / total;
    pca.explained_variance_ratio.push_back(static_cast<float>(ratio));
    if (explained < target.variance) pca.output_dim = i + 1;
    explained += ratio;
  }
  if (target.dim > 0) pca.output_dim = target.dim;

  const Eigen::VectorXf centre = (s.shift + mean).cast<float>();
  pca.mean.assign(centre.begin(), centre.end());
  axes = axes.rightCols(pca.output_dim).rowwise().reverse().eval();
  if (s.keeps_rows()) axes = (centred * axes).colwise().normalized();
  const RowMajor components = axes.transpose().cast<float>();
  pca.components.assign(components.data(), components.data() + components.size());
  return pca;
}

std::vector<float> project(const Pca& pca, std::span<const float> rows) {
  return project_from(Eigen::Map<const Eigen::RowVectorXf>(pca.mean.data(), pca.input_dim), pca,
                      rows);
}

std::vector<float> project_directions(const Pca& pca, std::span<const float> rows) {
  return project_from(Eigen::RowVectorXf::Zero(pca.input_dim), pca, rows);
}

void l2_normalise(std::span<float> rows, int dim) {
  Eigen::Map<RowMajor> x(rows.data(), static_cast<Eigen::Index>(rows.size()) / dim, dim);
  for (Eigen::Index i = 0; i < x.rows(); ++i) x.row(i).stableNormalize();
}

}  // namespace mimeme
