#include "bridge/telemetry/status_report.h"

#include <algorithm>
#include <limits>

#include "bridge/telemetry/json_writer.h"

namespace bridge {
namespace {

// A counter that ran past 2^63 would be older than the machine.
int64_t Count(uint64_t value) {
  return static_cast<int64_t>(
      std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()));
}

void Write(const std::optional<StatusReport::Grandmaster>& grandmaster,
           JsonWriter& json) {
  json.Key("grandmaster");
  if (!grandmaster) {
    json.Null();
    return;
  }
  json.BeginObject();
  json.Key("identity").String(grandmaster->identity);
  json.Key("clock_class").Int(grandmaster->clock_class);
  json.Key("clock_accuracy").Int(grandmaster->clock_accuracy);
  json.Key("priority1").Int(grandmaster->priority1);
  json.Key("steps_removed").Int(grandmaster->steps_removed);
  json.EndObject();
}

void Write(const StatusReport::UtcReport& utc, JsonWriter& json) {
  json.Key("utc").BeginObject();
  json.Field("offset", utc.offset);
  json.Key("verdict").String(utc.verdict);
  json.Key("leap").String(utc.leap);
  json.Key("claims").BeginArray();
  for (const StatusReport::Claim& claim : utc.claims) {
    json.BeginObject();
    json.Key("source").String(claim.source);
    json.Key("offset").Int(claim.offset);
    json.Key("valid").Bool(claim.valid);
    json.Key("leap").String(claim.leap);
    json.Key("part").String(claim.part);
    json.Field("age_s", claim.age_s);
    json.EndObject();
  }
  json.EndArray().EndObject();
}

void Write(const StatusReport::Output& output, JsonWriter& json) {
  json.BeginObject();
  json.Key("type").String(output.type);
  if (output.unit) json.Field("unit", output.unit);
  if (output.path) json.Field("path", output.path);
  json.Key("samples").Int(Count(output.samples));
  json.Field("last_age_s", output.last_age_s);
  if (output.connected) json.Key("connected").Bool(*output.connected);
  json.EndObject();
}

void Write(const char* key, const std::vector<StatusReport::Quirk>& quirks,
           JsonWriter& json) {
  json.Key(key).BeginArray();
  for (const StatusReport::Quirk& quirk : quirks) {
    json.BeginObject();
    json.Key("name").String(quirk.name);
    json.Key("sentence").String(quirk.sentence);
    json.EndObject();
  }
  json.EndArray();
}

void Write(const std::optional<StatusReport::Phc>& phc, JsonWriter& json) {
  json.Key("phc");
  if (!phc) {
    json.Null();
    return;
  }
  json.BeginObject();
  json.Key("device").String(phc->device);
  json.Key("mode").String(phc->mode);
  json.Field("offset_ns", phc->offset_ns);
  json.Field("frequency_ppb", phc->frequency_ppb);
  json.Field("reading", phc->reading);
  json.Field("window_ns", phc->window_ns);
  json.Field("cost_ns", phc->cost_ns);
  Write("quirks", phc->quirks, json);
  json.Field("clock_name", phc->clock_name);
  json.EndObject();
}

// Absent altogether where the role has none: a client's status has not got longer.
void Write(const std::optional<StatusReport::OwnClock>& own, JsonWriter& json) {
  if (!own) return;
  json.Key("own_clock").BeginObject();
  json.Key("clock_class").Int(own->clock_class);
  json.Key("clock_accuracy").Int(own->clock_accuracy);
  json.Key("time_traceable").Bool(own->time_traceable);
  json.Field("error_ns", own->error_ns);
  json.Field("drift_ppb", own->drift_ppb);
  json.Key("ntp").String(own->ntp);
  json.Key("one_step").String(own->one_step);
  json.Field("auto_state", own->auto_state);
  json.EndObject();
}

void Write(const std::optional<StatusReport::Gnss>& gnss, JsonWriter& json) {
  if (!gnss) return;
  json.Key("gnss").BeginObject();
  json.Key("state").String(gnss->state);
  json.Key("reason").String(gnss->reason);
  json.Key("device").String(gnss->device);
  json.Field("satellites", gnss->satellites);
  json.Field("fix_age_s", gnss->fix_age_s);
  json.Field("pulse_age_s", gnss->pulse_age_s);
  json.Key("pulses").String(gnss->pulses);
  json.Field("system_ahead_ns", gnss->system_ahead_ns);
  json.EndObject();
}

std::optional<std::string> IfKnown(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// The fields of one port, in an object that is open.
void WritePort(const StatusReport& report, JsonWriter& json) {
  json.Key("state").String(report.state);
  json.Field("interface", IfKnown(report.interface));
  json.Field("timestamping", IfKnown(report.timestamping));
  json.Field("transport", IfKnown(report.transport));
  json.Key("domain").Int(report.domain);
  if (!report.warnings.empty()) Write("warnings", report.warnings, json);
  Write(report.grandmaster, json);
  json.Field("offset_ns", report.offset_ns);
  json.Field("path_delay_ns", report.path_delay_ns);
  json.Field("jitter_ns", report.jitter_ns);
  json.Field("error_bound_ns", report.error_bound_ns);
  json.Field("frequency_ppb", report.frequency_ppb);
  Write(report.phc, json);
  Write(report.own_clock, json);
  Write(report.gnss, json);
  Write(report.utc, json);
  json.Key("publishing").Bool(report.publishing);
  json.Field("withheld", report.withheld);
  json.Key("outputs").BeginArray();
  for (const StatusReport::Output& output : report.outputs) Write(output, json);
  json.EndArray();
  json.Key("counters").BeginObject();
  for (const auto& [name, value] : report.counters) json.Key(name).Int(Count(value));
  json.EndObject();
  json.Key("rx_latency");
  if (report.rx_latency) {
    report.rx_latency->Write(json);
  } else {
    json.Null();
  }
}

}  // namespace

std::string ToJson(std::span<const StatusReport> ports) {
  JsonWriter json;
  json.BeginObject();
  json.Key("version").String(ports.front().version);
  json.Key("role").String(ports.front().role);
  WritePort(ports.front(), json);
  if (ports.size() > 1) {
    json.Key("ports").BeginArray();
    for (const StatusReport& port : ports) {
      json.BeginObject();
      WritePort(port, json);
      json.EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
  return json.text();
}

std::string StatusReport::ToJson() const {
  return bridge::ToJson(std::span<const StatusReport>(this, 1));
}

}  // namespace bridge
