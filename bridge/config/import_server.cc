#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bridge/config/ptp4l_importer.h"
#include "bridge/config/ptp4l_options.h"

namespace bridge {

bool Ptp4lImporter::SystemClockLeads() const {
  return Source() == "CLOCK_REALTIME" ||
         (phc2sys_.Find('a') && phc2sys_.Count('r') > 1);
}

bool Ptp4lImporter::PhcLeads() const {
  return !Source().empty() && Source() != "CLOCK_REALTIME";
}

void Ptp4lImporter::FindMasterSigns() {
  const auto sign = [this](const Ptp4lSetting* setting) {
    if (setting) master_signs_.push_back(LineOf(*setting));
  };
  if (Source() == "CLOCK_REALTIME") {
    master_signs_.push_back("phc2sys -s CLOCK_REALTIME");
  }
  if (IsOn("clientOnly", {})) return;
  // How guides make a server: ptp4l steers nothing, and the system clock may lead.
  if (IsOn("free_running", {}) && phc2sys_.Count('r') > 1 && !FeedsNtp()) {
    master_signs_.push_back(
        absl::StrCat(LineOf(*conf_.Find("free_running", {})), " with phc2sys -rr"));
  }
  bool every_port = true;
  for (size_t i = 0; i < conf_.ports.size(); ++i) every_port &= IsOn("serverOnly", i);
  if (every_port && !conf_.ports.empty()) sign(conf_.Find("serverOnly", 0));
  if (conf_.ports.empty() && IsOn("serverOnly", {})) sign(conf_.Find("serverOnly", {}));
  // Better than what an ordinary clock says of itself (IEEE 1588-2019, 7.6.2.5).
  // Of a boundary clock priority1 says nothing.
  for (const char* name : {"clockClass", "priority1"}) {
    const Ptp4lSetting* setting = conf_.Find(name, {});
    if (IsBoundaryClock() && absl::string_view(name) == "priority1") continue;
    if (setting &&
        ToInt(*setting) < Ptp4lNumber(*setting->option, setting->option->fallback)) {
      sign(setting);
    }
  }
}

void Ptp4lImporter::PutServer() {
  const auto port = conf_.ports.empty() ? std::nullopt : std::optional<size_t>(0);
  PutInterface(file_, port);
  PutWire(file_, port);
  PutClock(file_, port);
  PutWhole(file_, "ptp.sync_interval", "logSyncInterval", port);
  PutWhole(file_, "ptp.priority1", "priority1", {});
  PutWhole(file_, "ptp.priority2", "priority2", {});
  PutOneStep(port);
  Put(file_, "gnss.gpsd", {std::string("localhost:2947")},
      "gpsd's usual place, which ptp4l does not know; clockClass is earned by it");
  JudgeServer(port);
}

void Ptp4lImporter::PutServedClock(std::optional<size_t> port) {
  const bool software = IsWord(conf_.Find("time_stamping", port), "software");
  if (PhcLeads() && !software) {
    phc2sys_taken_.insert({'s', 'i'});
    Put(file_, "grandmaster.source", {std::string("phc")},
        absl::StrCat("phc2sys -s ", Printable(Source()),
                     ", so something disciplines it"));
    return;
  }
  const char* origin = Source() == "CLOCK_REALTIME" ? "phc2sys -s CLOCK_REALTIME"
                       : SystemClockLeads()         ? "phc2sys -a -rr"
                       : software                   ? "software time stamps are its"
                                                    : "refclockd's default";
  Put(file_, "grandmaster.source", {std::string("system")}, origin);
  if (SystemClockLeads()) {
    phc2sys_taken_.insert({'s', 'i', 'a', 'r'});
  } else if (!software) {
    PutSteering(file_, port);
    Attend(
        request_.file_name,
        "which clock is served? ptp4l serves the PHC, and no --phc2sys says what "
        "disciplines that",
        "--phc2sys=\"phc2sys -a -rr\" or so, if it follows the system clock; source = "
        "\"phc\" in [grandmaster], if it follows ts2phc or a receiver");
  }
}

// Each of two lines makes ptp4l send one-step Syncs; software stamps rule them out.
void Ptp4lImporter::PutOneStep(std::optional<size_t> port) {
  const Ptp4lSetting* stamps = conf_.Find("time_stamping", port);
  if (IsWord(stamps, "software") || IsWord(stamps, "legacy")) return;
  const Ptp4lSetting* flag = conf_.Find("twoStepFlag", {});
  const bool p2p = IsWord(stamps, "p2p1step");
  if (flag && ToInt(*flag) == 0) {
    taken_.insert(flag);
  } else if (!p2p && !IsWord(stamps, "onestep")) {
    return;
  }
  Put(file_, "grandmaster.one_step", {std::string("auto")},
      Origin(flag && ToInt(*flag) == 0 ? *flag : *stamps,
             p2p ? "; Pdelay_Resp stays two-step" : ""));
}

void Ptp4lImporter::JudgeServer(std::optional<size_t> port) {
  const Ptp4lSetting* client = conf_.Find("clientOnly", {});
  if (client && ToInt(*client) != 0) {
    Attend(*client, "this ptp4l only follows, and refclockd is to serve",
           "--role=client, unless this line is to go");
  }
  const Ptp4lSetting* server = conf_.Find("serverOnly", port);
  if (role_ == Role::kAuto && server && ToInt(*server) != 0) {
    Attend(*server, "this port never follows, and refclockd is to follow at times",
           "--role=grandmaster, unless this line is to go");
  }
  const Ptp4lSetting* first = conf_.Find("priority1", {});
  if (role_ == Role::kAuto && first && ToInt(*first) < 128) {
    Attend(*first,
           "it counts before clockClass: so this clock stays the best without GNSS",
           "priority1 128 on all of them, and priority2 for who is first among equals");
  }
  if (IsBoundaryClock()) {
    Attend(request_.file_name,
           absl::StrCat(conf_.ports.size(),
                        " ports; a grandmaster of refclockd has one: the first is "
                        "written"),
           "a refclockd with a status.socket of its own for each of the others");
  }
}

void Ptp4lImporter::JudgeServersPhc2sys() {
  const std::string sink = Sink();
  if (HasInterface(sink)) phc2sys_taken_.insert('c');
  if (!sink.empty() && sink != "CLOCK_REALTIME" && !phc2sys_taken_.count('c')) {
    Attend(absl::StrCat("phc2sys ", phc2sys_.Find('c')->written),
           "refclockd steers no clock after another",
           "keep this phc2sys if something needs that clock");
  } else if (FeedsNtp() && role_ == Role::kGrandmaster) {
    Attend(absl::StrCat("phc2sys ", phc2sys_.Find('E')->written),
           "a grandmaster feeds no NTP daemon",
           "--role=auto feeds it while another master is followed");
  } else if (PhcLeads() && !FeedsNtp()) {
    Attend(
        absl::StrCat("phc2sys -s ", Printable(Source())),
        "the system clock follows the PHC by it, and refclockd steers no system clock",
        "keep this phc2sys, or have ntpd, ntpsec or chronyd steer the system clock");
  } else if (role_ == Role::kAuto && !FeedsNtp() && Source() != "CLOCK_REALTIME") {
    Attend("phc2sys", "it steers the system clock itself while ptp4l follows",
           "stop it, and have ntpd, ntpsec or chronyd steer from what refclockd "
           "publishes");
  }
}

}  // namespace bridge
