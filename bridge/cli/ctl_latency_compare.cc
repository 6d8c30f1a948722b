// What a change did to the latencies: coalescing, affinity, busy polling.
#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/cli/ctl_latency.h"
#include "bridge/cli/ctl_latency_axis.h"
#include "bridge/telemetry/json_writer.h"

namespace bridge::ctl {
namespace {

constexpr char kFormat[] = "refclockd-latency-comparison";
constexpr int kVersion = 1;
constexpr double kConfidence = 2.576;  // Standard deviations, for 99 %.
constexpr char kRule[] =
    "A difference counts when the 99 % confidence intervals of both have nothing in "
    "common: order statistics, so nothing is supposed of the distribution, but the "
    "messages are taken as independent. The rest may be chance, as any maximum may.";

// One row of three: a stage, or one kind of message in it.
struct Pair {
  LatencyStage stage;
  std::optional<LatencyKey> key;
  const LatencySummary* before;
  const LatencySummary* after;
};

const LatencySummary* Find(const LatencyReport& report, const LatencyKey& key) {
  for (const LatencySeries& series : report.series) {
    if (series.key == key) return &series;
  }
  return nullptr;
}

// What both have, in the order of the way.
std::vector<Pair> Pairs(const LatencyReport& before, const LatencyReport& after,
                        bool detail) {
  std::vector<Pair> pairs;
  for (const LatencyStageSummary& a : before.stages) {
    const LatencyStageSummary* b = after.Find(a.stage);
    if (!b) continue;
    pairs.push_back({a.stage, {}, &a, b});
    for (const LatencySeries& series : before.series) {
      if (!detail || series.key.stage != a.stage) continue;
      const LatencySummary* other = Find(after, series.key);
      if (other) pairs.push_back({a.stage, series.key, &series, other});
    }
  }
  return pairs;
}

// The figures that are compared: p50 and p99.
constexpr const LatencyQuantile* kCompared[] = {&kLatencyQuantiles[0],
                                                &kLatencyQuantiles[2]};

struct Change {
  const char* figure;
  std::optional<int64_t> before;
  std::optional<int64_t> after;
  std::optional<LatencyVerdict> verdict;  // Nothing: a maximum.

