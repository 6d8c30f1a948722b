// A report's JSON back into a LatencyReport, with every field held to what the header
// of latency_report.h says of it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/cli/ctl_latency.h"

namespace bridge::ctl {
namespace {

using nlohmann::json;

constexpr int64_t kLongest = LatencyHistogram::kLongest + 1;  // The end of a bucket.
constexpr uint64_t kMostCounted = std::numeric_limits<int64_t>::max();

// At most 40 characters of what is there instead.
std::string Shown(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return absl::StrCat("a list of ", value.size());
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > 40) text = absl::StrCat(text.substr(0, 36), " ...");
  return text;
}

// The fields of one object. Of all readers that share a status the first error stays;
// from there on they read zeros.
class Reader {
 public:
  Reader(const json& object, std::string path, absl::Status& status)
      : object_(object), path_(std::move(path)), status_(status) {
    if (!object.is_object()) Wrong("", object, "an object");
  }

  // Null when it is not there, and that is an error.
  const json& At(const char* key) const {
    static const json null;
    if (!object_.is_object()) return null;
    const auto found = object_.find(key);
    if (found != object_.end()) return *found;
    Fail(absl::StrCat(Path(key), " is missing"));
    return null;
  }
  const json& List(const char* key) const {
    static const json empty = json::array();
    const json& value = At(key);
    if (value.is_array()) return value;
    Wrong(key, value, "a list");
    return empty;
  }
  const json& Object(const char* key) const {
    static const json empty = json::object();
    const json& value = At(key);
    if (value.is_object()) return value;
    Wrong(key, value, "an object");
    return empty;
  }
  std::string Text(const char* key) const {
    const json& value = At(key);
    if (value.is_string()) return value.get<std::string>();
    Wrong(key, value, "a text");
    return "";
  }
  bool Bool(const char* key) const {
    const json& value = At(key);
    if (!value.is_boolean()) Wrong(key, value, "true or false");
    return value == true;
  }
  uint64_t Count(const char* key) const { return ToCount(key, At(key)); }
  int64_t Nanos(const char* key) const { return ToNanos(key, At(key)); }
  std::optional<int64_t> NanosOrNull(const char* key) const {
    const json& value = At(key);
    return value.is_null() ? std::nullopt : std::optional(ToNanos(key, value));
  }
  double Number(const char* key) const { return ToNumber(key, At(key)); }
  std::optional<double> NumberOrNull(const char* key) const {
    const json& value = At(key);
    return value.is_null() ? std::nullopt : std::optional(ToNumber(key, value));
  }

  uint64_t ToCount(absl::string_view name, const json& value) const {
    if (value.is_number_unsigned() && value.get<uint64_t>() <= kMostCounted) {
      return value.get<uint64_t>();
    }
    Wrong(name, value, "a count, 0 or more");
    return 0;
  }
  int64_t ToNanos(absl::string_view name, const json& value) const {
    // A double, because a number over 2^63 is another type to the library.
    if (value.is_number_integer() &&
        std::abs(value.get<double>()) <= static_cast<double>(kLongest)) {
      return value.get<int64_t>();
    }
    Wrong(name, value, "whole nanoseconds, at most 11 days");
    return 0;
  }

  void Wrong(absl::string_view name, const json& value, absl::string_view right) const {
    Fail(
        absl::StrCat(Path(name), " is ", Shown(value), "; ", right, " would be right"));
  }
  void Fail(const std::string& message) const {
    if (status_.ok()) status_ = absl::InvalidArgumentError(message);
  }
  // "stages[2].p50_ns"
  std::string Path(absl::string_view name) const {
    if (path_.empty()) return std::string(name.empty() ? "the report" : name);
    return absl::StrCat(path_, name.empty() ? "" : ".", name);
  }
  absl::Status& status() const { return status_; }

 private:
  double ToNumber(absl::string_view name, const json& value) const {
    constexpr double kMost = 1e18;
    if (value.is_number() && std::abs(value.get<double>()) <= kMost) {
      return value.get<double>();
    }
    Wrong(name, value, "a number");
    return 0;
  }

