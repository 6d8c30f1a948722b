#include "bridge/telemetry/status_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace bridge {
namespace {

using nlohmann::json;

StatusReport Publishing() {
  StatusReport report;
  report.version = "0.1.0";
  report.role = "client";
  report.state = "SLAVE";
  report.interface = "eth0";
  report.timestamping = "software";
  report.transport = "l2";
  report.domain = 24;
  report.grandmaster = {.identity = "0x001122fffe334455",
                        .clock_class = 6,
                        .clock_accuracy = 0x21,
                        .priority1 = 128,
                        .steps_removed = 1};
  report.offset_ns = -1234.5;
  report.path_delay_ns = 4000;
  report.jitter_ns = 51;
  report.error_bound_ns = 2200;
  report.frequency_ppb = 12.25;
  report.utc.offset = 37;
  report.utc.verdict = "validated";
  report.utc.leap = "none";
  report.utc.claims = {{"announce", 37, false, "none", "vouches", 0.5},
                       {"pin", 37, true, "none", "vouches", std::nullopt}};
  report.publishing = true;
  report.outputs.push_back({.type = "shm",
                            .unit = 2,
                            .path = std::nullopt,
                            .samples = 42,
                            .last_age_s = 0.5,
                            .connected = std::nullopt});
  report.outputs.push_back({.type = "sock",
                            .unit = std::nullopt,
                            .path = "/run/chrony.ptp.sock",
                            .samples = 0,
                            .last_age_s = std::nullopt,
                            .connected = false});
  report.counters = {{"frames", 7}, {"dropped.other-domain", 3}};
  return report;
}

TEST(StatusReport, HasExactlyTheFieldsUsersRelyOn) {
  const json expected = json::parse(R"({
    "version": "0.1.0", "role": "client", "state": "SLAVE", "interface": "eth0",
    "timestamping": "software", "transport": "l2", "domain": 24,
    "grandmaster": {"identity": "0x001122fffe334455", "clock_class": 6,
                    "clock_accuracy": 33, "priority1": 128, "steps_removed": 1},
    "offset_ns": -1234.5, "path_delay_ns": 4000.0, "jitter_ns": 51.0,
    "error_bound_ns": 2200.0, "frequency_ppb": 12.25, "phc": null,
    "utc": {"offset": 37, "verdict": "validated", "leap": "none", "claims": [
      {"source": "announce", "offset": 37, "valid": false, "leap": "none",
       "part": "vouches", "age_s": 0.5},
      {"source": "pin", "offset": 37, "valid": true, "leap": "none",
       "part": "vouches", "age_s": null}]},
    "publishing": true, "withheld": null,
    "outputs": [
      {"type": "shm", "unit": 2, "samples": 42, "last_age_s": 0.5},
      {"type": "sock", "path": "/run/chrony.ptp.sock", "samples": 0,
       "last_age_s": null, "connected": false}],
    "counters": {"frames": 7, "dropped.other-domain": 3},
    "rx_latency": null})");
  EXPECT_EQ(json::parse(Publishing().ToJson()), expected) << Publishing().ToJson();
}

TEST(StatusReport, IsOneLine) {
  EXPECT_EQ(Publishing().ToJson().find('\n'), std::string::npos);
}

TEST(StatusReport, SaysNullForWhatIsNotKnownNeverZero) {
  StatusReport nothing;
  nothing.withheld = "no-master";
  const json read = json::parse(nothing.ToJson());
  for (const char* key : {"grandmaster", "offset_ns", "path_delay_ns", "jitter_ns",
                          "error_bound_ns", "frequency_ppb", "phc", "rx_latency"}) {
    ASSERT_TRUE(read.contains(key)) << key;
    EXPECT_TRUE(read[key].is_null()) << key;
  }
  EXPECT_TRUE(read["utc"]["offset"].is_null());
  EXPECT_EQ(read["withheld"], "no-master");
  EXPECT_EQ(read["publishing"], false);
}

TEST(StatusReport, NamesTheHardwareClockWhenThereIsOne) {
  StatusReport report = Publishing();
  report.phc.emplace();
  report.phc->device = "/dev/ptp0";
  report.phc->mode = "observe";
  EXPECT_EQ(json::parse(report.ToJson())["phc"], json::parse(R"({
    "device": "/dev/ptp0", "mode": "observe", "offset_ns": null,
    "frequency_ppb": null, "reading": null, "window_ns": null, "cost_ns": null,
    "quirks": [], "clock_name": null})"));
}

TEST(StatusReport, TellsHowTheHardwareClockIsReadAndWhatIsOddAboutIt) {
  StatusReport report = Publishing();
  report.phc.emplace();
  report.phc->device = "/dev/ptp1";
  report.phc->mode = "discipline";
  report.phc->offset_ns = -3.5;
  report.phc->frequency_ppb = 1234.5;
  report.phc->reading = "extended";
  report.phc->window_ns = 420;
  report.phc->cost_ns = 1800;
  report.phc->quirks = {{"reset-on-link", "The clock is reset when the link changes."}};
  report.phc->clock_name = "igb 0000:00:02.0";
  EXPECT_EQ(json::parse(report.ToJson())["phc"], json::parse(R"({
    "device": "/dev/ptp1", "mode": "discipline", "offset_ns": -3.5,
    "frequency_ppb": 1234.5, "reading": "extended", "window_ns": 420.0,
    "cost_ns": 1800.0, "quirks": [{"name": "reset-on-link",
      "sentence": "The clock is reset when the link changes."}],
    "clock_name": "igb 0000:00:02.0"})"));
}

TEST(ToJson, OfOnePortIsThatPort) {
  const std::vector<StatusReport> one = {Publishing()};
  EXPECT_EQ(ToJson(one), Publishing().ToJson());
  EXPECT_FALSE(json::parse(ToJson(one)).contains("ports"));
}

TEST(ToJson, OfSeveralPortsIsTheFirstWithAListOfAll) {
  std::vector<StatusReport> reports = {Publishing(), Publishing()};
  reports[1].interface = "eth1";
  reports[1].domain = 44;
  reports[1].publishing = false;
  reports[1].withheld = "no-master";
  reports[1].offset_ns.reset();
  json read = json::parse(ToJson(reports));

  const json ports = read["ports"];
  ASSERT_EQ(ports.size(), 2u);
  read.erase("ports");
  EXPECT_EQ(read, json::parse(reports[0].ToJson()));
  for (size_t i = 0; i < 2; ++i) {
    // The names are those of the whole, but for what is the daemon's.
    json expected = json::parse(reports[i].ToJson());
    expected.erase("version");
    expected.erase("role");
    EXPECT_EQ(ports[i], expected);
  }
  EXPECT_NE(ports[0], ports[1]);
  EXPECT_EQ(ToJson(reports).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace bridge
