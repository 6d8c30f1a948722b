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

void WritePhc(const StatusReport& report, JsonWriter& json) {
  json.Key("phc");
  if (!report.phc_device) {
    json.Null();
    return;
  }
  json.BeginObject();
  json.Field("device", report.phc_device);
  json.Field("mode", report.phc_mode);
  json.EndObject();
}

}  // namespace

std::string StatusReport::ToJson() const {
  JsonWriter json;
  json.BeginObject();
  json.Key("version").String(version);
  json.Key("role").String(role);
  json.Key("state").String(state);
  json.Key("interface").String(interface);
  json.Key("timestamping").String(timestamping);
  json.Key("transport").String(transport);
  json.Key("domain").Int(domain);
  Write(grandmaster, json);
  json.Field("offset_ns", offset_ns);
  json.Field("path_delay_ns", path_delay_ns);
  json.Field("jitter_ns", jitter_ns);
  json.Field("error_bound_ns", error_bound_ns);
  json.Field("frequency_ppb", frequency_ppb);
  WritePhc(*this, json);
  Write(utc, json);
  json.Key("publishing").Bool(publishing);
  json.Field("withheld", withheld);
  json.Key("outputs").BeginArray();
  for (const Output& output : outputs) Write(output, json);
  json.EndArray();
  json.Key("counters").BeginObject();
  for (const auto& [name, value] : counters) json.Key(name).Int(Count(value));
  json.EndObject();
  json.Key("rx_latency").Null();
  json.EndObject();
  return json.text();
}

}  // namespace bridge