  const json& object_;
  const std::string path_;
  absl::Status& status_;
};

void ReadHistogram(const Reader& in, LatencySummary& out) {
  uint64_t sum = 0;
  const json& list = in.List("histogram");
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string name = absl::StrCat("histogram[", i, "]");
    const json& entry = list[i];
    if (!entry.is_array() || entry.size() != 3) {
      return in.Wrong(name, entry, "[from_ns, to_ns, count]");
    }
    const LatencyBucket bucket{in.ToNanos(name, entry[0]), in.ToNanos(name, entry[1]),
                               in.ToCount(name, entry[2])};
    if (!in.status().ok()) return;
    const int64_t at_least =
        out.histogram.empty() ? -kLongest : out.histogram.back().to_ns;
    if (bucket.from_ns < at_least || bucket.to_ns <= bucket.from_ns) {
      return in.Fail(absl::StrCat(in.Path(name), " goes back; buckets ascend"));
    }
    sum += std::min(bucket.count, kMostCounted - sum);
    out.histogram.push_back(bucket);
  }
  if (sum != out.count) {
    return in.Fail(absl::StrCat(in.Path("histogram"), " holds ", sum,
                                " values; the count is ", out.count));
  }
  if (out.histogram.empty()) return;
  if (out.histogram.front().from_ns > out.min_ns ||
      out.histogram.back().to_ns <= out.max_ns) {
    in.Fail(
        absl::StrCat(in.Path("histogram"), " does not reach from min_ns to max_ns"));
  }
}

// Quantiles lie between the extremes and ascend.
void CheckOrder(const Reader& in, const LatencySummary& summary) {
  int64_t at_least = summary.min_ns;
  const auto check = [&](const char* name, int64_t value) {
    if (value < at_least) {
      in.Fail(absl::StrCat(in.Path(name), " is ", value, ", less than a lower figure (",
                           at_least, ")"));
    }
    at_least = value;
  };
  for (const LatencyQuantile& quantile : kLatencyQuantiles) {
    const auto& value = summary.*quantile.value;
    if (value) check(quantile.field, *value);
  }
  check("max_ns", summary.max_ns);
}

void ReadSummary(const Reader& in, LatencySummary& out) {
  out.count = in.Count("count");
  if (out.count == 0) in.Wrong("count", in.At("count"), "1 or more");
  out.below_zero = in.Count("below_zero");
  out.min_ns = in.Nanos("min_ns");
  out.max_ns = in.Nanos("max_ns");
  out.mean_ns = in.Number("mean_ns");
  for (const LatencyQuantile& quantile : kLatencyQuantiles) {
    out.*quantile.value = in.NanosOrNull(quantile.field);
  }
  out.exact = in.Bool("exact");
  ReadHistogram(in, out);
  CheckOrder(in, out);
}

// A name that is none is an error that lists those there are.
template <typename Enum, size_t kCount>
Enum ReadName(const Reader& in, const char* key,
              std::optional<Enum> (*parse)(absl::string_view)) {
  const std::string name = in.Text(key);
  if (const auto value = parse(name)) return *value;
  std::string right;
  for (size_t i = 0; i < kCount; ++i) {
    const char* known = Name(static_cast<Enum>(i));
    if (parse(known)) absl::StrAppend(&right, right.empty() ? "" : ", ", known);
  }
  in.Wrong(key, in.At(key), absl::StrCat("one of ", right));
  return {};
}

LatencyStage ReadStage(const Reader& in) {
  const auto stage =
      ReadName<LatencyStage, kLatencyStages>(in, "stage", ParseLatencyStage);
  const std::string direction = in.Text("direction");
  if (direction != Name(DirectionOf(stage))) {
    in.Wrong("direction", in.At("direction"),
             absl::StrCat("\"", Name(DirectionOf(stage)), "\" for this stage"));
  }
  return stage;
}

void ReadStages(const Reader& in, LatencyReport& out) {
  const json& list = in.List("stages");
  for (size_t i = 0; i < list.size() && in.status().ok(); ++i) {
    const Reader one(list[i], absl::StrCat("stages[", i, "]"), in.status());
    LatencyStageSummary summary;
    summary.stage = ReadStage(one);
    ReadSummary(one, summary);
    if (out.Find(summary.stage))
      one.Fail(absl::StrCat(one.Path("stage"), " is there twice"));
    out.stages.push_back(std::move(summary));
  }
}

