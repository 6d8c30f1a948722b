#include "bridge/telemetry/latency_statistics.h"

#include <algorithm>

namespace bridge {
namespace {

constexpr char kOtherReasons[] = "OTHER";

size_t IndexOf(const LatencyKey& key) {
  return (static_cast<size_t>(key.stage) * kLatencyTransports +
          static_cast<size_t>(key.transport)) *
             kLatencyMessages +
         static_cast<size_t>(key.message);
}

// Calls visit(key) for each key of `stage`, in the order of the report.
template <typename Visit>
void ForKeys(LatencyStage stage, const Visit& visit) {
  for (size_t transport = 0; transport < kLatencyTransports; ++transport) {
    for (size_t message = 0; message < kLatencyMessages; ++message) {
      visit(LatencyKey{stage, static_cast<LatencyMessage>(message),
                       static_cast<LatencyTransport>(transport)});
    }
  }
}

template <typename Visit>
void ForStages(const Visit& visit) {
  for (size_t i = 0; i < kLatencyStages; ++i) visit(static_cast<LatencyStage>(i));
}

// `values` are all of the histogram's, or none. At least one is in the histogram.
void Summarize(const LatencyHistogram& histogram, std::vector<int64_t> values,
               LatencySummary& summary) {
  summary.count = histogram.count();
  summary.below_zero = histogram.below_zero();
  summary.min_ns = histogram.least();
  summary.max_ns = histogram.most();
  summary.mean_ns = histogram.Mean();
  summary.exact = !values.empty();
  summary.histogram = histogram.Buckets();
  auto from = values.begin();  // What stands before it is not above what follows.
  for (const LatencyQuantile& quantile : kLatencyQuantiles) {
    if (summary.count < quantile.Needs()) continue;
    const uint64_t rank = RankOf(summary.count, quantile.permille);
    if (!summary.exact) {
      summary.*quantile.value = histogram.AtRank(rank);
      continue;
    }
    const auto at = values.begin() + static_cast<ptrdiff_t>(rank) - 1;
    std::nth_element(from, at, values.end());
    summary.*quantile.value = *at;
    from = at;
  }
}

}  // namespace

LatencyStatistics::LatencyStatistics(size_t exact_per_key)
    : exact_per_key_(exact_per_key) {
  drops_.reserve(kDropReasons);
}

void LatencyStatistics::Add(const LatencyKey& key, int64_t ns) {
  std::unique_ptr<Series>& series = series_[IndexOf(key)];
  if (!series) {
    series = std::make_unique<Series>();
    series->values.reserve(exact_per_key_);
  }
  series->histogram.Add(ns);
  if (series->values.size() < exact_per_key_) {
    series->values.push_back(
        std::clamp(ns, -LatencyHistogram::kLongest, LatencyHistogram::kLongest));
  }
}

void LatencyStatistics::AddDrop(absl::string_view reason, uint64_t count) {
  for (auto& [name, drops] : drops_) {
    if (name == reason) {
      drops += count;
      return;
    }
  }
  if (drops_.size() + 1 < kDropReasons) {
    drops_.emplace_back(reason, count);
  } else if (drops_.back().first == kOtherReasons) {
    drops_.back().second += count;
  } else {
    drops_.emplace_back(kOtherReasons, count);
  }
}

const LatencyStatistics::Series* LatencyStatistics::At(const LatencyKey& key) const {
  const Series* series = series_[IndexOf(key)].get();
  return series && series->histogram.count() > 0 ? series : nullptr;
}

std::vector<LatencyStageSummary> LatencyStatistics::Stages() const {
  std::vector<LatencyStageSummary> stages;
  ForStages([&](LatencyStage stage) {
    LatencyHistogram all;
    std::vector<int64_t> values;
    ForKeys(stage, [&](const LatencyKey& key) {
      const Series* series = At(key);
      if (!series) return;
      all.Add(series->histogram);
      values.insert(values.end(), series->values.begin(), series->values.end());
    });
    if (all.count() == 0) return;
    if (values.size() < all.count()) values.clear();
    stages.emplace_back().stage = stage;
    Summarize(all, std::move(values), stages.back());
  });
  return stages;
}

std::optional<LatencyBudget> LatencyStatistics::Budget(
    std::optional<double> path_ns) const {
  const auto mean = [this](LatencyStage stage) -> std::optional<double> {
    double sum = 0;
    uint64_t count = 0;
    ForKeys(stage, [&](const LatencyKey& key) {
      const Series* series = IsEvent(key.message) ? At(key) : nullptr;
      if (!series) return;
      sum += series->histogram.sum();
      count += series->histogram.count();
    });
    if (count == 0) return {};
    return sum / static_cast<double>(count);
  };
  const auto nic = mean(LatencyStage::kNicToDriver);
  const auto driver = mean(LatencyStage::kDriverToStack);
  const auto stack = mean(LatencyStage::kStackToSocket);
  const auto user = mean(LatencyStage::kSocketToUser);
  if (!stack || !user) return {};
  LatencyBudget budget{path_ns, *stack, *user, "stack"};
  if (!driver) return budget;
  budget.kernel_ns += *driver + nic.value_or(0);
  budget.from = nic ? "nic" : "driver";
  return budget;
}

LatencyReport LatencyStatistics::Report(const LatencyContext& context) const {
  LatencyReport report;
  report.interface = context.interface;
  report.tier = context.tier;
  report.tier_reason = context.tier_reason;
  report.seconds = context.seconds;
  report.clock_error_ns = context.clock_error_ns;
  report.stages = Stages();
  ForStages([&](LatencyStage stage) {
    ForKeys(stage, [&](const LatencyKey& key) {
      const Series* series = At(key);
      if (!series) return;
      report.series.emplace_back().key = key;
      Summarize(series->histogram,
                series->exact() ? series->values : std::vector<int64_t>{},
                report.series.back());
    });
  });
  report.counters = counters_;
  report.drops = drops_;
  std::stable_sort(report.drops.begin(), report.drops.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  report.budget = Budget(context.path_ns);
  report.advice = Advise(report);
  return report;
}

void LatencyStatistics::Clear() {
  for (const std::unique_ptr<Series>& series : series_) {
    if (!series) continue;
    series->histogram = {};
    series->values.clear();
  }
  counters_ = {};
  drops_.clear();
}

}  // namespace bridge
