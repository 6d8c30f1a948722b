// bridge/telemetry/latency_histogram.h
//
// A log-linear histogram of nanoseconds: every octave in 16 equal buckets, below 16 ns
// a bucket for each. A value read back, the middle of its bucket, is wrong by at most
// 1/32 of it. Of fixed size; counts, least, most and mean are exact.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bridge {

// from_ns <= value < to_ns.
struct LatencyBucket {
  int64_t from_ns;
  int64_t to_ns;
  uint64_t count;

  friend bool operator==(const LatencyBucket&, const LatencyBucket&) = default;
};

class LatencyHistogram {
 public:
  static constexpr int kSubBits = 4;
  // The last bucket is open: it takes what is over 2^37 ns, some two minutes.
  static constexpr int kOctaves = 33;
  static constexpr size_t kBuckets = size_t{kOctaves + 1} << kSubBits;
  static constexpr double kLargestError = 1.0 / (2 << kSubBits);

  // No latency is longer, to either side of 0; what would be is taken for this.
  static constexpr int64_t kLongest = 1'000'000'000'000'000;

  // What is below 0, as between two clocks of which one is a little off, is in the
  // first bucket.
  void Add(int64_t ns);
  void Add(const LatencyHistogram& other);

  uint64_t count() const { return count_; }
  uint64_t below_zero() const { return below_zero_; }
  // These three: at least one value.
  int64_t least() const { return least_; }
  int64_t most() const { return most_; }
  double Mean() const { return sum_ / static_cast<double>(count_); }
  double sum() const { return sum_; }
  // The rank-th smallest, within kLargestError; 1 <= rank <= count().
  int64_t AtRank(uint64_t rank) const;
  // Those that are not empty, in order; the outer ones reach to least and most.
  std::vector<LatencyBucket> Buckets() const;

 private:
  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t below_zero_ = 0;
  int64_t least_ = 0;
  int64_t most_ = 0;
  double sum_ = 0;
};

// The rank of a quantile of `count` values, in thousandths: the smallest such that at
// least that part of the values is not above it.
constexpr uint64_t RankOf(uint64_t count, int permille) {
  const auto p = static_cast<uint64_t>(permille);
  // As (count * p + 999) / 1000, for any count.
  return count / 1000 * p + (count % 1000 * p + 999) / 1000;
}

}  // namespace bridge