  std::optional<double> Ratio() const {
    if (!before || !after || *before <= 0 || *after < 0) return {};
    return static_cast<double>(*after) / static_cast<double>(*before);
  }
};

std::vector<Change> ChangesOf(const Pair& pair) {
  std::vector<Change> changes;
  for (const LatencyQuantile* quantile : kCompared) {
    changes.push_back({quantile->name, pair.before->*(quantile->value),
                       pair.after->*(quantile->value),
                       Judge(*pair.before, *pair.after, *quantile)});
  }
  changes.push_back({"max", pair.before->max_ns, pair.after->max_ns, {}});
  return changes;
}

std::string Maybe(const std::optional<int64_t>& ns) {
  return ns ? Nanoseconds(static_cast<double>(*ns)) : "-";
}

std::string RatioText(const std::optional<double>& ratio) {
  if (!ratio) return "-";
  return absl::StrFormat("%.*f", *ratio < 9.995 ? 2 : *ratio < 99.95 ? 1 : 0, *ratio);
}

void TableRows(std::string& out, const Pair& pair) {
  const std::string counts =
      absl::StrCat("  of ", pair.before->count, ", ", pair.after->count);
  const std::string labels[] = {
      pair.key ? absl::StrCat("  ", Name(pair.key->message)) : Name(pair.stage),
      pair.key ? absl::StrCat("  ", Name(pair.key->transport)) : counts,
      pair.key ? counts : ""};
  const std::vector<Change> changes = ChangesOf(pair);
  for (size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes[i];
    absl::StrAppendFormat(
        &out, "%-25s%-6s%10s%10s%9s%s\n", labels[i], change.figure,
        Maybe(change.before), Maybe(change.after), RatioText(change.Ratio()),
        change.verdict ? absl::StrCat("  ", Name(*change.verdict)) : "");
  }
}

// "driver-to-stack p50 1.50 us to 1.20 us, p99 ..." of the stages with that verdict.
std::string Sentence(const std::vector<Pair>& pairs, LatencyVerdict verdict) {
  std::vector<std::string> stages;
  for (const Pair& pair : pairs) {
    if (pair.key) continue;
    std::vector<std::string> figures;
    for (const Change& change : ChangesOf(pair)) {
      if (change.verdict != verdict) continue;
      figures.push_back(absl::StrCat(change.figure, " ", Maybe(change.before), " to ",
                                     Maybe(change.after)));
    }
    if (figures.empty()) continue;
    stages.push_back(
        absl::StrCat(Name(pair.stage), " ", absl::StrJoin(figures, " and ")));
  }
  return stages.empty() ? "nothing that counts" : absl::StrJoin(stages, ", ");
}

// "Sync udp4, Delay_Req udp4": which kinds of messages there are.
std::string Kinds(const LatencyReport& report) {
  std::set<std::pair<LatencyTransport, LatencyMessage>> kinds;
  for (const LatencySeries& series : report.series) {
    kinds.emplace(series.key.transport, series.key.message);
  }
  return absl::StrJoin(kinds, ", ", [](std::string* out, const auto& kind) {
    absl::StrAppend(out, Name(kind.second), " ", Name(kind.first));
  });
}

// What makes the two less comparable than they look.
std::string Remarks(const LatencyReport& before, const LatencyReport& after) {
  std::string out;
  const auto differ = [&out](const char* what, const std::string& a,
                             const std::string& b) {
    if (a == b) return;
    absl::StrAppend(&out,
                    Wrapped(absl::StrCat("Mind: ", what, ", ", Printable(a),
                                         " before and ", Printable(b), " after."),
                            2),
                    "\n");
  };
  differ("they are not of the same interface", before.interface, after.interface);
  differ("they were not measured by the same means", before.tier, after.tier);
  differ("they are not of the same kinds of messages", Kinds(before), Kinds(after));
  std::vector<std::string> once;
  for (size_t i = 0; i < kLatencyStages; ++i) {
    const auto stage = static_cast<LatencyStage>(i);
    const bool was = before.Find(stage) != nullptr, is = after.Find(stage) != nullptr;
    if (was == is) continue;
    once.push_back(absl::StrCat(Name(stage), was ? " before" : " after"));
  }
  if (once.empty()) return out;
  return absl::StrCat(
      out,
      Wrapped(absl::StrCat("Mind: only one has ", absl::StrJoin(once, ", "), "."), 2),
      "\n");
}

std::string Text(const NamedLatency& before, const NamedLatency& after,
                 const std::vector<Pair>& pairs) {
  std::string out;
  for (const NamedLatency& one : {before, after}) {
    absl::StrAppendFormat(&out, "%-8s%s: %s at %s, %s\n",
                          one.report == before.report ? "before" : "after",
                          Printable(one.name), Printable(one.report->interface),
                          Printable(one.report->tier), LatencyExtent(*one.report));
  }
  absl::StrAppendFormat(&out, "\n%-25s%-6s%10s%10s%9s\n", "stage", "figure", "before",
                        "after", "ratio");
  for (const Pair& pair : pairs) TableRows(out, pair);
  out += '\n';
  for (const auto& [label, verdict] :
       {std::pair{"Better:  ", LatencyVerdict::kBetter},
        std::pair{"Worse:   ", LatencyVerdict::kWorse}}) {
    absl::StrAppend(&out, label, Wrapped(Sentence(pairs, verdict), 9), ".\n");
  }
  absl::StrAppend(&out, Remarks(*before.report, *after.report), "\n", Wrapped(kRule, 0),
                  "\n");
  return out;
}

std::string Json(const std::vector<Pair>& pairs, bool worse) {
  JsonWriter json;
  json.BeginObject().Key("format").String(kFormat).Key("version").Int(kVersion);
  json.Key("worse").Bool(worse).Key("changes").BeginArray();
  for (const Pair& pair : pairs) {
    for (const Change& change : ChangesOf(pair)) {
      json.BeginObject().Key("stage").String(Name(pair.stage));
      if (pair.key) {
        json.Key("message").String(Name(pair.key->message));
        json.Key("transport").String(Name(pair.key->transport));
      }
      json.Key("figure").String(change.figure);
      json.Field("before_ns", change.before).Field("after_ns", change.after);
      json.Field("ratio", change.Ratio()).Key("verdict");
      change.verdict ? json.String(Name(*change.verdict)) : json.Null();
      json.EndObject();
    }
  }
  return json.EndArray().EndObject().text();
}

// The bucket of the rank-th smallest.
const LatencyBucket& BucketAt(const LatencySummary& summary, uint64_t rank) {
  uint64_t below = 0;
  for (const LatencyBucket& bucket : summary.histogram) {
    below += bucket.count;
    if (below >= rank) return bucket;
  }
  return summary.histogram.back();
}

}  // namespace

LatencyInterval IntervalOf(const LatencySummary& summary, int permille) {
  const auto n = static_cast<double>(summary.count);
  const double q = permille / 1000.0;
  const double middle = n * q, spread = kConfidence * std::sqrt(n * q * (1 - q));
  const double low = std::floor(middle - spread), high = std::ceil(middle + spread) + 1;
  LatencyInterval interval;
  if (low >= 1) {
    const LatencyBucket& bucket = BucketAt(summary, static_cast<uint64_t>(low));
    interval.low_ns = std::max(bucket.from_ns, summary.min_ns);
  }
  if (high <= n) {
    const LatencyBucket& bucket = BucketAt(summary, static_cast<uint64_t>(high));
    interval.high_ns = std::min(bucket.to_ns - 1, summary.max_ns);
  }
  return interval;
}

const char* Name(LatencyVerdict verdict) {
  constexpr const char* kNames[] = {"undecided", "better", "worse", "too few"};
  return kNames[static_cast<size_t>(verdict)];
}

LatencyVerdict Judge(const LatencySummary& before, const LatencySummary& after,
                     const LatencyQuantile& quantile) {
  const LatencyInterval a = IntervalOf(before, quantile.permille);
  const LatencyInterval b = IntervalOf(after, quantile.permille);
  if (a.low_ns && b.high_ns && *b.high_ns < *a.low_ns) return LatencyVerdict::kBetter;
  if (a.high_ns && b.low_ns && *a.high_ns < *b.low_ns) return LatencyVerdict::kWorse;
  const bool open = !(a.low_ns && a.high_ns && b.low_ns && b.high_ns);
  return open ? LatencyVerdict::kTooFew : LatencyVerdict::kUndecided;
}

absl::StatusOr<LatencyComparison> CompareLatency(const NamedLatency& before,
                                                 const NamedLatency& after,
                                                 const LatencyStyle& style) {
  const std::vector<Pair> pairs = Pairs(*before.report, *after.report, style.detail);
  if (pairs.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Printable(before.name), " and ", Printable(after.name),
                     " have no stage in common; nothing can be compared"));
  }
  const auto is_worse = [](const Change& change) {
    return change.verdict == LatencyVerdict::kWorse;
  };
  const bool worse = std::any_of(pairs.begin(), pairs.end(), [&](const Pair& pair) {
    const std::vector<Change> changes = ChangesOf(pair);
    return std::any_of(changes.begin(), changes.end(), is_worse);
  });
  return LatencyComparison{Text(before, after, pairs), Json(pairs, worse), worse};
}

}  // namespace bridge::ctl