void ReadSeries(const Reader& in, LatencyReport& out) {
  const json& list = in.List("series");
  for (size_t i = 0; i < list.size() && in.status().ok(); ++i) {
    const Reader one(list[i], absl::StrCat("series[", i, "]"), in.status());
    LatencySeries series;
    series.key = {
        ReadStage(one),
        ReadName<LatencyMessage, kLatencyMessages>(one, "message", ParseLatencyMessage),
        ReadName<LatencyTransport, kLatencyTransports>(one, "transport",
                                                       ParseLatencyTransport)};
    ReadSummary(one, series);
    if (std::any_of(out.series.begin(), out.series.end(),
                    [&](const LatencySeries& s) { return s.key == series.key; })) {
      one.Fail(absl::StrCat(one.Path(""), " is there twice: ", Name(series.key.stage),
                            ", ", Name(series.key.message), ", ",
                            Name(series.key.transport)));
    }
    out.series.push_back(std::move(series));
  }
}

void ReadBudget(const Reader& in, LatencyReport& out) {
  if (in.At("budget").is_null()) return;
  const Reader budget(in.Object("budget"), "budget", in.status());
  out.budget = {budget.NumberOrNull("path_ns"), budget.Number("kernel_ns"),
                budget.Number("user_ns"), budget.Text("from")};
}

absl::StatusOr<json> Parse(absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty");
  try {  // The library's way to tell the place.
    return json::parse(text.begin(), text.end());
  } catch (const json::parse_error& error) {
    if (error.byte > text.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "ends in the middle of the report, after ", text.size(), " octets"));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("is not JSON at octet ", error.byte,
                     "; what refclockctl latency --json prints would be right"));
  } catch (const json::exception&) {
    return absl::InvalidArgumentError(
        "holds a number that is too large; nanoseconds and counts are below 2^63");
  }
}

// The report in what may be a daemon's status.
absl::StatusOr<const json*> FindReport(const json& document) {
  if (!document.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("is no report but ", Shown(document),
                     "; what refclockctl latency --json prints would be right"));
  }
  const auto found = document.find("rx_latency");
  if (found == document.end()) return &document;
  if (found->is_object()) return &*found;
  return absl::InvalidArgumentError(absl::StrCat(
      "is the status of a daemon that measures no latencies: rx_latency is ",
      Shown(*found)));
}

absl::Status CheckFormat(const json& report) {
  const auto format = report.find("format");
  if (format == report.end() || *format != kLatencyFormat) {
    return absl::InvalidArgumentError(
        absl::StrCat("is no report of latencies: format is ",
                     format == report.end() ? "missing" : Shown(*format), "; \"",
                     kLatencyFormat, "\" would be right"));
  }
  const auto version = report.find("version");
  if (version == report.end() || *version != kLatencyVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("is of another version: version is ",
                     version == report.end() ? "missing" : Shown(*version),
                     "; this refclockctl reads ", kLatencyVersion));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LatencyReport> ReadLatency(absl::string_view text) {
  const auto document = Parse(text);
  if (!document.ok()) return document.status();
  const auto report = FindReport(*document);
  if (!report.ok()) return report.status();
  absl::Status status = CheckFormat(**report);
  if (!status.ok()) return status;

  LatencyReport out;
  const Reader in(**report, "", status);
  out.interface = in.Text("interface");
  out.tier = in.Text("tier");
  out.tier_reason = in.Text("tier_reason");
  out.seconds = in.NumberOrNull("seconds");
  if (out.seconds.value_or(0) < 0) in.Wrong("seconds", in.At("seconds"), "0 or more");
  out.clock_error_ns = in.NanosOrNull("clock_error_ns");
  ReadStages(in, out);
  ReadSeries(in, out);
  const Reader counters(in.Object("counters"), "counters", status);
  for (const LatencyCounter& counter : kLatencyCounters) {
    out.counters.*counter.value = counters.Count(counter.name);
  }
  for (const auto& [reason, count] : in.Object("drops").items()) {
    out.drops.emplace_back(
        reason, in.ToCount(absl::StrCat("drops.", Printable(reason)), count));
  }
  std::stable_sort(out.drops.begin(), out.drops.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  ReadBudget(in, out);
  if (!status.ok()) return status;
  out.advice = Advise(out);
  return out;
}

}  // namespace bridge::ctl
