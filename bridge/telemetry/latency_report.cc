#include "bridge/telemetry/latency_report.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bridge {
namespace {

// A counter that ran past 2^63 would be older than the machine.
int64_t Count(uint64_t value) {
  return static_cast<int64_t>(
      std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
}

// The fields of a summary, in an object that is open.
void WriteFields(const LatencySummary& summary, JsonWriter& json) {
  json.Key("count").Int(Count(summary.count));
  json.Key("below_zero").Int(Count(summary.below_zero));
  json.Key("min_ns").Int(summary.min_ns);
  json.Key("max_ns").Int(summary.max_ns);
  json.Key("mean_ns").Double(summary.mean_ns);
  for (const LatencyQuantile& quantile : kLatencyQuantiles) {
    json.Field(quantile.field, summary.*quantile.value);
  }
  json.Key("exact").Bool(summary.exact);
  json.Key("histogram").BeginArray();
  for (const LatencyBucket& bucket : summary.histogram) {
    json.BeginArray().Int(bucket.from_ns).Int(bucket.to_ns).Int(Count(bucket.count));
    json.EndArray();
  }
  json.EndArray();
}

JsonWriter& BeginStage(LatencyStage stage, JsonWriter& json) {
  json.BeginObject().Key("stage").String(Name(stage));
  return json.Key("direction").String(Name(DirectionOf(stage)));
}

void WriteBudget(const std::optional<LatencyBudget>& budget, JsonWriter& json) {
  json.Key("budget");
  if (!budget) {
    json.Null();
    return;
  }
  json.BeginObject().Field("path_ns", budget->path_ns);
  json.Key("kernel_ns").Double(budget->kernel_ns);
  json.Key("user_ns").Double(budget->user_ns);
  json.Key("from").String(budget->from).EndObject();
}

void WriteAdvice(const std::vector<LatencyAdvice>& all, JsonWriter& json) {
  json.Key("advice").BeginArray();
  for (const LatencyAdvice& advice : all) {
    json.BeginObject().Key("name").String(advice.name);
    json.Key("value_ms").Int(advice.value_ms);
    json.Key("sentence").String(advice.sentence).EndObject();
  }
  json.EndArray();
}

double Milliseconds(int64_t ns) { return static_cast<double>(ns) * 1e-6; }

}  // namespace

const LatencyStageSummary* LatencyReport::Find(LatencyStage stage) const {
  for (const LatencyStageSummary& summary : stages) {
    if (summary.stage == stage && summary.count > 0) return &summary;
  }
  return nullptr;
}

void LatencyReport::Write(JsonWriter& json) const {
  json.BeginObject().Key("format").String(kLatencyFormat);
  json.Key("version").Int(kLatencyVersion);
  json.Key("interface").String(interface);
  json.Key("tier").String(tier);
  json.Key("tier_reason").String(tier_reason);
  json.Field("seconds", seconds);
  json.Field("clock_error_ns", clock_error_ns);
  json.Key("stages").BeginArray();
  for (const LatencyStageSummary& summary : stages) {
    WriteFields(summary, BeginStage(summary.stage, json));
    json.EndObject();
  }
  json.EndArray().Key("series").BeginArray();
  for (const LatencySeries& one : series) {
    BeginStage(one.key.stage, json).Key("message").String(Name(one.key.message));
    json.Key("transport").String(Name(one.key.transport));
    WriteFields(one, json);
    json.EndObject();
  }
  json.EndArray().Key("counters").BeginObject();
  for (const LatencyCounter& counter : kLatencyCounters) {
    json.Key(counter.name).Int(Count(counters.*counter.value));
  }
  json.EndObject().Key("drops").BeginObject();
  for (const auto& [reason, count] : drops) json.Key(reason).Int(Count(count));
  json.EndObject();
  WriteBudget(budget, json);
  WriteAdvice(advice, json);
  json.EndObject();
}

std::string LatencyReport::ToJson() const {
  JsonWriter json;
  Write(json);
  return json.text();
}

// Twice the 99.9th percentile leaves room for a worse day; what has been seen once must
// fit, because a time stamp given up on is a fault of the port.
std::vector<LatencyAdvice> Advise(const LatencyReport& report) {
  const LatencyStageSummary* total = report.Find(LatencyStage::kSendToRead);
  if (!total) return {};
  const int64_t usual = total->p999_ns.value_or(total->max_ns);
  const double needed = std::max(2 * Milliseconds(usual), Milliseconds(total->max_ns));
  const auto value = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(needed)));
  const uint64_t missing = report.counters.tx_stamps_missing;
  return {
      {"tx_timestamp_timeout", value,
       absl::StrCat(
           "this NIC needs ", value, " ms: tx_timestamp_timeout ", value, ". ",
           total->p999_ns
               ? absl::StrFormat("99.9 %% of %d time stamps were there within %.3g "
                                 "ms of the send, the slowest within %.3g ms.",
                                 total->count, Milliseconds(usual),
                                 Milliseconds(total->max_ns))
               : absl::StrFormat("The slowest of only %d time stamps was there "
                                 "within %.3g ms of the send; 1000 would tell more.",
                                 total->count, Milliseconds(usual)),
           missing > 0
               ? absl::StrFormat(" %d never came; no timeout helps with that.", missing)
               : "")}};
}

}  // namespace bridge
